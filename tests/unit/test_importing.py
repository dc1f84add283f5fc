"""Records into a real store: counts, reports, and where a strict import stops."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, DeletedArticle, InvalidArticle
from recommender.progress import Meter, silent
from recommender.sources import Cursor, Gone, LeftOut, Mark, Pulled, Record, read_jsonl
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
    said: list[str] = field(default_factory=list)
    cursors: list[Cursor | None] = field(default_factory=list)

    def take(self, *lines: object, strict: bool = False) -> Imported:
        """Import lines: strings as they are, all else as JSON."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.path.write_text("\n".join(texts), "utf-8")
        return import_records(self.store, read_jsonl(self.path), self.said.append, strict=strict)

    def ids(self) -> list[str]:
        with self.store.scan() as view:
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


def test_only_the_first_rejected_records_are_reported_and_the_others_counted(desk: Desk) -> None:
    done = desk.take(*["{"] * MOST_REPORTED, "{", record("a"), "{")
    assert done == Imported(created=1, updated=0, unchanged=0, rejected=MOST_REPORTED + 2)
    assert desk.said[MOST_REPORTED - 1].startswith(f"{desk.path}:{MOST_REPORTED}: ")
    (last,) = desk.said[MOST_REPORTED:]
    assert last.startswith("2 more records are rejected and not shown; correct those above and ")


def test_others_get_in_after_what_was_written_and_nobody_waits_otherwise(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("recommender.sources.importing.time.sleep", pauses.append)
    desk.take(*["{"] * BATCH, *(record(f"a{number}") for number in range(BATCH)))
    desk.take(*(record(f"a{number}") for number in range(BATCH)))
    pull(desk, gone("a0"))
    assert [bool(pause) for pause in pauses] == [False, True, False, True]


# --- sources with marks ---


def story(article_id: str, title: str = "T") -> Record:
    return Record(f"there:{article_id}", Article(id=article_id, title=title))


def gone(article_id: str) -> Record:
    return Record(f"there:{article_id}", Gone(article_id))


def bad(article_id: str) -> Record:
    return Record(f"there:{article_id}", InvalidArticle("no good"))


@dataclass
class Script:
    """A source that gives what is written, and may break off."""

    pulled: tuple[Pulled, ...]
    breaks: bool = False
    cursors: list[Cursor | None] = field(default_factory=list)
    name: str = "https://news.example/feed"

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        self.cursors.append(cursor)
        with meter(self.name, 1, "post"):
            yield from self.pulled
        if self.breaks:
            raise BadSource("the line went dead")


def pull(desk: Desk, *pulled: Pulled, strict: bool = False, again: bool = False) -> Imported:
    source = Script(pulled)
    done = import_source(desk.store, source, desk.said.append, silent, strict=strict, again=again)
    desk.cursors = source.cursors
    return done


def checkpoint_of(desk: Desk) -> Cursor | None:
    return desk.store.checkpoints.get(Script(()).name)


def test_a_mark_is_stored_and_given_back(desk: Desk) -> None:
    assert pull(desk, story("a"), Mark({"at": 1}), story("b"), Mark({"at": 2})).created == 2
    assert desk.cursors == [None]
    assert checkpoint_of(desk) == {"at": 2}
    assert pull(desk) == Imported(0, 0, 0, 0)
    assert desk.cursors == [{"at": 2}]


def test_reading_again_ignores_the_mark_and_moves_it(desk: Desk) -> None:
    pull(desk, Mark({"at": 1}))
    assert pull(desk, story("a"), Mark({"at": 3}), again=True).created == 1
    assert desk.cursors == [None]
    assert checkpoint_of(desk) == {"at": 3}


def test_each_source_has_a_mark_of_its_own(desk: Desk) -> None:
    pull(desk, Mark({"at": 1}))
    other = Script((Mark({"at": 7}),), name="https://other.example/")
    import_source(desk.store, other, desk.said.append, silent)
    assert (checkpoint_of(desk), desk.store.checkpoints.get(other.name)) == ({"at": 1}, {"at": 7})


def test_a_mark_is_stored_only_when_all_before_it_is_stored(desk: Desk) -> None:
    stored: list[list[str]] = []
    records = [story(f"a{number:03}") for number in range(BATCH + 3)]
    import_records(
        desk.store,
        [*records, Mark({"at": 1})],
        desk.said.append,
        keep=lambda _: stored.append(desk.ids()),
    )
    assert stored == [[f"a{number:03}" for number in range(BATCH + 3)]]


def test_a_source_that_breaks_off_goes_on_from_its_last_mark(desk: Desk) -> None:
    broken = Script((story("a"), Mark({"at": 1}), story("b")), breaks=True)
    with pytest.raises(BadSource, match="the line went dead"):
        import_source(desk.store, broken, desk.said.append, silent)
    assert desk.ids() == ["a", "b"]
    assert checkpoint_of(desk) == {"at": 1}


def test_what_a_source_gave_before_it_broke_off_is_stored_and_reported(desk: Desk) -> None:
    broken = Script(
        (*(story(f"a{number}") for number in range(BATCH)), bad("x"), story("b")), breaks=True
    )
    with pytest.raises(BadSource, match="the line went dead"):
        import_source(desk.store, broken, desk.said.append, silent)
    assert len(desk.ids()) == BATCH + 1
    assert desk.said == ["there:x: no good"]


def test_an_interruption_loses_no_mark_and_keeps_none_too_early(desk: Desk) -> None:
    class Interrupted(Script):
        def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
            yield from super().pull(cursor, meter)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_source(
            desk.store,
            Interrupted((story("a"), Mark({"at": 1}), story("b"))),
            desk.said.append,
            silent,
        )
    assert (desk.ids(), checkpoint_of(desk)) == (["a"], {"at": 1})


def test_strict_keeps_no_mark_behind_a_bad_record(desk: Desk) -> None:
    with pytest.raises(BadSource, match="there:x: no good; stopped there"):
        pull(desk, story("a"), Mark({"at": 1}), bad("x"), Mark({"at": 2}), strict=True)
    assert checkpoint_of(desk) == {"at": 1}


def test_what_is_gone_is_deleted_and_counted_once(desk: Desk) -> None:
    pull(desk, story("a"), story("b"))
    done = pull(desk, gone("a"), gone("never there"), story("c"), gone("b"), gone("b"))
    assert done == Imported(created=1, updated=0, unchanged=1, rejected=0, deleted=2)
    assert desk.ids() == ["c"]
    with pytest.raises(DeletedArticle):
        desk.store.get("a")
    assert desk.said == []


def test_order_counts_where_an_article_goes_and_comes(desk: Desk) -> None:
    pull(desk, story("a"), gone("a"), story("b"), story("b", "U"), gone("c"), story("c"))
    assert desk.ids() == ["b", "c"]
    assert desk.store.get("b").title == "U"


def test_what_is_no_article_is_counted_by_its_word(desk: Desk) -> None:
    done = pull(desk, LeftOut("page"), story("a"), LeftOut("draft", 4), LeftOut("page"))
    assert done == Imported(1, 0, 0, 0, left_out={"page": 2, "draft": 4})
    assert str(done) == "1 created, 0 updated, 0 unchanged, 0 rejected (left out: 4 draft, 2 page)"


def test_counts_are_one_line() -> None:
    assert str(Imported(1, 2, 3, 4)) == "1 created, 2 updated, 3 unchanged, 4 rejected"
    assert str(Imported(1, 2, 3, 4, deleted=5)).endswith("4 rejected, 5 deleted")


@pytest.mark.parametrize(
    "cursor", [{}, {"a": [1, 2.5, None, "é", {"b": True}]}, {"x": "y" * 10**6}]
)
def test_any_plain_json_may_be_a_cursor(desk: Desk, cursor: Cursor) -> None:
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
    article = Article.model_validate(record("feed:a:1", **given))
    import_records(desk.store, [Record("a:1", article, former_id="feed:1")], desk.said.append)
    assert desk.ids() == (["feed:1"] if is_known else ["feed:1", "feed:a:1"])


def test_an_article_that_has_its_new_id_never_goes_back_to_the_former(desk: Desk) -> None:
    desk.take(record("feed:1", title="U"))
    for title in ("T", "U"):
        article = Article.model_validate(record("feed:a:1", title=title))
        import_records(desk.store, [Record("a:1", article, former_id="feed:1")], desk.said.append)
    assert desk.store.get("feed:a:1").title == "U"


def renamed(new_id: str, **fields: object) -> Record:
    """A record whose former id is `feed:1`."""
    return Record("a:1", Article.model_validate(record(new_id, **fields)), former_id="feed:1")


def test_an_article_that_was_deleted_under_its_former_id_comes_back_under_that(desk: Desk) -> None:
    """As an import of an id that was deleted brings it back."""
    desk.take(record("feed:1"))
    desk.store.delete("feed:1")
    assert import_records(desk.store, [renamed("feed:a:1")], desk.said.append).created == 1
    assert desk.ids() == ["feed:1"]


def test_an_article_that_was_deleted_under_both_ids_comes_back_under_the_new_one(
    desk: Desk,
) -> None:
    for article_id in ("feed:1", "feed:a:1"):
        desk.take(record(article_id))
        desk.store.delete(article_id)
    import_records(desk.store, [renamed("feed:a:1")], desk.said.append)
    assert desk.ids() == ["feed:a:1"]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_only_one_of_several_records_gets_a_former_id(desk: Desk, *, is_deleted: bool) -> None:
    """Also within a batch, where the first of them is not stored yet."""
    desk.take(record("feed:1"))
    if is_deleted:
        desk.store.delete("feed:1")
    records = [renamed(f"feed:{name}:1", url=f"https://a.example/{name}") for name in "aba"]
    import_records(desk.store, records, desk.said.append)
    assert desk.ids() == ["feed:1", "feed:b:1"]
    assert desk.store.get("feed:1").url == "https://a.example/a"
