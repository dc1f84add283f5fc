"""Two machines over one PostgreSQL: one indexer reads, another takes over, and nothing is lost."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.data_folder import DataFolder
from recommender.indexing.drafts import state_of_indexer
from recommender.store import ArticleStore, open_store
from tests.faults.harness.machines import (
    DISTURBANCES,
    Writes,
    find_losses,
    prepared,
    reads_after,
    run,
)
from tests.faults.harness.stories import fresh
from tests.support.postgresql import PostgreSQL
from tests.support.serving import Place
from tests.support.waiting import until

WRITES = 5.0
PROMISED_SECONDS = 10.0
PATIENCE_SECONDS = 300.0  # of a busy machine, on which a model loads for minutes

pytestmark = pytest.mark.long


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    name = postgresql.make_database()
    yield postgresql.url(name)
    postgresql.start()  # it may have been killed
    postgresql.drop_database(name)


class Indexing:
    """`read-also indexer` on a machine of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir()
        self.place = Place(folder, url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, state: str) -> None:
        """Start it, and wait until it reads (`ok`) or stands by."""
        self.process = self.place.spawn("indexer.log", "indexer")
        assert until(lambda: self.state == state, PATIENCE_SECONDS), self.words

    @property
    def state(self) -> str:
        return state_of_indexer(DataFolder(self.place.folder))

    @property
    def words(self) -> str:
        return (self.place.folder / "indexer.log").read_text("utf-8", "replace")

    def kill(self) -> float:
        """SIGKILL it; when it was gone, in seconds since 1970: until then it may have read."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        return time.time()


@pytest.fixture
def pair(url: str, tmp_path: Path) -> Iterator[tuple[Indexing, Indexing]]:
    first, second = (Indexing(tmp_path / name, url) for name in ("first", "second"))
    yield first, second
    for one in (first, second):
        if one.process is not None and one.process.poll() is None:
            one.process.terminate()
            one.process.wait(PATIENCE_SECONDS)


def takes_over(store: ArticleStore, killed_at: float) -> bool:
    """Whether a text is read in time after a kill, while new ones come."""
    return until(lambda: reads_after(store, killed_at) is not None, PROMISED_SECONDS)


def test_when_the_elected_indexer_is_killed_the_other_reads_within_ten_seconds(
    url: str, pair: tuple[Indexing, Indexing]
) -> None:
    first, second = pair
    with closing(open_store(url)) as store:

        def write(number: int) -> bool:
            store.put(Article.model_validate(fresh(number)))
            return True

        first.start("ok")
        second.start("standby")
        with Writes(write, WRITES) as writing:
            begun = time.time()
            assert until(lambda: reads_after(store, begun) is not None, PATIENCE_SECONDS)
            assert takes_over(store, first.kill())
            assert second.state == "ok"
            first.start("standby")
            assert takes_over(store, second.kill())
            assert first.state == "ok"
        assert until(lambda: store.queue.oldest_change() is None, PATIENCE_SECONDS)
        assert find_losses(store, writing.acknowledged) == []
        assert store.queue.length().dead == 0
    assert "another indexer is elected; this one stands by" in second.words
    assert "this indexer is elected now, and reads" in second.words


def test_after_a_restart_of_the_database_one_of_the_indexers_is_elected(
    postgresql: PostgreSQL, url: str, pair: tuple[Indexing, Indexing]
) -> None:
    pair[0].start("ok")
    pair[1].start("standby")
    postgresql.kill()
    postgresql.start()
    with closing(open_store(url)) as store:
        store.put(Article.model_validate(fresh(1)))
        assert until(lambda: store.queue.oldest_change() is None, PATIENCE_SECONDS)
        assert until(lambda: sorted(one.state for one in pair) == ["ok", "standby"])
        assert find_losses(store, [1]) == []
        assert find_losses(store, [1, 2]) == ["fresh-2: lost"]


def test_reads_and_writes_go_on_while_parts_of_two_machines_are_killed(
    postgresql: PostgreSQL, url: str, tmp_path: Path
) -> None:
    with prepared(postgresql, url, tmp_path) as pair:
        outcome = run(pair, list(DISTURBANCES.values()), rest=2.0)
    assert pair.wrong == []
    assert outcome.failed == 0, outcome
    assert outcome.acknowledged > 0
