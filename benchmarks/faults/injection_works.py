"""The pieces of work that faults are injected into, and what must hold of the archive after each.

A work is prepared and done in a forked child of `injection_worker`; the archive before it is made
once and copied, and looked at afterwards, by the process that injects.
"""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pysqlite3

from benchmarks.faults.damage_archive import ROWS, STAMP, make_rows
from index import Catalog, Snapshot
from recommender.articles import Article, parse_article
from recommender.errors import UnknownArticle
from recommender.store import ArticleStore, open_store

__all__ = ["WORKS", "Work"]

Steps = tuple[Callable[[], str], Callable[[], None]]


class Check(Protocol):
    """Looks at an archive after a piece of work."""

    def __call__(self, folder: Path, *, acknowledged: bool) -> str | None:
        """Say what is wrong, or nothing."""


OLD_CHANGE: Final = 1
NEW_CHANGE: Final = 2
NEXT_CHANGE: Final = 3
PATIENCE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work.

    Attributes:
        make: makes the archive as it is before, in an empty folder.
        prepare: in the child, all that may happen before faults do; gives the work itself, which
            returns once it is acknowledged, and what tidies up after it.
        check: looks at the archive afresh, told whether the work was acknowledged; says what is
            wrong, or None.
    """

    make: Callable[[Path], object]
    prepare: Callable[[Path], Steps]
    check: Check


# --- a write ---


def _article(name: str, words: str) -> Article:
    return parse_article(json.dumps({"id": name, "title": words, "body": f"{words}. " * 40}))


OLD: Final = [_article(f"old-{number}", f"old words {number}") for number in range(8)]
WRITTEN: Final = [
    _article("new-1", "first new words"),
    _article("old-3", "other words"),
    _article("new-2", "second new words"),
]


def _store(folder: Path) -> ArticleStore:
    return open_store(f"sqlite:///{folder / 'read-also.db'}", PATIENCE_SECONDS)


def _make_store(folder: Path) -> None:
    with closing(_store(folder)) as store:
        for article in OLD:
            store.put(article)


def _prepare_write(folder: Path) -> Steps:
    store = _store(folder)
    return (lambda: str(len(store.write_many(WRITTEN)))), store.close


def _prepare_opening(folder: Path) -> Steps:
    opened: list[ArticleStore] = []

    def write() -> str:
        opened.append(_store(folder))
        return str(len(opened[-1].write_many(WRITTEN)))

    def close() -> None:
        for store in opened:
            store.close()

    return write, close


def _check_store(folder: Path, *, acknowledged: bool) -> str | None:
    wanted = {article.id: article for article in OLD}
    after = wanted | {article.id: article for article in WRITTEN}
    with closing(_store(folder)) as store:
        held = {name: found for name in after if (found := _get(store, name)) is not None}
        if held != after and (acknowledged or held != wanted):
            return f"acknowledged: {acknowledged}, but the store holds {sorted(held)}"
        change = store.state().change
        if store.put(_article("next", "the next write")).change <= change:
            return f"the next write has a number no higher than {change}"
        if _get(store, "next") != _article("next", "the next write"):
            return "the next write is not there"
    return _integrity(folder)


def _get(store: ArticleStore, name: str) -> Article | None:
    try:
        return store.get(name)
    except UnknownArticle:
        return None


def _integrity(folder: Path) -> str | None:
    with closing(pysqlite3.connect(folder / "read-also.db")) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
    return None if answer == [("ok",)] else f"integrity_check: {answer}"


# --- a publish ---


def _catalog(folder: Path) -> Catalog:
    return Catalog(folder / "snapshots")


def _publish(catalog: Catalog, change: int) -> Snapshot:
    return catalog.publish_rows(make_rows(ROWS, change), **STAMP, change=change)


def _make_catalog(folder: Path) -> None:
    _publish(_catalog(folder), OLD_CHANGE)


def _nothing() -> None:
    """Nothing to tidy up."""


def _prepare_publish(folder: Path) -> Steps:
    catalog = _catalog(folder)
    rows = make_rows(ROWS, NEW_CHANGE)

    def publish() -> str:
        with catalog.lock():
            return catalog.publish_rows(rows, **STAMP, change=NEW_CHANGE).generation

    return publish, _nothing


def _prepare_prune(folder: Path) -> Steps:
    catalog = _catalog(folder)
    _publish(catalog, NEW_CHANGE)

    def prune() -> str:
        with catalog.lock():
            return str(catalog.prune(1))

    return prune, _nothing


def _check_publish(folder: Path, *, acknowledged: bool) -> str | None:
    return _check_catalog(folder, {NEW_CHANGE} if acknowledged else {OLD_CHANGE, NEW_CHANGE})


def _check_prune(folder: Path, *, acknowledged: bool) -> str | None:
    left = len(_catalog(folder).generations())
    if acknowledged and left != 1:
        return f"pruned to {left} generations"
    return _check_catalog(folder, {NEW_CHANGE})


def _check_catalog(folder: Path, changes: set[int]) -> str | None:
    catalog = _catalog(folder)
    live = catalog.open_live()
    if live.manifest.change not in changes:
        return f"change {live.manifest.change} is live, not one of {changes}"
    for snapshot in [
        live,
        *(catalog.open(n) for n in catalog.generations() if n != live.generation),
    ]:
        if wrong := _answers(snapshot):
            return wrong
    with catalog.lock():
        newest = _publish(catalog, NEXT_CHANGE).generation
        catalog.prune(1)
    if catalog.open_live().generation != newest:
        return "the next publish is not live"
    names = {path.name for path in catalog.folder.iterdir()}
    return None if names == {"live", "lock", newest} else f"left over: {sorted(names)}"


def _answers(snapshot: Snapshot) -> str | None:
    """Compare with brute force over the rows that this change should hold."""
    rows = make_rows(ROWS, snapshot.manifest.change)
    similarities = rows.vectors @ rows.vectors.T
    for row, row_id in enumerate(rows.ids):
        hits = snapshot.vectors.nearest(rows.vectors[row], ROWS, np.ones(ROWS, bool))
        # What float16 rounds off may not move a similarity further.
        close = np.allclose(hits.similarities, similarities[row][hits.rows], atol=1e-3)
        whole = snapshot.row_of(row_id) == row and snapshot.display_of(row) == rows.display[row]
        if not close or not whole or sorted(hits.rows.tolist()) != list(range(ROWS)):
            return f"{snapshot.generation} answers wrongly about {row_id}"
    return None


WORKS: Final = {
    "write": Work(_make_store, _prepare_write, _check_store),
    "open and write": Work(_make_store, _prepare_opening, _check_store),
    "publish": Work(_make_catalog, _prepare_publish, _check_publish),
    "prune": Work(_make_catalog, _prepare_prune, _check_prune),
}
