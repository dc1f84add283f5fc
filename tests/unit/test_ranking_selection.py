"""Selection against a slow maximal marginal relevance in plain Python."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.ranking import Pool, select

HALVES = [
    tuple(0.5 * (place in places) for place in range(6))
    for places in [(0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 4, 5), (2, 3, 4, 5), (1, 2, 3, 5)]
]
"""Unit vectors whose products are whole quarters, so that an oracle may ask for equality."""
Signature = tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    value: float
    vector: tuple[float, ...]
    signature: Signature


SIGNATURES = st.tuples(*[st.integers(1, 3)] * 4)
CANDIDATES = st.lists(
    st.builds(
        Candidate, st.integers(0, 8).map(lambda n: n / 8), st.sampled_from(HALVES), SIGNATURES
    ),
    max_size=9,
)
BOUNDS = st.sampled_from([0.25, 0.5, 0.75, 1.0, 2.0])
DIVERSITIES = st.sampled_from([0.0, 0.125, 0.5, 1.0])
ABOVE = st.lists(SIGNATURES, max_size=2)


def pool_of(candidates: list[Candidate]) -> Pool:
    count = len(candidates)
    return Pool(
        np.array([c.value for c in candidates], np.float64),
        np.array([c.vector for c in candidates], np.float32).reshape(count, 6),
        np.array([c.signature for c in candidates], np.uint16).reshape(count, 4),
    )


def selected(
    candidates: list[Candidate],
    limit: int,
    diversity: float = 0.0,
    bound: float = 2.0,
    above: list[Signature] | None = None,
) -> list[int]:
    signatures = np.array(above or [], np.uint16).reshape(-1, 4)
    places: list[int] = select(
        pool_of(candidates), limit, diversity=diversity, duplicate_overlap=bound, above=signatures
    ).tolist()
    return places


def likeness(one: Signature, two: Signature) -> float:
    return sum(a == b for a, b in zip(one, two, strict=True)) / len(one)


def product(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


def retold(told: list[Signature], candidates: list[Candidate], bound: float) -> set[int]:
    """Places that repeat a told text, or one that repeats it, and so on."""
    found: set[int] = set()
    while True:
        known = [*told, *(candidates[place].signature for place in found)]
        more = {
            place
            for place, one in enumerate(candidates)
            if any(likeness(one.signature, text) >= bound for text in known)
        }
        if more <= found:
            return found
        found |= more


def slow_mmr(
    candidates: list[Candidate],
    limit: int,
    diversity: float,
    bound: float,
    above: list[Signature],
) -> list[int]:
    """Carbonell and Goldstein 1998 after the best value, with nothing remembered."""
    best = max((c.value for c in candidates), default=0.0) or 1.0
    chosen: list[int] = []

    def merit(place: int) -> float:
        one = candidates[place]
        if not chosen:
            return one.value
        nearest = max((product(one.vector, candidates[c].vector) for c in chosen), default=0.0)
        return (1 - diversity) * (one.value / best) - diversity * nearest

    while len(chosen) < limit:
        told = [*above, *(candidates[place].signature for place in chosen)]
        left = sorted(set(range(len(candidates))) - set(chosen) - retold(told, candidates, bound))
        if not left:
            break
        chosen.append(max(left, key=lambda place: (merit(place), -place)))
    return chosen


@settings(deadline=None, max_examples=200)
@given(CANDIDATES, st.integers(0, 12), DIVERSITIES, BOUNDS, ABOVE)
def test_the_list_is_that_of_the_slow_oracle(
    candidates: list[Candidate],
    limit: int,
    diversity: float,
    bound: float,
    above: list[Signature],
) -> None:
    expected = slow_mmr(candidates, limit, diversity, bound, above)
    assert selected(candidates, limit, diversity, bound, above) == expected


@settings(deadline=None)
@given(CANDIDATES, BOUNDS, ABOVE)
def test_without_diversity_values_descend_and_equals_keep_their_order(
    candidates: list[Candidate], bound: float, above: list[Signature]
) -> None:
    places = selected(candidates, len(candidates), 0.0, bound, above)
    assert places == sorted(places, key=lambda place: (-candidates[place].value, place))


@settings(deadline=None)
@given(CANDIDATES, DIVERSITIES, BOUNDS, ABOVE)
def test_no_two_listed_and_none_above_are_one_story(
    candidates: list[Candidate], diversity: float, bound: float, above: list[Signature]
) -> None:
    places = selected(candidates, len(candidates), diversity, bound, above)
    told = list(above)
    for place in places:
        assert [t for t in told if likeness(candidates[place].signature, t) >= bound] == []
        told.append(candidates[place].signature)


@settings(deadline=None)
@given(CANDIDATES, DIVERSITIES, BOUNDS, ABOVE)
def test_everybody_left_out_repeats_somebody(
    candidates: list[Candidate], diversity: float, bound: float, above: list[Signature]
) -> None:
    places = selected(candidates, len(candidates) + 3, diversity, bound, above)
    told = [*above, *(candidates[place].signature for place in places)]
    assert len(set(places)) == len(places)
    assert set(range(len(candidates))) - set(places) <= retold(told, candidates, bound)


@settings(deadline=None)
@given(CANDIDATES, DIVERSITIES, st.integers(0, 9), st.integers(0, 9))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    candidates: list[Candidate], diversity: float, one: int, two: int
) -> None:
    short, long = sorted((one, two))
    assert (
        selected(candidates, short, diversity, 0.5)
        == (selected(candidates, long, diversity, 0.5)[:short])
    )


@settings(deadline=None)
@given(CANDIDATES, DIVERSITIES)
def test_the_scale_of_the_values_decides_nothing(
    candidates: list[Candidate], diversity: float
) -> None:
    weak = [replace(c, value=c.value / 1_024) for c in candidates]
    assert selected(weak, 9, diversity) == selected(candidates, 9, diversity)


SAME, OTHER = HALVES[0], HALVES[3]


def test_a_weaker_but_different_candidate_comes_before_one_like_the_first() -> None:
    """At 0.5: twice the value 1, product 1, gives 0; value 0.75, product 0.5, gives 0.125."""
    candidates = [
        Candidate(1.0, SAME, (3, 3, 3, 3)),
        Candidate(1.0, SAME, (1, 1, 1, 1)),
        Candidate(0.75, OTHER, (2, 2, 2, 2)),
    ]
    assert selected(candidates, 3) == [0, 1, 2]
    assert selected(candidates, 3, diversity=0.5) == [0, 2, 1]


def test_an_overlap_of_exactly_the_bound_is_a_duplicate() -> None:
    candidates = [Candidate(1.0, SAME, (1, 1, 0, 0)), Candidate(0.5, OTHER, (1, 1, 2, 2))]
    assert selected(candidates, 2, bound=0.5) == [0]
    assert selected(candidates, 2, bound=0.51) == [0, 1]


def test_an_update_of_a_reprint_is_the_same_story() -> None:
    """The last shares nothing with the first, but half with what shares half with it."""
    candidates = [
        Candidate(1.0, SAME, (1, 1, 1, 1)),
        Candidate(0.9, OTHER, (1, 1, 2, 2)),
        Candidate(0.8, OTHER, (3, 3, 2, 2)),
    ]
    assert selected(candidates, 3, bound=0.5) == [0]
    assert selected([candidates[0], candidates[2]], 3, bound=0.5) == [0, 1]


def test_the_best_value_stands_first_whatever_the_diversity() -> None:
    candidates = [Candidate(0.5, SAME, (1, 1, 1, 1)), Candidate(1.0, SAME, (2, 2, 2, 2))]
    assert selected(candidates, 1, diversity=1.0) == [1]


def test_texts_without_words_repeat_nothing() -> None:
    candidates = [Candidate(1.0, SAME, (0, 0, 0, 0)), Candidate(0.5, OTHER, (0, 0, 0, 0))]
    assert selected(candidates, 2, bound=0.25) == [0, 1]


def test_what_stands_above_is_not_told_again() -> None:
    candidates = [Candidate(1.0, SAME, (1, 1, 1, 1)), Candidate(0.5, OTHER, (2, 2, 2, 2))]
    assert selected(candidates, 2, bound=0.75, above=[(1, 1, 1, 0)]) == [1]


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_an_empty_pool_gives_an_empty_list(diversity: float) -> None:
    assert selected([], 5, diversity, 0.5, [(1, 1, 1, 1)]) == []


def test_a_limit_beyond_the_pool_gives_the_pool() -> None:
    candidates = [Candidate(0.5, SAME, (0, 0, 0, 0)), Candidate(1.0, OTHER, (1, 1, 1, 1))]
    assert selected(candidates, 99) == [1, 0]


@pytest.mark.parametrize(
    "values", [(-3.0, -1.0, -2.0), (-1e18, 1.7e9, 1.6e9), (-1e18, -5.0, -1e18)]
)
def test_times_before_1970_and_the_undated_still_descend(values: tuple[float, ...]) -> None:
    candidates = [Candidate(value, SAME, (place,) * 4) for place, value in enumerate(values)]
    assert selected(candidates, 3) == sorted(range(3), key=lambda place: (-values[place], place))


def test_a_pool_knows_its_size() -> None:
    assert len(pool_of([Candidate(0.5, SAME, (0, 0, 0, 0))] * 3)) == 3
