"""Which articles may be listed, and which may be asked about. The one place that decides it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import ListOptions, Rule
from recommender.articles import Article
from recommender.ranking.attributes import (
    UNKNOWN_LANGUAGE,
    Columns,
    TaggedColumns,
    visibility_columns,
)

__all__ = [
    "Filter",
    "broken_rules",
    "eligible",
    "matching",
    "next_visibility_change",
    "on_show",
    "pinnable",
    "row_on_show",
    "shows",
]

Rows = NDArray[np.bool_]
Which = slice | NDArray[np.int64]
Kept = Iterator[tuple[Rule, Rows]]
"""Rules in their order, each with the rows that it lets through."""
DAY_SECONDS: Final = 86_400.0
EVERY_ROW: Final = slice(None)


@dataclass(frozen=True, slots=True)
class Filter:
    """What the asker limits the list to; None limits nothing.

    `languages` are primary BCP-47 subtags; times are seconds since 1970 in UTC.
    """

    languages: frozenset[str] | None = None
    section: str | None = None
    tag: str | None = None
    published_after: float | None = None
    published_before: float | None = None

    @classmethod
    def of(cls, options: ListOptions, language: str, published_at: float, now: float) -> "Filter":
        """What options want under a seed of a language, published when (NaN: unknown).

        Unless others are asked for, only the seed's language; where that is unknown, words decide
        among all. `background` wants what is older; a seed without a date bounds nothing.
        """
        own = frozenset[str]() if language == UNKNOWN_LANGUAGE else frozenset({language})
        languages = (own if options.languages is None else options.languages) or None
        age, background = options.max_age_days, options.mode == "background"
        return cls(
            languages=languages,
            section=options.section,
            tag=options.tag,
            published_after=None if age is None else now - age * DAY_SECONDS,
            published_before=published_at if background and not isnan(published_at) else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Alone:
    """The columns of one article."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]


def on_show(articles: Columns, now: float, only: Which = EVERY_ROW) -> Rows:
    """Which rows a reader may see at `now`: published, not embargoed or scheduled, not expired.

    With `only`, just of those rows.
    """
    return _unbroken(articles, only, _showing(articles, now, only))


def row_on_show(view: View, row: int, now: float) -> bool:
    """Whether a reader may see one row of a view at `now`; the same rule as `on_show`."""
    size = len(view.snapshot)
    part, at = (view.snapshot, row) if row < size else (view.delta, row - size)
    return bool(on_show(part, now, slice(at, at + 1))[0])


def shows(article: Article, now: float) -> bool:
    """Whether a reader may see one article at `now`; the same rule as `on_show`."""
    return bool(on_show(_Alone(visibility_columns([article]), {}), now)[0])


def eligible(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows may stand in any list at `now`: on show, read, not flagged, with a title."""
    return _unbroken(articles, EVERY_ROW, _listing(articles, now, EVERY_ROW, untitled=untitled))


def pinnable(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows may stand in a list at `now` where an editor put them: read or not yet."""
    rules = _listing(articles, now, EVERY_ROW, untitled=untitled)
    return _unbroken(articles, EVERY_ROW, (rule for rule in rules if rule[0] != "unread"))


def broken_rules(
    articles: TaggedColumns, which: Which, now: float, wanted: Filter, *, untitled: bool = False
) -> list[Rule | None]:
    """The first rule that each of some rows breaks, in the order of `RULES`; None for none.

    Rows that break none are those that are `eligible` and `matching`.
    """
    open_ = np.ones(len(articles.columns["published"][which]), np.bool_)
    broken: list[Rule | None] = [None] * len(open_)
    listing = _listing(articles, now, which, untitled=untitled)
    for rule, kept in chain(listing, _meeting(articles, wanted, which)):
        for place in np.flatnonzero(open_ & ~kept):
            broken[place] = rule
        open_ &= kept
    return broken


def next_visibility_change(articles: Columns, now: float) -> float:
    """The next moment at which the clock alone changes what is on show; infinite if none does."""
    bounds = (articles.columns["from_time"], articles.columns["until_time"])
    return min(float(times[times > now].min(initial=np.inf)) for times in bounds)


def matching(articles: TaggedColumns, wanted: Filter) -> Rows:
    """Which rows meet all that was asked for. An article without a date meets no bound of time."""
    return _unbroken(articles, EVERY_ROW, _meeting(articles, wanted, EVERY_ROW))


def _unbroken(articles: Columns, which: Which, rules: Kept) -> Rows:
    rows = np.ones(len(articles.columns["published"][which]), np.bool_)
    for _, kept in rules:
        rows &= kept
    return rows


def _showing(articles: Columns, now: float, which: Which) -> Kept:
    columns = articles.columns
    yield "not_published", columns["published"][which]
    yield "embargoed", columns["from_time"][which] <= now
    yield "expired", now < columns["until_time"][which]


def _listing(articles: Columns, now: float, which: Which, *, untitled: bool) -> Kept:
    columns = articles.columns
    yield "unread", columns["read"][which]
    yield from _showing(articles, now, which)
    yield "never_recommend", columns["recommendable"][which]
    if not untitled:
        yield "untitled", columns["titled"][which]


def _meeting(articles: TaggedColumns, wanted: Filter, which: Which) -> Kept:
    columns, labels = articles.columns, articles.labels
    published_at = columns["published_at"][which]
    if wanted.languages is not None:
        yield "language", _coded(columns["language"][which], labels["language"], wanted.languages)
    if wanted.section is not None:
        yield "section", _coded(columns["section"][which], labels["section"], {wanted.section})
    if wanted.tag is not None:
        tagged = np.zeros(len(columns["published_at"]), np.bool_)
        tagged[articles.rows_with(wanted.tag)] = True
        yield "tag", tagged[which]
    if wanted.published_after is not None:
        yield "max_age", published_at >= wanted.published_after
    if wanted.published_before is not None:
        yield "not_older", published_at < wanted.published_before


def _coded(codes: NDArray[np.int32], words: Iterable[str], wanted: Iterable[str]) -> Rows:
    """Rows whose code stands for one of the wanted words."""
    known = frozenset(wanted)
    hits = np.array([word in known for word in words], np.bool_)
    return hits[codes] if len(hits) else np.zeros(len(codes), np.bool_)
