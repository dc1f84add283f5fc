"""Eligibility and filters as conditions, for an index that is searched elsewhere.

The same rules as `filters`: what is found is held against those again before it is listed.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from index.conditions import (
    Between,
    Compared,
    Condition,
    Every,
    Flag,
    HasKeyword,
    Labelled,
    Not,
    Some,
)
from recommender.api import AttributeChoice, Choice, NumberRange
from recommender.attributes import texts_alike
from recommender.ranking.filters import ATTRIBUTE, AUTHOR, HAS, TAG, Filter
from recommender.ranking.scoring import Seed

__all__ = ["SEARCHED_COLUMNS", "condition_of", "eligibility", "reach_of", "search_condition_of"]

MOST_RANGES: Final = 10
"""So many ranges of numbers are named to an engine."""

HasOneOf = Callable[[frozenset[str]], Condition]
SEARCHED_COLUMNS: Final = frozenset(
    {
        *("read", "published", "from_time", "until_time", "recommendable", "titled"),
        *("published_at", "embedded", "fluent", "id_hash", "translates"),
    }
)
"""The columns that the conditions of lists name, beside those of labels."""


def eligibility(now: float, *, untitled: bool) -> Condition:
    """Which rows any list may hold at `now`; the rules of `filters.eligible`."""
    flags = ("read", "published", "recommendable", *(() if untitled else ("titled",)))
    times = (Compared("from_time", "<=", now), Compared("until_time", ">", now))
    return Every((*map(Flag, flags), *times))


def condition_of(wanted: Filter) -> Condition:
    """Which rows meet a filter; the rules of `filters.matching`."""
    return Every(tuple(_conditions_of(wanted, has_ranges=True)))


def search_condition_of(wanted: Filter) -> Condition:
    """Which rows to look among for those that meet a filter; perhaps more than these.

    Who asks may name thousands of ranges of numbers, and an engine compares each with all numbers
    of a row. Beyond a few none is named, and the list alone looks at them.
    """
    choices = [*wanted.attributes.values()]
    ranges = sum(len(_ranges_in([*(one.any_of or ()), *one.none_of])) for one in choices)
    return Every(tuple(_conditions_of(wanted, has_ranges=ranges <= MOST_RANGES)))


def reach_of(seed: Seed, measured: frozenset[str]) -> Condition | None:
    """Which rows the seed's vector can find; None if it can find none. See `ListRequest.reach`."""
    if not (seed.embedded and seed.language in measured):
        return None
    others = Not(Labelled("language", frozenset({seed.language})))
    known = Labelled("language", measured)
    return Every((Flag("embedded"), known, Some((Flag("fluent"), others))))


def _conditions_of(wanted: Filter, *, has_ranges: bool) -> Iterable[Condition]:
    for column, choice in (("language", wanted.languages), ("section", wanted.section)):
        if choice is not None:
            yield from _of_choice(choice, lambda names, column=column: Labelled(column, names))  # type: ignore[misc]
    for kind, choice in ((TAG, wanted.tag), (AUTHOR, wanted.author)):
        if choice is not None:
            yield from _of_choice(choice, lambda names, kind=kind: _has(kind, names))  # type: ignore[misc]
    for name, values in wanted.attributes.items():
        yield from _of_attribute(name, values, has_ranges=has_ranges)
    for value, comparison in (
        (wanted.published_after, ">="),
        (wanted.published_before, "<"),
        (wanted.newer_than, ">="),
        (wanted.older_than, "<"),
    ):
        if value is not None:
            yield Compared("published_at", comparison, value)  # type: ignore[arg-type]


def _has(kind: str, names: Iterable[str]) -> Condition:
    return HasKeyword(frozenset(kind + name for name in names))


def _of_choice(choice: Choice, has: HasOneOf) -> Iterable[Condition]:
    if choice.any_of is not None:
        yield has(choice.any_of)
    if choice.none_of:
        yield Not(has(choice.none_of))


def _of_attribute(name: str, choice: AttributeChoice, *, has_ranges: bool) -> Iterable[Condition]:
    """Where ranges may not be named, of a row only that it has the attribute."""
    if choice.any_of is not None:
        is_named = has_ranges or not _ranges_in(choice.any_of)
        wanted = _of_values(name, choice.any_of) if is_named else (_has(HAS, [name]),)
        yield Some(tuple(wanted))
    for condition in _of_values(name, choice.none_of):
        if has_ranges or not isinstance(condition, Between):
            yield Not(condition)


def _of_values(name: str, values: Collection[str | NumberRange]) -> Iterable[Condition]:
    texts = [value for value in values if not isinstance(value, NumberRange)]
    if texts:
        kind = f"{ATTRIBUTE}{name}="
        yield _has(kind, (alike for text in texts for alike in texts_alike(text)))
    for value in _ranges_in(values):
        yield Between(name, value.least, value.most)


def _ranges_in(values: Iterable[str | NumberRange]) -> list[NumberRange]:
    return [value for value in values if isinstance(value, NumberRange)]
