"""The use case: records of a source into the store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, StaleVersion
from recommender.sources import Record
from recommender.store import ArticleStore

__all__ = ["Imported", "import_records"]

BATCH: Final = 500  # one transaction each: what is done again at most after a stop


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
    for batch in _batches(iter(records)):
        for refusal in _store(store, batch, counted, strict=strict):
            counted["rejected"] += 1
            if strict:
                raise BadSource(f"{refusal}; stopped there, what stands before it is stored")
            report(refusal)
    return Imported(
        counted["created"], counted["updated"], counted["unchanged"], counted["rejected"]
    )


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def _store(
    store: ArticleStore, batch: Sequence[Record], counted: Counter[str], *, strict: bool
) -> Iterator[str]:
    """Put the good records of a batch; yield what is to be said of the others."""
    bad = [record for record in batch if not isinstance(record.content, Article)]
    good = list(_good(batch, before=bad[0] if strict and bad else None))
    receipts = store.put_many(article for _, article in good)
    for (record, _), receipt in zip(good, receipts, strict=True):
        if isinstance(receipt, StaleVersion):
            yield f"{record.place}: {receipt}"
        else:
            counted[receipt.result] += 1
    yield from (f"{record.place}: {record.content}" for record in bad)


def _good(batch: Sequence[Record], before: Record | None) -> Iterator[tuple[Record, Article]]:
    for record in batch:
        if record is before:
            return
        if isinstance(record.content, Article):
            yield record, record.content
