"""Files with many records: the stories that they hold several times, and how far they are read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.progress import Advance, silent
from recommender.sources import LeftOut, Record
from recommender.sources.jsonl import read_lines
from recommender.sources.source_documents import FileDocument


def document_of(folder: Path, *lines: object) -> FileDocument:
    path = folder / "a.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return FileDocument(path, read_lines)


def entry(article_id: str, title: str, version: int | None = None) -> dict[str, object]:
    return {"id": article_id, "title": title, "version": version}


def titles(document: FileDocument) -> list[str]:
    """What is pulled: an article's title, or the word for what is left out."""
    found = []
    for one in document.pull(None, silent):
        if isinstance(one, LeftOut):
            found.append(one.reason)
        elif isinstance(one, Record):
            found.append(one.content.title if isinstance(one.content, Article) else "refused")
    return found


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([entry("a", "1"), entry("b", "2")], ["1", "2"]),
        ([entry("a", "1"), entry("b", "2"), entry("a", "3")], ["repeated", "2", "3"]),
        ([entry("a", "1"), entry("a", "2"), entry("a", "3")], ["repeated", "repeated", "3"]),
        ([entry("a", "1"), "{"], ["1", "refused"]),
        ([entry("a", "1", 5), entry("a", "2", 4)], ["1", "repeated"]),
        ([entry("a", "1", 5), entry("a", "2", 5)], ["repeated", "2"]),
        ([entry("a", "1", 5), entry("a", "2"), entry("a", "3", 4)], ["repeated", "2", "repeated"]),
    ],
)
def test_the_version_of_a_story_that_the_store_would_keep_counts(
    tmp_path: Path, lines: list[object], expected: list[str]
) -> None:
    assert titles(document_of(tmp_path, *lines)) == expected


def test_each_time_that_a_file_is_read_has_a_progress_of_its_own(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    @contextmanager
    def meter(label: str, total: int, _unit: str) -> Iterator[Advance]:
        done: list[int] = []
        yield done.append
        steps.append((label, total, sum(done)))

    document = document_of(tmp_path, *(entry(f"a{number}", "x") for number in range(40)))
    assert len(list(document.pull(None, meter))) == 40
    name, size = document.path.name, document.path.stat().st_size
    assert steps == [(f"{name}: looking through it", size, size), (name, size, size)]
