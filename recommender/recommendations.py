"""What is asked for and what is answered."""

from dataclasses import dataclass, field
from typing import Final, Literal

from recommender.cards import Card

__all__ = ["LIMITS", "MODES", "Explanation", "Mode", "Options", "Recommendation", "Recommendations"]

Mode = Literal["mixed", "background", "latest"]
MODES: Final[tuple[Mode, ...]] = ("mixed", "background", "latest")
LIMITS: Final = range(1, 101)


@dataclass(frozen=True, slots=True)
class Options:
    """What a list is asked to be; the defaults are a reader's list under a story.

    Attributes:
        limit: how many items, 1 to 100.
        mode: `mixed` prefers the newer of equals, `background` lists only what is older than the
            seed, `latest` puts the newest related articles first.
        languages: primary BCP-47 subtags; None is the seed's language, an empty set is any.
        section: only this one.
        tag: only articles that carry it.
        exclude: ids that must not be listed.
        max_age_days: only articles published within so many days.
        diversity: 0..1 instead of the policy's.
        min_score: 0..1; nothing below is listed and no fallback fills up.
        explain: whether items carry their explanation.
    """

    limit: int = 12
    mode: Mode = "mixed"
    languages: frozenset[str] | None = None
    section: str | None = None
    tag: str | None = None
    exclude: frozenset[str] = frozenset()
    max_age_days: float | None = None
    diversity: float | None = None
    min_score: float | None = None
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts of an item's place: both signals after scaling, recency factor, ranking value."""

    dense: float
    lexical: float
    dense_weight: float
    recency: float
    ranking_value: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One listed article. `score` is relatedness, 0..1; `rank` starts at 1."""

    id: str
    rank: int
    score: float
    card: Card
    reason: str
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list, in the order to show it. `short_because` is set when it holds fewer than asked."""

    article_id: str
    items: tuple[Recommendation, ...]
    requested: int
    mode: Mode
    generation: str
    short_because: str | None = field(default=None)
