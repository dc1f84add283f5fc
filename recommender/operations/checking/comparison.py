"""What is wrong with one article, decided on plain values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from recommender.articles import Article
from recommender.store.scan import ArticleStatus

__all__ = ["LATE", "Flaw", "Given", "differs", "flaws_of", "parts_ways"]

LATE: Final = timedelta(hours=1)
"""A text that waits for so long has no indexer that reads it."""


class Flaw(StrEnum):
    """What may be wrong with one article."""

    TORN = "torn"
    FORGOTTEN = "forgotten"
    UNKNOWN = "unknown"
    DEAD_LETTER = "dead letter"
    LATE = "late"
    PENDING = "pending"
    UNEMBEDDED = "unembedded"
    MISSING = "missing"
    ORPHAN = "orphan"
    STALE = "stale"
    UNSTORED = "unstored"
    UNSOURCED = "unsourced"
    OTHER_TEXT = "other text"
    OTHER_FIELDS = "other fields"


@dataclass(frozen=True, slots=True)
class Given:
    """An article as a source gives it, by what can be compared and takes little memory."""

    text_hash: str
    outline: bytes
    version: int | None = None

    @classmethod
    def of(cls, article: Article) -> "Given":
        """What is remembered of an article while the rest of its source is read."""
        return cls(article.text_hash, _digest(article.to_outline()), article.version)

    def yields_to(self, later: "Given") -> bool:
        """Whether a later line about the same article counts, as it does in an import."""
        return None in {self.version, later.version} or self.version <= later.version  # type: ignore[operator]


def flaws_of(standing: ArticleStatus, now: datetime, *, modelled: bool) -> Iterator[Flaw]:
    """What is wrong with an article as the store has it.

    Args:
        standing: the article's.
        now: the moment of the check, aware.
        modelled: whether there is a live generation, by whose model it should be embedded.
    """
    if standing.deleted == standing.has_document:
        yield Flaw.TORN
    yield from _flaws_of_queue(standing, now)
    if standing.read_hash and not standing.has_terms:
        yield Flaw.UNKNOWN
    if standing.read_hash and not standing.has_vector and modelled:
        yield Flaw.UNEMBEDDED


def _flaws_of_queue(standing: ArticleStatus, now: datetime) -> Iterator[Flaw]:
    if standing.is_dead_letter:
        yield Flaw.DEAD_LETTER
    elif standing.is_queued:
        # The log reaches back to the oldest generation: what it does not know came before that.
        late = standing.queued_at is None or standing.queued_at <= now - LATE
        yield Flaw.LATE if late else Flaw.PENDING
    elif standing.text_hash != standing.read_hash:
        yield Flaw.FORGOTTEN


def parts_ways(standing: ArticleStatus | None, change: int | None, built_at: int) -> Flaw | None:
    """How an article differs in a generation, whose followers know of all later changes.

    Args:
        standing: the article's in the store; None if it was never there.
        change: what its row says of its last write; None if it has no row.
        built_at: the number of the last change that the generation knows.
    """
    if standing is None:
        return Flaw.ORPHAN
    if standing.touched > built_at:
        return None
    if standing.deleted:
        return None if change is None else Flaw.ORPHAN
    if change is None:
        return Flaw.MISSING if standing.read_hash else None
    return None if change == standing.change else Flaw.STALE


def differs(standing: ArticleStatus | None, given: Given | None) -> Flaw | None:
    """How an article in the store differs from the one in a source."""
    if standing is None or standing.deleted:
        return None if given is None else Flaw.UNSTORED
    if given is None:
        return Flaw.UNSOURCED
    if given.text_hash != standing.text_hash:
        return Flaw.OTHER_TEXT
    return None if given.outline == _digest(standing.outline or "") else Flaw.OTHER_FIELDS


def _digest(outline: str) -> bytes:
    return sha256(outline.encode()).digest()
