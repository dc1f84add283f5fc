"""Workers that follow an archive by hand, so that a test says when they look and what is away."""

from collections.abc import Callable, Iterator

import pytest

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.errors import StoreUnusable
from recommender.live import Follower, Heartbeats, Journal, LiveState
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store


class Worker:
    """A follower by hand, whose store may be away."""

    def __init__(self, settings: Settings, model: Model) -> None:
        self.away = False
        self._store = open_store(settings.database_url)
        self.follower = Follower(
            Catalog(settings.data.snapshots),
            self._ask,
            lambda: model,
            Journal(settings.data.journals),
            Heartbeats(settings.data.heartbeats),
        )

    def _ask(self) -> ArticleStore:
        if self.away:
            raise StoreUnusable("the database is away")
        return self._store

    def look(self) -> LiveState:
        self.follower.refresh()
        return self.follower.current()

    def policy(self) -> tuple[int, Policy]:
        """Version and value of what is in force at the next look."""
        in_force = self.look().in_force
        return in_force.version, in_force.policy

    def stop(self) -> None:
        self.follower.stop()
        self._store.close()


Hire = Callable[..., Worker]


@pytest.fixture
def hire(own_desk: Settings, fake_model: Model) -> Iterator[Hire]:
    """Workers over the desk: `hire()`; `away=True` where the store is away at first."""
    hired: list[Worker] = []

    def make(*, away: bool = False) -> Worker:
        hired.append(Worker(own_desk, fake_model))
        hired[-1].away = away
        return hired[-1]

    yield make
    for worker in hired:
        worker.stop()
