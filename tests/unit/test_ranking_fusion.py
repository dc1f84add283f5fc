"""Two signals on one scale: hand-worked, and true of any numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommender.ranking import Floors, Scores, fuse

Floats = NDArray[np.float32]


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def shares(low: float = 0, high: float = 1) -> st.SearchStrategy[Floats]:
    """Five numbers of a range, in float32."""
    return arrays(np.float32, 5, elements=st.floats(low, high, width=32))


def test_a_score_is_the_weighted_mean_of_both_scaled_signals() -> None:
    """(0.6-0.2)/(1-0.2) = 0.5 and (0.55-0.1)/(1-0.1) = 0.5; (1-0.2)/0.8 = 1 and 0 below a floor."""
    scores = fuse(
        floats(0.6, 1.0, -0.4, 0.6),
        floats(0.55, 0.05, 1.0, 0.1),
        Floors(floats(0.2, 0.2, 0.2, 0.2), floats(0.1, 0.1, 0.1, 0.1)),
        floats(0.5, 0.75, 0.25, 0.0),
    )
    np.testing.assert_allclose(scores.dense, [0.5, 1, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(scores.lexical, [0.5, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(scores.score, [0.5, 0.75, 0.75, 0], atol=1e-6)


@settings(deadline=None)
@given(shares(0, 0.9375), shares(0, 0.9375), shares())
def test_the_same_text_scores_one_and_the_floors_score_zero(
    dense: Floats, lexical: Floats, weight: Floats
) -> None:
    floors, ones = Floors(dense, lexical), np.ones(5, np.float32)
    np.testing.assert_allclose(fuse(ones, ones, floors, weight).score, 1, atol=1e-6)
    assert fuse(dense, lexical, floors, weight).score.tolist() == [0] * 5


@settings(deadline=None)
@given(shares(-1, 1), shares(-1, 1), shares(), shares(), shares())
def test_parts_and_whole_are_always_within_0_and_1(
    dense: Floats, lexical: Floats, floor: Floats, other: Floats, weight: Floats
) -> None:
    scores = fuse(dense, lexical, Floors(floor, other), weight)
    for part in (scores.dense, scores.lexical, scores.score):
        assert str(part.dtype) == "float32"
        assert ((part >= 0) & (part <= 1)).all()


@settings(deadline=None)
@given(shares(-1, 1), shares(0, 0.875), shares(0, 0.875), shares())
def test_a_nearer_article_never_scores_less(
    dense: Floats, floor: Floats, lexical: Floats, weight: Floats
) -> None:
    floors = Floors(floor, floor)
    nearer = np.minimum(dense + np.float32(0.1), 1).astype(np.float32)
    near, far = (fuse(one, lexical, floors, weight).score for one in (nearer, dense))
    assert (near >= far).all()


@settings(deadline=None)
@given(st.floats(-1, 1, width=32), *[st.floats(0, 1, width=32)] * 6)
def test_a_pair_scores_the_same_from_either_side(
    dense: float, lexical: float, a: float, b: float, c: float, d: float, weight: float
) -> None:
    one, two = Floors(floats(a), floats(b)), Floors(floats(c), floats(d))
    there, back = (
        fuse(floats(dense), floats(lexical), floors, floats(weight)).score.tolist()
        for floors in (one.midway(two), two.midway(one))
    )
    assert there == back


def test_where_the_encoder_knows_nothing_the_words_have_all() -> None:
    scores = fuse(floats(0.9), floats(0.3), Floors(floats(0), floats(0)), floats(0))
    assert scores.score.tolist() == floats(0.3).tolist()


def test_a_floor_of_one_is_no_division_by_zero() -> None:
    scores = fuse(floats(1, 0.5), floats(1, 0.5), Floors(floats(1, 1), floats(1, 1)), floats(1, 1))
    assert scores.score.tolist() == [0, 0]


def test_no_candidates_have_no_scores() -> None:
    none = floats()
    assert fuse(none, none, Floors(none, none), none).score.shape == (0,)


def test_floors_shrink_where_pairs_are_few() -> None:
    """n rows have n(n-1)/2 pairs, and a floor is worth pairs/(pairs+100): half at 100 pairs."""
    rows = np.array([0, 1, 2, 3, 25, 201])
    trust = [0, 0, 1 / 101, 3 / 103, 300 / 400, 20_100 / 20_200]
    floors = Floors.of(rows, np.full(6, 0.4, np.float32), np.full(6, 0.2, np.float32))
    np.testing.assert_allclose(floors.dense, 0.4 * np.array(trust), rtol=1e-6)
    np.testing.assert_allclose(floors.lexical, 0.2 * np.array(trust), rtol=1e-6)
    assert (str(floors.dense.dtype), str(floors.lexical.dtype)) == ("float32", "float32")


def test_a_floor_below_zero_counts_as_zero() -> None:
    floors = Floors.of(np.array([1_000]), floats(-0.3), floats(-0.1))
    assert (floors.dense.tolist(), floors.lexical.tolist()) == ([0], [0])


def test_floors_are_picked_by_group_and_met_midway() -> None:
    floors = Floors(floats(0.25, 0.5), floats(0, 0.125))
    picked = floors.at(np.array([1, 1, 0]))
    assert picked.dense.tolist() == [0.5, 0.5, 0.25]
    assert picked.lexical.tolist() == [0.125, 0.125, 0]
    midway = picked.midway(floors.at(np.array([0])))
    assert midway.dense.tolist() == [0.375, 0.375, 0.25]
    assert midway.lexical.tolist() == [0.0625, 0.0625, 0]


def test_scores_are_kept_by_a_mask() -> None:
    scores = Scores(floats(0.1, 0.2, 0.3), floats(0.4, 0.5, 0.6), floats(0.7, 0.8, 0.9))
    kept = scores.at(np.array([True, False, True]))
    assert [part.tolist() for part in (kept.dense, kept.lexical, kept.score)] == [
        floats(0.1, 0.3).tolist(),
        floats(0.4, 0.6).tolist(),
        floats(0.7, 0.9).tolist(),
    ]


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_equal_signals_score_themselves_whatever_the_weight(weight: float) -> None:
    halves = floats(0.5)
    scores = fuse(halves, halves, Floors(floats(0), floats(0)), floats(weight))
    np.testing.assert_allclose(scores.score, 0.5, atol=1e-7)
