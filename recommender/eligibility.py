"""Which articles may be listed, and which may be asked about. The one place that decides it."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Article
from recommender.columns import (
    TAG_SEPARATOR,
    UNKNOWN_LANGUAGE,
    Columns,
    Described,
    describe_standing,
)
from recommender.recommendations import Options

__all__ = ["Wanted", "eligible", "matching", "next_turn", "on_show", "shows"]

Rows = NDArray[np.bool_]
DAY_SECONDS: Final = 86_400.0
EVERY_ROW: Final = slice(None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the asker limits the list to; None limits nothing.

    `languages` are primary BCP-47 subtags; times are seconds since 1970 in UTC.
    """

    languages: frozenset[str] | None = None
    section: str | None = None
    tag: str | None = None
    published_after: float | None = None
    published_before: float | None = None

    @classmethod
    def of(cls, options: Options, language: str, published_at: float, now: float) -> "Wanted":
        """What options want under a seed of a language, published when (NaN: unknown).

        Unless others are asked for, only the seed's language; where that is unknown, words decide
        among all. `background` wants what is older; a seed without a date bounds nothing.
        """
        own = None if language == UNKNOWN_LANGUAGE else frozenset({language})
        languages = own if options.languages is None else options.languages or None
        age, background = options.max_age_days, options.mode == "background"
        return cls(
            languages=languages,
            section=options.section,
            tag=options.tag,
            published_after=None if age is None else now - age * DAY_SECONDS,
            published_before=published_at if background and not isnan(published_at) else None,
        )


def on_show(articles: Columns, now: float, only: slice = EVERY_ROW) -> Rows:
    """Which rows a reader may see at `now`: published, not embargoed or scheduled, not expired.

    With `only`, just of those rows.
    """
    columns = articles.columns
    rows: Rows = columns["published"][only].copy()
    rows &= columns["from_time"][only] <= now
    rows &= now < columns["until_time"][only]
    return rows


def shows(article: Article, now: float) -> bool:
    """Whether a reader may see one article at `now`; the same rule as `on_show`."""
    return bool(on_show(Described(describe_standing([article]), {}), now)[0])


def eligible(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows may stand in any list at `now`: on show, read, not flagged, with a title."""
    rows = on_show(articles, now)
    rows &= articles.columns["read"]
    rows &= articles.columns["recommendable"]
    if not untitled:
        rows &= articles.columns["titled"]
    return rows


def next_turn(articles: Columns, now: float) -> float:
    """The next moment at which the clock alone changes what is on show; infinite if none does."""
    bounds = (articles.columns["from_time"], articles.columns["until_time"])
    return min(float(times[times > now].min(initial=np.inf)) for times in bounds)


def matching(articles: Columns, wanted: Wanted) -> Rows:
    """Which rows meet all that was asked for. An article without a date meets no bound of time."""
    columns, labels = articles.columns, articles.labels
    published_at = columns["published_at"]
    rows = np.ones(len(published_at), np.bool_)
    if wanted.languages is not None:
        rows &= _coded(columns["language"], labels["language"], wanted.languages)
    if wanted.section is not None:
        rows &= _coded(columns["section"], labels["section"], {wanted.section})
    if wanted.tag is not None:
        rows &= _coded(columns["tags"], labels["tags"], _holding(wanted.tag, labels["tags"]))
    if wanted.published_after is not None:
        rows &= published_at >= wanted.published_after
    if wanted.published_before is not None:
        rows &= published_at < wanted.published_before
    return rows


def _coded(codes: NDArray[np.int32], words: Iterable[str], wanted: Iterable[str]) -> Rows:
    """Rows whose code stands for one of the wanted words."""
    known = frozenset(wanted)
    hits = np.array([word in known for word in words], np.bool_)
    return hits[codes] if len(hits) else np.zeros(len(codes), np.bool_)


def _holding(tag: str, texts: Iterable[str]) -> list[str]:
    """The joined tags that hold a tag."""
    return [text for text in texts if tag in text.split(TAG_SEPARATOR)]
