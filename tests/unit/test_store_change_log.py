"""Change numbers become visible in their order, however many write at once, on each database."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from recommender.articles import Article
from recommender.store import (
    LOG_START,
    AnalyzedText,
    ArticleStore,
    QueuedText,
)
from tests.support.features import make_embedding, make_features
from tests.support.stores import VERSIONS, log_of

Open = Callable[..., ArticleStore]
WRITERS = 4
ROUNDS = 25


class TakenBackError(Exception):
    """A writer rolls its transaction back."""


def slowly(articles: list[Article], draw: random.Random, *, broken: bool) -> Iterator[Article]:
    """Articles whose transaction stays open for a while, and may then come to nothing."""
    for article in articles:
        yield article
        time.sleep(draw.random() * 0.003)
    if broken:
        raise TakenBackError


def reading_of(queued: QueuedText) -> AnalyzedText:
    return AnalyzedText(queued, None, make_features(None, [], embedding=make_embedding([1])))


def write(store: ArticleStore, mark: str) -> dict[str, str]:
    """Bulk loads, single writes, deletions and acknowledgements of one writer; its final articles.

    Returns:
        Titles by id.
    """
    draw = random.Random(mark)  # noqa: S311 - a history, not a secret
    kept: dict[str, str] = {}
    for number in range(ROUNDS):
        ids = [f"{mark}{draw.randrange(40):02}" for _ in range(draw.randrange(1, 4))]
        articles = [Article(id=article_id, title=f"{mark}{number}") for article_id in ids]
        broken = draw.random() < 0.2
        with suppress(TakenBackError):
            store.write_many(slowly(articles, draw, broken=broken), bulk=draw.random() < 0.5)
            kept |= {article.id: article.title for article in articles}
        if kept and draw.random() < 0.3:
            gone = draw.choice(sorted(kept))
            store.delete(gone)
            del kept[gone]
        if draw.random() < 0.5:
            waiting = store.queue.next(3, bulk=False)
            store.queue.acknowledge([reading_of(queued) for queued in waiting], VERSIONS)
    return kept


@dataclass
class Watcher:
    """Polls a store as a web worker does, and notes what it saw of the log."""

    store: ArticleStore
    numbers: list[int] = field(default_factory=list)
    titles: dict[str, str | None] = field(default_factory=dict)

    def watch(self, done: threading.Event) -> None:
        """Poll until the writers are done and nothing is left."""
        epoch, point = self.store.state().epoch, LOG_START
        complete = False
        while not (done.is_set() and complete):
            complete = done.is_set()
            last = self.numbers[-1] if self.numbers else 0
            newest = self.store.state().change
            self.numbers += [change.number for change in log_of(self.store, last)]
            assert not self.numbers or newest <= self.numbers[-1]
            point, updates = self.store.updates_after(
                point, epoch=epoch, analyzer="words", model="model", limit=50
            )
            complete = complete and updates.complete
            for update in updates.updates:
                self.titles[update.id] = update.outline.title if update.outline else None


@pytest.mark.postgresql_daily
def test_a_follower_of_several_writers_misses_no_change(reopen: Open) -> None:
    done = threading.Event()
    watcher = Watcher(reopen())
    stores = [reopen() for _ in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS + 1) as threads:
        watching = threads.submit(watcher.watch, done)
        try:
            written = list(threads.map(write, stores, "abcd"))
        finally:
            done.set()
        watching.result()
    log = [change.number for change in log_of(watcher.store)]
    assert watcher.numbers == log
    assert log == sorted(log)
    kept = {key: title for one in written for key, title in one.items()}
    seen = {key: title for key, title in watcher.titles.items() if title is not None}
    assert seen == kept
