"""Eligibility and filters: which articles readers may see, and which a list may hold."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain
from math import isnan
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from index import View
from index.arrays import RowCache
from recommender.api import (
    AttributeChoice,
    Choice,
    ListOptions,
    NumberRange,
    Rule,
    read_attribute,
    read_choice,
)
from recommender.articles import UNKNOWN_LANGUAGE, Article
from recommender.attributes import is_number, text_of, texts_alike, values_of

__all__ = [
    "ATTRIBUTE",
    "AUTHOR",
    "HAS",
    "TAG",
    "Columns",
    "Filter",
    "IndexedColumns",
    "RowPlace",
    "broken_rules",
    "computed",
    "eligible",
    "hidden_because",
    "is_visible",
    "keywords_of",
    "listable",
    "matching",
    "newest_first",
    "numbers_of",
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
TAG: Final = "tag:"
AUTHOR: Final = "author:"
HAS: Final = "has:"
ATTRIBUTE: Final = "attribute:"
"""What a keyword of the index begins with, by what it is of an article."""


class Columns(Protocol):
    """Whatever has the columns of articles, such as a snapshot or a delta."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """By name, an array of n rows."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By the name of a column of codes, the label of each code, by position."""


class IndexedColumns(Columns, Protocol):
    """Columns of articles, and their keywords: see `keywords_of`."""

    def rows_with(self, keyword: str, /) -> NDArray[np.int32]:
        """Find the rows that have a keyword, ascending: int32 [m]."""

    def rows_between(self, name: str, least: float, most: float, /) -> NDArray[np.int32]:
        """Find the rows that have a number from `least` to `most` under a name: int32 [m]."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The limits that a request sets to its list; None sets no limit.

    Attributes:
        languages: primary BCP-47 subtags.
        section: sections; "" stands for none.
        tag: tags.
        author: authors.
        attributes: by name, the conditions on attributes.
        published_after: seconds since 1970 in UTC, inclusive.
        published_before: the same, exclusive.
        newer_than: the least age that `max_age` allows, as seconds since 1970 in UTC, inclusive.
        older_than: the date of the seed in `mode=background`, the same, exclusive.
        is_usual: whether it is the one of most requests, of which there is one object for each
            language of a seed.
    """

    languages: Choice | None = None
    section: Choice | None = None
    tag: Choice | None = None
    author: Choice | None = None
    attributes: Mapping[str, AttributeChoice] = field(default_factory=dict)
    published_after: float | None = None
    published_before: float | None = None
    newer_than: float | None = None
    older_than: float | None = None
    is_usual: bool = field(default=False, compare=False)

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
        of_seed = None if language == UNKNOWN_LANGUAGE else _only(language)
        # Read only where they are given: of most requests nothing is.
        languages = options.languages if options.language else None
        age = options.max_age_days if options.max_age else None
        background = options.mode == "background"
        names = (options.section, options.tag, options.author)
        section, tag, author = (read_choice(text) if text else None for text in names)
        times = (options.published_after, options.published_before)
        after, before = (moment.timestamp() if moment else None for moment in times)
        wanted = cls(
            languages=of_seed if languages is None else languages,
            section=section,
            tag=tag,
            author=author,
            attributes={name: read_attribute(text) for name, text in options.attr.items()},
            published_after=after,
            published_before=before,
            newer_than=None if age is None else now - age * DAY_SECONDS,
            older_than=published_at if background and not isnan(published_at) else None,
        )
        usual = _of_language(of_seed)
        return usual if wanted == usual else wanted


@lru_cache(maxsize=256)
def _of_language(choice: Choice | None) -> Filter:
    """The filter of most requests: the same object each time, as kept lists have one each."""
    return Filter(languages=choice, is_usual=True)


@lru_cache(maxsize=256)
def _only(language: str) -> Choice:
    """The choice of one language."""
    return Choice(frozenset({language}))


@dataclass(frozen=True, slots=True, eq=False)
class RowPlace:
    """Where the columns of one article are: the part of a view, or rows of its own, and the row."""

    part: IndexedColumns
    at: slice

    @classmethod
    def of(cls, view: View, row: int) -> "RowPlace":
        """The place of a row of a view."""
        size = len(view.snapshot)
        if row < size:
            return cls(view.snapshot, slice(row, row + 1))
        return cls(view.delta, slice(row - size, row - size + 1))


@dataclass(frozen=True, slots=True, eq=False)
class _SingleArticle:
    """The columns of a single article."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]


def keywords_of(article: Article) -> frozenset[str]:
    """The keywords by which the index finds an article: its tags, authors and attributes.

    Of an attribute there is its name, and the name with each value.
    """
    names = ((TAG, article.tags), (AUTHOR, article.authors), (HAS, article.attributes))
    keywords = {kind + name for kind, of_kind in names for name in of_kind}
    for name, value in article.attributes.items():
        keywords |= {f"{ATTRIBUTE}{name}={text_of(one)}" for one in values_of(value)}
    return frozenset(keywords)


def numbers_of(article: Article) -> dict[str, list[float]]:
    """By the name of an attribute, the numbers by which the index finds an article."""
    return {
        name: numbers
        for name, value in article.attributes.items()
        if (numbers := [float(one) for one in values_of(value) if is_number(one)])
    }


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
    place = RowPlace.of(view, row)
    return bool(visible(place.part, now, place.at)[0])


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


@dataclass(slots=True, unsafe_hash=True)
class _OfAllRows:
    """Something to compute of all rows; it is the same if its key is."""

    key: Hashable
    make: Callable[[], NDArray[Any]] | None = field(compare=False)

    def compute(self) -> NDArray[Any]:
        """Compute it, once; a cache that keeps this object shall not keep what it was made from."""
        make, self.make = self.make, None
        if make is None:
            raise RuntimeError(f"{self.key} was computed before")
        made = make()
        made.flags.writeable = False
        return made


def computed(articles: Columns, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """What `make` computes of all rows; snapshots and deltas remember it."""
    cache: RowCache | None = getattr(articles, "computed", None)
    wanted = _OfAllRows(key, make)
    return wanted.compute() if cache is None else cache(wanted)


def eligible(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows any list may hold at `now`: visible, read, not flagged, with a title.

    What is on show changes at some moments only, so it is computed once between two of them.
    """
    key = ("eligible", untitled, *_span_of(articles, now))
    rules = _eligibility_rules(articles, now, EVERY_ROW, untitled=untitled)
    return computed(articles, key, lambda: _rows_keeping(articles, EVERY_ROW, rules))


def listable(articles: IndexedColumns, now: float, wanted: Filter, *, untitled: bool) -> Rows:
    """Which rows a list with a filter may hold at `now`: those that are eligible and match.

    It is remembered for the filter of most requests. Change the answer in a copy only.
    """

    def find() -> Rows:
        return eligible(articles, now, untitled=untitled) & matching(articles, wanted)

    if not wanted.is_usual:
        return find()
    key = ("listable", wanted.languages, untitled, *_span_of(articles, now))
    return computed(articles, key, find)


def _span_of(articles: Columns, now: float) -> tuple[float, int]:
    """The day of `now`, and its place among the moments of the day at which articles come or go."""
    day, next_day = now // DAY_SECONDS * DAY_SECONDS, (now // DAY_SECONDS + 1) * DAY_SECONDS
    times = [articles.columns[name] for name in ("from_time", "until_time")]
    of_day = (every[(every >= day) & (every < next_day)] for every in times)
    moments = computed(articles, ("moments", day), lambda: np.sort(np.concatenate([*of_day])))
    return day, int(np.searchsorted(moments, now, side="right"))


def pinnable(articles: Columns, now: float, *, untitled: bool = False) -> Rows:
    """Which rows may be pinned to a list at `now`: as `eligible`, but also before they are read."""
    rules = _eligibility_rules(articles, now, EVERY_ROW, untitled=untitled)
    return _rows_keeping(articles, EVERY_ROW, (rule for rule in rules if rule[0] != "unread"))


def broken_rules(
    articles: IndexedColumns, which: Which, now: float, wanted: Filter, *, untitled: bool = False
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


def matching(articles: IndexedColumns, wanted: Filter, only: Which = EVERY_ROW) -> Rows:
    """Which rows meet a filter. An article without a date fails every filter by time.

    With `only`, the answer is about those rows alone.
    """
    return _rows_keeping(articles, only, _filter_rules(articles, wanted, only))


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


def _filter_rules(articles: IndexedColumns, wanted: Filter, which: Which) -> Rules:
    published_at = articles.columns["published_at"][which]
    if wanted.languages is not None:
        yield "language", _rows_of_labels(articles, "language", wanted.languages)[which]
    if wanted.section is not None:
        yield "section", _rows_of_labels(articles, "section", wanted.section)[which]
    if wanted.tag is not None:
        yield "tag", _rows_with(articles, TAG, wanted.tag)[which]
    if wanted.author is not None:
        yield "author", _rows_with(articles, AUTHOR, wanted.author)[which]
    for name, choice in wanted.attributes.items():
        yield "attribute", _rows_of_attribute(articles, name, choice)[which]
    if wanted.published_after is not None:
        yield "published", published_at >= wanted.published_after
    if wanted.published_before is not None:
        yield "published", published_at < wanted.published_before
    if wanted.newer_than is not None:
        yield "max_age", published_at >= wanted.newer_than
    if wanted.older_than is not None:
        yield "not_older", published_at < wanted.older_than


def _rows_of_labels(articles: Columns, column: str, choice: Choice) -> Rows:
    """Rows whose code stands for a label that a choice allows: bool [n], of all rows."""
    labels = articles.labels[column]
    any_of = None if choice.any_of is None else choice.any_of.intersection(labels)
    none_of = choice.none_of.intersection(labels)  # names that no row has make no key of their own

    def find() -> Rows:
        wanted = [one not in none_of and (any_of is None or one in any_of) for one in labels]
        codes = articles.columns[column]
        return np.array(wanted, np.bool_)[codes] if wanted else np.zeros(len(codes), np.bool_)

    return computed(articles, (column, any_of, none_of), find)


def newest_first(view: View, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Some rows by their date, the newest first, and those without a date last: int64 [m]."""
    published = np.nan_to_num(view.take("published_at", rows), nan=-np.inf)
    return rows[np.argsort(-published, kind="stable")]


def _rows_with(articles: IndexedColumns, kind: str, choice: Choice) -> Rows:
    """Rows whose keywords of a kind meet a choice: bool [n], of all rows."""
    return _rows_meeting(articles, choice, lambda name: articles.rows_with(kind + name))


def _rows_of_attribute(articles: IndexedColumns, name: str, choice: AttributeChoice) -> Rows:
    """Rows whose values of an attribute meet a choice: bool [n], of all rows."""

    def find(value: str | NumberRange) -> NDArray[np.int32]:
        if isinstance(value, NumberRange):
            return articles.rows_between(name, value.least, value.most)
        alike = (f"{ATTRIBUTE}{name}={text}" for text in texts_alike(value))
        return np.concatenate([articles.rows_with(keyword) for keyword in alike])

    return _rows_meeting(articles, choice, find)


def _rows_meeting(
    articles: Columns,
    choice: Choice | AttributeChoice,
    find: Callable[[Any], NDArray[np.int32]],
) -> Rows:
    """Rows that have one of the wanted values and none of the excluded ones: bool [n]."""
    rows = np.full(len(articles.columns["published"]), choice.any_of is None)
    for value in choice.any_of or ():
        rows[find(value)] = True
    for value in choice.none_of:
        rows[find(value)] = False
    return rows
