"""Records into a real store: counts, reports, and where a strict import stops."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, DeletedArticle, InvalidArticle
from recommender.progress import Meter, silent
from recommender.sources import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record, read_jsonl
from recommender.sources.importing import (
    BATCH,
    MOST_REPORTED,
    Imported,
    import_records,
    import_source,
)
from recommender.store import ArticleStore, open_store


@dataclass
class Desk:
    """A store, a file to import, and what was reported."""

    store: ArticleStore
    path: Path
    reported: list[str] = field(default_factory=list)

    def take(self, *lines: object, strict: bool = False) -> Imported:
        """Import lines: strings as they are, all else as JSON."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.path.write_text("\n".join(texts), "utf-8")
        return self.take_records(read_jsonl(self.path), strict=strict)

    def take_records(self, records: Iterable[Pulled], *, strict: bool = False) -> Imported:
        return import_records(self.store, records, self.reported.append, strict=strict)

    def pull(self, *pulled: Pulled, strict: bool = False) -> Imported:
        """Import from a source that gives these."""
        return self.pull_from(Script(pulled), strict=strict)

    def pull_from(self, source: "Script", *, strict: bool = False, again: bool = False) -> Imported:
        report = self.reported.append
        return import_source(self.store, source, report, silent, strict=strict, again=again)

    def ids(self) -> list[str]:
        with self.store.scan() as view:
            return [stored.article.id for stored in view]


@dataclass
class Script:
    """A source that yields a given script, and may break off."""

    pulled: tuple[Pulled, ...]
    breaks: BaseException | None = None
    name: str = "https://news.example/feed"
    cursors: list[CheckpointJson | None] = field(default_factory=list)

    def pull(self, cursor: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        self.cursors.append(cursor)
        with meter(self.name, 1, "post"):
            yield from self.pulled
        if self.breaks:
            raise self.breaks


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield Desk(store, tmp_path / "in.jsonl")
    store.close()


def record(article_id: str, **fields: object) -> dict[str, object]:
    return {"id": article_id, "title": "T"} | fields


def test_records_are_counted_by_their_result(desk: Desk) -> None:
    assert desk.take() == Imported(0, 0, 0, 0)
    assert desk.take(record("a"), record("b"), record("c"), strict=True) == Imported(3, 0, 0, 0)
    done = desk.take(record("a"), record("b", title="U"), record("d"), record("e/"), "no json")
    assert done == Imported(created=1, updated=1, unchanged=1, rejected=2)
    assert desk.ids() == ["a", "b", "c", "d"]
    assert desk.store.get("b").title == "U"


def test_a_record_given_twice_counts_twice(desk: Desk) -> None:
    done = desk.take(record("a"), record("a"), record("a", title="U"))
    assert done == Imported(created=1, updated=1, unchanged=1, rejected=0)


def test_a_report_is_one_line_with_file_line_and_every_field(desk: Desk) -> None:
    desk.take(record("a"), "", record("b", url="x", version=-1), "{")
    assert len(desk.reported) == 2
    place = f"{desk.path}:3: the article is not acceptable; "
    assert desk.reported[0].startswith(place)
    assert "/url: must be an absolute http or https address" in desk.reported[0]
    assert "/version: " in desk.reported[0]
    assert desk.reported[1].startswith(f"{desk.path}:4: the article is not acceptable; /: ")
    assert [line for line in desk.reported if "\n" in line] == []


def test_an_older_version_is_reported_and_changes_nothing(desk: Desk) -> None:
    desk.take(record("a", version=5))
    done = desk.take(record("a", title="old", version=4), record("b"))
    assert done == Imported(created=1, updated=0, unchanged=0, rejected=1)
    (line,) = desk.reported
    assert line.startswith(f"{desk.path}:1: article 'a': version 4 is older")
    assert desk.store.get("a").title == "T"


def test_more_records_than_a_batch_are_all_stored(desk: Desk) -> None:
    records = [record(f"a{number:04}") for number in range(BATCH + 3)]
    assert desk.take(*records, record("x/")) == Imported(BATCH + 3, 0, 0, 1)
    assert desk.ids() == [str(one["id"]) for one in records]


OLDER = record("old", version=4)
MANY = [record(f"a{number:04}") for number in range(BATCH + 2)]


@pytest.mark.parametrize(
    ("before", "bad", "reason"),
    [
        pytest.param([record("a"), record("b")], record("c", url="x"), ".*/url: ", id="fault"),
        pytest.param(MANY, "{", "", id="after a batch"),
        pytest.param([record("a")], OLDER, "article 'old': version 4 is older", id="older"),
        pytest.param([], OLDER, "article 'old': version 4 is older", id="older at once"),
    ],
)
def test_a_strict_import_stops_at_the_first_bad_record_and_keeps_those_before(
    desk: Desk, before: list[dict[str, object]], bad: object, reason: str
) -> None:
    desk.take(record("old", version=5))
    with pytest.raises(BadSource, match=rf"^{desk.path}:{len(before) + 1}: {reason}"):
        desk.take(*before, bad, record("z"), "{", strict=True)
    assert desk.ids() == [*(str(one["id"]) for one in before), "old"]
    assert desk.reported == []


def test_rejected_records_are_reported_in_the_order_of_their_lines(desk: Desk) -> None:
    desk.take(record("a", version=2))
    desk.reported.clear()
    desk.take({"id": "x"}, record("a", version=1), {"id": "y"})
    assert [line.split(": ")[0].rsplit(":")[-1] for line in desk.reported] == ["1", "2", "3"]


def test_only_the_first_rejected_records_are_reported_and_the_others_counted(desk: Desk) -> None:
    done = desk.take(*["{"] * MOST_REPORTED, "{", record("a"), "{")
    assert done == Imported(created=1, updated=0, unchanged=0, rejected=MOST_REPORTED + 2)
    assert desk.reported[MOST_REPORTED - 1].startswith(f"{desk.path}:{MOST_REPORTED}: ")
    (last,) = desk.reported[MOST_REPORTED:]
    assert last.startswith("2 more records are rejected and not shown; correct those above and ")


def test_an_import_pauses_for_other_writers_only_after_a_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("recommender.sources.importing.time.sleep", pauses.append)
    desk.take(*["{"] * BATCH, *(record(f"a{number}") for number in range(BATCH)))
    desk.take(*(record(f"a{number}") for number in range(BATCH)))
    desk.pull(gone("a0"))
    assert [bool(pause) for pause in pauses] == [False, True, False, True]


# --- sources with marks ---


def story(article_id: str, title: str = "T") -> Record:
    return Record(f"there:{article_id}", Article(id=article_id, title=title))


def gone(article_id: str) -> Record:
    return Record(f"there:{article_id}", Gone(article_id))


def bad(article_id: str) -> Record:
    return Record(f"there:{article_id}", InvalidArticle("no good"))


def checkpoint_of(desk: Desk, name: str = Script.name) -> CheckpointJson | None:
    return desk.store.checkpoints.get(name)


def test_a_mark_is_stored_and_given_back_unless_all_is_read_again(desk: Desk) -> None:
    first = Script((story("a"), Mark({"at": 1}), story("b"), Mark({"at": 2})))
    assert desk.pull_from(first).created == 2
    assert (first.cursors, checkpoint_of(desk)) == ([None], {"at": 2})
    assert desk.pull_from(second := Script(())) == Imported(0, 0, 0, 0)
    assert (second.cursors, checkpoint_of(desk)) == ([{"at": 2}], {"at": 2})
    assert desk.pull_from(third := Script((Mark({"at": 3}),)), again=True).created == 0
    assert (third.cursors, checkpoint_of(desk)) == ([None], {"at": 3})
    desk.pull_from(other := Script((Mark({"at": 7}),), name="https://other.example/"))
    assert (checkpoint_of(desk), checkpoint_of(desk, other.name)) == ({"at": 3}, {"at": 7})


def test_a_mark_is_stored_only_when_all_before_it_is_stored(desk: Desk) -> None:
    stored: list[list[str]] = []
    names = [f"a{number:03}" for number in range(BATCH + 3)]
    given: list[Pulled] = [*map(story, names), Mark({"at": 1})]
    import_records(
        desk.store, given, desk.reported.append, keep=lambda _: stored.append(desk.ids())
    )
    assert stored == [names]


def test_records_before_a_source_broke_off_are_stored_but_no_later_mark(desk: Desk) -> None:
    names = [f"a{number:03}" for number in range(BATCH)]
    given: list[Pulled] = [story("0"), Mark({"at": 1}), *map(story, names), bad("x"), story("b")]
    with pytest.raises(BadSource, match="the line went dead"):
        desk.pull_from(Script(tuple(given), breaks=BadSource("the line went dead")))
    assert (desk.ids(), checkpoint_of(desk)) == (["0", *names, "b"], {"at": 1})
    assert desk.reported == ["there:x: no good"]


def test_an_interruption_keeps_the_records_before_the_last_mark(desk: Desk) -> None:
    interrupted = Script((story("a"), Mark({"at": 1}), story("b")), breaks=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        desk.pull_from(interrupted)
    assert (desk.ids(), checkpoint_of(desk)) == (["a"], {"at": 1})


def test_strict_keeps_no_mark_behind_a_bad_record(desk: Desk) -> None:
    with pytest.raises(BadSource, match="there:x: no good; stopped there"):
        desk.pull(story("a"), Mark({"at": 1}), bad("x"), Mark({"at": 2}), strict=True)
    assert checkpoint_of(desk) == {"at": 1}


def test_gone_articles_are_deleted_and_counted_once(desk: Desk) -> None:
    desk.pull(story("a"), story("b"))
    done = desk.pull(gone("a"), gone("never there"), story("c"), gone("b"), gone("b"))
    assert done == Imported(created=1, updated=0, unchanged=1, rejected=0, deleted=2)
    assert desk.ids() == ["c"]
    with pytest.raises(DeletedArticle):
        desk.store.get("a")
    assert desk.reported == []


def test_order_counts_where_an_article_goes_and_comes(desk: Desk) -> None:
    desk.pull(story("a"), gone("a"), story("b"), story("b", "U"), gone("c"), story("c"))
    assert desk.ids() == ["b", "c"]
    assert desk.store.get("b").title == "U"


def test_skipped_documents_are_counted_by_their_kind(desk: Desk) -> None:
    done = desk.pull(LeftOut("page"), story("a"), LeftOut("draft", 4), LeftOut("page"))
    assert done == Imported(1, 0, 0, 0, left_out={"page": 2, "draft": 4})
    assert str(done) == "1 created, 0 updated, 0 unchanged, 0 rejected (left out: 4 draft, 2 page)"


def test_counts_are_one_line() -> None:
    assert str(Imported(1, 2, 3, 4)) == "1 created, 2 updated, 3 unchanged, 4 rejected"
    assert str(Imported(1, 2, 3, 4, deleted=5)).endswith("4 rejected, 5 deleted")


@pytest.mark.parametrize(
    "cursor", [{}, {"a": [1, 2.5, None, "é", {"b": True}]}, {"x": "y" * 10**6}]
)
def test_any_plain_json_may_be_a_cursor(desk: Desk, cursor: CheckpointJson) -> None:
    desk.store.checkpoints.put("s", cursor)
    assert desk.store.checkpoints.get("s") == cursor
    desk.store.checkpoints.put("s", {"later": 1})
    assert desk.store.checkpoints.get("s") == {"later": 1}


def test_a_source_may_be_named_by_bytes_that_are_no_text(desk: Desk) -> None:
    """As paths are that another system wrote: Python has halves of surrogate pairs for them."""
    assert desk.store.checkpoints.get("\udcff.jsonl") is None
    desk.store.checkpoints.put("\udcff.jsonl", {"at": 1})
    desk.store.checkpoints.put("\udcff.jsonl", {"at": 2})
    desk.store.checkpoints.put("\udcfe.jsonl", {"at": 3})
    assert desk.store.checkpoints.get("\udcff.jsonl") == {"at": 2}


def renamed(new_id: str, **fields: object) -> Record:
    """A record whose former id is `feed:1`."""
    return Record("a:1", Article.model_validate(record(new_id, **fields)), former_id="feed:1")


ON_MONDAY = {"published_at": "2026-03-02T09:30:00Z"}
ON_TUESDAY = {"published_at": "2026-03-03T09:30:00Z"}


@pytest.mark.parametrize(
    ("stored", "given", "is_known"),
    [
        ({"url": "https://a.example/1"}, {"url": "https://a.example/1", "title": "U"}, True),
        ({"url": "https://a.example/1"}, {"url": "https://a.example/new"}, False),
        ({"url": "https://a.example/1"}, {}, True),
        ({}, {"url": "https://a.example/1"}, True),
        ({}, {}, True),
        ({"url": "https://a.example/1"}, {"url": "https://b.example/1"}, False),
        ({}, {"title": "U"}, False),
        (ON_MONDAY, {"title": "U"} | ON_MONDAY, True),
        (ON_MONDAY, {"title": "U"} | ON_TUESDAY, False),
        (ON_MONDAY, ON_TUESDAY, True),
        (ON_MONDAY, {"title": "U", "url": "https://a.example/1"} | ON_MONDAY, False),
        ({"url": "https://a.example/1"} | ON_MONDAY, {"title": "U"} | ON_MONDAY, False),
    ],
)
def test_an_article_under_its_former_id_keeps_it_if_it_is_the_same(
    desk: Desk, stored: dict[str, object], given: dict[str, object], *, is_known: bool
) -> None:
    desk.take(record("feed:1", **stored))
    desk.take_records([renamed("feed:a:1", **given)])
    assert desk.ids() == (["feed:1"] if is_known else ["feed:1", "feed:a:1"])


def test_an_article_that_has_its_new_id_never_goes_back_to_the_former(desk: Desk) -> None:
    desk.take(record("feed:1", title="U"))
    for title in ("T", "U"):
        desk.take_records([renamed("feed:a:1", title=title)])
    assert desk.store.get("feed:a:1").title == "U"


@pytest.mark.parametrize(
    ("deleted", "article_id"), [(["feed:1"], "feed:1"), (["feed:1", "feed:a:1"], "feed:a:1")]
)
def test_an_article_that_was_deleted_comes_back_under_the_last_id_that_it_had(
    desk: Desk, deleted: list[str], article_id: str
) -> None:
    """As an import of an id that was deleted brings it back."""
    for one in deleted:
        desk.take(record(one))
        desk.store.delete(one)
    assert desk.take_records([renamed("feed:a:1")]).created == 1
    assert desk.ids() == [article_id]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_only_one_of_several_records_gets_a_former_id(desk: Desk, *, is_deleted: bool) -> None:
    """Also within a batch, where the first of them is not stored yet."""
    desk.take(record("feed:1"))
    if is_deleted:
        desk.store.delete("feed:1")
    desk.take_records(renamed(f"feed:{name}:1", url=f"https://a.example/{name}") for name in "aba")
    assert desk.ids() == ["feed:1", "feed:b:1"]
    assert desk.store.get("feed:1").url == "https://a.example/a"
