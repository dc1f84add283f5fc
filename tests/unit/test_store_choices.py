"""Pins and blocks in the store: each setting is kept, the last holds; asked of each store."""

from datetime import UTC, datetime, timedelta

import pytest

from recommender.articles import Article
from recommender.errors import DeletedArticle, InvalidChoices, UnknownArticle
from recommender.ranking.overrides import Kind, Wish, parse_choices
from recommender.store import ORIGIN, ArticleStore, Change, Receipt, StoredChoices


@pytest.fixture
def filled(store: ArticleStore) -> ArticleStore:
    """Three articles; changes 1 to 3."""
    for article_id in ("a", "b", "c"):
        store.put(Article(id=article_id, title="T"))
    return store


def wishes(*ids: str) -> tuple[Wish, ...]:
    return tuple(Wish(id=one) for one in ids)


def plain(rows: tuple[StoredChoices, ...]) -> list[tuple[int, str, str, list[str], str]]:
    return [
        (r.change, r.article_id, r.kind, [one.id for one in parse_choices(r.document)], r.by)
        for r in rows
    ]


def test_each_setting_is_a_change_and_kept(filled: ArticleStore) -> None:
    begun = datetime.now(tz=UTC)
    assert filled.choices.put("a", "pins", wishes("b"), "one") == Receipt("a", "updated", 4)
    assert filled.choices.put("a", "blocks", wishes("c"), "two") == Receipt("a", "updated", 5)
    assert filled.choices.put("a", "pins", wishes("c", "b"), "two") == Receipt("a", "updated", 6)
    assert plain(filled.choices.history("a", "pins")) == [
        (6, "a", "pins", ["c", "b"], "two"),
        (4, "a", "pins", ["b"], "one"),
    ]
    assert plain(filled.choices.history("a", "pins", limit=1)) == [
        (6, "a", "pins", ["c", "b"], "two")
    ]
    assert filled.changes_after(3) == [Change(n, "a", "choice") for n in (4, 5, 6)]
    newest = filled.choices.history("a", "pins")[0]
    pins = parse_choices(newest.document)
    assert [pin.by for pin in pins] == ["two", "one"]
    assert newest.at.utcoffset() == timedelta(0)
    assert begun <= pins[1].at <= pins[0].at == newest.at <= datetime.now(tz=UTC)


def test_what_holds_is_the_last_of_each_kind_and_article(filled: ArticleStore) -> None:
    filled.choices.put("b", "pins", wishes("a"), "one")
    filled.choices.put("a", "blocks", wishes("c"), "one")
    filled.choices.put("b", "pins", (), "one")
    assert plain(filled.choices.all()) == [
        (5, "a", "blocks", ["c"], "one"),
        (6, "b", "pins", [], "one"),
    ]


def test_who_follows_the_log_is_told_of_choices(filled: ArticleStore) -> None:
    filled.choices.put("a", "pins", wishes("b"), "one")
    epoch = filled.state().epoch
    point, page = filled.updates_after(ORIGIN, epoch=epoch, analyzer="", model="")
    assert (point.number, plain(page.choices)) == (4, [(4, "a", "pins", ["b"], "one")])
    filled.choices.put("a", "blocks", wishes("b"), "one")
    filled.put(Article(id="d", title="T"))
    filled.policies.put("{}")
    after, page = filled.updates_after(point, epoch=epoch, analyzer="", model="")
    assert [update.id for update in page.updates] == ["d"]
    assert (after.number, page.policy, plain(page.choices)) == (
        *(7, 7),
        [(5, "a", "blocks", ["b"], "one")],
    )
    end, page = filled.updates_after(after, epoch=epoch, analyzer="", model="")
    assert (end, page.choices, page.complete) == (after, (), True)


def test_choices_alone_need_no_new_generation(filled: ArticleStore) -> None:
    epoch, newest = filled.state().epoch, filled.state().newest
    filled.choices.put("a", "pins", wishes("b"), "one")
    filled.choices.put("a", "pins", (), "one")
    assert filled.entries_since(newest, epoch) == 0
    filled.put(Article(id="d", title="T"))
    assert filled.entries_since(newest, epoch) == 1


def test_what_holds_already_is_not_set_again(filled: ArticleStore) -> None:
    assert filled.choices.put("a", "pins", (), "one") == Receipt("a", "unchanged", 0)
    filled.choices.put("a", "pins", wishes("b"), "one")
    before = filled.state()
    assert filled.choices.put("a", "pins", wishes("b"), "two") == Receipt("a", "unchanged", 4)
    assert filled.state() == before


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_who_is_not_stored_is_neither_chosen_nor_has_choices(
    filled: ArticleStore, kind: Kind
) -> None:
    filled.choices.put("a", kind, wishes("b"), "one")
    filled.delete("b")
    with pytest.raises(UnknownArticle):
        filled.choices.put("x", kind, wishes("a"), "one")
    with pytest.raises(DeletedArticle):
        filled.choices.put("b", kind, wishes("a"), "one")
    with pytest.raises(InvalidChoices, match=rf"/{kind}/1/id: no article 'x'; push it first"):
        filled.choices.put("a", kind, wishes("c", "x"), "one")
    # It stood there before it was deleted, and may come back.
    assert filled.choices.put("a", kind, wishes("c", "b"), "one").result == "updated"


def test_many_are_looked_up_in_pieces(filled: ArticleStore) -> None:
    many = [f"m{n}" for n in range(500)]
    filled.put_many([Article(id=one, title="T") for one in many])
    assert filled.choices.put("a", "blocks", wishes(*many), "one").result == "updated"
    with pytest.raises(InvalidChoices, match="more than 500"):
        filled.choices.put("a", "blocks", wishes(*many, "b"), "one")
