"""The use case: records of a source into the store."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle, StaleVersion
from recommender.sources import Record
from recommender.store import ArticleStore, Receipt

__all__ = ["Imported", "import_records"]

Outcome = Receipt | StaleVersion | InvalidArticle

BATCH: Final = 25  # one transaction each: what is done again at most after a stop
PAUSE_SECONDS: Final = 0.01  # between transactions, in which a newsroom's single writes get in


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records were what."""

    created: int
    updated: int
    unchanged: int
    rejected: int


def import_records(
    store: ArticleStore,
    records: Iterable[Record],
    report: Callable[[str], object],
    *,
    strict: bool = False,
) -> Imported:
    """Store every acceptable record; the others are reported, by file, line and field.

    Args:
        store: where they go.
        records: from a source.
        report: told of each rejected record in one line.
        strict: stop at the first bad record; what stands before it is stored.

    Raises:
        BadSource: a record is bad and `strict` is set.
    """
    counted: Counter[str] = Counter()
    for batch in _batches(iter(records), 1 if strict else BATCH):
        time.sleep(PAUSE_SECONDS)
        for record, outcome in zip(batch, _store(store, batch), strict=True):
            counted[outcome.result if isinstance(outcome, Receipt) else "rejected"] += 1
            if not isinstance(outcome, Receipt):
                _refuse(f"{record.place}: {outcome}", report, strict=strict)
    return Imported(
        counted["created"], counted["updated"], counted["unchanged"], counted["rejected"]
    )


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while batch := list(islice(records, size)):
        yield batch


def _store(store: ArticleStore, batch: Sequence[Record]) -> list[Outcome]:
    """Put the good records of a batch in one transaction; outcomes stand in the records' order."""
    good = [record.content for record in batch if isinstance(record.content, Article)]
    receipts = iter(store.put_many(good) if good else ())
    return [
        next(receipts) if isinstance(record.content, Article) else record.content
        for record in batch
    ]


def _refuse(refusal: str, report: Callable[[str], object], *, strict: bool) -> None:
    if strict:
        raise BadSource(f"{refusal}; stopped there, what stands before it is stored")
    report(refusal)
