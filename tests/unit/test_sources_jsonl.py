"""Files with one article a line: what is read, and where what is wrong stands."""

from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, FieldFault, InvalidArticle
from recommender.sources import Record, read_jsonl

BOM = b"\xef\xbb\xbf"


def line(article_id: str, title: str = "T") -> bytes:
    return f'{{"id": "{article_id}", "title": "{title}"}}\n'.encode()


A, B = line("a"), line("b")


def records_of(folder: Path, content: bytes) -> list[Record]:
    path = folder / "a.jsonl"
    path.write_bytes(content)
    return list(read_jsonl(path))


def faults_of(record: Record) -> tuple[FieldFault, ...]:
    assert isinstance(record.content, InvalidArticle)
    return record.content.faults


def numbered(records: list[Record]) -> list[tuple[int, str]]:
    """By line the id of an article, or the pointers of what is wrong."""
    return [
        (
            int(record.place.rpartition(":")[2]),
            record.content.id
            if isinstance(record.content, Article)
            else ",".join(fault.pointer or "/" for fault in faults_of(record)),
        )
        for record in records
    ]


def test_each_line_is_a_record_with_its_number(tmp_path: Path) -> None:
    records = records_of(tmp_path, line("a") + line("b"))
    assert records == [
        Record(f"{tmp_path}/a.jsonl:1", Article(id="a", title="T")),
        Record(f"{tmp_path}/a.jsonl:2", Article(id="b", title="T")),
    ]


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
            A
            + b"not json\n"
            + line("b/c")
            + b"[1]\n"
            + b'{"id": "d"}\n'
            + b'{"id": "e", "title": "\xff"}\n'
            + b'{"id": "f", "title": 7, "version": -1}\n'
            + b"[" * 20_000
            + b"\n"
            + B,
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
    assert numbered(records_of(tmp_path, content)) == found


def test_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    (record,) = records_of(tmp_path, line("a", "one\u2028two\x85three"))
    assert record.content == Article(id="a", title="one\u2028two\x85three")


def test_what_is_wrong_with_a_line_is_the_contracts_refusal(tmp_path: Path) -> None:
    (record,) = records_of(tmp_path, line("a", "\\u0000"))
    assert isinstance(record.content, InvalidArticle)
    assert str(record.content) == (
        "the article is not acceptable; /title: must not contain NUL characters"
    )


def test_a_line_that_no_article_fills_is_refused_unread_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.sources.jsonl.LONGEST_LINE", 100)
    monkeypatch.setattr("recommender.sources.jsonl._PIECE", 64)
    longest = line("a").rstrip(b"\n").ljust(99) + b"\n"
    path, counts = tmp_path / "a.jsonl", list[int]()
    path.write_bytes(b"".join([longest, b"x" * 100 + b"\n", line("b"), b" " * 500]))
    records = list(read_jsonl(path, counts.append))
    assert numbered(records) == [(1, "a"), (2, ""), (3, "b"), (4, "")]
    assert "is longer than" in str(records[1].content)
    assert sum(counts) == path.stat().st_size


def test_progress_is_counted_in_bytes(tmp_path: Path) -> None:
    path, counts = tmp_path / "a.jsonl", list[int]()
    path.write_bytes(BOM + line("a") + b"\n" + b"bad\n")
    assert len(list(read_jsonl(path, counts.append))) == 2
    assert counts == [3 + len(line("a")), 1, 4]
    assert sum(counts) == path.stat().st_size


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_a_bad_source(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSource) as refused:
        list(read_jsonl(tmp_path / name))
    assert str(tmp_path / name) in str(refused.value)
    assert "cannot be read" in str(refused.value)
