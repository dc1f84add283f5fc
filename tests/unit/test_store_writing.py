"""Patches, pages and mixed batches, asked of each store there is."""

import json

import pytest

from recommender.articles import Article, parse_article
from recommender.errors import DeletedArticle, InvalidArticle, StaleVersion, UnknownArticle
from recommender.store import ArticleStore, DeleteRequest, Receipt, StoredPage

FAR = 10**9


def article(article_id: str = "a", **fields: object) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


def test_a_patch_changes_what_it_names_and_is_one_change(store: ArticleStore) -> None:
    store.put(article(section="city", tags=["x"]))
    assert store.patch("a", {"title": "U", "tags": None}) == Receipt("a", "updated", 2)
    assert store.get("a") == article(title="U", section="city")
    assert store.patch("a", {"title": "U"}) == Receipt("a", "unchanged", 2)
    assert [change.number for change in store.changes_after(0)] == [1, 2]


def test_a_patch_that_is_refused_changes_nothing(store: ArticleStore) -> None:
    store.put(article(version=5))
    with pytest.raises(InvalidArticle):
        store.patch("a", {"title": None})
    with pytest.raises(StaleVersion):
        store.patch("a", {"title": "U", "version": 4})
    assert store.get("a") == article(version=5)
    assert store.state().change == 1


def test_a_patch_keeps_the_version_of_a_put_without_one(store: ArticleStore) -> None:
    store.put(article(version=5))
    store.put(article(title="U"))
    store.patch("a", {"title": "V"})
    with pytest.raises(StaleVersion):
        store.put(article(version=4))


def test_there_must_be_something_to_patch(store: ArticleStore) -> None:
    with pytest.raises(UnknownArticle):
        store.patch("a", {"title": "U"})
    store.put(article())
    store.delete("a")
    with pytest.raises(DeletedArticle):
        store.patch("a", {"title": "U"})


@pytest.mark.postgresql_daily
def test_a_batch_is_done_in_order_and_what_is_refused_holds_up_nothing(
    store: ArticleStore,
) -> None:
    store.put(article("old", version=2))
    writes: list[Article | DeleteRequest] = [
        article("a"),
        DeleteRequest("a"),
        DeleteRequest("nobody"),
        article("old", version=1),
        DeleteRequest("a"),
        article("a"),
    ]
    done = store.write_many(writes)
    assert [one for one in done if isinstance(one, Receipt)] == [
        Receipt("a", "created", 2),
        Receipt("a", "deleted", 3),
        Receipt("a", "unchanged", 3),
        Receipt("a", "created", 4),
    ]
    assert [type(one) for one in done if not isinstance(one, Receipt)] == [
        UnknownArticle,
        StaleVersion,
    ]
    assert store.get("a") == article("a")
    assert store.write_many([]) == []


def test_pages_hold_all_that_is_not_deleted_by_ascending_id(store: ArticleStore) -> None:
    """By their bytes: capitals before small letters, on every database."""
    ids = ["b", "B", "a", "_", "~", "0", "10", "9", "a-b", "a.b"]
    for name in [*ids, "gone"]:
        store.put(article(name))
    store.delete("gone")
    found: list[str] = []
    while True:
        page = store.page(found[-1] if found else "", 3, FAR)
        found += [one.id for one in page.articles]
        if not page.more:
            break
        assert len(page.articles) == 3
    assert found == sorted(ids)


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_page_tells_whether_more_follows(store: ArticleStore, limit: int, *, more: bool) -> None:
    store.write_many([article(name) for name in "abc"])
    page = store.page("", limit, FAR)
    assert page == StoredPage(tuple(article(name) for name in "abc"[:limit]), more)
    assert store.page("c", limit, FAR) == StoredPage((), more=False)


def test_a_page_ends_before_it_grows_too_long_but_has_an_article(store: ArticleStore) -> None:
    store.write_many([article(name, body="x" * 1_000) for name in "abcd"])
    each = len(article("a", body="x" * 1_000).to_json())
    assert [one.id for one in store.page("", 9, 2 * each).articles] == ["a", "b"]
    assert [one.id for one in store.page("b", 9, 2 * each - 1).articles] == ["c"]
    assert [one.id for one in store.page("", 9, 1).articles] == ["a"]
    assert store.page("c", 9, 1) == StoredPage((article("d", body="x" * 1_000),), more=False)


@pytest.mark.parametrize("strange", ["a\x00b", "\x00", "a b", "", "x" * 500, "☃"])
def test_an_id_that_no_article_can_have_is_unknown(store: ArticleStore, strange: str) -> None:
    with pytest.raises(UnknownArticle):
        store.get(strange)
    with pytest.raises(UnknownArticle):
        store.delete(strange)
    with pytest.raises(UnknownArticle):
        store.patch(strange, {"title": "A"})
