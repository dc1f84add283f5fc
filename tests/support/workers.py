"""Workers controlled by a test: it says when they look and when the store is away."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pysqlite3
import pytest

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.api import ListOptions, Override
from recommender.errors import StoreUnusable
from recommender.live import Follower, Heartbeats, Journal, LiveState
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import DataFolder, Settings
from recommender.store import ArticleStore, LazyStore, open_store

SEED: Final = "harbour-2"
NOW: Final = datetime(2026, 10, 20, 12, tzinfo=UTC).timestamp()


def follower_over(data: DataFolder, store: Callable[[], ArticleStore], model: Model) -> Follower:
    """Follows the store as a web worker does, but looks only when a test calls it."""
    journal, heartbeats = Journal(data.journals), Heartbeats(data.heartbeats)
    return Follower(Catalog(data.snapshots), store, lambda: model, journal, heartbeats)


class Worker:
    """A follower that a test controls, whose store may be away."""

    def __init__(self, settings: Settings, model: Model, *, away: bool = False) -> None:
        self.late = LazyStore(settings.database_url, 1.0)
        self.away = away
        self.follower = follower_over(settings.data, self._store, model)

    def _store(self) -> ArticleStore:
        if self.away:
            raise StoreUnusable("the database is away")
        return self.late()

    def stop(self) -> None:
        self.follower.stop()
        self.late.close()

    def look(self) -> LiveState:
        self.follower.refresh()
        return self.follower.current()

    def pins(self, seed: str = SEED) -> list[str]:
        """What editors pinned under an article, at the next look."""
        return [pin.id for pin in self.look().overrides.of(seed).pins]

    def state(self) -> tuple[list[str], tuple[int, Policy], list[str]]:
        """List, policy and pins at the next look."""
        return self.listed(), self.policy(), self.pins()

    def policy(self) -> tuple[int, Policy]:
        """Version and value of the policy at the next look."""
        active_policy = self.look().active_policy
        return active_policy.version, active_policy.policy

    @property
    def generation(self) -> str:
        return self.follower.current().view.snapshot.generation

    def shown(self) -> set[str]:
        """The ids of all articles in the view."""
        view = self.follower.current().view
        return {view.id_of(int(row)) for row in np.flatnonzero(view.present)}

    def listed(self, seed: str = SEED) -> list[str]:
        """The list under an article at the next look."""
        self.follower.refresh()
        return self.listed_still(seed)

    def listed_still(self, seed: str = SEED) -> list[str]:
        """The list of an article in the current view, without a look."""
        view = self.follower.current().view
        options = ListOptions(limit=100)
        answer = list_related(ListRequest(view, find_seed(view, seed), options, Policy(), NOW))
        return [item.id for item in answer.items]


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(own_desk: Settings, fake_model: Model) -> Iterator[StartWorker]:
    """Start workers that look once, over the desk or other settings (`settings, away=True`)."""
    started: list[Worker] = []

    def make(settings: Settings = own_desk, *, away: bool = False) -> Worker:
        started.append(Worker(settings, fake_model, away=away))
        started[-1].follower.refresh()
        return started[-1]

    yield make
    for worker in started:
        worker.stop()


@pytest.fixture
def worker(start_worker: StartWorker) -> Worker:
    """A worker over the desk that has looked once."""
    return start_worker()


@pytest.fixture
def desk_store(own_desk: Settings) -> Iterator[ArticleStore]:
    """The store of the desk that a test may change."""
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def pin(store: ArticleStore, *ids: str, seed: str = SEED) -> int:
    """Pin articles under another one, in place of those before; the number of the change."""
    overrides = tuple(Override(id=one) for one in ids)
    return store.overrides.put(seed, "pins", overrides, "editor").change


def copy_database(source: Path, target: Path) -> None:
    """As an operator does it, by SQLite's own backup."""
    with closing(pysqlite3.connect(source)) as old, closing(pysqlite3.connect(target)) as new:
        old.backup(new)
