"""Following: every change shows, a new generation loses none, and no history is half applied."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from index import Catalog, Snapshot
from recommender.analysis.embedding import Model
from recommender.articles import parse_article
from recommender.display_fields import DisplayFields
from recommender.errors import NotReady
from recommender.indexing.compaction import compact
from recommender.indexing.rebuild import Rebuilt
from recommender.indexing.snapshots import open_generation
from recommender.live import Heartbeats, Journal
from recommender.live.replica import OpenedReplica, Replica
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import Seed, find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, CatalogNeeds, open_store
from tests.support.workers import SEED, StartWorker, Worker, copy_database, pin

FUTURE = "2026-10-21T12:00:00Z"
SOME, OTHER = Policy(threshold=0.2), Policy(diversity=0.5)

Document = dict[str, Any]
Documents = dict[str, Document]
Rebuild = Callable[..., Rebuilt]
Index = Callable[..., int]
Story = Callable[..., Document]


def put(store: ArticleStore, document: Document, **fields: object) -> None:
    store.put(parse_article(json.dumps(document | fields)))


def put_plain(store: ArticleStore, *ids: str) -> None:
    for article_id in ids:
        put(store, {"id": article_id, "title": f"About {article_id}"})


def seed_of(worker: Worker, article_id: str) -> Seed:
    """An article as a seed, in the current view."""
    return find_seed(worker.follower.current().view, article_id)


def damage(settings: Settings, generation: str, file: str = "display.bin") -> None:
    path = settings.data.snapshots / generation / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


# --- changes ---


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withheld"},
        {"embargoed_until": FUTURE},
        {"published_at": FUTURE},
        {"expires_at": "2026-10-20T11:59:59Z"},
        {"never_recommend": True},
        pytest.param(None, id="deleted"),
    ],
    ids=str,
)
def test_a_withdrawn_article_leaves_the_lists_without_the_indexer(
    worker: Worker, desk_store: ArticleStore, desk_documents: Documents, fields: Document | None
) -> None:
    before = worker.listed()
    assert "harbour-4" in before
    if fields is None:
        desk_store.delete("harbour-4")
    else:
        put(desk_store, desk_documents["harbour-4"], **fields)
    assert worker.listed_still() == before
    assert worker.listed() == [name for name in before if name != "harbour-4"]
    live = worker.follower.current()
    assert live.change == desk_store.state().change
    assert (live.view.row_of("harbour-4") is None) == (fields is None)
    if fields is not None:  # a deleted one has to be read again first
        put(desk_store, desk_documents["harbour-4"])
        assert worker.listed() == before


def test_an_unread_article_is_a_seed_but_in_no_list(
    worker: Worker,
    desk_store: ArticleStore,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    put(desk_store, make_story("fresh", section="city"))
    assert "fresh" not in worker.listed()
    assert len(worker.listed("fresh")) > 5
    seed = seed_of(worker, "fresh")
    assert (seed.up_to_date, seed.section, seed.vector) == (False, "city", None)
    assert index_with_fake(own_desk) == 1
    assert "fresh" in worker.listed()
    assert seed_of(worker, "fresh").up_to_date


def test_a_new_headline_shows_at_once_over_the_text_read_before(
    worker: Worker,
    desk_store: ArticleStore,
    own_desk: Settings,
    desk_documents: Documents,
    index_with_fake: Index,
) -> None:
    place = worker.listed().index("harbour-4")
    before = seed_of(worker, "harbour-4")
    put(desk_store, desk_documents["harbour-4"], title="Rewritten")
    assert worker.listed().index("harbour-4") == place
    view = worker.follower.current().view
    row = view.row_of("harbour-4")
    assert row is not None
    assert DisplayFields.from_bytes(view.display_of(row)).title == "Rewritten"
    now = seed_of(worker, "harbour-4")
    assert before.vector is not None
    assert now.vector is not None
    np.testing.assert_allclose(now.vector, before.vector, atol=1e-3)
    assert (before.up_to_date, now.up_to_date) == (True, False)
    index_with_fake(own_desk)
    assert "harbour-4" in worker.listed()
    assert seed_of(worker, "harbour-4").up_to_date


def test_a_long_log_is_read_whole_page_by_page(
    worker: Worker, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that stands behind several pages leaves no article out."""
    monkeypatch.setattr("recommender.live.replica.ARTICLES_PER_PAGE", 3)
    before = worker.shown()
    put_plain(desk_store, "a", "b", "c", "d", "e", "f", "g", "h")
    desk_store.delete("d")
    change = desk_store.policies.set(SOME).change
    live = worker.look()
    assert (live.active_policy.policy, live.change) == (SOME, change)
    put_plain(desk_store, "i")
    assert worker.look().change == change + 1
    assert worker.shown() == before | {"a", "b", "c", "e", "f", "g", "h", "i"}


def test_a_worker_holds_only_so_many_unread_articles(
    worker: Worker, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.replica.MOST_UNREAD", 3)
    before = worker.shown()
    put_plain(desk_store, "a", "b", "c", "d", "e")
    worker.look()
    assert worker.shown() == before | {"a", "b", "c"}


def test_articles_that_were_read_make_room_for_others_that_were_not(
    worker: Worker,
    desk_store: ArticleStore,
    own_desk: Settings,
    index_with_fake: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.live.replica.MOST_UNREAD", 3)
    before = worker.shown()
    put_plain(desk_store, "a", "b", "c")
    worker.look()
    index_with_fake(own_desk)
    worker.look()
    put_plain(desk_store, "d", "e")
    worker.look()
    assert worker.shown() == before | {"a", "b", "c", "d", "e"}


def test_while_nothing_changes_a_worker_asks_no_query_and_reads_no_pointer(
    worker: Worker, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries ten times a second would cost each worker two percent of a core."""
    worker.look()
    queries: list[str] = []
    sa.event.listen(
        worker.late().engine, "before_cursor_execute", lambda *context: queries.append(context[2])
    )
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "live", lambda _: pytest.fail("the pointer was read"))
        for _ in range(5):
            seen_at = worker.follower.current().seen_at
            assert worker.look().seen_at > seen_at
    assert queries == []
    desk_store.delete("harbour-4")
    assert "harbour-4" not in worker.listed()
    assert queries != []


def test_a_thread_follows_until_it_is_stopped(own_desk: Settings, fake_model: Model) -> None:
    worker = Worker(own_desk, fake_model)
    worker.follower.start()
    worker.late().delete("harbour-4")
    change = worker.late().policies.set(SOME).change
    for _ in range(200):
        if worker.follower.current().change == change:
            break
        worker.follower.await_refresh(0.1)
    assert "harbour-4" not in worker.listed_still()
    assert worker.follower.current().active_policy.policy == SOME
    worker.stop()
    assert Heartbeats(own_desk.data.heartbeats).read() == []


def test_the_heartbeat_says_up_to_which_change_a_worker_shows(
    worker: Worker, start_worker: StartWorker, desk_store: ArticleStore, own_desk: Settings
) -> None:
    start = worker.follower.current().change
    second = start_worker()
    desk_store.delete("harbour-4")
    worker.look()
    heartbeats = Heartbeats(own_desk.data.heartbeats)
    assert sorted(heartbeats.read()) == [start, start + 1]
    second.look()
    assert heartbeats.read() == [start + 1] * 2


def test_a_change_that_is_committed_while_the_log_is_read_shows_at_the_next_look(
    worker: Worker, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written after it that would make the worker look again."""
    follow = Replica.follow

    def follow_and_delete(replica: Replica, store: ArticleStore) -> object:
        answer = follow(replica, store)
        monkeypatch.undo()
        store.delete("harbour-5")
        return answer

    monkeypatch.setattr(Replica, "follow", follow_and_delete)
    desk_store.delete("harbour-4")
    assert "harbour-5" in worker.listed()
    assert {"harbour-4", "harbour-5"}.isdisjoint(worker.listed())


# --- generations ---


@pytest.mark.parametrize("fate", ["served", "damaged", "rolled back"])
def test_every_generation_gets_all_changes_since_its_build(
    worker: Worker,
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    fate: str,
) -> None:
    """The newer one, or the older one where the newer one is damaged or rolled back."""
    older = worker.generation
    desk_store.delete("harbour-3")
    desk_store.policies.set(SOME)
    newer = rebuild_with_fake(own_desk).generation
    if fate == "damaged":
        damage(own_desk, newer)
    worker.look()
    assert worker.generation == (older if fate == "damaged" else newer)
    desk_store.delete("harbour-4")
    desk_store.policies.set(OTHER)
    if fate == "rolled back":
        catalog = Catalog(own_desk.data.snapshots)
        catalog.flip(catalog.open(older))
    for each in (worker, start_worker()):
        listed = each.listed()
        assert each.generation == (newer if fate == "served" else older)
        assert not {"harbour-3", "harbour-4"} & set(listed)
        assert "harbour-5" in listed
        assert each.policy() == (2, OTHER)


def test_a_generation_opened_before_a_change_does_not_hide_the_change(
    worker: Worker,
    desk_store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opening takes seconds and a thread of its own; here the test ends it when it likes."""
    newer = rebuild_with_fake(own_desk).generation
    opened = worker.follower._open()  # noqa: SLF001 - in its own thread nobody could say when
    opening = Future[OpenedReplica]()
    worker.follower._opening = opening  # noqa: SLF001 - as above
    desk_store.delete("harbour-4")
    shown, write = list[int](), Heartbeats.write

    def note(heartbeats: Heartbeats, change: int) -> None:
        shown.append(change)
        write(heartbeats, change)

    monkeypatch.setattr(Heartbeats, "write", note)
    worker.look()
    opening.set_result(opened)
    worker.look()
    assert worker.generation == newer
    assert shown[-1] == desk_store.state().change
    assert shown == sorted(shown)


def test_without_a_snapshot_the_changes_alone_serve(
    start_worker: StartWorker, bare: Settings, make_story: Story, index_with_fake: Index
) -> None:
    with closing(open_store(bare.database_url)) as store:
        for number in range(4):
            put(store, make_story(f"h-{number}"))
        index_with_fake(bare)
        worker = start_worker(bare)
        assert sorted(worker.listed("h-0")) == ["h-1", "h-2", "h-3"]
        store.delete("h-1")
        assert sorted(worker.listed("h-0")) == ["h-2", "h-3"]


def test_an_article_that_waits_since_before_the_snapshot_is_a_seed(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
) -> None:
    """A rebuild leaves out what it could not read."""
    put(desk_store, {"id": "marked", "title": "Marked", "body_html": "<poison>"})
    built = rebuild_with_fake(own_desk)
    assert built.unread == 1
    late = start_worker()
    assert late.generation == built.generation
    assert not seed_of(late, "marked").up_to_date
    assert "marked" not in late.listed()


@pytest.mark.long
def test_settings_made_before_a_generation_stay_active_with_it_and_its_journal(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    rebuild_with_fake: Rebuild,
    own_desk: Settings,
) -> None:
    desk_store.policies.set(SOME)
    pin(desk_store, "harbour-4")
    pin(desk_store, "harbour-5", seed="harbour-3")
    rebuild_with_fake(own_desk)
    first = start_worker()
    want = first.policy(), first.pins(), first.pins("harbour-3")
    assert want == ((1, SOME), ["harbour-4"], ["harbour-5"])
    first.stop()
    late = start_worker(away=True)
    assert (late.policy(), late.pins(), late.pins("harbour-3")) == want


# --- other stores ---


@pytest.fixture
def foreign(bare: Settings, make_story: Story, index_with_fake: Index) -> Path:
    """The store of another newsroom, with more changes than the desk's."""
    with closing(open_store(bare.database_url)) as store:
        for number in range(60):
            put(store, make_story(f"foreign-{number:02}"))
    index_with_fake(bare)
    return bare.data_dir / "read-also.db"


@pytest.mark.long
def test_a_foreign_store_is_noticed_and_never_half_applied(
    worker: Worker, start_worker: StartWorker, own_desk: Settings, foreign: Path
) -> None:
    before = worker.follower.current()
    copy_database(foreign, own_desk.data_dir / "read-also.db")
    worker.look()
    assert before.view.row_of(SEED) is not None
    for each in (worker, start_worker()):
        assert each.shown() == {f"foreign-{number:02}" for number in range(60)}
        assert set(each.listed("foreign-00")) == each.shown() - {"foreign-00"}
        assert each.generation != Catalog(own_desk.data.snapshots).live()


def test_a_store_put_back_from_a_copy_is_noticed_and_its_state_shown(
    worker: Worker, desk_store: ArticleStore, own_desk: Settings, tmp_path: Path, make_story: Story
) -> None:
    """Later writes then get change numbers that other changes had before."""
    database = own_desk.data_dir / "read-also.db"
    desk_store.policies.set(SOME)
    desk_store.delete("harbour-3")
    copy_database(database, tmp_path / "aside.db")
    desk_store.delete("harbour-4")
    put(desk_store, make_story("lost"))
    desk_store.policies.set(OTHER)
    assert worker.policy() == (2, OTHER)
    assert "lost" in worker.shown()
    assert "harbour-4" not in worker.shown()
    copy_database(tmp_path / "aside.db", database)
    with closing(open_store(own_desk.database_url)) as again:
        for name in ("harbour-5", "harbour-6", "harbour-7"):
            again.delete(name)
        with again.scan() as view:
            stored = {one.article.id for one in view}
    assert worker.policy() == (1, SOME)
    assert worker.shown() == stored
    listed = worker.listed()
    assert "harbour-4" in listed
    assert not {"lost", "harbour-3", "harbour-5", "harbour-6", "harbour-7"} & set(listed)


def test_a_generation_newer_than_a_store_put_back_is_not_served(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    tmp_path: Path,
    rebuild_with_fake: Rebuild,
) -> None:
    first, database = Catalog(own_desk.data.snapshots).live(), own_desk.data_dir / "read-also.db"
    copy_database(database, tmp_path / "aside.db")
    desk_store.delete("harbour-4")
    rebuild_with_fake(own_desk)
    copy_database(tmp_path / "aside.db", database)
    late = start_worker()
    assert late.generation == first
    assert "harbour-4" in late.listed()


# --- while the store is away ---


def test_while_the_store_is_away_reads_go_on_and_then_catch_up(
    worker: Worker, desk_store: ArticleStore
) -> None:
    desk_store.policies.set(SOME)
    before, seen = worker.state(), worker.follower.current()
    worker.away = True
    desk_store.delete("harbour-4")
    desk_store.policies.set(OTHER)
    assert worker.state() == before
    live = worker.follower.current()
    assert live.store_fault == "the database is away"
    assert (live.change, live.seen_at) == (seen.change, seen.seen_at)
    worker.away = False
    assert "harbour-4" not in worker.listed()
    assert worker.policy() == (2, OTHER)
    assert worker.follower.current().store_fault is None


def test_a_worker_that_starts_while_the_store_is_away_uses_the_journal(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    first = start_worker()
    desk_store.policies.set(OTHER)
    pin(desk_store, "harbour-5")
    first.look()
    desk_store.delete("harbour-4")
    put(desk_store, make_story("fresh"))
    index_with_fake(own_desk)
    put(desk_store, make_story("unread"))
    desk_store.policies.set(SOME)
    pin(desk_store, "harbour-6", "harbour-5")
    want, change = first.state(), first.look().change
    first.stop()
    late = start_worker(away=True)
    live = late.follower.current()
    assert live.store_fault == "the database is away"
    assert live.change == change == desk_store.state().change
    assert late.state() == want
    listed, policy, pins = want
    assert "fresh" in listed
    assert "harbour-4" not in listed
    assert (policy, pins) == ((2, SOME), ["harbour-6", "harbour-5"])
    assert not seed_of(late, "unread").up_to_date
    late.away = False
    desk_store.delete("harbour-5")
    desk_store.policies.set(OTHER)
    pin(desk_store)
    assert late.state() == ([name for name in listed if name != "harbour-5"], (3, OTHER), [])
    assert late.follower.current().store_fault is None


def test_another_worker_writes_the_journal_when_its_writer_stops(
    start_worker: StartWorker, desk_store: ArticleStore
) -> None:
    first, second = start_worker(), start_worker()
    desk_store.delete("harbour-3")
    for each in (first, second):
        each.look()
    first.stop()
    desk_store.delete("harbour-4")
    desk_store.policies.set(SOME)
    want = second.state()
    second.stop()
    assert start_worker(away=True).state() == want
    assert not {"harbour-3", "harbour-4"} & set(want[0])


@pytest.mark.parametrize("calls", [["append"], ["append", "restart"]], ids=", ".join)
def test_a_worker_follows_without_a_writable_journal_and_completes_it_later(
    worker: Worker,
    start_worker: StartWorker,
    desk_store: ArticleStore,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[str],
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        for call in calls:
            patch.setattr(Journal, call, fail)
        for name in ("harbour-3", "harbour-4"):
            desk_store.delete(name)
            assert name not in worker.listed()
    desk_store.delete("harbour-5")
    want = worker.listed()
    assert not {"harbour-3", "harbour-4", "harbour-5"} & set(want)
    worker.stop()
    assert start_worker(away=True).listed() == want


@pytest.mark.long
def test_a_journal_of_another_store_is_not_used(
    start_worker: StartWorker, own_desk: Settings, foreign: Path
) -> None:
    start_worker().stop()
    copy_database(foreign, own_desk.data_dir / "read-also.db")
    start_worker().stop()
    late = start_worker(away=True)
    with pytest.raises(NotReady):
        late.follower.current()


@pytest.mark.parametrize(
    ("has_journal", "is_damaged"), [(False, False), (True, False), (True, True)]
)
def test_a_journal_that_ends_before_a_generation_was_built_is_not_used(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_journal: bool,
    is_damaged: bool,
) -> None:
    """Otherwise an article withdrawn while no worker ran would be listed again.

    Each generation is verified once, and not ten times a second as long as the store is away.
    """
    if has_journal:
        start_worker().stop()
    desk_store.delete("harbour-4")
    generation = rebuild_with_fake(own_desk).generation
    if is_damaged:
        damage(own_desk, generation, "manifest.json")
    opened: list[str] = []

    def note(catalog: Catalog, name: str) -> Snapshot:
        opened.append(name)
        return open_generation(catalog, name)

    monkeypatch.setattr("recommender.live.replica.open_generation", note)
    late = start_worker(away=True)
    for _ in range(5):
        late.follower.refresh()
    assert sorted(opened) == Catalog(own_desk.data.snapshots).generations()
    with pytest.raises(NotReady):
        late.follower.current()
    late.away = False
    listed = late.listed()
    assert "harbour-4" not in listed
    assert "harbour-5" in listed


@pytest.mark.parametrize("is_served", [True, False], ids=["served", "not served yet"])
def test_a_journal_that_reaches_the_newest_generation_is_used(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    *,
    is_served: bool,
) -> None:
    first = start_worker()
    desk_store.delete("harbour-4")
    before = first.listed()
    rebuild_with_fake(own_desk)
    if is_served:
        desk_store.delete("harbour-5")
        before = first.listed()
    shown = first.follower.current().change
    first.stop()
    late = start_worker(away=True)
    assert late.follower.current().change == shown
    assert late.listed_still() == before
    assert "harbour-4" not in before


@pytest.mark.long
@pytest.mark.usefixtures("foreign")
def test_a_generation_of_another_store_does_not_prevent_use_of_the_journal(
    start_worker: StartWorker,
    desk_store: ArticleStore,
    bare: Settings,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
) -> None:
    generation = rebuild_with_fake(bare).generation
    first = start_worker()
    desk_store.delete("harbour-4")
    before = first.listed()
    first.stop()
    shutil.copytree(bare.data.snapshots / generation, own_desk.data.snapshots / generation)
    assert start_worker(away=True).listed_still() == before


# --- what the worker reports to the store ---


def test_a_worker_reports_to_the_store_which_changes_its_machine_needs(
    worker: Worker, desk_store: ArticleStore
) -> None:
    oldest = worker.follower.current().view.snapshot.manifest.change
    worker.look()
    both = desk_store.catalogs.report("another", CatalogNeeds(oldest + 1, frozenset()))
    assert both.oldest_change == oldest


def test_a_report_that_fails_is_logged_once_and_tried_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = list[Catalog]()

    def fail(_store: ArticleStore, catalog: Catalog) -> None:
        tried.append(catalog)
        if len(tried) < 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("recommender.live.follower.touch_catalog", fail)
    monkeypatch.setattr("recommender.live.follower.REPORT_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(worker.follower, "_report_at", 0.0)
    for _ in range(5):
        worker.follower.refresh()
    assert len(tried) == 3
    what = "the store does not know which changes this machine needs"
    assert caplog.messages == [
        f"{what}: [Errno 28] No space left on device",
        f"over, after 2 times: {what}",
    ]
    assert worker.follower.current().store_fault is None


# --- a vector that holds no numbers ---


@pytest.mark.long
def test_a_vector_of_nan_stops_neither_following_nor_compaction(
    worker: Worker,
    desk_store: ArticleStore,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
    fake_model: Model,
) -> None:
    for name in ("before", "spoilt", "after"):
        put(desk_store, make_story(name, section="city"))
    index_with_fake(own_desk)
    key = desk_store.text_hashes(["spoilt"])["spoilt"]
    (kept,) = desk_store.features.embeddings([key], "fake-1").values()
    numberless = replace(kept, vector=np.full_like(kept.vector, np.nan))
    desk_store.features.add_embeddings({key: numberless}, "fake-1")
    desk_store.delete("harbour-4")
    listed = worker.listed()
    assert worker.follower.current().change == desk_store.state().change
    assert {"before", "spoilt", "after"} <= worker.shown()
    assert "harbour-4" not in listed
    assert "harbour-5" in worker.listed("spoilt")
    done = compact(desk_store, Catalog(own_desk.data.snapshots), fake_model)
    assert set(worker.listed()) == set(listed)
    assert worker.generation == done.generation
    seed = seed_of(worker, "spoilt")
    assert (seed.up_to_date, seed.embedded) == (True, False)
