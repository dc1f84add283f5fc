"""Upkeep of an archive: compaction, model changes, one indexer, and private files."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray

from index import Catalog, Locked
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Encoder, Model
from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.indexing import archive_model
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.indexing.snapshots import rollback_hold
from recommender.operations import indexer_process as operation
from recommender.operations.build_process import BuildProcess
from recommender.operations.indexer_process import index_forever
from recommender.progress import Advance
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import (
    LOG_START,
    ArticleStore,
    LazyStore,
    LogPosition,
    QueueLength,
    TextQueue,
)
from recommender.store import open_store as opened
from tests.support.archives import HashedWords, fake_reader, index_fake, run_command, write
from tests.support.workers import follower_over

Rebuild = Callable[..., Rebuilt]
Readers = Callable[..., Analyzer]
Run = Callable[..., Result]
Story = Callable[..., dict[str, Any]]

OTHER = Model("other", Path(), "other-1", frozenset({"en"}))
SEED = "/v1/articles/harbour-2/related"
FRESH = "/v1/articles/fresh"
PATIENCE_SECONDS = 60


def edit(store: ArticleStore, article_id: str, times: int) -> None:
    """Change an article over and over in what needs no reading."""
    before = store.get(article_id)
    store.write_many(before.model_copy(update={"section": f"s-{n}"}) for n in range(times))


# How many entries the log has since a generation was built.


def test_every_edit_of_one_article_is_an_entry(store: ArticleStore) -> None:
    store.put(Article(id="a", title="A"))
    state = store.state()
    assert store.entries_since(state.newest, state.epoch) == 0
    edit(store, "a", times=50)
    assert store.entries_since(state.newest, state.epoch) == 50
    assert store.backlog(state.newest, state.epoch).drift == 1
    assert store.entries_since(LOG_START, state.epoch) == 51


def test_from_a_point_of_another_log_all_entries_count(store: ArticleStore) -> None:
    for name in "abc":
        store.put(Article(id=name, title=name))
    state = store.state()
    number, mark = state.newest.number, state.newest.mark
    assert store.entries_since(state.newest, "another epoch") == 3
    assert store.entries_since(LogPosition(number, f"{mark}1"), state.epoch) == 3
    assert store.entries_since(LogPosition(number + 7, mark), state.epoch) == 3
    assert store.entries_since(LOG_START, "") == 3


# Compaction, and a rollback that holds it.


@dataclass
class Bench:
    """The indexer's upkeep, and the commands that it started."""

    settings: Settings
    started: list[str]

    def look(self) -> list[str]:
        """Look once, as a process that has just started; the commands it starts."""
        self.started.clear()
        with closing(LazyStore(self.settings.database_url)) as late:
            operation.IndexerProcess(self.settings, late, str.strip).check_snapshot()
        return list(self.started)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder) -> list[str]:
    """Commands that were started, where the models are fakes: bundled, and another."""
    started = list[str]()
    here = {"bundled": fake_model, "fake": fake_model, "other": OTHER}
    encoders = {"fake-1": fake_encoder, "other-1": Rolled(fake_encoder)}
    for module in (operation, archive_model):
        monkeypatch.setattr(module, "find_model", lambda name, *_: here[name])
    monkeypatch.setattr(operation, "load_encoder", lambda model: encoders[model.fingerprint])
    monkeypatch.setattr(BuildProcess, "run", lambda _, command: started.append(command))
    return started


@pytest.fixture
def bench(own_desk: Settings, models: list[str]) -> Bench:
    return Bench(own_desk, models)


def test_an_article_edited_over_and_over_is_compacted(bench: Bench) -> None:
    assert bench.look() == []
    with closing(opened(bench.settings.database_url)) as store:
        edit(store, "harbour-4", times=64)
        assert bench.look() == []
        edit(store, "harbour-5", times=1)
    assert bench.look() == ["compact"]


@pytest.mark.long
def test_after_a_rollback_nothing_is_compacted_until_a_rebuild(
    bench: Bench, rebuild_with_fake: Rebuild
) -> None:
    settings, catalog = bench.settings, Catalog(bench.settings.data.snapshots)
    first = catalog.live()
    with closing(opened(settings.database_url)) as store:
        edit(store, "harbour-4", times=70)
        second = rebuild_with_fake(settings).generation
        done = run_command(settings, "snapshots", "rollback")
        assert done.exit_code == 0, done.output
        assert catalog.live() == first != second
        assert first in (rollback_hold(catalog).text or "")
        edit(store, "harbour-5", times=70)
        assert bench.look() == []
        third = rebuild_with_fake(settings).generation
        assert rollback_hold(catalog).text is None
        assert catalog.live() == third
        assert bench.look() == []
        edit(store, "harbour-6", times=70)
    assert bench.look() == ["compact"]


def test_a_refused_rollback_does_not_stop_compaction(own_desk: Settings) -> None:
    assert run_command(own_desk, "snapshots", "rollback").exit_code != 0
    assert rollback_hold(Catalog(own_desk.data.snapshots)).text is None


# Another model.


@dataclass
class Rolled:
    """An encoder that gives the same numbers in other places."""

    inner: Encoder

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        return np.roll(self.inner.encode(texts, advance), 31, axis=1)


OF_OTHER = replace(fake_reader(Rolled(HashedWords())), model=OTHER)


@pytest.fixture
def moved_store(own_desk: Settings, desk_store: ArticleStore, make_story: Story) -> ArticleStore:
    """The store of a desk of another model; two texts were read since for the first one only."""
    rebuild(desk_store, Catalog(own_desk.data.snapshots), OF_OTHER)
    write(desk_store, make_story("late"), make_story("harbour-3", title="Rewritten"))
    assert index_fake(own_desk) == 2
    return desk_store


@pytest.mark.long
def test_texts_embedded_for_the_old_model_are_requeued_for_the_new_one(
    moved_store: ArticleStore, own_desk: Settings
) -> None:
    follower = follower_over(own_desk.data, lambda: moved_store, OTHER)

    def embedded(*ids: str) -> list[bool]:
        follower.refresh()
        return [find_seed(follower.current().view, name).embedded for name in ids]

    assert embedded("harbour-1", "late", "harbour-3") == [True, False, False]
    moved_store.queue.requeue_unembedded("other-1")
    assert moved_store.queue.length() == QueueLength(single=0, bulk=2, dead=0)
    assert Indexer(moved_store, OF_OTHER).drain() == 2
    assert embedded("harbour-1", "late", "harbour-3") == [True, True, True]
    follower.stop()
    assert rebuild(moved_store, Catalog(own_desk.data.snapshots), OF_OTHER).embedded == 0


def test_the_indexer_requeues_the_texts_for_the_new_model(
    moved_store: ArticleStore, bench: Bench
) -> None:
    assert moved_store.queue.length() == QueueLength(0, 0, 0)
    Bench(replace(bench.settings, model="other"), bench.started).look()
    waiting = moved_store.queue.next(9, bulk=True)
    assert sorted(each.article.id for each in waiting) == ["harbour-3", "late"]


def test_the_indexer_requeues_the_texts_though_the_store_was_away_at_first(
    moved_store: ArticleStore, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise StoreUnusable("locked for longer than 20 s")

    settings = replace(bench.settings, model="other")
    with closing(LazyStore(settings.database_url)) as late:
        process = operation.IndexerProcess(settings, late, str.strip)
        with monkeypatch.context() as patch:
            patch.setattr(TextQueue, "requeue_unembedded", refuse)
            with pytest.raises(StoreUnusable):
                process.check_snapshot()
        process.check_snapshot()
    assert moved_store.queue.length() == QueueLength(single=0, bulk=2, dead=0)


# One indexer in a data folder.


def test_a_second_indexer_is_refused_while_the_first_works(
    bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = list[Settings]()

    def work(settings: Settings, *_: object) -> None:
        works.append(settings)
        with pytest.raises(Locked, match="another indexer"):
            index_forever(settings)
        second = run_command(settings, "indexer")
        assert second.exit_code == 75
        assert "another indexer" in second.output
        elsewhere = replace(settings, data_dir=settings.data_dir / "elsewhere")
        if len(works) == 1:
            index_forever(elsewhere)

    monkeypatch.setattr("os.nice", lambda _: 0)  # of this process
    monkeypatch.setattr("os.umask", lambda _: 0o022)
    monkeypatch.setattr(operation, "_index", work)
    index_forever(bare)
    assert [each.data_dir.name for each in works] == ["bare", "elsewhere"]
    index_forever(bare)  # the first one is gone
    assert len(works) == 3


# Files that only their owner reads.


@pytest.mark.long
def test_a_store_made_by_a_command_is_its_owners_alone(
    bare: Settings, environment_of: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    source = tmp_path / "articles.jsonl"
    source.write_text('{"id": "a", "title": "A", "status": "draft"}\n')
    subprocess.run(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-m", "recommender", "import", source],
        env=environment_of(DATABASE_URL=bare.database_url, DATA_DIR=bare.data_dir),
        umask=0o022,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    made = {path.name: path.stat().st_mode & 0o777 for path in bare.data_dir.iterdir()}
    assert made["read-also.db"] == 0o600
    assert {name for name, mode in made.items() if mode & 0o077} == set()
