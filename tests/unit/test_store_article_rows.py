"""The contract of every article store, run on each implementation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.errors import DeletedArticle, InvalidArticle, StaleVersion, UnknownArticle
from recommender.store import (
    ArticleStore,
    DeleteRequest,
    Receipt,
    StoredArticle,
    StoredPage,
    open_store,
)
from recommender.store.scan import ROWS_AT_ONCE
from recommender.store.schema import ROWS_PER_STATEMENT
from tests.support.properties import examples
from tests.support.stores import LogEntry, articles_of, ids_of, log_of, make_article

Open = Callable[..., ArticleStore]
FAR = 10**9


def test_a_new_store_is_empty_with_an_epoch(store: ArticleStore) -> None:
    state = store.state()
    assert state.change == 0
    assert int(state.epoch, 16) >= 0
    assert (ids_of(store), log_of(store)) == ([], [])


@pytest.mark.postgresql_daily
def test_each_write_says_what_it_did_and_the_log_holds_every_real_change(
    store: ArticleStore,
) -> None:
    assert store.put(make_article()) == Receipt("a", "created", 1)
    assert store.put(make_article()) == Receipt("a", "unchanged", 1)
    assert store.put(make_article("b")) == Receipt("b", "created", 2)
    assert store.put(make_article(title="U")) == Receipt("a", "updated", 3)
    assert store.put(make_article(title="U")) == Receipt("a", "unchanged", 3)
    assert store.delete("a") == Receipt("a", "deleted", 4)
    assert store.delete("a") == Receipt("a", "unchanged", 4)
    assert store.put(make_article(title="U")) == Receipt("a", "created", 5)
    assert log_of(store) == [
        LogEntry(1, "a", "upsert"),
        LogEntry(2, "b", "upsert"),
        LogEntry(3, "a", "upsert"),
        LogEntry(4, "a", "delete"),
        LogEntry(5, "a", "upsert"),
    ]
    assert store.state().change == 5


def test_an_article_is_fetched_as_given(store: ArticleStore) -> None:
    given = make_article(
        title="  Ёж 🙂 ",
        body="b" * 100_000,
        tags=["x", "y"],
        published_at="2026-03-01T09:30:00.5+05:00",
        status="draft",
        never_recommend=True,
        version=2**63 - 1,
    )
    store.put(given)
    assert store.get("a") == given


@pytest.fixture(scope="module")
def shared(shared_address: str) -> Iterator[ArticleStore]:
    """One store for all texts."""
    store = open_store(shared_address)
    yield store
    store.close()


@examples(40)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=99))
def test_any_text_without_nul_is_fetched_as_given(shared: ArticleStore, text: str) -> None:
    one = Article(id="a", title="T" + text, body=text)
    shared.put(one)
    assert shared.get("a") == one


def test_several_articles_are_fetched_without_deleted_and_unknown_ones(store: ArticleStore) -> None:
    first, gone, last = (make_article(name, body=f"Text of {name}.") for name in ("a", "b", "c"))
    changes = [store.put(one).change for one in (first, gone, last)]
    store.delete("b")
    found = store.get_many(
        ["c", "a", "b", "nobody", *(f"n{at}" for at in range(ROWS_PER_STATEMENT))]
    )
    assert found == {
        "a": StoredArticle(first, first.text_hash, None, changes[0]),
        "c": StoredArticle(last, last.text_hash, None, changes[2]),
    }
    assert store.get_many([]) == {}


def test_one_moment_written_in_two_ways_is_no_change(store: ArticleStore) -> None:
    store.put(make_article(published_at="2026-03-01T09:30:00+05:00"))
    assert store.put(make_article(published_at="2026-03-01T04:30:00Z")).result == "unchanged"


def test_an_unknown_article_is_neither_fetched_nor_deleted(store: ArticleStore) -> None:
    for ask in (store.get, store.delete):
        with pytest.raises(UnknownArticle, match="'nobody'"):
            ask("nobody")
    assert log_of(store) == []


def test_a_deleted_article_is_known_as_deleted_until_it_is_put_again(store: ArticleStore) -> None:
    store.put(make_article())
    store.delete("a")
    with pytest.raises(DeletedArticle, match="'a'"):
        store.get("a")
    assert ids_of(store) == []
    store.put(make_article(title="U"))
    assert store.get("a") == make_article(title="U")
    assert ids_of(store) == ["a"]


STALE = "version 4 is older than version 5"


@pytest.mark.parametrize(
    ("history", "version", "outcome"),
    [
        pytest.param(["put 5"], 4, STALE, id="an older version"),
        pytest.param(["put 5"], 5, "updated", id="an equal version"),
        pytest.param(["put 5"], 6, "updated", id="a newer version"),
        pytest.param(["put 5"], None, "updated", id="no version"),
        pytest.param(["put"], 0, "updated", id="a first version after none"),
        pytest.param(["put 5", "put"], 4, STALE, id="an older one after a put without"),
        pytest.param(["put 5", "put", "patch"], 4, STALE, id="an older one after a patch"),
        pytest.param(["put 5", "delete"], 4, STALE, id="an older one after a deletion"),
        pytest.param(["put 5", "delete"], 5, "created", id="an equal one after a deletion"),
    ],
)
def test_a_version_older_than_the_newest_put_is_refused(
    store: ArticleStore, history: list[str], version: int | None, outcome: str
) -> None:
    for step in history:
        match step.split():
            case ["put", number]:
                store.put(make_article(title=step, version=int(number)))
            case ["put"]:
                store.put(make_article(title=step))
            case ["patch"]:
                store.patch("a", {"title": step})
            case _:
                store.delete("a")
    before = (store.state(), articles_of(store))
    if outcome == STALE:
        with pytest.raises(StaleVersion, match=STALE):
            store.put(make_article(title="last", version=version))
        assert (store.state(), articles_of(store)) == before
    else:
        assert store.put(make_article(title="last", version=version)).result == outcome
        assert store.get("a") == make_article(title="last", version=version)


def test_the_same_article_of_the_same_version_is_unchanged(store: ArticleStore) -> None:
    store.put(make_article(version=5))
    assert store.put(make_article(version=5)) == Receipt("a", "unchanged", 1)


def test_a_write_that_fails_halfway_leaves_nothing(store: ArticleStore) -> None:
    def broken() -> Iterator[Article]:
        yield make_article("a")
        yield make_article("b")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        store.write_many(broken())
    assert (ids_of(store), log_of(store)) == ([], [])
    receipt = store.put(make_article("c"))
    assert log_of(store) == [LogEntry(receipt.change, "c", "upsert")]


def test_a_scan_reads_all_articles_by_ascending_id_over_many_pages(store: ArticleStore) -> None:
    ids = [f"{mark}{number * 7_919 % 1_000:03}" for number in range(260) for mark in "aZ.~_"]
    given = {article_id: make_article(article_id, title=f"T{article_id}") for article_id in ids}
    store.write_many(given.values())
    store.delete("a000")
    kept = sorted(given.keys() - {"a000"}, key=str.encode)
    assert len(kept) > 2 * ROWS_AT_ONCE
    with store.scan() as view:
        stored = list(view)
    assert [one.article for one in stored] == [given[article_id] for article_id in kept]
    assert {one.change for one in stored} == set(range(1, 1_301)) - {1 + ids.index("a000")}


@pytest.mark.parametrize("count", [ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
def test_no_article_is_lost_between_two_pages(store: ArticleStore, count: int) -> None:
    store.write_many(make_article(f"{number:04}") for number in range(count))
    assert ids_of(store) == [f"{number:04}" for number in range(count)]


def test_a_reader_sees_hash_and_change_of_each_article(store: ArticleStore) -> None:
    store.write_many([make_article("a"), make_article("b"), make_article("a", title="U")])
    with store.scan() as view:
        assert list(view) == [
            StoredArticle(
                make_article("a", title="U"), make_article("a", title="U").text_hash, None, 3
            ),
            StoredArticle(make_article("b"), make_article("b").text_hash, None, 2),
        ]


@pytest.mark.postgresql_daily
def test_a_reader_sees_the_moment_of_its_opening_while_another_connection_writes(
    store: ArticleStore, reopen: Open
) -> None:
    given = [make_article(f"a{number:04}") for number in range(ROWS_AT_ONCE + 100)]
    store.write_many(given)
    before = store.state()
    other = reopen()
    with store.scan() as view:
        other.put(make_article("a0000", title="changed"))
        entries = iter(view)
        first = next(entries).article
        other.put(make_article("a0001", title="changed"))
        other.delete("a0002")
        other.put(make_article("z"))
        rest = [stored.article for stored in entries]
        assert view.state == before
    assert [first, *rest] == given
    assert store.get("a0001").title == "changed"
    assert store.state().change == ROWS_AT_ONCE + 104


def test_a_store_opened_again_is_the_same_store_and_gives_no_number_again(
    store: ArticleStore, reopen: Open
) -> None:
    store.put(make_article())
    store.put(make_article("b"))
    store.delete("b")
    before = store.state()
    store.close()
    again = reopen()
    assert again.state() == before
    assert again.get("a") == make_article()
    assert again.put(make_article("b")).change == 4


def test_threads_and_stores_that_write_at_once_make_one_history(
    store: ArticleStore, reopen: Open
) -> None:
    """Each writes articles of its own and one that all write."""

    def write(writer: ArticleStore, mark: str) -> list[Receipt]:
        return [
            writer.put(make_article(article_id, title=f"{mark}{number}"))
            for number in range(15)
            for article_id in (f"{mark}{number:02}", "common")
        ]

    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(write, (store, store, reopen()), "xyz"))
    for receipts in done:
        assert [one.change for one in receipts] == sorted(one.change for one in receipts)
    history = sorted((one for receipts in done for one in receipts), key=lambda one: one.change)
    numbers = list(range(1, 91))
    assert [one.change for one in history] == [one.number for one in log_of(store)] == numbers
    common = [one for one in history if one.id == "common"]
    assert [one.result for one in common] == ["created"] + ["updated"] * 44
    (last,) = (mark for mark, receipts in zip("xyz", done, strict=True) if common[-1] in receipts)
    assert store.get("common").title == f"{last}14"
    own = [f"{mark}{number:02}" for mark in "xyz" for number in range(15)]
    assert ids_of(store) == ["common", *own]


# --- Patches, batches, pages ---


def test_a_patch_changes_what_it_names_and_is_one_change(store: ArticleStore) -> None:
    store.put(make_article(section="city", tags=["x"]))
    assert store.patch("a", {"title": "U", "tags": None}) == Receipt("a", "updated", 2)
    assert store.get("a") == make_article(title="U", section="city")
    assert store.patch("a", {"title": "U"}) == Receipt("a", "unchanged", 2)
    assert [change.number for change in log_of(store)] == [1, 2]


def test_a_patch_that_is_refused_changes_nothing(store: ArticleStore) -> None:
    store.put(make_article(version=5))
    with pytest.raises(InvalidArticle):
        store.patch("a", {"title": None})
    with pytest.raises(StaleVersion):
        store.patch("a", {"title": "U", "version": 4})
    assert store.get("a") == make_article(version=5)
    assert store.state().change == 1


def test_an_unknown_or_deleted_article_cannot_be_patched(store: ArticleStore) -> None:
    with pytest.raises(UnknownArticle):
        store.patch("a", {"title": "U"})
    store.put(make_article())
    store.delete("a")
    with pytest.raises(DeletedArticle):
        store.patch("a", {"title": "U"})


@pytest.mark.postgresql_daily
def test_a_batch_is_done_in_order_and_a_refusal_stops_no_other_write(
    store: ArticleStore,
) -> None:
    store.put(make_article("old", version=2))
    writes: list[Article | DeleteRequest] = [
        make_article("a"),
        DeleteRequest("a"),
        DeleteRequest("nobody"),
        make_article("old", version=1),
        DeleteRequest("a"),
        make_article("a"),
        make_article("a", title="U"),
    ]
    done = store.write_many(writes)
    assert [one for one in done if isinstance(one, Receipt)] == [
        Receipt("a", "created", 2),
        Receipt("a", "deleted", 3),
        Receipt("a", "unchanged", 3),
        Receipt("a", "created", 4),
        Receipt("a", "updated", 5),
    ]
    assert [type(one) for one in done if not isinstance(one, Receipt)] == [
        UnknownArticle,
        StaleVersion,
    ]
    assert store.get("a") == make_article("a", title="U")
    assert store.get("old") == make_article("old", version=2)
    assert store.write_many([]) == []


def test_pages_hold_all_articles_not_deleted_by_ascending_id(store: ArticleStore) -> None:
    """By their bytes: capitals before small letters, on every database."""
    ids = ["b", "B", "a", "_", "~", "0", "10", "9", "a-b", "a.b"]
    for name in [*ids, "gone"]:
        store.put(make_article(name))
    store.delete("gone")
    found: list[str] = []
    while True:
        page = store.page(found[-1] if found else "", 3, FAR)
        found += [one.id for one in page.articles]
        if not page.more:
            break
        assert len(page.articles) == 3
    assert found == sorted(ids)


def test_ids_are_found_by_their_prefix_in_byte_order(store: ArticleStore) -> None:
    ids = ["a:", "a:1", "a:10", "a:9", "a:~2F", "A:1", "a", "a;1".replace(";", "~"), "b:1", "a:_"]
    for name in [*ids, "a:gone"]:
        store.put(make_article(name))
    store.delete("a:gone")
    for prefix in ("", "a", "a:", "a:1", "c", "a:~"):
        expected = sorted(one for one in ids if one.startswith(prefix))
        assert store.ids(prefix, "", 99) == expected
        assert store.ids(prefix, "a:10", 2) == [one for one in expected if one > "a:10"][:2]


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_page_says_whether_more_follows(store: ArticleStore, limit: int, *, more: bool) -> None:
    store.write_many([make_article(name) for name in "abc"])
    page = store.page("", limit, FAR)
    assert page == StoredPage(tuple(make_article(name) for name in "abc"[:limit]), more)
    assert store.page("c", limit, FAR) == StoredPage((), more=False)


def test_a_page_ends_before_it_grows_too_long_but_has_an_article(store: ArticleStore) -> None:
    store.write_many([make_article(name, body="x" * 1_000) for name in "abcd"])
    each = len(make_article("a", body="x" * 1_000).to_json())
    assert [one.id for one in store.page("", 9, 2 * each).articles] == ["a", "b"]
    assert [one.id for one in store.page("b", 9, 2 * each - 1).articles] == ["c"]
    assert [one.id for one in store.page("", 9, 1).articles] == ["a"]
    assert store.page("c", 9, 1) == StoredPage((make_article("d", body="x" * 1_000),), more=False)


@pytest.mark.parametrize("strange", ["a\x00b", "\x00", "a b", "", "x" * 500, "☃"])
def test_an_id_that_no_article_can_have_is_unknown(store: ArticleStore, strange: str) -> None:
    with pytest.raises(UnknownArticle):
        store.get(strange)
    with pytest.raises(UnknownArticle):
        store.delete(strange)
    with pytest.raises(UnknownArticle):
        store.patch(strange, {"title": "A"})
