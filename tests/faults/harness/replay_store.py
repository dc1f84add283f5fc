"""Forty articles put, updated and deleted in a new SQLite store that is closed and opened again.

    python -m tests.faults.harness.replay_store FOLDER

writes them and acknowledges each. The WAL is emptied into the database every few writes, so that
the outages meet checkpoints too.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from recommender.articles import Article
from recommender.errors import DeletedArticle, UnknownArticle
from recommender.store import ArticleStore, open_store
from tests.faults.harness.ledger import find_corruption
from tests.faults.harness.replay import Control, Verdict, Workload, acknowledge

DATABASE: Final = "read-also.db"
CHECKPOINT_PAGES: Final = 16
WRITES: Final = 40
IDS: Final = 16
REOPENED_AT: Final = (13, 27)


@dataclass(frozen=True, slots=True)
class Step:
    """One write: an article put, or deleted where there is none."""

    article_id: str
    article: Article | None


def steps() -> Iterator[Step]:
    """The writes, the same every time."""
    draw = random.Random(20261124)  # noqa: S311 - the same every time
    living: set[str] = set()
    for number in range(WRITES):
        article_id = f"article-{draw.randrange(IDS):02}"
        if article_id in living and draw.random() < 0.3:
            living.remove(article_id)
            yield Step(article_id, None)
        else:
            living.add(article_id)
            words = " ".join(f"word{draw.randrange(1000)}" for _ in range(draw.randrange(5, 600)))
            yield Step(article_id, Article(id=article_id, title=f"Write {number}", body=words))


def write_all(url: str) -> None:
    """Write every step, acknowledge each, and open the store anew in between."""
    store = open_store(url)
    for number, step in enumerate(steps()):
        if number in REOPENED_AT:
            store.close()
            store = open_store(url)
        _take(store, step)
        acknowledge(number)
    store.close()


def check(folder: Path, acknowledged: int) -> Verdict:
    """Look for every acknowledged article, whole, in the store of a folder."""
    told, next_told = _after(acknowledged), _after(min(acknowledged + 1, WRITES))
    try:
        losses = tuple(_losses(folder, told, next_told))
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be read
        losses = (f"the store cannot be used: {error!r}",) * max(1, len(told))
    return Verdict(len(told), losses)


def _take(store: ArticleStore, step: Step) -> None:
    if step.article is None:
        store.delete(step.article_id)
    else:
        store.put(step.article)


def _after(count: int) -> dict[str, Article | None]:
    return {step.article_id: step.article for step in _STEPS[:count]}


def _losses(
    folder: Path, told: dict[str, Article | None], next_told: dict[str, Article | None]
) -> Iterator[str]:
    with closing(open_store(_url(folder))) as store:
        for article_id in sorted(next_told):
            found = _find(store, article_id)
            # The write that was under way is there whole, or not at all.
            if found not in {_text(told, article_id), _text(next_told, article_id)}:
                yield f"{article_id} is {found:.60}, not {_text(told, article_id):.60}"
    yield from find_corruption(folder / DATABASE)


def _find(store: ArticleStore, article_id: str) -> str:
    try:
        return store.get(article_id).to_json()
    except DeletedArticle:
        return "deleted"
    except UnknownArticle:
        return "unknown"


def _text(articles: dict[str, Article | None], article_id: str) -> str:
    if article_id not in articles:
        return "unknown"
    article = articles[article_id]
    return "deleted" if article is None else article.to_json()


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


_STEPS: Final = list(steps())

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
