"""Why an item stands in a list, as an editor reads it: points of 100, words, passages."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from recommender.api import PINNED, RELATED, WORDS, Explanation, Grounds, Item, NoGrounds, Reason
from recommender.ranking.marked_text import MarkedPiece, mark_shared, shared_keys
from recommender.ranking.shared_text import Key

__all__ = ["BarPart", "MarkedPair", "PlaceStep", "Reasons", "count_reasons"]

SIGNALS: Final = ("dense", "passages", "lexical")
MOST_SHARED: Final = 8
"""How many shared words and names are named; the others are marked in the passages."""
DEGREES: Final = ((0.5, "very"), (0.25, "close"))
"""From these scores on; reports of one event have more than a half."""
AMONG: Final[dict[Reason, str]] = {"fallback:section": "section", "fallback:latest": "latest"}


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar of 100 points: how much a signal adds to the closeness of two stories."""

    name: str
    begin: int
    points: int


@dataclass(frozen=True, slots=True)
class PlaceStep:
    """What is added to the closeness of a story, or taken from it, before lists are ordered."""

    name: str
    points: int


@dataclass(frozen=True, slots=True)
class MarkedPair:
    """Two passages that match, with marks on what they share."""

    ours: tuple[MarkedPiece, ...]
    theirs: tuple[MarkedPiece, ...]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an item stands where it does.

    Attributes:
        main: names the sentence that says why.
        degree: how close the stories are: `very`, `close` or `loose`.
        parts: of its closeness.
        steps: from its closeness to what orders the list; only those that change it.
        place_points: what orders the list.
        shared: names and words of both texts.
        passages: of both texts.
        rules: the names of the site rules that moved it.
        unknown_because: why nothing is known of the texts; None if it is known.
    """

    main: str
    degree: str
    parts: tuple[BarPart, ...]
    steps: tuple[PlaceStep, ...]
    place_points: int
    shared: tuple[str, ...]
    passages: tuple[MarkedPair, ...]
    rules: tuple[str, ...]
    unknown_because: NoGrounds | None

    @classmethod
    def of(cls, item: Item) -> "Reasons | None":
        """The reasons of an item; None if the list was not explained."""
        explained = item.explanation
        if explained is None:
            return None
        grounds = explained.grounds
        return cls(
            main=_main_reason(item.reason, explained),
            degree=_degree_of(item.score),
            parts=_parts_of(explained),
            steps=_steps_of(item.score, explained),
            place_points=_points(explained.ranking_value),
            shared=_shared_words(grounds) if grounds else (),
            passages=_marked_pairs(grounds) if grounds else (),
            rules=explained.site_rules,
            unknown_because=explained.no_grounds_because,
        )


def count_reasons(items: Iterable[Item]) -> dict[str, int]:
    """How many items are `pinned`, `related`, and there to `fill` the list."""
    counts = {"pinned": 0, "related": 0, "fill": 0}
    for item in items:
        is_pinned, is_related = item.reason == PINNED, item.reason in RELATED
        counts["pinned" if is_pinned else "related" if is_related else "fill"] += 1
    return counts


def _added(explained: Explanation) -> tuple[float, ...]:
    """What each of the signals adds to the score."""
    return (
        explained.dense * explained.dense_weight,
        explained.passages * explained.passage_weight,
        explained.lexical * explained.lexical_weight,
    )


def _main_reason(reason: Reason, explained: Explanation) -> str:
    if reason in {PINNED, WORDS}:
        return reason
    if reason in AMONG:
        return AMONG[reason]
    added = _added(explained)
    return SIGNALS[max(range(len(added)), key=added.__getitem__)]


def _degree_of(score: float) -> str:
    return next((name for least, name in DEGREES if score >= least), "loose")


def _parts_of(explained: Explanation) -> tuple[BarPart, ...]:
    """The parts as whole points that add up to the rounded whole."""
    parts, end, total = [], 0, 0.0
    for name, added in zip(SIGNALS, _added(explained), strict=True):
        total += added
        begin, end = end, _points(total)
        parts.append(BarPart(name, begin, end - begin))
    return tuple(parts)


def _steps_of(score: float, explained: Explanation) -> tuple[PlaceStep, ...]:
    """The steps as whole points that lead from the closeness to what orders the list."""
    added = {
        "age": score * (explained.recency - 1),
        "same_days": explained.nearness,
        "rules": explained.boost,
        "near_to_many": -explained.hubness,
    }
    steps, total = [], score
    for name, change in added.items():
        before, total = _points(total), total + change
        steps.append(PlaceStep(name, _points(total) - before))
    return tuple(step for step in steps if step.points)


def _points(share: float) -> int:
    return round(100 * share)


def _shared_words(grounds: Grounds) -> tuple[str, ...]:
    """Names, then words that are in none of them; without repeating one in another spelling."""
    shown: list[str] = []
    seen: set[Key] = set()
    for word in (*grounds.names, *(term.word for term in grounds.terms)):
        (key,) = shared_keys(Grounds(terms=(), names=(word,), passages=())) or ((),)
        if key and not _is_inside(key, seen):
            shown.append(word)
            seen.add(key)
    return tuple(shown[:MOST_SHARED])


def _is_inside(key: Key, others: Iterable[Key]) -> bool:
    return any(set(key) <= set(other) for other in others)


def _marked_pairs(grounds: Grounds) -> tuple[MarkedPair, ...]:
    keys = shared_keys(grounds)
    return tuple(
        MarkedPair(mark_shared(pair.seed, keys), mark_shared(pair.item, keys))
        for pair in grounds.passages
    )
