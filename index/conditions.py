"""Conditions on rows, as values: what an index that is searched elsewhere has to filter by.

They name columns, labels, keywords and numbers of rows, and nothing of an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "Between",
    "Compared",
    "Condition",
    "Every",
    "Flag",
    "HasId",
    "HasKeyword",
    "Labelled",
    "Not",
    "OneOf",
    "Some",
]

Comparison: TypeAlias = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Flag:
    """A column of bools is true."""

    column: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A column of floats is less or more than a value; a NaN never is."""

    column: str
    comparison: Comparison
    value: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """The label of a column of codes is one of some."""

    column: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column of whole numbers holds one of some."""

    column: str
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class HasId:
    """The id is one of some."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """The row has one of some keywords."""

    keywords: frozenset[str]


@dataclass(frozen=True, slots=True)
class Between:
    """The row has a number from `least` to `most` under a name."""

    name: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """All conditions hold; without any, always."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one condition holds; without any, never."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = (
    Flag | Compared | Labelled | OneOf | HasId | HasKeyword | Between | Not | Every | Some
)
