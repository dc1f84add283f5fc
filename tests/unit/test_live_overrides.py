"""Following what editors chose: it holds at the next look, and while the store is away."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from recommender.api import Override
from recommender.articles import Article
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.workers import Hire, Worker

Rebuild = Callable[..., Rebuilt]
SEED = "harbour-2"


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


@pytest.fixture
def worker(hire: Hire) -> Worker:
    return hire()


def pin(store: ArticleStore, *ids: str, seed: str = SEED) -> int:
    overrides = tuple(Override(id=one) for one in ids)
    return store.overrides.put(seed, "pins", overrides, "editor").change


def pins(worker: Worker, seed: str = SEED) -> list[str]:
    return [pin.id for pin in worker.look().overrides.of(seed).pins]


def test_overrides_hold_at_the_next_look_and_touch_no_row(
    worker: Worker, store: ArticleStore
) -> None:
    before = worker.look()
    change = pin(store, "harbour-4")
    live = worker.look()
    assert (live.change, live.view) == (change, before.view)
    assert before.overrides.of(SEED).pins == ()  # who holds it goes on with one state to the end
    assert pins(worker) == ["harbour-4"]
    pin(store)
    assert pins(worker) == []


def test_overrides_that_were_set_before_a_worker_began_hold_too(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    pin(store, "harbour-4")
    pin(store, "harbour-5", seed="harbour-3")
    rebuild_with_fake(own_desk)
    pin(store, "harbour-6", "harbour-4")
    worker = hire()
    assert pins(worker) == ["harbour-6", "harbour-4"]
    assert pins(worker, "harbour-3") == ["harbour-5"]
    assert worker.look().overrides.pinning("harbour-4") == (SEED,)


def test_overrides_hold_through_a_start_without_the_store(hire: Hire, store: ArticleStore) -> None:
    first = hire()
    first.look()
    pin(store, "harbour-4")
    first.look()
    store.put(Article(id="x", title="X"))
    pin(store, "harbour-6", "harbour-4")
    pin(store, "harbour-5", seed="harbour-3")
    change = first.look().change
    first.stop()
    second = hire(away=True)
    assert pins(second) == ["harbour-6", "harbour-4"]
    assert pins(second, "harbour-3") == ["harbour-5"]
    assert second.look().change == change
    second.away = False
    pin(store, seed="harbour-3")
    assert pins(second, "harbour-3") == []


def test_overrides_of_a_newer_program_leave_what_held_before(
    worker: Worker, store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    pin(store, "harbour-4")
    worker.look()
    pin(store, "harbour-5")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE choices SET document = '[{"colour": "red"}]' """
            "WHERE document LIKE '%%harbour-5%%'"
        )
    assert pins(worker) == ["harbour-4"]
    assert "pins of article harbour-2 stay as they were" in caplog.text
