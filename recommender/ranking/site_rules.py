"""Site rules: what a newsroom wants in all lists of some seeds, for some time; see docs/policy.md.

A policy has them. A rule keeps items out of lists, moves them up or down, or keeps places for them.
It never lists what may not be listed, and it does not bind pins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, with_config

from index import View
from recommender.api import (
    AttributeConditions,
    Languages,
    Values,
    Window,
    read_attribute,
    read_choice,
    read_languages,
)
from recommender.articles import Moment
from recommender.ranking.filters import DAY_SECONDS, Filter, RowPlace, matching

__all__ = [
    "MOST_BOOST",
    "NO_ACTIVE_RULES",
    "USUAL_LENGTH",
    "ActiveRule",
    "ActiveRules",
    "Condition",
    "SiteRule",
    "SiteRules",
    "rules_to_document",
]

USUAL_LENGTH: Final = 12
"""The length of a list for which a policy states caps and places."""
MOST_RULES: Final = 50
MOST_BOOST: Final = 1.0
"""The most that all rules together add to the ranking value of an item, as a share of its score."""
HOUR_SECONDS: Final = 3_600.0
RuleAction = Literal["never", "boost", "bury", "share"]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]


def _check_name(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise ValueError("must be characters that can be printed, without blanks around them")
    return name


RuleName = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_name)
]
Days = Annotated[float, Field(ge=0.01, le=36_500)]
Places = Annotated[int, Field(ge=1, le=12)]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Condition:
    """Which articles a rule is about: those that meet all of its fields; without fields, all."""

    section: Annotated[Values | None, Field(description="sections")] = None
    tag: Annotated[Values | None, Field(description="tags")] = None
    author: Annotated[Values | None, Field(description="authors")] = None
    language: Annotated[
        Languages | None, Field(description="BCP-47 tags, of which the first part counts")
    ] = None
    attr: Annotated[
        AttributeConditions, Field(description="by the name of an attribute, its values")
    ] = field(default_factory=dict, hash=False)
    max_age_days: Annotated[
        Days | None, Field(description="published at most so many days ago; not without a date")
    ] = None
    min_age_days: Annotated[
        Days | None, Field(description="published more than so many days ago; not without a date")
    ] = None

    @property
    def names_ages(self) -> bool:
        """Whether time alone makes articles meet the condition, or no longer."""
        return self.min_age_days is not None or self.max_age_days is not None

    def filter_at(self, now: float) -> Filter:
        """The condition as a filter, at `now` in seconds since 1970 UTC."""
        newest, oldest = self.min_age_days, self.max_age_days
        return Filter(
            languages=None if self.language is None else read_languages(self.language),
            section=None if self.section is None else read_choice(self.section),
            tag=None if self.tag is None else read_choice(self.tag),
            author=None if self.author is None else read_choice(self.author),
            attributes={name: read_attribute(text) for name, text in self.attr.items()},
            newer_than=None if oldest is None else now - oldest * DAY_SECONDS,
            older_than=None if newest is None else now - newest * DAY_SECONDS,
        )


EVERYTHING: Final = Condition()
"""The condition that every article meets."""


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class SiteRule:
    """One rule of a site. What its action takes is checked in documents only."""

    name: Annotated[
        RuleName, Field(description="what `explain` calls it; each rule has its own name")
    ]
    action: Annotated[
        RuleAction,
        Field(
            description="`never`: the items are not listed; `boost`, `bury`: they rank higher, "
            "lower; `share`: they have places of their own, or no more than so many"
        ),
    ]
    under: Annotated[Condition, Field(description="the articles under which the rule holds")] = (
        EVERYTHING
    )
    items: Annotated[Condition, Field(description="the items that it is about")] = EVERYTHING
    by: Annotated[
        float | None,
        Field(
            ge=0.01,
            le=MOST_BOOST,
            description="`boost`, `bury`: the share of its score that is added to the ranking "
            "value of an item, or taken from it",
        ),
    ] = None
    at_least: Annotated[
        Places | None,
        Field(description="`share`: so many of twelve places are kept for related items"),
    ] = None
    at_most: Annotated[
        Places | None, Field(description="`share`: the items get no more of twelve places")
    ] = None
    starts_at: Annotated[Moment | None, Field(description="when it begins to hold, RFC 3339")] = (
        None
    )
    ends_at: Annotated[Moment | None, Field(description="when it no longer holds, RFC 3339")] = None

    @property
    def window(self) -> Window:
        """When it holds."""
        return Window(self.starts_at, self.ends_at)

    @property
    def boost(self) -> float:
        """The share of the score that is added to the ranking value; negative to bury."""
        amount = self.by or 0.0
        return -amount if self.action == "bury" else amount


def _check_action(rule: SiteRule) -> SiteRule:
    """Check that a rule has what its action takes, and nothing else."""
    takes = {"never": (), "boost": ("by",), "bury": ("by",), "share": ("at_least", "at_most")}
    given = [one for one in ("by", "at_least", "at_most") if getattr(rule, one) is not None]
    if not {*given} <= {*takes[rule.action]} or (takes[rule.action] and not given):
        wanted = " or ".join(takes[rule.action]) or "none of by, at_least, at_most"
        raise ValueError(f"{rule.action} takes {wanted}")
    if (rule.at_least or 0) > (rule.at_most or USUAL_LENGTH):
        raise ValueError("at_least is more than at_most")
    if rule.action == "never" and rule.items == EVERYTHING:
        raise ValueError("never needs items, or every list would be empty")
    rule.window.check()
    return rule


def _check_names(rules: tuple[SiteRule, ...]) -> tuple[SiteRule, ...]:
    names = [rule.name for rule in rules]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two rules have the name {repeated[0]!r}")
    return rules


SiteRules = Annotated[
    tuple[Annotated[SiteRule, AfterValidator(_check_action)], ...],
    Field(max_length=MOST_RULES),
    AfterValidator(_check_names),
]
"""The rules of a policy, in their order: where they compete for places, the earlier one wins."""


@dataclass(frozen=True, slots=True, eq=False)
class ActiveRule:
    """A rule that holds, and the rows of a view that it is about: bool [n]."""

    rule: SiteRule
    rows: Mask


@dataclass(frozen=True, slots=True, eq=False)
class ActiveRules:
    """The rules that hold for one seed at one moment, by what they do; each in its order.

    Attributes:
        never: keep items out.
        boosts: move items up or down.
        shares: keep places for items, or bound them.
        next_change: when the next rule for the seed begins or ends to hold, seconds since 1970 in
            UTC; infinite if none does.
    """

    never: tuple[ActiveRule, ...] = ()
    boosts: tuple[ActiveRule, ...] = ()
    shares: tuple[ActiveRule, ...] = ()
    next_change: float = inf

    @classmethod
    def of(
        cls, rules: Iterable[SiteRule], view: View, seeds: Sequence[RowPlace | None], now: float
    ) -> "ActiveRules":
        """The rules for a seed in a view; for several seeds, those that hold for one of them.

        Args:
            rules: of the policy.
            view: the archive.
            seeds: where the columns of each seed are; None for one that is no article: only rules
                without `under` hold for it.
            now: seconds since 1970 in UTC. Ages count to the start of its hour.
        """
        hour = now // HOUR_SECONDS * HOUR_SECONDS
        rules = [rule for rule in rules if any(_meets(one, rule.under, hour) for one in seeds)]
        moments = (moment for rule in rules for moment in rule.window.boundaries if moment > now)
        active = [_active(rule, view, hour) for rule in rules if rule.window.holds(now)]
        return cls(
            never=tuple(one for one in active if one.rule.action == "never"),
            boosts=tuple(one for one in active if one.rule.action in {"boost", "bury"}),
            shares=tuple(one for one in active if one.rule.action == "share"),
            next_change=min(moments, default=inf),
        )

    def never_lists(self, row: int) -> str | None:
        """The name of the first rule that keeps a row out; None for none."""
        return next((one.rule.name for one in self.never if one.rows[row]), None)

    def boost_of(self, rows: Rows) -> Doubles:
        """The share of its score that is added to the ranking value of each row: float64 [m]."""
        together = sum(one.rule.boost * one.rows[rows] for one in self.boosts)
        return np.clip(together, -MOST_BOOST, MOST_BOOST)

    def names_of_boosts(self, row: int) -> tuple[str, ...]:
        """The names of the rules that move a row up or down."""
        return tuple(one.rule.name for one in self.boosts if one.rows[row])


NO_ACTIVE_RULES: Final = ActiveRules()


def rules_to_document(rules: tuple[SiteRule, ...]) -> list[dict[str, Any]]:
    """The rules as plain JSON types, each with the fields that are set."""
    plain: list[dict[str, Any]] = _RULES.dump_python(rules, mode="json", exclude_defaults=True)
    return plain


def _meets(seed: RowPlace | None, under: Condition, now: float) -> bool:
    if seed is None or under == EVERYTHING:
        return under == EVERYTHING
    return bool(matching(seed.part, under.filter_at(now), seed.at)[0])


def _active(rule: SiteRule, view: View, now: float) -> ActiveRule:
    wanted = rule.items.filter_at(now)
    return ActiveRule(rule, view.where(lambda part: matching(part, wanted)))


_RULES: Final = TypeAdapter(SiteRules)
