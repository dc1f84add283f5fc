"""Imports the records of a source into the store."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Final

from recommender.articles import Article
from recommender.errors import (
    BadSource,
    DeletedArticle,
    InvalidArticle,
    StaleVersion,
    UnknownArticle,
)
from recommender.progress import Meter
from recommender.sources import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record, Source
from recommender.store import ArticleStore, Receipt

__all__ = ["Imported", "import_records", "import_source", "stored_ids", "with_known_ids"]

Outcome = Receipt | StaleVersion | UnknownArticle | InvalidArticle | None
"""What became of a record; None if it said that something unknown is gone."""

Content = Article | Gone | InvalidArticle

MOST_REPORTED: Final = 100  # rejected records of a source; nobody reads more
BATCH: Final = 25  # records in one transaction; after a stop no more are stored again
IDS_AT_ONCE: Final = 500
_REJECTED: Final = "rejected"
PAUSE_SECONDS: Final = 0.01  # between transactions: a CMS writes meanwhile


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records were stored or rejected, and by reason how much was left out."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, int]:
        """How many of each; of what there is none, only `created` is named."""
        kinds = ("created", "updated", "unchanged", "rejected", "deleted")
        found = {kind: getattr(self, kind) for kind in kinds}
        found["left_out"] = sum(self.left_out.values())
        return {kind: count for kind, count in found.items() if count or kind == "created"}

    @property
    def others(self) -> str:
        """What was left out: `left out: 3 draft, 1 page`; empty if nothing was."""
        others = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
        return f"left out: {others}" if others else ""

    def __str__(self) -> str:
        kinds = ["created", "updated", "unchanged", "rejected", *["deleted"] * bool(self.deleted)]
        line = ", ".join(f"{getattr(self, kind)} {kind}" for kind in kinds)
        return f"{line} ({self.others})" if self.others else line


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

    A checkpoint of the source is stored after the records before it. So an import that was stopped
    at any moment is run again and goes on.

    Args:
        store: where the articles go.
        source: where they come from.
        report: called with a line for each of the first rejected records, and the number of others.
        meter: shows the progress.
        strict: stop at the first bad record; the records before it are stored.
        again: read all of it, and ignore the checkpoint.

    Raises:
        BadSource: the source cannot be read, or a record is bad and `strict` is set.
    """
    checkpoint = None if again else store.checkpoints.get(source.name)
    pulled = source.pull(checkpoint, meter)
    keep = partial(store.checkpoints.put, source.name)
    return import_records(store, pulled, report, strict=strict, keep=keep)


def import_records(
    store: ArticleStore,
    records: Iterable[Pulled],
    report: Callable[[str], object],
    *,
    strict: bool = False,
    keep: Callable[[CheckpointJson], object] = lambda _: None,
) -> Imported:
    """Store every acceptable record; report the others by file, line and field.

    Args:
        store: where they go.
        records: from a source.
        report: called with a line for each of the first rejected records, and the number of others.
        strict: stop at the first bad record; the records before it are stored.
        keep: called with each checkpoint when all records before it are stored.

    Raises:
        BadSource: a record is bad and `strict` is set.
    """
    counted: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for batch in _batches(with_known_ids(store, records), 1 if strict else BATCH):
        if isinstance(batch, Mark):
            keep(batch.checkpoint)
        elif isinstance(batch, LeftOut):
            left_out[batch.reason] += batch.count
        else:
            outcomes = _store(store, batch)
            _count(zip(batch, outcomes, strict=True), counted, report, strict=strict)
            time.sleep(PAUSE_SECONDS if any(map(_is_written, outcomes)) else 0)
    if counted[_REJECTED] > MOST_REPORTED:
        report(_report_others(counted[_REJECTED] - MOST_REPORTED))
    return Imported(
        created=counted["created"],
        updated=counted["updated"],
        unchanged=counted["unchanged"],
        rejected=counted[_REJECTED],
        deleted=counted["deleted"],
        left_out=dict(left_out),
    )


def stored_ids(store: ArticleStore, prefix: str) -> Iterator[str]:
    """The ids of stored articles that begin with a prefix, ascending."""
    last = ""
    while ids := store.ids(prefix, last, IDS_AT_ONCE):
        yield from ids
        last = ids[-1]


def with_known_ids(store: ArticleStore, records: Iterable[Pulled]) -> Iterator[Pulled]:
    """The same records, but an article that is stored under its former id keeps that id.

    Feeds may have shared a former id. So the stored article must be the same, or else the record
    has its own new id. Of an article that was deleted nothing is known but its id: whatever had
    that id keeps it. No two records with different ids get the same former id.
    """
    claimed = dict[str, str]()
    for one in records:
        if isinstance(one, Record) and one.former_id and isinstance(one.content, Article):
            former_id, new_id = one.former_id, one.content.id
            is_free = claimed.get(former_id, new_id) == new_id
            if is_free and _keeps_former_id(store, one.content, former_id):
                claimed[former_id] = new_id
                content = one.content.model_copy(update={"id": former_id})
                yield replace(one, content=content, former_id="")
                continue
        yield one


def _keeps_former_id(store: ArticleStore, article: Article, former_id: str) -> bool:
    """Whether an article was never stored under its new id, but under its former one."""
    stored = store.get_many([article.id, former_id])
    if article.id in stored:
        return False
    former = stored.get(former_id)
    if former:
        return _is_same(former.article, article)
    return _was_deleted(store, former_id) and not _was_deleted(store, article.id)


def _was_deleted(store: ArticleStore, article_id: str) -> bool:
    try:
        store.get(article_id)
    except DeletedArticle:
        return True
    except UnknownArticle:
        return False
    return False


def _is_same(stored: Article, article: Article) -> bool:
    """Whether two articles under one id are the same.

    Two addresses decide. If one has none, the titles decide; if none has one, the titles or the
    times of publication.
    """
    if stored.url and article.url:
        return stored.url == article.url
    if stored.title and stored.title == article.title:
        return True
    has_address = stored.url or article.url
    is_of_one_time = stored.published_at and stored.published_at == article.published_at
    return bool(is_of_one_time and not has_address)


def _count(
    stored: Iterable[tuple[Record, Outcome]],
    counted: Counter[str],
    report: Callable[[str], object],
    *,
    strict: bool,
) -> None:
    """Count results, and report the first rejected records.

    Raises:
        BadSource: a record was rejected and `strict` is set.
    """
    for record, outcome in stored:
        result = _result(outcome)
        if result == _REJECTED and counted[result] < MOST_REPORTED:
            refusal = f"{record.place}: {outcome}"
            if strict:
                raise BadSource(f"{refusal}; stopped there; the records before it are stored")
            report(refusal)
        counted[result] += 1


def _batches(records: Iterable[Pulled], size: int) -> Iterator[list[Record] | Mark | LeftOut]:
    """Records in batches; a mark comes after the records before it.

    If the source raises, the records before that come first.
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
    """Store a batch, in one transaction if nothing in it is gone; the outcomes are in its order."""
    outcomes: list[Outcome] = []
    for gone, run in groupby(batch, lambda record: isinstance(record.content, Gone)):
        contents = [record.content for record in run]
        outcomes += _remove(store, contents) if gone else _put(store, contents)
    return outcomes


def _result(outcome: Outcome) -> str:
    if isinstance(outcome, Receipt):
        return outcome.result
    return "unknown" if outcome is None else _REJECTED


def _is_written(outcome: Outcome) -> bool:
    return isinstance(outcome, Receipt) and outcome.result != "unchanged"


def _report_others(count: int) -> str:
    others = f"{count} more records are" if count > 1 else "one more record is"
    return f"{others} rejected and not shown; correct those above and import again to see the next"


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
