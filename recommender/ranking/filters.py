"""Eligibility and filters: which articles readers may see, and which a list may hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from math import isnan
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import ListOptions, Rule
from recommender.articles import UNKNOWN_LANGUAGE, Article

__all__ = [
    "Columns",
    "Filter",
    "TaggedColumns",
    "broken_rules",
    "eligible",
    "hidden_because",
    "is_visible",
    "matching",
    "pinnable",
    "row_is_visible",
    "visibility_columns",
    "visible",
]

Rows = NDArray[np.bool_]
Which = slice | NDArray[np.int64]
Rules = Iterator[tuple[Rule, Rows]]
"""Rules in their order, each with the rows that keep it: bool [n]."""
DAY_SECONDS: Final = 86_400
EVERY_ROW: Final = slice(None)


class Columns(Protocol):
    """Whatever has the columns of articles, such as a snapshot or a delta."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """By name, an array of n rows."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By the name of a column of codes, the label of each code, by position."""


class TaggedColumns(Columns, Protocol):
    """Columns of articles, and their tags."""

    def rows_with(self, keyword: str, /) -> NDArray[np.int32]:
        """Find the rows that have a tag, ascending: int32 [m]."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The limits that a request sets to its list; None sets no limit.

    `languages` are primary BCP-47 subtags; times are seconds since 1970 in UTC.
    """

    languages: frozenset[str] | None = None
    section: str | None = None
    tag: str | None = None
    published_after: float | None = None
    published_before: float | None = None

    @classmethod
    def of(cls, options: ListOptions, language: str, published_at: float, now: float) -> "Filter":
        """The filter of some options for a seed.

        Without a language in the options only the seed's language is allowed; if that is unknown,
        all are. `mode=background` allows only older articles; a seed without a date has no bound.

        Args:
            options: the options of the request.
            language: of the seed, or `und`.
            published_at: of the seed, seconds since 1970 in UTC; NaN if unknown.
            now: seconds since 1970 in UTC.
        """
        of_seed = frozenset[str]() if language == UNKNOWN_LANGUAGE else frozenset({language})
        languages = (of_seed if options.languages is None else options.languages) or None
        age, background = options.max_age_days, options.mode == "background"
        return cls(
            languages=languages,
            section=options.section,
            tag=options.tag,
            published_after=None if age is None else now - age * DAY_SECONDS,
            published_before=published_at if background and not isnan(published_at) else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _SingleArticle:
    """The columns of a single article."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]


def visibility_columns(articles: Sequence[Article]) -> dict[str, NDArray[Any]]:
    """The columns that say whether an article may be seen, and when.

    Returns:
        `published`, bool [n]; `from_time` and `until_time`, float64 [n]: seconds since 1970 in UTC
        between which it may be listed, infinite where nothing limits it.
    """
    opens = [_opens_at(article) for article in articles]
    expires = [article.expires_at for article in articles]
    return {
        "published": np.array([article.status == "published" for article in articles], np.bool_),
        "from_time": np.array([-np.inf if t is None else t.timestamp() for t in opens], np.float64),
        "until_time": np.array(
            [np.inf if t is None else t.timestamp() for t in expires], np.float64
        ),
    }


def _opens_at(article: Article) -> datetime | None:
    """The first moment at which it may be listed: the end of its embargo, or its publication."""
    times = [t for t in (article.embargoed_until, article.published_at) if t is not None]
    return max(times, default=None)


def visible(articles: Columns, now: float, only: Which = EVERY_ROW) -> Rows:
    """Which rows readers may see at `now`: published, not embargoed or scheduled, not expired.

    With `only`, the answer is about those rows alone.
    """
    return _rows_keeping(articles, only, _visibility_rules(articles, now, only))


def row_is_visible(view: View, row: int, now: float) -> bool:
    """Whether readers may see one row of a view at `now`; the same rule as `visible`."""
    size = len(view.snapshot)
    part, at = (view.snapshot, row) if row < size else (view.delta, row - size)
    return bool(visible(part, now, slice(at, at + 1))[0])


def is_visible(article: Article, now: float) -> bool:
    """Whether readers may see an article at `now`; the same rule as `visible`."""
    return bool(visible(_SingleArticle(visibility_columns([article]), {}), now)[0])


def hidden_because(article: Article, now: float) -> Rule | None:
    """The first rule that keeps an article out of every list at `now`, once its text was read."""
    columns = visibility_columns([article]) | {
        "read": np.array([True]),
        "recommendable": np.array([not article.never_recommend]),
        "titled": np.array([bool(article.title.strip())]),
    }
    rules = _eligibility_rules(_SingleArticle(columns, {}), now, EVERY_ROW, untitled=False)
    return next((rule for rule, kept in rules if not kept[0]), None)


def eligible(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows any list may hold at `now`: visible, read, not flagged, with a title."""
    return _rows_keeping(
        articles, EVERY_ROW, _eligibility_rules(articles, now, EVERY_ROW, untitled=untitled)
    )


def pinnable(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows may be pinned to a list at `now`: as `eligible`, but also before they are read."""
    rules = _eligibility_rules(articles, now, EVERY_ROW, untitled=untitled)
    return _rows_keeping(articles, EVERY_ROW, (rule for rule in rules if rule[0] != "unread"))


def broken_rules(
    articles: TaggedColumns, which: Which, now: float, wanted: Filter, *, untitled: bool = False
) -> list[Rule | None]:
    """The first rule that each of some rows breaks, in the order of `api.RULES`; None for none.

    The rows that break no rule are those that are `eligible` and `matching`.
    """
    open_ = np.ones(len(articles.columns["published"][which]), np.bool_)
    broken: list[Rule | None] = [None] * len(open_)
    eligibility = _eligibility_rules(articles, now, which, untitled=untitled)
    for rule, kept in chain(eligibility, _filter_rules(articles, wanted, which)):
        for place in np.flatnonzero(open_ & ~kept):
            broken[place] = rule
        open_ &= kept
    return broken


def matching(articles: TaggedColumns, wanted: Filter) -> Rows:
    """Which rows meet a filter. An article without a date fails every filter by time."""
    return _rows_keeping(articles, EVERY_ROW, _filter_rules(articles, wanted, EVERY_ROW))


def _rows_keeping(articles: Columns, which: Which, rules: Rules) -> Rows:
    rows = np.ones(len(articles.columns["published"][which]), np.bool_)
    for _, kept in rules:
        rows &= kept
    return rows


def _visibility_rules(articles: Columns, now: float, which: Which) -> Rules:
    columns = articles.columns
    yield "not_published", columns["published"][which]
    yield "embargoed", columns["from_time"][which] <= now
    yield "expired", now < columns["until_time"][which]


def _eligibility_rules(articles: Columns, now: float, which: Which, *, untitled: bool) -> Rules:
    columns = articles.columns
    yield "unread", columns["read"][which]
    yield from _visibility_rules(articles, now, which)
    yield "never_recommend", columns["recommendable"][which]
    if not untitled:
        yield "untitled", columns["titled"][which]


def _filter_rules(articles: TaggedColumns, wanted: Filter, which: Which) -> Rules:
    columns, labels = articles.columns, articles.labels
    published_at = columns["published_at"][which]
    if wanted.languages is not None:
        codes = columns["language"][which]
        yield "language", _rows_with(codes, labels["language"], wanted.languages)
    if wanted.section is not None:
        codes = columns["section"][which]
        yield "section", _rows_with(codes, labels["section"], {wanted.section})
    if wanted.tag is not None:
        tagged = np.zeros(len(columns["published_at"]), np.bool_)
        tagged[articles.rows_with(wanted.tag)] = True
        yield "tag", tagged[which]
    if wanted.published_after is not None:
        yield "max_age", published_at >= wanted.published_after
    if wanted.published_before is not None:
        yield "not_older", published_at < wanted.published_before


def _rows_with(codes: NDArray[np.int32], labels: Iterable[str], wanted: Iterable[str]) -> Rows:
    """Rows whose code stands for one of the wanted labels: bool [n]."""
    known = frozenset(wanted)
    hits = np.array([label in known for label in labels], np.bool_)
    return hits[codes] if len(hits) else np.zeros(len(codes), np.bool_)
