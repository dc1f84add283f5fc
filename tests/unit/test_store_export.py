"""An export: every article as it was given, which an import brings back."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article, parse_article
from recommender.progress import Advance
from recommender.sources import read_jsonl
from recommender.sources.importing import import_records
from recommender.store import ArticleStore, open_store
from recommender.store.export import export_articles, export_to
from tests.support.archives import after_announcement
from tests.support.properties import examples
from tests.support.stores import articles_of

ARTICLES: list[dict[str, Any]] = [
    {"id": "plain", "title": "Plain", "body": "One line.\nAnother line.\u2028And a third."},
    {"id": "markup", "title": "Markup", "body_html": "<p>\u201cQuoted\u201d &amp; <b>bold</b></p>"},
    {"id": "versioned", "title": "Versioned", "version": 2**63 - 1},
    {"id": "first", "title": "First", "version": 0},
    {"id": "draft", "title": "Draft", "status": "draft"},
    {"id": "withheld", "title": "Withheld", "status": "withheld", "never_recommend": True},
    {"id": "untitled", "body": "No title.", "no_related": True},
    {"id": "A~b:c.d_e-f", "title": "\u0422\u043e\u04b7\u0438\u043a\u04e3 \U0001f30d"},
    {
        "id": "full",
        "title": "Full",
        "body": "B",
        "summary": "S",
        "url": "https://news.example/a?b=%D1%8F",
        "section": "city",
        "tags": ["one", "two"],
        "authors": ["A. Author"],
        "language": "tg-Cyrl-TJ",
        "image_url": "https://news.example/a.jpg",
        "published_at": "2026-10-20T12:00:00.123456+05:00",
        "updated_at": "2026-10-20T12:00:00Z",
        "embargoed_until": "2026-10-21T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
        "translation_of": "plain",
    },
]


@contextmanager
def new_store(path: Path) -> Iterator[ArticleStore]:
    with closing(open_store(f"sqlite:///{path}")) as store:
        yield store


def imported(path: Path, into: Path) -> list[Article]:
    with new_store(into) as store:
        done = import_records(store, read_jsonl(path), print, strict=True)
        assert (done.updated, done.unchanged, done.rejected) == (0, 0, 0)
        return articles_of(store)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ArticleStore]:
    with new_store(tmp_path / "a.db") as opened:
        opened.write_many([parse_article(json.dumps(article)) for article in ARTICLES])
        opened.put(Article(id="gone", title="Gone"))
        opened.delete("gone")
        yield opened


def test_an_export_has_one_article_per_line_and_an_import_gives_the_same(
    store: ArticleStore, tmp_path: Path
) -> None:
    assert export_to(store, tmp_path / "out.jsonl") == len(ARTICLES)
    given = {one["id"]: parse_article(json.dumps(one)) for one in ARTICLES}
    ascending = [given[key] for key in sorted(given)]
    written = "".join(f"{one.to_json()}\n" for one in ascending)
    assert (tmp_path / "out.jsonl").read_bytes() == written.encode()
    assert imported(tmp_path / "out.jsonl", tmp_path / "b.db") == ascending


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.long
@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9._:~-]{1,8}", fullmatch=True).filter(lambda i: i not in {".", ".."}),
        st.tuples(TEXT.filter(str.strip), TEXT, st.booleans()),
        max_size=6,
    )
)
@examples(15)
def test_every_stored_article_comes_back(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, tuple[str, str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    articles = [
        Article(id=key, title=title, **{"body_html" if markup else "body": text})  # type: ignore[arg-type]
        for key, (title, text, markup) in drawn.items()
    ]
    with new_store(folder / "a.db") as store:
        store.write_many(articles)
        export_to(store, folder / "out.jsonl")
    again = imported(folder / "out.jsonl", folder / "b.db")
    assert again == sorted(articles, key=lambda article: article.id)


def test_an_export_leaves_out_writes_made_meanwhile(store: ArticleStore) -> None:
    lines: list[bytes] = []

    def write(line: bytes) -> None:
        if not lines:
            store.put(Article(id="zz-later", title="Later"))
            store.delete("plain")
        lines.append(line)

    export_articles(store, write)
    assert [json.loads(line)["id"] for line in lines] == sorted(a["id"] for a in ARTICLES)


def test_a_failure_leaves_the_file_as_it_was(store: ArticleStore, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    target = tmp_path / "to" / "out.jsonl"
    target.write_bytes(b"before")

    @contextmanager
    def meter(_label: str, _total: int, _unit: str) -> Iterator[Advance]:
        def advance(_done: int) -> None:
            raise OSError(28, "No space left on device")

        yield advance

    with pytest.raises(OSError, match="No space left"):
        export_to(store, target, meter)
    assert target.read_bytes() == b"before"
    assert [path.name for path in target.parent.iterdir()] == ["out.jsonl"]
    export_to(store, target)
    assert [path.name for path in target.parent.iterdir()] == ["out.jsonl"]
    assert target.read_bytes().count(b"\n") == len(ARTICLES)


@pytest.mark.parametrize("name", ["missing/out.jsonl", "."])
def test_a_refusal_names_the_requested_file(store: ArticleStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="is not written: ") as refused:
        export_to(store, tmp_path / name)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / name} is not written: ")
    assert "name a file in a folder that exists" in said
    assert ".part" not in said


def test_an_export_is_on_the_disk_before_it_has_its_name(
    store: ArticleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.jsonl"
    sync, seen = os.fsync, []

    def fsync(handle: int) -> None:
        seen.append((target.exists(), os.fstat(handle).st_size))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    export_to(store, target)
    assert [exists for exists, _ in seen] == [False, True]
    assert seen[0][1] == target.stat().st_size


def test_a_link_is_followed_to_the_file_that_it_names(store: ArticleStore, tmp_path: Path) -> None:
    named, link = tmp_path / "named.jsonl", tmp_path / "link.jsonl"
    named.write_bytes(b"before")
    link.symlink_to(named)
    export_to(store, link)
    assert link.is_symlink()
    assert named.read_bytes().count(b"\n") == len(ARTICLES)


def test_a_pipe_is_written_to(store: ArticleStore, tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    export_to(store, pipe)
    reader.join()
    assert read[0].count(b"\n") == len(ARTICLES)
    assert pipe.is_fifo()


def test_a_device_is_written_to(store: ArticleStore) -> None:
    assert export_to(store, Path("/dev/null")) == len(ARTICLES)
    assert Path("/dev/null").is_char_device()


@pytest.mark.long
def test_a_file_that_a_shell_appends_to_keeps_its_content(
    store: ArticleStore, tmp_path: Path
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(b"before\n")
    with target.open("ab") as appended:
        done = subprocess.run(
            [sys.executable, "-m", "recommender", "export", "/dev/stdout"],
            env={**os.environ, "READ_ALSO_DATABASE_URL": f"sqlite:///{tmp_path / 'a.db'}"},
            check=True,
            stdout=appended,
            stderr=subprocess.PIPE,
            text=True,
        )
    first, *lines = target.read_text().split("\n")
    assert first == "before"
    assert lines == [*(article.to_json() for article in articles_of(store)), ""]
    assert after_announcement(done.stderr) == f"/dev/stdout: {len(ARTICLES)} articles\n"
