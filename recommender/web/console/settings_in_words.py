"""What two policies differ in, as an editor reads it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from recommender.ranking.policy import Policy

__all__ = ["SettingChange", "changes_between", "settings_of"]

IN_POINTS: Final = (
    *("age_weight", "diversity", "threshold", "words_threshold"),
    *("dense_weight", "passage_weight"),
)
"""Shares, which are shown in points of 100; None where they are measured."""
IN_DAYS: Final = "half_life_days"
RULES: Final = "rules"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that changes.

    Attributes:
        name: of the setting; `rules`, or `others` for all that no slider moves.
        before: its points or days; None if it is measured, or if only its name is shown.
        after: the same.
    """

    name: str
    before: float | None = None
    after: float | None = None

    @property
    def unit(self) -> str:
        """What its values are: `points`, `days`, or `none`."""
        return "points" if self.name in IN_POINTS else "days" if self.name == IN_DAYS else "none"


def settings_of(policy: Policy) -> tuple[SettingChange, ...]:
    """The settings that sliders move, as they are; nothing changes in them."""
    points = ((name, _in_points(getattr(policy, name))) for name in IN_POINTS)
    days = policy.half_life_days
    return (
        *(SettingChange(name, share, share) for name, share in points),
        SettingChange(IN_DAYS, days, days),
    )


def changes_between(before: Policy, after: Policy) -> tuple[SettingChange, ...]:
    """The settings in which two policies differ."""
    return tuple(_changes(before, after))


def _changes(before: Policy, after: Policy) -> Iterator[SettingChange]:
    names = [each.name for each in fields(Policy)]
    changed = {one for one in names if getattr(before, one) != getattr(after, one)}
    for name in IN_POINTS:
        if name in changed:
            yield SettingChange(name, *(_in_points(getattr(one, name)) for one in (before, after)))
    if IN_DAYS in changed:
        yield SettingChange(IN_DAYS, before.half_life_days, after.half_life_days)
    if RULES in changed:
        yield SettingChange(RULES)
    if changed - {*IN_POINTS, IN_DAYS, RULES}:
        yield SettingChange("others")


def _in_points(share: float | None) -> float | None:
    """Points with at most one digit; whole ones without it."""
    return None if share is None else round(100 * share, 1)
