"""Records into a real store: counts, reports, and where a strict import stops."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recommender.errors import BadSource
from recommender.importing import BATCH, Imported, import_records
from recommender.sources import read_jsonl
from recommender.store import ArticleStore, open_store


@dataclass
class Desk:
    """A store, a file to import, and what was reported."""

    store: ArticleStore
    path: Path
    said: list[str] = field(default_factory=list)

    def take(self, *lines: object, strict: bool = False) -> Imported:
        """Import lines: strings as they are, all else as JSON."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.path.write_text("\n".join(texts), "utf-8")
        return import_records(self.store, read_jsonl(self.path), self.said.append, strict=strict)

    def ids(self) -> list[str]:
        with self.store.reading() as view:
            return [stored.article.id for stored in view]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield Desk(store, tmp_path / "in.jsonl")
    store.close()


def record(article_id: str, **fields: object) -> dict[str, object]:
    return {"id": article_id, "title": "T"} | fields


def test_records_are_counted_by_what_became_of_them(desk: Desk) -> None:
    assert desk.take(record("a"), record("b"), record("c")) == Imported(3, 0, 0, 0)
    done = desk.take(record("a"), record("b", title="U"), record("d"), record("e/"), "no json")
    assert done == Imported(created=1, updated=1, unchanged=1, rejected=2)
    assert desk.ids() == ["a", "b", "c", "d"]
    assert desk.store.get("b").title == "U"


def test_a_record_given_twice_counts_twice(desk: Desk) -> None:
    done = desk.take(record("a"), record("a"), record("a", title="U"))
    assert done == Imported(created=1, updated=1, unchanged=1, rejected=0)


def test_nothing_is_imported_from_an_empty_file(desk: Desk) -> None:
    assert desk.take() == Imported(0, 0, 0, 0)


def test_a_report_is_one_line_with_file_line_and_every_field(desk: Desk) -> None:
    desk.take(record("a"), "", record("b", url="x", version=-1), "{")
    assert len(desk.said) == 2
    place = f"{desk.path}:3: the article is not acceptable; "
    assert desk.said[0].startswith(place)
    assert "/url: must be an absolute http or https address" in desk.said[0]
    assert "/version: " in desk.said[0]
    assert desk.said[1].startswith(f"{desk.path}:4: the article is not acceptable; /: ")
    assert [line for line in desk.said if "\n" in line] == []


def test_an_older_version_is_reported_and_changes_nothing(desk: Desk) -> None:
    desk.take(record("a", version=5))
    done = desk.take(record("a", title="old", version=4), record("b"))
    assert done == Imported(created=1, updated=0, unchanged=0, rejected=1)
    (said,) = desk.said
    assert said.startswith(f"{desk.path}:1: article 'a': version 4 is older")
    assert desk.store.get("a").title == "T"


def test_strict_stops_at_the_first_bad_record_and_keeps_what_stands_before(desk: Desk) -> None:
    with pytest.raises(BadSource) as stopped:
        desk.take(record("a"), record("b"), record("c", url="x"), record("d"), "{", strict=True)
    assert str(stopped.value).startswith(f"{desk.path}:3: ")
    assert "/url: " in str(stopped.value)
    assert desk.ids() == ["a", "b"]
    assert desk.said == []


def test_strict_stops_at_an_older_version(desk: Desk) -> None:
    desk.take(record("b", version=5))
    with pytest.raises(BadSource, match=r":2: article 'b': version 4 is older"):
        desk.take(record("a"), record("b", version=4), strict=True)
    assert desk.ids() == ["a", "b"]


def test_strict_stops_at_an_older_version_that_stands_before_a_bad_record(desk: Desk) -> None:
    desk.take(record("b", version=5))
    with pytest.raises(BadSource, match=r":1: article 'b': version 4 is older"):
        desk.take(record("b", version=4), record("c/"), strict=True)


def test_strict_is_content_with_good_records(desk: Desk) -> None:
    assert desk.take(record("a"), record("b"), strict=True) == Imported(2, 0, 0, 0)


def test_more_records_than_a_batch_are_all_stored(desk: Desk) -> None:
    records = [record(f"a{number:04}") for number in range(BATCH + 3)]
    assert desk.take(*records, record("x/")) == Imported(BATCH + 3, 0, 0, 1)
    assert desk.ids() == [str(one["id"]) for one in records]


def test_strict_keeps_the_batches_before_the_bad_record(desk: Desk) -> None:
    records = [record(f"a{number:04}") for number in range(BATCH + 2)]
    with pytest.raises(BadSource, match=rf":{BATCH + 3}: "):
        desk.take(*records, "{", record("z"), strict=True)
    assert desk.ids() == [str(one["id"]) for one in records]


def test_strict_stores_nothing_that_stands_after_an_older_version(desk: Desk) -> None:
    desk.take(record("a", version=2))
    with pytest.raises(BadSource, match=":2: "):
        desk.take(record("b"), record("a", version=1), record("c"), strict=True)
    assert desk.ids() == ["a", "b"]


def test_rejected_records_are_reported_in_the_order_of_their_lines(desk: Desk) -> None:
    desk.take(record("a", version=2))
    desk.said.clear()
    desk.take({"id": "x"}, record("a", version=1), {"id": "y"})
    assert [line.split(": ")[0].rsplit(":")[-1] for line in desk.said] == ["1", "2", "3"]
