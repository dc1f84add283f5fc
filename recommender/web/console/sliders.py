"""The sliders of the story page: how lists are made, in the steps that an editor moves.

What a slider does not touch stays as it is to the last digit, although it shows whole points.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from recommender.api import MODES, RELATED, Explanation, Item, Mode
from recommender.errors import BadParameter
from recommender.ranking.policy import Policy

__all__ = ["SHARED_OUT", "Shares", "Sliders", "half_life_choices"]

POINTS: Final = range(101)
LONGEST_DAYS: Final = 36_500.0
LEAST_DAYS: Final = 0.01
USUAL_DAYS: Final = (1, 3, 7, 14, 30, 60, 90, 180, 365, 730, 1825, 3650)
TRIED: Final = "tried"
"""The field that a form of sliders has, whatever else it sends."""
SHARED_OUT: Final = ("meaning", "passages", "words")
"""The sliders whose proportions are the weights of the three signals."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The weights of the three signals in points; they add up to about 100."""

    meaning: int = 30
    passages: int = 25
    words: int = 45

    @classmethod
    def of(cls, items: Iterable[Item]) -> "Shares":
        """Those of the first related item that all signals count for."""
        explained = [item.explanation for item in items if item.reason in RELATED]
        found = next((one for one in explained if one and _all_count(one)), None)
        if found is None:
            return cls()
        weights = (found.dense_weight, found.passage_weight, found.lexical_weight)
        return cls(*map(_points, weights))

    @classmethod
    def set_by(cls, policy: Policy) -> "Shares | None":
        """Those that a policy sets; None where it leaves one of them to what was measured."""
        dense, passages = policy.dense_weight, policy.passage_weight
        if dense is None or passages is None:
            return None
        return cls(_points(dense), _points(passages), _points(1 - dense - passages))


@dataclass(frozen=True, slots=True)
class Sliders:
    """Where the sliders stand.

    Attributes:
        mode: of the list of one page; it is no part of how all lists are made.
        age: the most that age takes, in points of 100.
        half_life: the days after which half of that is taken.
        diversity: in points of 100.
        threshold: the least closeness of an item, in points of 100.
        own_weights: whether all weights are set; otherwise they are what the last rebuild measured.
        meaning: against the next two, how much article vectors count.
        passages: how much matching passages count.
        words: how much words count.
    """

    mode: Mode
    age: int
    half_life: float
    diversity: int
    threshold: int
    own_weights: bool
    meaning: int
    passages: int
    words: int

    @classmethod
    def of(cls, policy: Policy, shares: Shares) -> "Sliders":
        """Where they stand for a policy, if nothing was moved."""
        return cls(
            mode="mixed",
            age=_points(policy.age_weight),
            half_life=policy.half_life_days,
            diversity=_points(policy.diversity),
            threshold=_points(policy.threshold),
            own_weights=policy.dense_weight is not None and policy.passage_weight is not None,
            **asdict(Shares.set_by(policy) or shares),
        )

    def moved(self, sent: Mapping[str, str]) -> "Sliders":
        """Where they stand after a form was sent; what it does not name stays.

        Raises:
            BadParameter: a value is none that a slider can have.
        """
        points = ("age", "diversity", "threshold", *SHARED_OUT)
        changed: dict[str, Any] = {
            name: _read_points(name, sent[name]) for name in points if name in sent
        }
        if "half_life" in sent:
            changed["half_life"] = _read_days(sent["half_life"])
        if "weights" in sent or TRIED in sent:  # a box that is not ticked is not sent
            changed["own_weights"] = sent.get("weights") == "own"
        mode = sent.get("mode", self.mode)
        if mode not in MODES:
            raise BadParameter(f"mode: must be one of {', '.join(MODES)}")
        return replace(self, mode=mode, **changed)

    def policy_from(self, policy: Policy, active: "Sliders") -> Policy:
        """The policy with what was moved from where the sliders stand for it."""
        changed: dict[str, Any] = {}
        if self.age != active.age:
            changed["age_weight"] = self.age / 100
        if self.half_life != active.half_life:
            changed["half_life_days"] = self.half_life
        if self.diversity != active.diversity:
            changed["diversity"] = self.diversity / 100
        if self.threshold != active.threshold:
            changed |= _thresholds(policy, self.threshold / 100)
        if self.set_weights != active.set_weights:
            changed |= self.set_weights
        return replace(policy, **changed)

    @property
    def set_weights(self) -> dict[str, float | None]:
        """What a policy says of the weights; nothing (None) where they are measured."""
        total = self.meaning + self.passages + self.words
        if not self.own_weights or not total:
            return {"dense_weight": None, "passage_weight": None}
        dense = round(self.meaning / total, 4)
        passages = min(round(self.passages / total, 4), round(1 - dense, 4))
        return {"dense_weight": dense, "passage_weight": passages}

    def to_query(self, active: "Sliders") -> dict[str, str]:
        """What was moved, as the fields of a form."""
        names = [each.name for each in fields(self) if each.name != "own_weights"]
        moved = {one: str(getattr(self, one)) for one in names if one not in SHARED_OUT}
        query = {one: text for one, text in moved.items() if text != str(getattr(active, one))}
        if self.set_weights == active.set_weights:
            return query
        shared = {one: str(getattr(self, one)) for one in SHARED_OUT} if self.own_weights else {}
        return query | shared | {"weights": "own" if self.own_weights else "measured"}


def half_life_choices(active: float) -> tuple[float, ...]:
    """The half-lives to choose from, in days, ascending, with the active one."""
    return tuple(sorted({*map(float, USUAL_DAYS), float(active)}))


def _thresholds(policy: Policy, least: float) -> dict[str, float | None]:
    """Both thresholds; where words decide alone, scores are lower in the same proportion."""
    by_words = least
    if policy.threshold > 0:
        by_words = round(min(least * policy.words_threshold / policy.threshold, 1.0), 4)
    return {"threshold": least, "words_threshold": by_words}


def _all_count(explained: Explanation) -> bool:
    return explained.dense_weight > 0 and explained.lexical_weight > 0


def _points(share: float) -> int:
    return round(100 * share)


def _read_points(name: str, text: str) -> int:
    points = next((one for one in POINTS if str(one) == text), None)
    if points is None:
        raise BadParameter(f"{name}: must be a whole number from 0 to 100")
    return points


def _read_days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not LEAST_DAYS <= days <= LONGEST_DAYS:
        raise BadParameter(f"half_life: must be a number of days up to {LONGEST_DAYS:.0f}")
    return days
