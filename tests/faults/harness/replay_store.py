"""Forty articles put, updated and deleted in a new SQLite store that is closed and opened again.

    python -m tests.faults.harness.replay_store FOLDER

writes them and acknowledges each. The WAL is emptied into the database every few writes, so that
the outages meet checkpoints too.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from recommender.articles import Article
from recommender.errors import DeletedArticle, UnknownArticle
from recommender.store import ArticleStore, open_store
from tests.faults.harness.ledger import find_corruption
from tests.faults.harness.replay import Control, Workload, acknowledge

DATABASE: Final = "read-also.db"
CHECKPOINT_PAGES: Final = 16
WRITES: Final = 40
IDS: Final = 16
REOPENED_AT: Final = (13, 27)


Written = Article | str
"""An article, or "deleted", or "unknown" before it was written."""


def _draw_steps() -> Iterator[tuple[str, Written]]:
    """The writes, the same every time."""
    draw = random.Random(20261124)  # noqa: S311 - the same every time
    living: set[str] = set()
    for number in range(WRITES):
        article_id = f"article-{draw.randrange(IDS):02}"
        if article_id in living and draw.random() < 0.3:
            living.remove(article_id)
            yield article_id, "deleted"
        else:
            living.add(article_id)
            words = " ".join(f"word{draw.randrange(1000)}" for _ in range(draw.randrange(5, 600)))
            yield article_id, Article(id=article_id, title=f"Write {number}", body=words)


STEPS: Final = list(_draw_steps())


def write_all(url: str) -> None:
    """Write every step, acknowledge each, and open the store anew in between."""
    store = open_store(url)
    for number, (article_id, written) in enumerate(STEPS):
        if number in REOPENED_AT:
            store.close()
            store = open_store(url)
        if isinstance(written, Article):
            store.put(written)
        else:
            store.delete(article_id)
        acknowledge(number)
    store.close()


def check(folder: Path, acknowledged: int) -> Iterator[str]:
    """Look for every acknowledged article, whole, in the store of a folder."""
    before, after = dict(STEPS[:acknowledged]), dict(STEPS[: acknowledged + 1])
    with closing(open_store(_url(folder))) as store:
        for article_id in sorted(after):
            found = _find(store, article_id)
            wanted = before.get(article_id, "unknown")
            # The write that was under way is there whole, or not at all.
            if found not in (wanted, after[article_id]):
                yield f"{article_id} is {found!s:.60}, not {wanted!s:.60}"
    yield from find_corruption(folder / DATABASE)


def _find(store: ArticleStore, article_id: str) -> Written:
    try:
        return store.get(article_id)
    except DeletedArticle:
        return "deleted"
    except UnknownArticle:
        return "unknown"


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


STORE: Final = Workload(
    "store",
    __name__,
    check,
    (
        Control("every fsync of the WAL", rf"{DATABASE}-wal"),
        Control("the fsync of the WAL for one write", rf"{DATABASE}-wal", 5, answered=True),
        Control("the folder's fsync after the WAL was made", r"/", -1),
        Control("the last fsync of the database, before the WAL goes", DATABASE, -1),
        Control("every fsync of the database", DATABASE),
    ),
)


def _checkpoint_often(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")


if __name__ == "__main__":
    sa.event.listen(sa.Engine, "connect", _checkpoint_often)
    write_all(_url(Path(sys.argv[1])))
