"""Pins and blocks in the store: each version is kept, the last is active; run on each store."""

from datetime import UTC, datetime, timedelta

import pytest

from recommender.api import Override
from recommender.articles import Article
from recommender.errors import ChangedMeanwhile, DeletedArticle, InvalidOverrides, UnknownArticle
from recommender.ranking.overrides import Kind, StoredOverrides, parse_overrides
from recommender.store import LOG_START, ArticleStore, Receipt
from recommender.store.deleted_rows import scrub
from tests.support.stores import LogEntry, log_of


@pytest.fixture
def filled(store: ArticleStore) -> ArticleStore:
    """Three articles; changes 1 to 3."""
    for article_id in ("a", "b", "c"):
        store.put(Article(id=article_id, title="T"))
    return store


def overrides(*ids: str) -> tuple[Override, ...]:
    return tuple(Override(id=one) for one in ids)


def plain(rows: tuple[StoredOverrides, ...]) -> list[tuple[int, str, str, list[str], str]]:
    return [
        (r.change, r.article_id, r.kind, [one.id for one in parse_overrides(r.document)], r.by)
        for r in rows
    ]


@pytest.mark.postgresql_daily
def test_each_setting_is_a_change_and_kept(filled: ArticleStore) -> None:
    begun = datetime.now(tz=UTC)
    assert filled.overrides.put("a", "pins", overrides("b"), "one") == Receipt("a", "updated", 4)
    assert filled.overrides.put("a", "blocks", overrides("c"), "two") == Receipt("a", "updated", 5)
    assert filled.overrides.put("a", "pins", overrides("c", "b"), "two") == Receipt(
        "a", "updated", 6
    )
    assert plain(filled.overrides.history("a", "pins")) == [
        (6, "a", "pins", ["c", "b"], "two"),
        (4, "a", "pins", ["b"], "one"),
    ]
    assert plain(filled.overrides.history("a", "pins", limit=1)) == [
        (6, "a", "pins", ["c", "b"], "two")
    ]
    assert log_of(filled, 3) == [LogEntry(n, "a", "choice") for n in (4, 5, 6)]
    newest = filled.overrides.history("a", "pins")[0]
    pins = parse_overrides(newest.document)
    assert [pin.by for pin in pins] == ["two", "one"]
    assert newest.at.utcoffset() == timedelta(0)
    assert begun <= pins[1].at <= pins[0].at == newest.at <= datetime.now(tz=UTC)


def test_the_last_overrides_of_each_kind_and_article_are_active(filled: ArticleStore) -> None:
    filled.overrides.put("b", "pins", overrides("a"), "one")
    filled.overrides.put("a", "blocks", overrides("c"), "one")
    filled.overrides.put("b", "pins", (), "one")
    assert plain(filled.overrides.all()) == [
        (5, "a", "blocks", ["c"], "one"),
        (6, "b", "pins", [], "one"),
    ]


def test_a_follower_of_the_log_gets_the_overrides(filled: ArticleStore) -> None:
    filled.overrides.put("a", "pins", overrides("b"), "one")
    epoch = filled.state().epoch
    point, page = filled.updates_after(LOG_START, epoch=epoch, analyzer="", model="")
    assert (point.number, plain(page.overrides)) == (4, [(4, "a", "pins", ["b"], "one")])
    filled.overrides.put("a", "blocks", overrides("b"), "one")
    filled.put(Article(id="d", title="T"))
    filled.policies.put("{}")
    after, page = filled.updates_after(point, epoch=epoch, analyzer="", model="")
    assert [update.id for update in page.updates] == ["d"]
    assert (after.number, page.policy, plain(page.overrides)) == (
        *(7, 7),
        [(5, "a", "blocks", ["b"], "one")],
    )
    end, page = filled.updates_after(after, epoch=epoch, analyzer="", model="")
    assert (end, page.overrides, page.complete) == (after, (), True)


def test_overrides_alone_need_no_new_generation(filled: ArticleStore) -> None:
    epoch, newest = filled.state().epoch, filled.state().newest
    filled.overrides.put("a", "pins", overrides("b"), "one")
    filled.overrides.put("a", "pins", (), "one")
    assert filled.entries_since(newest, epoch) == 0
    filled.put(Article(id="d", title="T"))
    assert filled.entries_since(newest, epoch) == 1


def test_active_overrides_are_not_set_again(filled: ArticleStore) -> None:
    assert filled.overrides.put("a", "pins", (), "one") == Receipt("a", "unchanged", 0)
    filled.overrides.put("a", "pins", overrides("b"), "one")
    before = filled.state()
    assert filled.overrides.put("a", "pins", overrides("b"), "two") == Receipt("a", "unchanged", 4)
    assert filled.state() == before


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_an_article_that_is_not_stored_is_neither_pinned_nor_has_overrides(
    filled: ArticleStore, kind: Kind
) -> None:
    filled.overrides.put("a", kind, overrides("b"), "one")
    filled.delete("b")
    with pytest.raises(UnknownArticle):
        filled.overrides.put("x", kind, overrides("a"), "one")
    with pytest.raises(DeletedArticle):
        filled.overrides.put("b", kind, overrides("a"), "one")
    with pytest.raises(InvalidOverrides, match=rf"/{kind}/1/id: no article 'x'; push it first"):
        filled.overrides.put("a", kind, overrides("c", "x"), "one")
    # It stood there before it was deleted, and may come back.
    assert filled.overrides.put("a", kind, overrides("c", "b"), "one").result == "updated"


def test_many_are_looked_up_in_pieces(filled: ArticleStore) -> None:
    many = [f"m{n}" for n in range(500)]
    filled.write_many([Article(id=one, title="T") for one in many])
    assert filled.overrides.put("a", "blocks", overrides(*many), "one").result == "updated"
    with pytest.raises(InvalidOverrides, match="more than 500"):
        filled.overrides.put("a", "blocks", overrides(*many, "b"), "one")


def test_an_erasure_leaves_the_overrides_that_name_a_similar_id(store: ArticleStore) -> None:
    """In a pattern of SQL the mark _ of an id stands for any character."""
    for article_id in ("a", "b_1", "bx1"):
        store.put(Article(id=article_id, title="T"))
    store.overrides.put("a", "pins", overrides("bx1"), "editor")
    before = store.overrides.history("a", "pins")
    deletion = store.delete("b_1")
    scrub(store, "b_1")
    assert store.overrides.history("a", "pins") == before
    assert store.state().change == deletion.change


def test_what_another_has_changed_meanwhile_is_not_replaced(filled: ArticleStore) -> None:
    """Two people look at the same list; the second one to save is told of the first."""
    first = filled.overrides.put("a", "pins", overrides("b"), "Anna", seen=0)
    with pytest.raises(ChangedMeanwhile, match="Anna has changed the pins meanwhile"):
        filled.overrides.put("a", "pins", overrides("c"), "Boris", seen=0)
    assert [row[3] for row in plain(filled.overrides.history("a", "pins"))] == [["b"]]
    filled.overrides.put("a", "pins", overrides("c"), "Boris", seen=first.change)
    filled.overrides.put("a", "blocks", overrides("b"), "Boris", seen=0)  # of the other kind
