"""The use case: records of a source into the store."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle, StaleVersion, UnknownArticle
from recommender.progress import Meter
from recommender.sources import Cursor, Gone, LeftOut, Mark, Pulled, Record, Source
from recommender.store import ArticleStore, Receipt

__all__ = ["Imported", "import_records", "import_source"]

Outcome = Receipt | StaleVersion | UnknownArticle | InvalidArticle | None
"""What became of a record; None where it was the news that something unknown is gone."""

Content = Article | Gone | InvalidArticle

MOST_TOLD: Final = 100  # rejected records of a source; nobody reads more, and a terminal is slow
BATCH: Final = 25  # one transaction each: what is done again at most after a stop
_REJECTED: Final = "rejected"
PAUSE_SECONDS: Final = 0.01  # between transactions, in which a newsroom's single writes get in


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records were what, and by a word how much was left out that is no article."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ["created", "updated", "unchanged", "rejected", *["deleted"] * bool(self.deleted)]
        line = ", ".join(f"{getattr(self, kind)} {kind}" for kind in kinds)
        others = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
        return f"{line} (left out: {others})" if others else line


def import_source(
    store: ArticleStore,
    source: Source,
    report: Callable[[str], object],
    meter: Meter,
    *,
    strict: bool = False,
    again: bool = False,
) -> Imported:
    """Store what is new in a source since it was imported last.

    Where it was left is kept in the store, and never before what it had told up to there: stopped
    at any moment, the import is run again and goes on.

    Args:
        store: where the articles go.
        source: where they come from.
        report: told of the first rejected records, each in one line, and how many more there are.
        meter: told how far it is.
        strict: stop at the first bad record; what stands before it is stored.
        again: read all of it, wherever it was left.

    Raises:
        BadSource: the source cannot be read, or a record is bad and `strict` is set.
    """
    cursor = None if again else store.checkpoints.get(source.name)
    pulled = source.pull(cursor, meter)
    keep = partial(store.checkpoints.put, source.name)
    return import_records(store, pulled, report, strict=strict, keep=keep)


def import_records(
    store: ArticleStore,
    records: Iterable[Pulled],
    report: Callable[[str], object],
    *,
    strict: bool = False,
    keep: Callable[[Cursor], object] = lambda _cursor: None,
) -> Imported:
    """Store every acceptable record; the others are reported, by file, line and field.

    Args:
        store: where they go.
        records: from a source.
        report: told of the first rejected records, each in one line, and how many more there are.
        strict: stop at the first bad record; what stands before it is stored.
        keep: told of each mark when all before it is stored.

    Raises:
        BadSource: a record is bad and `strict` is set.
    """
    counted: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for batch in _batches(records, 1 if strict else BATCH):
        if isinstance(batch, Mark):
            keep(batch.cursor)
        elif isinstance(batch, LeftOut):
            left_out[batch.reason] += batch.count
        else:
            outcomes = _store(store, batch)
            for record, outcome in zip(batch, outcomes, strict=True):
                word = _word(outcome)
                if word == _REJECTED and counted[word] < MOST_TOLD:
                    _refuse(f"{record.place}: {outcome}", report, strict=strict)
                counted[word] += 1
            time.sleep(PAUSE_SECONDS if any(map(_is_written, outcomes)) else 0)
    if counted[_REJECTED] > MOST_TOLD:
        report(_and_more(counted[_REJECTED] - MOST_TOLD))
    return Imported(
        created=counted["created"],
        updated=counted["updated"],
        unchanged=counted["unchanged"],
        rejected=counted[_REJECTED],
        deleted=counted["deleted"],
        left_out=dict(left_out),
    )


def _batches(records: Iterable[Pulled], size: int) -> Iterator[list[Record] | Mark | LeftOut]:
    """Records by the batch, each mark behind the batch of what came before it.

    Where a source breaks off, what it gave until then is given on before that is raised.
    """
    batch: list[Record] = []
    try:
        for one in records:
            if isinstance(one, LeftOut):
                yield one
                continue
            if isinstance(one, Record):
                batch.append(one)
            if batch and (isinstance(one, Mark) or len(batch) >= size):
                yield batch
                batch = []
            if isinstance(one, Mark):
                yield one
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _store(store: ArticleStore, batch: Sequence[Record]) -> list[Outcome]:
    """Store a batch, in one transaction unless something in it is gone; outcomes in its order."""
    outcomes: list[Outcome] = []
    for gone, run in groupby(batch, lambda record: isinstance(record.content, Gone)):
        contents = [record.content for record in run]
        outcomes += _remove(store, contents) if gone else _put(store, contents)
    return outcomes


def _word(outcome: Outcome) -> str:
    if isinstance(outcome, Receipt):
        return outcome.result
    return "unknown" if outcome is None else _REJECTED


def _is_written(outcome: Outcome) -> bool:
    return isinstance(outcome, Receipt) and outcome.result != "unchanged"


def _and_more(count: int) -> str:
    others = f"{count} more records are" if count > 1 else "one more record is"
    return f"{others} rejected and not shown; mend those above and import again to see the next"


def _put(store: ArticleStore, contents: Sequence[Content]) -> Iterator[Outcome]:
    good = [content for content in contents if isinstance(content, Article)]
    receipts = iter(store.write_many(good) if good else ())
    for content in contents:
        yield content if isinstance(content, InvalidArticle) else next(receipts)


def _remove(store: ArticleStore, contents: Sequence[Content]) -> Iterator[Outcome]:
    for content in contents:
        if isinstance(content, Gone):
            try:
                yield store.delete(content.id)
            except UnknownArticle:  # it came and went between two imports
                yield None


def _refuse(refusal: str, report: Callable[[str], object], *, strict: bool) -> None:
    if strict:
        raise BadSource(f"{refusal}; stopped there, what stands before it is stored")
    report(refusal)
