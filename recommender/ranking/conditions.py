"""Eligibility and filters as conditions, for an index that is searched elsewhere.

The same rules as `filters`: what is found is held against those again before it is listed.
"""

from collections.abc import Callable, Iterable
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
from recommender.ranking.filters import ATTRIBUTE, AUTHOR, TAG, Filter
from recommender.ranking.scoring import Seed

__all__ = ["SEARCHED_COLUMNS", "condition_of", "eligibility", "reach_of"]

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
    return Every(tuple(_conditions_of(wanted)))


def reach_of(seed: Seed, measured: frozenset[str]) -> Condition | None:
    """Which rows the seed's vector can find; None if it can find none. See `ListRequest.reach`."""
    if not (seed.embedded and seed.language in measured):
        return None
    others = Not(Labelled("language", frozenset({seed.language})))
    known = Labelled("language", measured)
    return Every((Flag("embedded"), known, Some((Flag("fluent"), others))))


def _conditions_of(wanted: Filter) -> Iterable[Condition]:
    for column, choice in (("language", wanted.languages), ("section", wanted.section)):
        if choice is not None:
            yield from _of_choice(choice, lambda names, column=column: Labelled(column, names))  # type: ignore[misc]
    for kind, choice in ((TAG, wanted.tag), (AUTHOR, wanted.author)):
        if choice is not None:
            yield from _of_choice(choice, lambda names, kind=kind: _has(kind, names))  # type: ignore[misc]
    for name, values in wanted.attributes.items():
        yield from _of_attribute(name, values)
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


def _of_attribute(name: str, choice: AttributeChoice) -> Iterable[Condition]:
    if choice.any_of is not None:
        yield Some(tuple(_of_value(name, value) for value in choice.any_of))
    for value in choice.none_of:
        yield Not(_of_value(name, value))


def _of_value(name: str, value: str | NumberRange) -> Condition:
    if isinstance(value, NumberRange):
        return Between(name, value.least, value.most)
    return _has(f"{ATTRIBUTE}{name}=", texts_alike(value))
