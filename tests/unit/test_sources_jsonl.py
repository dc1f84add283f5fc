"""Files with one article per line: which are read, and the place of each fault."""

from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.sources import Record, read_jsonl
from tests.support.pulled import only_article, refusals

BOM = b"\xef\xbb\xbf"


def line(article_id: str, title: str = "T") -> bytes:
    return f'{{"id": "{article_id}", "title": "{title}"}}\n'.encode()


A, B = line("a"), line("b")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "a.jsonl"
    path.write_bytes(content)
    return path


def numbered(path: Path, found: list[Record]) -> list[tuple[int, str]]:
    """By line the id of an article, or the pointers of what is wrong."""
    lines = []
    for one in found:
        place, _, number = one.place.rpartition(":")
        assert place == str(path)
        if isinstance(one.content, InvalidArticle):
            what = ",".join(fault.pointer or "/" for fault in one.content.faults)
        else:
            what = one.content.id
        lines.append((int(number), what))
    return lines


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"\n" + A + b"  \t\r\n\n" + B.rstrip(b"\n"), [(2, "a"), (5, "b")]),
        ((A + B).replace(b"\n", b"\r\n"), [(1, "a"), (2, "b")]),
        (BOM + A + B, [(1, "a"), (2, "b")]),
        (BOM + b"\n" + A, [(2, "a")]),
        (A + BOM + B, [(1, "a"), (2, "/")]),
        (
            A + b"not json\n" + line("b/c") + b'[1]\n{"id": "d"}\n{"id": "e", "title": "\xff"}\n'
            b'{"id": "f", "title": 7, "version": -1}\n' + b"[" * 20_000 + b"\n" + B,
            [
                *((1, "a"), (2, "/"), (3, "/id"), (4, "/"), (5, "/"), (6, "/")),
                *((7, "/title,/version"), (8, "/"), (9, "b")),
            ],
        ),
    ],
    ids=["empty", "blank lines", "windows", "mark", "only a mark", "late mark", "bad lines"],
)
def test_lines_are_numbered_and_bad_ones_stop_nothing(
    tmp_path: Path, content: bytes, found: list[tuple[int, str]]
) -> None:
    path, counts = written(tmp_path, content), list[int]()
    assert numbered(path, list(read_jsonl(path, counts.append))) == found
    assert counts == list(map(len, content.splitlines(keepends=True)))


def test_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    path = written(tmp_path, line("a", "one\u2028two\x85three"))
    assert only_article(read_jsonl(path)) == Article(id="a", title="one\u2028two\x85three")


def test_a_bad_line_is_refused_as_the_contract_refuses_an_article(tmp_path: Path) -> None:
    path = written(tmp_path, line("a", "\\u0000"))
    assert refusals(read_jsonl(path)) == [
        f"{path}:1: the article is not acceptable; /title: must not contain NUL characters"
    ]


def test_a_line_longer_than_any_article_is_refused_and_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.sources.jsonl.LONGEST_LINE", 100)
    monkeypatch.setattr("recommender.sources.jsonl._PIECE", 64)
    longest = line("a").rstrip(b"\n").ljust(99) + b"\n"
    path = written(tmp_path, b"".join([longest, b"x" * 100 + b"\n", line("b"), b" " * 500]))
    counts = list[int]()
    found = list(read_jsonl(path, counts.append))
    assert numbered(path, found) == [(1, "a"), (2, ""), (3, "b"), (4, "")]
    assert "is longer than" in str(found[1].content)
    assert sum(counts) == path.stat().st_size


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_a_bad_source(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSource, match=f"^{tmp_path / name}.*cannot be read"):
        list(read_jsonl(tmp_path / name))
