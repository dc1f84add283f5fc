"""Following: every change shows, a new generation loses none, and no history is half applied."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3
import pytest
import sqlalchemy as sa

from index import Catalog, Snapshot
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.errors import NotReady
from recommender.indexing.rebuild import Rebuilt, compact
from recommender.indexing.snapshots import open_generation
from recommender.live import Heartbeats, Journal
from recommender.ranking.display_fields import DisplayFields
from recommender.ranking.seed import find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, CatalogNeeds, open_store
from tests.support.workers import SEED, Hire, Worker

FUTURE = "2026-10-21T12:00:00Z"

Document = dict[str, Any]
Documents = dict[str, Document]
Rebuild = Callable[..., Rebuilt]
Index = Callable[..., int]
Story = Callable[..., Document]


@pytest.fixture
def worker(hire: Hire) -> Worker:
    return hire()


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    opened = open_store(own_desk.database_url)
    yield opened
    opened.close()


def put(store: ArticleStore, document: Document, **fields: object) -> None:
    store.put(Article.model_validate_json(as_json(document | fields)))


def title_of(worker: Worker, article_id: str) -> str:
    view = worker.follower.current().view
    row = view.row_of(article_id)
    assert row is not None
    return DisplayFields.from_bytes(view.display_of(row)).title


def as_json(document: Document) -> str:
    return Article.model_validate(document | {"tags": tuple(document.get("tags", ()))}).to_json()


def damage(settings: Settings, generation: str) -> None:
    path = settings.data.snapshots / generation / "display.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def copy_aside(settings: Settings, path: Path) -> None:
    """As an operator does it, by SQLite's own backup."""
    replace_content(settings.data_dir / "read-also.db", path)


def replace_content(source: Path, target: Path) -> None:
    with (
        closing(pysqlite3.connect(str(source))) as one,
        closing(pysqlite3.connect(str(target))) as two,
    ):
        one.backup(two)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withheld"},
        {"embargoed_until": FUTURE},
        {"published_at": FUTURE},
        {"expires_at": "2026-10-20T11:59:59Z"},
        {"never_recommend": True},
    ],
    ids=str,
)
def test_what_takes_an_article_out_shows_without_the_indexer(
    worker: Worker, store: ArticleStore, desk_documents: Documents, fields: Document
) -> None:
    before = worker.listed()
    assert "harbour-4" in before
    put(store, desk_documents["harbour-4"], **fields)
    assert worker.listed_still() == before
    assert worker.listed() == [name for name in before if name != "harbour-4"]
    put(store, desk_documents["harbour-4"])
    assert worker.listed() == before


def test_a_deletion_shows_without_the_indexer(worker: Worker, store: ArticleStore) -> None:
    before = worker.listed()
    store.delete("harbour-4")
    assert worker.listed() == [name for name in before if name != "harbour-4"]
    assert worker.follower.current().view.row_of("harbour-4") is None
    assert worker.follower.current().change == store.state().change


def test_a_draft_whose_text_is_known_is_listed_once_it_is_published(
    worker: Worker, store: ArticleStore, desk_documents: Documents
) -> None:
    assert "harbour-draft" not in worker.listed()
    put(store, desk_documents["harbour-draft"], status="published")
    assert "harbour-draft" in worker.listed()


def test_an_article_that_was_not_read_is_a_seed_but_in_no_list(
    worker: Worker,
    store: ArticleStore,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    put(store, make_story("fresh", section="city"))
    assert "fresh" not in worker.listed()
    assert len(worker.listed("fresh")) > 5
    view = worker.follower.current().view
    seed = find_seed(view, "fresh")
    assert (seed.up_to_date, seed.section, seed.vector) == (False, "city", None)
    assert index_with_fake(own_desk) == 1
    assert "fresh" in worker.listed()
    assert find_seed(worker.follower.current().view, "fresh").up_to_date


def test_a_new_headline_shows_at_once_over_the_text_read_before(
    worker: Worker,
    store: ArticleStore,
    own_desk: Settings,
    desk_documents: Documents,
    index_with_fake: Index,
) -> None:
    place = worker.listed().index("harbour-4")
    before = find_seed(worker.follower.current().view, "harbour-4")
    put(store, desk_documents["harbour-4"], title="Rewritten")
    assert worker.listed().index("harbour-4") == place
    assert title_of(worker, "harbour-4") == "Rewritten"
    now = find_seed(worker.follower.current().view, "harbour-4")
    assert before.vector is not None
    assert now.vector is not None
    np.testing.assert_allclose(now.vector, before.vector, atol=1e-3)
    assert (before.up_to_date, now.up_to_date) == (True, False)
    index_with_fake(own_desk)
    assert "harbour-4" in worker.listed()
    assert find_seed(worker.follower.current().view, "harbour-4").up_to_date


def test_changes_over_a_snapshot_list_whom_a_rebuild_lists(
    worker: Worker,
    store: ArticleStore,
    own_desk: Settings,
    desk_documents: Documents,
    make_story: Story,
    index_with_fake: Index,
    rebuild_with_fake: Rebuild,
) -> None:
    for number in range(20):
        put(store, make_story(f"new-{number:02}", section="city"))
    for number in range(3, 6):
        store.delete(f"harbour-{number}")
        put(store, desk_documents[f"harbour-{number + 3}"], section="moved", status="withheld")
    store.delete("new-07")
    index_with_fake(own_desk)
    seeds = [SEED, "new-03", "orchard-1", "harbour-ru", "harbour-undated"]
    over = {seed: set(worker.listed(seed)) for seed in seeds}
    first = worker.generation
    built = rebuild_with_fake(own_desk)
    assert {seed: set(worker.listed(seed)) for seed in seeds} == over
    assert worker.generation == built.generation != first
    assert {f"new-{number:02}" for number in range(20) if number != 7} <= over[SEED]


def test_a_view_that_was_handed_out_stays_as_it_was(worker: Worker, store: ArticleStore) -> None:
    live = worker.follower.current()
    rows, present = len(live.view), int(live.view.present.sum())
    store.delete("harbour-4")
    put(store, {"id": "fresh", "title": "Fresh"})
    worker.follower.refresh()
    assert (len(live.view), int(live.view.present.sum())) == (rows, present)
    assert live.view.row_of("harbour-4") is not None
    assert live.view.row_of("fresh") is None
    assert worker.follower.current().change == live.change + 2


def test_a_new_generation_keeps_what_came_after_it(
    worker: Worker, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    first = worker.generation
    store.delete("harbour-3")
    worker.follower.refresh()
    built = rebuild_with_fake(own_desk)
    store.delete("harbour-4")
    listed = worker.listed()
    assert worker.generation == built.generation != first
    assert not {"harbour-3", "harbour-4"} & set(listed)
    assert "harbour-5" in listed


def test_beside_a_damaged_generation_the_older_one_serves_with_all_changes(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    first = Catalog(own_desk.data.snapshots).live()
    store.delete("harbour-3")
    damage(own_desk, rebuild_with_fake(own_desk).generation)
    store.delete("harbour-4")
    late = hire(own_desk)
    assert late.generation == first
    listed = late.listed()
    assert not {"harbour-3", "harbour-4"} & set(listed)
    assert "harbour-5" in listed


def test_an_older_generation_gets_all_changes_when_it_is_rolled_back_to(
    worker: Worker, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    first = worker.generation
    store.delete("harbour-3")
    second = rebuild_with_fake(own_desk).generation
    worker.follower.refresh()
    assert worker.generation == second
    store.delete("harbour-4")
    Catalog(own_desk.data.snapshots).flip(first)
    listed = worker.listed()
    assert worker.generation == first
    assert not {"harbour-3", "harbour-4"} & set(listed)
    assert "harbour-5" in listed


def test_without_a_snapshot_the_changes_alone_serve(
    hire: Hire, bare: Settings, make_story: Story, index_with_fake: Index
) -> None:
    store = open_store(bare.database_url)
    for number in range(4):
        put(store, make_story(f"h-{number}"))
    index_with_fake(bare)
    worker = hire(bare)
    assert sorted(worker.listed("h-0")) == ["h-1", "h-2", "h-3"]
    store.delete("h-1")
    assert sorted(worker.listed("h-0")) == ["h-2", "h-3"]
    store.close()


def other_archive(settings: Settings, make_story: Story, index_with_fake: Index) -> Path:
    """The store of another newsroom, with more changes than the desk's."""
    store = open_store(settings.database_url)
    for number in range(60):
        put(store, make_story(f"foreign-{number:02}"))
    store.close()
    index_with_fake(settings)
    return settings.data_dir / "read-also.db"


def test_a_foreign_store_is_noticed_and_never_half_applied(
    worker: Worker, bare: Settings, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> None:
    foreign = other_archive(bare, make_story, index_with_fake)
    before = worker.follower.current()
    replace_content(foreign, own_desk.data_dir / "read-also.db")
    worker.follower.refresh()
    assert before.view.row_of(SEED) is not None
    assert worker.shown() == {f"foreign-{number:02}" for number in range(60)}
    assert set(worker.listed("foreign-00")) == worker.shown() - {"foreign-00"}


def test_a_generation_of_a_foreign_store_is_not_served(
    hire: Hire, bare: Settings, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> None:
    replace_content(
        other_archive(bare, make_story, index_with_fake), own_desk.data_dir / "read-also.db"
    )
    late = hire(own_desk)
    assert late.shown() == {f"foreign-{number:02}" for number in range(60)}
    assert late.generation != Catalog(own_desk.data.snapshots).live()


def test_a_store_put_back_from_a_copy_is_noticed_and_its_state_shown(
    worker: Worker, store: ArticleStore, own_desk: Settings, tmp_path: Path, make_story: Story
) -> None:
    """And what is written then takes numbers that stood for other changes before."""
    store.delete("harbour-3")
    copy_aside(own_desk, tmp_path / "aside.db")
    store.delete("harbour-4")
    put(store, make_story("lost"))
    worker.follower.refresh()
    assert "lost" in worker.shown()
    assert "harbour-4" not in worker.shown()
    replace_content(tmp_path / "aside.db", own_desk.data_dir / "read-also.db")
    again = open_store(own_desk.database_url)
    for name in ("harbour-5", "harbour-6", "harbour-7"):
        again.delete(name)
    with again.scan() as view:
        stored = {one.article.id for one in view}
    again.close()
    worker.follower.refresh()
    assert worker.shown() == stored
    listed = worker.listed()
    assert "harbour-4" in listed
    assert not {"lost", "harbour-3", "harbour-5", "harbour-6", "harbour-7"} & set(listed)


def test_a_generation_newer_than_a_store_put_back_is_not_served(
    hire: Hire,
    store: ArticleStore,
    own_desk: Settings,
    tmp_path: Path,
    rebuild_with_fake: Rebuild,
) -> None:
    first = Catalog(own_desk.data.snapshots).live()
    copy_aside(own_desk, tmp_path / "aside.db")
    store.delete("harbour-4")
    rebuild_with_fake(own_desk)
    replace_content(tmp_path / "aside.db", own_desk.data_dir / "read-also.db")
    late = hire(own_desk)
    assert late.generation == first
    assert "harbour-4" in late.listed()


def test_while_the_store_is_away_reads_go_on_and_then_catch_up(
    worker: Worker, store: ArticleStore
) -> None:
    before, seen = worker.listed(), worker.follower.current()
    worker.away = True
    store.delete("harbour-4")
    for _ in range(2):
        assert worker.listed() == before
    live = worker.follower.current()
    assert live.store_fault == "the database is away"
    assert (live.change, live.seen_at) == (seen.change, seen.seen_at)
    worker.away = False
    assert "harbour-4" not in worker.listed()
    assert worker.follower.current().store_fault is None


def test_a_worker_that_starts_while_the_store_is_away_goes_on_from_the_journal(
    hire: Hire, store: ArticleStore, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> None:
    first = hire(own_desk)
    store.delete("harbour-4")
    put(store, make_story("fresh"))
    index_with_fake(own_desk)
    put(store, make_story("unread"))
    want, change = first.listed(), first.follower.current().change
    first.stop()
    late = hire(own_desk, away=True)
    assert late.follower.current().store_fault == "the database is away"
    assert late.follower.current().change == change == store.state().change
    assert late.listed() == want
    assert "fresh" in want
    assert "harbour-4" not in want
    assert not find_seed(late.follower.current().view, "unread").up_to_date
    late.away = False
    store.delete("harbour-5")
    assert late.listed() == [name for name in want if name != "harbour-5"]
    assert late.follower.current().store_fault is None


def test_while_nothing_changes_a_worker_asks_no_query_and_reads_no_pointer(
    worker: Worker, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times a second that would cost each worker two percent of a core."""
    worker.listed()
    queries: list[str] = []
    sa.event.listen(
        worker.late().engine, "before_cursor_execute", lambda *context: queries.append(context[2])
    )
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "live", lambda _: pytest.fail("the pointer was read"))
        for _ in range(5):
            seen_at = worker.follower.current().seen_at
            worker.follower.refresh()
            assert worker.follower.current().seen_at > seen_at
    assert queries == []
    store.delete("harbour-4")
    assert "harbour-4" not in worker.listed()
    assert queries != []


@pytest.mark.parametrize("has_journal", [True, False])
def test_a_worker_that_cannot_start_without_the_store_verifies_each_generation_once(
    hire: Hire,
    store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_journal: bool,
) -> None:
    """Not ten times a second as long as the store is away."""
    if has_journal:
        hire(own_desk).stop()
    store.delete("harbour-4")
    rebuild_with_fake(own_desk)  # reaches further than the journal
    opened: list[str] = []

    def note(catalog: Catalog, name: str) -> Snapshot:
        opened.append(name)
        return open_generation(catalog, name)

    monkeypatch.setattr("recommender.live.replica.open_generation", note)
    late = hire(own_desk, away=True)
    for _ in range(5):
        late.follower.refresh()
    assert sorted(opened) == Catalog(own_desk.data.snapshots).generations()
    late.away = False
    assert "harbour-4" not in late.listed()


def test_a_worker_tells_the_store_what_its_machine_needs(
    worker: Worker, store: ArticleStore
) -> None:
    oldest = worker.follower.current().view.snapshot.manifest.change
    worker.follower.refresh()
    both = store.catalogs.report("another", CatalogNeeds(oldest + 1, frozenset()))
    assert both.oldest_change == oldest


def test_without_a_journal_and_without_the_store_there_is_nothing_to_answer_from(
    hire: Hire, own_desk: Settings
) -> None:
    """The snapshot alone would bring back what was withdrawn after it."""
    worker = hire(own_desk, away=True)
    with pytest.raises(NotReady):
        worker.follower.current()
    worker.away = False
    assert "harbour-4" in worker.listed()


def test_a_journal_of_another_store_is_not_gone_on_from(
    hire: Hire, bare: Settings, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> None:
    hire(own_desk).stop()
    foreign = other_archive(bare, make_story, index_with_fake)
    replace_content(foreign, own_desk.data_dir / "read-also.db")
    hire(own_desk).stop()
    late = hire(own_desk, away=True)
    with pytest.raises(NotReady):
        late.follower.current()


def test_another_worker_takes_the_journal_over_when_its_writer_stops(
    hire: Hire, store: ArticleStore, own_desk: Settings
) -> None:
    first, second = hire(own_desk), hire(own_desk)
    store.delete("harbour-3")
    for each in (first, second):
        each.follower.refresh()
    first.stop()
    store.delete("harbour-4")
    want = second.listed()
    second.stop()
    late = hire(own_desk, away=True)
    assert late.listed() == want
    assert not {"harbour-3", "harbour-4"} & set(want)


def test_a_journal_that_cannot_be_written_stops_no_following(
    worker: Worker, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", fail)
        patch.setattr(Journal, "restart", fail)
        for name in ("harbour-3", "harbour-4"):
            store.delete(name)
            assert name not in worker.listed()
    store.delete("harbour-5")
    assert "harbour-5" not in worker.listed()


def test_a_journal_is_whole_again_once_the_disk_has_room(
    worker: Worker,
    hire: Hire,
    store: ArticleStore,
    own_desk: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", fail)
        store.delete("harbour-3")
        worker.listed()
    store.delete("harbour-4")
    want = worker.listed()
    worker.stop()
    late = hire(own_desk, away=True)
    assert late.listed() == want
    assert not {"harbour-3", "harbour-4"} & set(want)


def test_a_long_log_is_taken_in_page_by_page_and_whole(
    worker: Worker, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.replica.ARTICLES_PER_PAGE", 3)
    for number in range(10):
        put(store, {"id": f"fresh-{number}", "title": f"Fresh {number}"})
    store.delete("fresh-4")
    before = worker.shown()
    worker.follower.refresh()
    fresh = {f"fresh-{number}" for number in range(10) if number != 4}
    assert worker.shown() == before | fresh
    assert worker.follower.current().change == store.state().change


def test_beyond_so_many_unread_articles_the_newest_are_left_to_the_store(
    worker: Worker, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.replica.MOST_UNREAD", 3)
    before = worker.shown()
    for number in range(5):
        put(store, {"id": f"fresh-{number}", "title": f"Fresh {number}"})
    worker.follower.refresh()
    assert worker.shown() == before | {"fresh-0", "fresh-1", "fresh-2"}


def test_an_article_that_waits_since_before_the_snapshot_is_a_seed(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    """A rebuild leaves out what it could not read."""
    put(store, {"id": "marked", "title": "Marked", "body_html": "<poison>"})
    built = rebuild_with_fake(own_desk)
    assert built.unread == 1
    late = hire(own_desk)
    assert late.generation == built.generation
    assert not find_seed(late.follower.current().view, "marked").up_to_date
    assert "marked" not in late.listed()


def test_the_heartbeat_tells_up_to_which_change_a_worker_shows(
    worker: Worker, hire: Hire, store: ArticleStore, own_desk: Settings
) -> None:
    start = worker.follower.current().change
    second = hire(own_desk)
    store.delete("harbour-4")
    worker.follower.refresh()
    heartbeats = Heartbeats(own_desk.data.heartbeats)
    assert sorted(heartbeats.read()) == [start, start + 1]
    second.follower.refresh()
    assert heartbeats.read() == [start + 1] * 2


def test_a_thread_follows_until_it_is_stopped(own_desk: Settings, fake_model: Model) -> None:
    worker = Worker(own_desk, fake_model)
    worker.follower.start()
    worker.late().delete("harbour-4")
    for _ in range(200):
        if worker.follower.current().view.row_of("harbour-4") is None:
            break
        worker.follower.await_refresh(0.1)
    assert "harbour-4" not in worker.listed_still()
    worker.stop()
    assert Heartbeats(own_desk.data.heartbeats).read() == []


# A journal, and the generations that were built after it ends.


def test_a_journal_that_ends_before_a_generation_was_built_is_not_gone_on_from(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    """What was withdrawn while no worker ran would be listed again."""
    hire(own_desk).stop()
    store.delete("harbour-4")
    rebuild_with_fake(own_desk)
    late = hire(own_desk, away=True)
    with pytest.raises(NotReady):
        late.follower.current()
    late.away = False
    listed = late.listed()
    assert "harbour-4" not in listed
    assert "harbour-5" in listed


@pytest.mark.parametrize("swaps", [True, False])
def test_a_journal_that_reaches_as_far_as_the_newest_generation_is_gone_on_from(
    hire: Hire,
    store: ArticleStore,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    *,
    swaps: bool,
) -> None:
    first = hire(own_desk)
    store.delete("harbour-4")
    before = first.listed()
    rebuild_with_fake(own_desk)
    if swaps:
        store.delete("harbour-5")
        before = first.listed()
    first.stop()
    late = hire(own_desk, away=True)
    assert late.follower.current().change == store.state().change
    assert late.listed_still() == before
    assert "harbour-4" not in before


def test_a_generation_of_another_store_keeps_no_journal_from_being_gone_on_from(
    hire: Hire,
    store: ArticleStore,
    bare: Settings,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
    rebuild_with_fake: Rebuild,
) -> None:
    other_archive(bare, make_story, index_with_fake)
    foreign = rebuild_with_fake(bare).generation
    first = hire(own_desk)
    store.delete("harbour-4")
    before = first.listed()
    first.stop()
    shutil.copytree(bare.data.snapshots / foreign, own_desk.data.snapshots / foreign)
    assert hire(own_desk, away=True).listed_still() == before


def test_a_damaged_generation_keeps_a_journal_that_ends_before_it_from_being_gone_on_from(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    hire(own_desk).stop()
    store.delete("harbour-4")
    damage(own_desk, rebuild_with_fake(own_desk).generation)
    late = hire(own_desk, away=True)
    with pytest.raises(NotReady):
        late.follower.current()


# A vector that holds no numbers.


@pytest.fixture
def spoilt(
    store: ArticleStore, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> Story:
    """An article that was read, and whose kept vector holds no numbers."""

    def make(article_id: str) -> Document:
        document = make_story(article_id, section="city")
        put(store, document)
        index_with_fake(own_desk)
        key = store.text_hashes([article_id])[article_id]
        (kept,) = store.features.embeddings([key], "fake-1").values()
        spoilt = replace(kept, vector=np.full_like(kept.vector, np.nan))
        store.features.add_embeddings({key: spoilt}, "fake-1")
        return document

    return make


def test_a_vector_that_holds_no_numbers_stops_no_following(
    worker: Worker, store: ArticleStore, make_story: Story, spoilt: Story
) -> None:
    put(store, make_story("before"))
    spoilt("spoilt")
    put(store, make_story("after"))
    store.delete("harbour-4")
    listed = worker.listed()
    assert worker.follower.current().change == store.state().change
    assert {"before", "spoilt", "after"} <= worker.shown()
    assert "harbour-4" not in listed
    assert "harbour-5" in listed
    seed = find_seed(worker.follower.current().view, "spoilt")
    assert (seed.up_to_date, seed.embedded) == (True, False)
    assert "harbour-5" in worker.listed("spoilt")


def test_a_vector_that_holds_no_numbers_stops_no_compaction(
    worker: Worker, store: ArticleStore, own_desk: Settings, fake_model: Model, spoilt: Story
) -> None:
    spoilt("spoilt")
    before = set(worker.listed())
    done = compact(store, Catalog(own_desk.data.snapshots), fake_model)
    assert set(worker.listed()) == before
    assert worker.generation == done.generation
    seed = find_seed(worker.follower.current().view, "spoilt")
    assert (seed.up_to_date, seed.embedded) == (True, False)


def test_a_report_that_fails_is_told_once_and_tried_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = list[Catalog]()

    def fail(_store: ArticleStore, catalog: Catalog) -> None:
        tried.append(catalog)
        if len(tried) < 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("recommender.live.follower.touch_catalog", fail)
    monkeypatch.setattr(worker.follower, "_report_at", 0.0)
    for _ in range(5):
        worker.follower.refresh()
    assert len(tried) == 3
    assert caplog.text.count("was not told which changes are needed here") == 1
    assert worker.follower.current().store_fault is None
