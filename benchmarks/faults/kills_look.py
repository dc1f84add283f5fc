"""A fresh look at a store and its snapshots after a kill."""

import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pysqlite3

from benchmarks.faults.kills_deeds import Deed, digest_of
from benchmarks.faults.kills_history import History, Seen, Settled
from benchmarks.faults.kills_publish import check_catalog
from recommender.errors import DeletedArticle
from recommender.store import ArticleStore, open_store

__all__ = ["Look", "Place", "look"]

FETCHED: Final = 20
PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the archive of some rounds lies."""

    folder: Path

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.folder / "read-also.db"

    @property
    def snapshots(self) -> Path:
        """The catalog's folder."""
        return self.folder / "snapshots"

    def open(self) -> ArticleStore:
        """Open the store."""
        return open_store(f"sqlite:///{self.database}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found.

    Attributes:
        settled: the store, compared with its history.
        wrong: what else is wrong.
        live: the change of the live generation; -1 where nothing was published.
    """

    settled: Settled
    wrong: tuple[str, ...]
    live: int


def look(
    place: Place, history: History, cut_short: Sequence[Deed], published: int | None, seed: str
) -> Look:
    """Open everything anew and compare it with all that was acknowledged.

    Args:
        place: what to open.
        history: all that was acknowledged.
        cut_short: what the writers that were killed had begun.
        published: the change of the last acknowledged publish.
        seed: draws which articles are fetched one by one.
    """
    with closing(place.open()) as store:
        seen = _see(store)
        settled = history.settle(cut_short, seen)
        known = History(history.entries | settled.entries)
        wrong = [*_fetch(store, known, seed), *_integrity(place.database)]
        newest = store.state().change
    if settled.wrong or not place.snapshots.exists():
        return Look(settled, tuple(wrong), -1)
    words, live = check_catalog(place.snapshots, published, newest, _States(known))
    if live < seen.first and seen.first > 1:
        wrong.append(f"the log starts at {seen.first}, after the live change {live}")
    return Look(settled, (*wrong, *filter(None, [words])), live)


class _States(dict[int, dict[str, str]]):
    """By change, the digests of the articles that were there."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def __missing__(self, change: int) -> dict[str, str]:
        state = self._history.state(change)
        return {name: digest for name, digest in state.items() if digest is not None}


def _see(store: ArticleStore) -> Seen:
    log: dict[int, tuple[str, str]] = {}
    first = last = 0
    while page := store.changes_after(last, PAGE):
        first = first or page[0].number
        # A text that was read is told in the log as well, and writes nothing.
        log |= {c.number: (c.article_id, c.kind) for c in page if c.kind in {"upsert", "delete"}}
        last = page[-1].number
    with store.scan() as view:
        return Seen(first, log, {stored.article.id: digest_of(stored.article) for stored in view})


def _fetch(store: ArticleStore, history: History, seed: str) -> Iterable[str]:
    """Articles one by one, as a request would."""
    state = history.state()
    names = sorted(state)
    draw = random.Random(seed)  # noqa: S311 - a choice, no secret
    for name in draw.sample(names, min(FETCHED, len(names))):
        try:
            found: str | None = digest_of(store.get(name))
        except DeletedArticle:
            found = None
        if found != state[name]:
            yield f"get({name}) gives {found}, not {state[name]}"


def _integrity(database: Path) -> list[str]:
    with closing(pysqlite3.connect(database)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
    return [] if answer == [("ok",)] else [f"integrity_check: {answer}"]
