"""From the store to a published snapshot, and what remains if that fails."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Catalog, Locked
from index.build import STAGES
from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.embedding import Encoder, Model
from recommender.articles import Article
from recommender.display_fields import DisplayFields
from recommender.indexing.compaction import compact, measured_shares
from recommender.indexing.documents import TitlePairs
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.progress import Advance
from recommender.ranking.vector_share import (
    LEAST_PAIRS,
    SHARES_NOTE,
    MeasuredShare,
    VectorShares,
    read_shares,
)
from recommender.settings import Settings
from recommender.store import ArticleStore, QueueLength, open_store
from tests.support.archives import FAKE_MODEL, archive_settings, fill, rebuild_fake, write
from tests.support.stores import log_of

Rebuild = Callable[..., Rebuilt]


class Failing:
    """An encoder that gives up after so many calls, and remembers what it was asked."""

    def __init__(self, inner: Encoder, calls: int) -> None:
        self.inner = inner
        self.left = calls
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        if self.left == 0:
            raise MemoryError("no memory for a batch")
        self.left -= 1
        self.asked += texts
        return self.inner.encode(texts, advance)


def never(_model: Model) -> NoReturn:
    raise AssertionError("the model was loaded although every text is known")


def never_read(_markup: str) -> NoReturn:
    raise AssertionError("markup was read although there is none")


def bytes_of(settings: Settings) -> dict[str, str]:
    """SHA-256 of every file of the live generation, by name."""
    catalog = Catalog(settings.data.snapshots)
    folder = settings.data.snapshots / catalog.live()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def left_aside(settings: Settings) -> list[str]:
    return [path.name for path in settings.data.snapshots.glob(".*")]


def test_a_second_rebuild_embeds_nothing_and_changes_no_byte(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before, name = bytes_of(own_desk), catalog.live()
    done = rebuild(desk_store, catalog, Analyzer(fake_model, never, never_read))
    assert (done.embedded, done.generation) == (0, name)
    assert bytes_of(own_desk) == before
    assert catalog.generations() == [name]
    assert left_aside(own_desk) == []


def test_a_rebuild_from_nothing_gives_the_same_bytes(
    own_desk: Settings, rebuild_with_fake: Rebuild, desk_documents: dict[str, Any]
) -> None:
    before = bytes_of(own_desk)
    done = rebuild_with_fake(own_desk, full=True)
    texts = {(d["title"], d["body"]) for d in desk_documents.values()}
    assert done.embedded == len(texts) == len(desk_documents)
    assert bytes_of(own_desk) == before


def test_only_what_changed_is_embedded(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_encoder: Encoder,
    rebuild_with_fake: Rebuild,
    make_story: Callable[..., dict[str, Any]],
    desk_documents: dict[str, Any],
) -> None:
    write(
        desk_store,
        make_story("fresh"),
        desk_documents["harbour-2"] | {"section": "moved", "status": "draft"},
        desk_documents["harbour-3"] | {"title": "Another headline"},
    )
    watching = Failing(fake_encoder, calls=-1)
    done = rebuild_with_fake(own_desk, watching)
    assert done.embedded == 2
    assert make_story("fresh")["title"] in watching.asked
    assert "Another headline" in watching.asked
    assert desk_documents["harbour-2"]["title"] not in watching.asked


def test_a_disk_that_refuses_leaves_the_live_snapshot(
    own_desk: Settings,
    desk_store: ArticleStore,
    rebuild_with_fake: Rebuild,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever the disk is full: at every sync, one after the other."""
    before, name = bytes_of(own_desk), Catalog(own_desk.data.snapshots).live()
    desk_store.delete("harbour-2")
    sync, calls, refuse_at = os.fsync, 0, 0

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == refuse_at:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr("index.disk.os.fsync", fsync)
    for place in (1, 5, 9):
        calls, refuse_at = 0, place
        with pytest.raises(OSError, match="No space left"):
            rebuild_with_fake(own_desk)
        assert Catalog(own_desk.data.snapshots).live() == name
        assert bytes_of(own_desk) == before
    calls, refuse_at = 0, 0
    done = rebuild_with_fake(own_desk)
    assert Catalog(own_desk.data.snapshots).live() == done.generation != name
    assert left_aside(own_desk) == []


@pytest.mark.long
def test_an_interrupted_rebuild_continues_where_it_stopped(
    bare: Settings,
    fake_encoder: Encoder,
    rebuild_with_fake: Rebuild,
) -> None:
    """What was kept before the encoder failed is not embedded again, and the rest is."""
    titles = [f"Story number {number}" for number in range(300)]
    fill(bare, [{"id": f"s-{at}", "title": title} for at, title in enumerate(titles)])
    first, second = Failing(fake_encoder, calls=1), Failing(fake_encoder, calls=-1)
    with pytest.raises(MemoryError):
        rebuild_with_fake(bare, first)
    done = rebuild_with_fake(bare, second)
    assert set(first.asked) | set(second.asked) == set(titles)
    assert not set(first.asked) & set(second.asked)
    assert (done.articles, done.embedded) == (300, 300 - len(set(first.asked)))


@pytest.mark.long
def test_each_stage_shows_itself_and_may_be_interrupted(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.indexing.rebuild.SHOWN_FROM", 0)
    monkeypatch.setattr("index.build.IVF_ABOVE", 0)
    desk_store.delete("harbour-3")
    catalog, analyzer = Catalog(own_desk.data.snapshots), Analyzer(fake_model, never, never_read)
    before, live = bytes_of(own_desk), catalog.live()
    stages = ("gathering", "comparing texts", *(f"building: {name}" for name in STAGES))
    for stage in (*stages, "building: verifying"):
        with pytest.raises(KeyboardInterrupt):
            rebuild(desk_store, catalog, analyzer, meter=InterruptedMeter(stage))
        assert (bytes_of(own_desk), catalog.generations()) == (before, [live])
        assert left_aside(own_desk) == []
    meter = InterruptedMeter("never")
    done = rebuild(desk_store, catalog, analyzer, meter=meter)
    assert catalog.live() == done.generation != live
    counts = {name: count for name, count in meter.counts.items() if name in stages}
    assert tuple(counts) == stages
    assert all(whole == counted for whole, counted in counts.values())
    assert counts["building: neighbours"] == (done.articles, done.articles)


@dataclass
class InterruptedMeter:
    """A meter that somebody interrupts when one label begins.

    Attributes:
        label: when.
        counts: by label, how many pieces it has, and how many were counted.
    """

    label: str
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @contextmanager
    def __call__(self, label: str, total: int, _unit: str) -> Iterator[Advance]:
        if label == self.label:
            raise KeyboardInterrupt
        self.counts[label] = total, 0
        yield lambda more: self.counts.update({label: (total, self.counts[label][1] + more)})


def test_a_second_rebuild_at_the_same_time_is_refused(
    own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.live()
    with catalog.lock(), pytest.raises(Locked, match="another rebuild"):
        rebuild_with_fake(own_desk)
    assert catalog.live() == before
    assert rebuild_with_fake(own_desk).generation == before


@pytest.mark.long
def test_a_snapshot_does_not_depend_on_the_page_size_of_the_build(
    own_desk: Settings, rebuild_with_fake: Rebuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = rebuild_with_fake(own_desk).generation
    monkeypatch.setattr("recommender.indexing.rebuild.LOADED_AT_ONCE", 5)
    assert rebuild_with_fake(own_desk).generation == name


@pytest.mark.long
def test_a_new_model_embeds_everything_and_keeps_the_old_vectors(
    own_desk: Settings, desk_store: ArticleStore, fake_encoder: Encoder, fake_model: Model
) -> None:
    other = Model("other", Path(), "other-1", None)
    catalog = Catalog(own_desk.data.snapshots)
    before, articles = bytes_of(own_desk), len(catalog.open_live())
    again = Analyzer(other, lambda _: fake_encoder, never_read)
    # Its vectors are drawn, so the gate would find the lists short.
    assert rebuild(desk_store, catalog, again, force=True).embedded == articles
    assert catalog.open_live().columns["embedded"].all()
    assert rebuild(desk_store, catalog, Analyzer(fake_model, never, never_read)).embedded == 0
    assert bytes_of(own_desk) == before


def test_a_full_rebuild_that_fails_loses_no_known_features(
    own_desk: Settings, fake_encoder: Encoder, rebuild_with_fake: Rebuild
) -> None:
    """It replaces stored features text by text, and deletes nothing first."""
    with pytest.raises(MemoryError):
        rebuild_with_fake(own_desk, Failing(fake_encoder, calls=0), full=True)
    assert rebuild_with_fake(own_desk, Failing(fake_encoder, calls=0)).embedded == 0


def test_a_rebuild_does_not_analyze_again_what_the_indexer_analyzed(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    make_story: Callable[..., dict[str, Any]],
    index_with_fake: Callable[..., int],
) -> None:
    write(desk_store, make_story("fresh") | {"body": "", "body_html": "<p>Harbour</p>"})
    assert index_with_fake(own_desk) == 1
    catalog = Catalog(own_desk.data.snapshots)
    done = rebuild(desk_store, catalog, Analyzer(fake_model, never, never_read))
    assert (done.embedded, done.unread) == (0, 0)
    assert catalog.open_live().row_of("fresh") is not None


def test_texts_analyzed_by_a_rebuild_leave_the_queue_and_are_logged(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    write(desk_store, {"id": "one", "title": "One"}, {"id": "two", "title": "Two"})
    before = desk_store.state().change
    done = rebuild_with_fake(own_desk)
    assert desk_store.queue.length() == QueueLength(0, 0, 0)
    changes = [(change.article_id, change.kind) for change in log_of(desk_store, before)]
    assert changes == [("one", "read"), ("two", "read"), ("", "published")]
    assert done.change == before + 2


def test_an_unreadable_article_is_left_out_and_becomes_a_dead_letter(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    """No other article is affected."""
    before = len(Catalog(own_desk.data.snapshots).open_live())
    write(
        desk_store,
        {"id": "bad", "title": "Bad", "body_html": "<poison>"},
        {"id": "good", "title": "Good", "body_html": "<p>Good</p>"},
    )
    done = rebuild_with_fake(own_desk)
    assert (done.articles, done.embedded, done.unread) == (before + 1, 1, 1)
    snapshot = Catalog(own_desk.data.snapshots).open_live()
    assert snapshot.row_of("bad") is None
    assert snapshot.row_of("good") is not None
    (letter,) = desk_store.queue.dead_letters()
    assert letter.id == "bad"
    assert "took more than 2 s" in letter.fault


def test_the_text_read_last_is_used_for_one_that_cannot_be_read(
    own_desk: Settings,
    desk_store: ArticleStore,
    rebuild_with_fake: Rebuild,
    desk_documents: dict[str, Any],
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.open_live()
    worse = {"title": "Newer", "body": "", "body_html": "<poison>"}
    write(desk_store, desk_documents["harbour-4"] | worse)
    done = rebuild_with_fake(own_desk)
    after = catalog.open_live()
    assert (done.articles, done.unread) == (len(before), 0)
    old, new = before.row_of("harbour-4"), after.row_of("harbour-4")
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(
        before.vectors.fetch(np.array([old])), after.vectors.fetch(np.array([new]))
    )
    assert (before.columns["up_to_date"][old], after.columns["up_to_date"][new]) == (True, False)
    assert DisplayFields.from_bytes(after.display_of(new)).title == "Newer"


def test_a_compaction_keeps_measured_weights_and_measures_only_others(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = read_shares(catalog.open_live().manifest.notes[SHARES_NOTE])
    english, russian = ("en", False), ("ru", False)
    now = VectorShares({english: MeasuredShare(0.7), russian: MeasuredShare(0.6, 0.58, 70)})
    monkeypatch.setattr(TitlePairs, "measure", lambda *_, **__: now)
    compact(desk_store, catalog, fake_model)
    found = read_shares(catalog.open_live().manifest.notes[SHARES_NOTE]).by_kind
    assert found == {english: before.by_kind[english], russian: now.by_kind[russian]}
    assert found[english].titles >= LEAST_PAIRS
    other_model = replace(fake_model, fingerprint="another")
    assert measured_shares(catalog, fake_model) != ""
    assert measured_shares(catalog, other_model) == ""


def test_an_earlier_text_that_is_put_back_is_built_before_it_is_read_again(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    desk_documents: dict[str, Any],
    index_with_fake: Callable[..., int],
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.open_live()
    write(desk_store, desk_documents["harbour-4"] | {"title": "Another headline", "body": "Fog"})
    index_with_fake(own_desk)
    write(desk_store, desk_documents["harbour-4"])
    compact(desk_store, catalog, fake_model)
    after = catalog.open_live()
    old, new = before.row_of("harbour-4"), after.row_of("harbour-4")
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(
        before.vectors.fetch(np.array([old])), after.vectors.fetch(np.array([new]))
    )
    assert after.columns["up_to_date"][new]


@pytest.mark.long
def test_only_a_full_rebuild_retries_a_dead_letter(
    own_desk: Settings, desk_store: ArticleStore, fake_encoder: Encoder, fake_model: Model
) -> None:
    write(desk_store, {"id": "odd", "title": "Odd", "body_html": "<p>Odd</p>"})
    (queued,) = desk_store.queue.next(1, bulk=True)
    desk_store.queue.give_up("odd", queued.text_hash, "took too long")
    catalog = Catalog(own_desk.data.snapshots)
    reader = Analyzer(fake_model, lambda _: fake_encoder, str.strip)
    rebuild(desk_store, catalog, reader)
    assert catalog.open_live().row_of("odd") is None
    assert [letter.id for letter in desk_store.queue.dead_letters()] == ["odd"]
    rebuild(desk_store, catalog, reader, full=True)
    assert desk_store.queue.dead_letters() == []
    assert catalog.open_live().row_of("odd") is not None


@pytest.mark.long
def test_three_generations_are_kept_and_the_log_reaches_back_to_the_oldest(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    for number in range(2, 8):
        desk_store.delete(f"harbour-{number}")
        rebuild_with_fake(own_desk)
    catalog = Catalog(own_desk.data.snapshots)
    kept = [manifest.change for manifest in catalog.manifests().values()]
    assert catalog.live() == catalog.generations()[-1]
    assert len(kept) == 3
    assert [change.number for change in log_of(desk_store)] == list(
        range(min(kept), desk_store.state().change + 1)
    )


def test_a_write_that_comes_during_a_rebuild_is_not_lost(
    own_desk: Settings, desk_store: ArticleStore, fake_encoder: Encoder, rebuild_with_fake: Rebuild
) -> None:
    """It is in the log after the place that the new generation names."""

    class Late(Failing):
        def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
            write(desk_store, {"id": "late", "title": "Late"})
            return super().encode(texts, advance)

    write(desk_store, {"id": "early", "title": "Early"})
    done = rebuild_with_fake(own_desk, Late(fake_encoder, calls=-1))
    snapshot = Catalog(own_desk.data.snapshots).open_live()
    assert snapshot.row_of("early") is not None
    assert snapshot.row_of("late") is None
    assert done.unread == 1
    assert [queued.article.id for queued in desk_store.queue.next(9, bulk=True)] == ["late"]
    unread = desk_store.unread_before(desk_store.state().newest, 9)
    assert [update.id for update in unread] == ["late"]


def test_an_earlier_text_with_a_vector_replaces_a_newer_one_without(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    """A rebuild that was stopped has left terms of the new text, but no vector."""
    edited = Article(id="harbour-4", title="Another text", language="en")
    desk_store.put(edited)
    desk_store.features.add_terms({edited.text_hash: analyze(edited)}, ANALYZER_VERSION)
    catalog = Catalog(own_desk.data.snapshots)
    compact(desk_store, catalog, fake_model)
    snapshot = catalog.open_live()
    row = snapshot.row_of("harbour-4")
    assert snapshot.columns["embedded"][row]
    assert not snapshot.columns["up_to_date"][row]


@pytest.mark.parametrize("build", ["rebuild", "compaction"])
def test_a_build_leaves_no_text_of_a_deleted_article_in_the_files_of_sqlite(
    build: str, tmp_path: Path
) -> None:
    """Though another process has the store open, which keeps SQLite from emptying its log."""
    desk, secret = archive_settings(tmp_path), b"a sentence that is withdrawn"
    with (
        closing(open_store(desk.database_url)) as store,
        closing(open_store(desk.database_url)) as another,
    ):
        store.write_many([Article(id=f"a-{at}", title=f"T {at}", body="x") for at in range(40)])
        store.put(Article(id="gone", title="T", body=secret.decode()))
        rebuild_fake(desk)
        assert another.get("gone").body
        store.delete("gone")
        log = tmp_path / "read-also.db-wal"
        assert log.stat().st_size > 0
        if build == "rebuild":
            rebuild_fake(desk)
        else:
            compact(store, Catalog(desk.data.snapshots), FAKE_MODEL)
        assert log.read_bytes() == b""
        assert secret not in (tmp_path / "read-also.db").read_bytes()
