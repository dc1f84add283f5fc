"""The ranking policy: how signals are weighed, and where lists stop; see docs/relevance.md."""

from dataclasses import dataclass
from typing import Final

__all__ = ["RELEVANCE_ONLY", "Policy"]

NEVER: Final = 2.0  # above any overlap


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults are what is served.

    Attributes:
        dense_weight: share of the dense signal where the encoder knows the article's language; the
            lexical signal has the rest. Where it does not, the lexical signal has all.
        candidates: how many rows each signal proposes.
        threshold: least score, 0..1, of an article listed as semantically related.
        words_threshold: the same where words decide alone: their scores lie closer to 0.
        duplicate_overlap: texts whose signatures overlap so much are one story told twice.
        diversity: weight, 0..1, of being unlike what stands above, against the ranking value.
        age_weight: how much of its ranking value an article loses with age, at most.
        half_life_days: the age at which half of that is lost.
        fallback: whether a short list is filled with the latest articles.
        untitled: whether articles without a title may be listed.
    """

    dense_weight: float = 0.4
    candidates: int = 200
    threshold: float = 0.1
    words_threshold: float = 0.05
    duplicate_overlap: float = 0.35
    diversity: float = 0.05
    age_weight: float = 0.1
    half_life_days: float = 180.0
    fallback: bool = True
    untitled: bool = False


RELEVANCE_ONLY: Final = Policy(
    threshold=0.0,
    words_threshold=0.0,
    duplicate_overlap=NEVER,
    diversity=0.0,
    age_weight=0.0,
    fallback=False,
    untitled=True,
)
"""Relatedness alone, for measuring: no rule takes an article out or moves it."""
