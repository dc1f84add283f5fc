"""Three signals on one scale: worked examples and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from index import BackgroundSimilarity
from recommender.ranking.fusion import Backgrounds, Signals, Weights, fuse, least_scores
from recommender.ranking.policy import Policy

Floats = NDArray[np.float32]


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def shares(low: float = 0, high: float = 1) -> st.SearchStrategy[Floats]:
    """Five numbers of a range, in float32."""
    return arrays(np.float32, 5, elements=st.floats(low, high, width=32))


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    """Weights of five pairs, each in one or two languages, known or not."""
    dense = draw(st.floats(0, 1))
    passages = draw(st.floats(0, 1)) * (1 - dense)
    known, same = (draw(arrays(np.bool_, 5)) for _ in range(2))
    return Weights.of(known, same, dense, passages)


def test_a_score_is_the_weighted_mean_of_the_scaled_signals() -> None:
    """(0.6-0.2)/0.8 = 0.5, (0.55-0.1)/0.9 = 0.5, (0.7-0.4)/0.6 = 0.5; 1 at the top, 0 below."""
    scores = fuse(
        Signals(floats(0.6, 1.0, -0.4), floats(0.7, 0.4, 1.0), floats(0.55, 0.05, 1.0)),
        Backgrounds(floats(0.2, 0.2, 0.2), floats(0.4, 0.4, 0.4), floats(0.1, 0.1, 0.1)),
        Weights(floats(0.25, 0.5, 0.25), floats(0.25, 0.25, 0.25), floats(0.5, 0.25, 0.5)),
    )
    np.testing.assert_allclose(scores.dense, [0.5, 1, 0], atol=1e-6)
    np.testing.assert_allclose(scores.passages, [0.5, 0, 1], atol=1e-6)
    np.testing.assert_allclose(scores.lexical, [0.5, 0, 1], atol=1e-6)
    np.testing.assert_allclose(scores.score, [0.5, 0.5, 0.75], atol=1e-6)


@pytest.mark.parametrize(
    ("known", "same", "policy", "weights"),
    [
        pytest.param(True, True, (0.3, 0.2), (0.3, 0.2, 0.5), id="in one known language"),
        pytest.param(True, False, (0.3, 0.2), (0.6, 0.4, 0), id="between two known languages"),
        pytest.param(False, True, (0.3, 0.2), (0, 0, 1), id="in an unknown language"),
        pytest.param(False, False, (0.3, 0.2), (0, 0, 1), id="between unknown languages"),
        pytest.param(True, True, (0, 0), (0, 0, 1), id="without a share of vectors"),
        pytest.param(True, False, (0, 0), (0, 0, 1), id="without one, between languages"),
    ],
)
def test_words_decide_without_vectors_and_vectors_between_languages(
    *,
    known: bool,
    same: bool,
    policy: tuple[float, float],
    weights: tuple[float, float, float],
) -> None:
    found = Weights.of(np.array([known]), np.array([same]), *policy)
    parts = (found.dense, found.passages, found.lexical)
    np.testing.assert_allclose(np.concatenate(parts), weights, atol=1e-6)


@given(weights())
def test_the_weights_of_a_pair_add_up_to_one(found: Weights) -> None:
    parts = (found.dense, found.passages, found.lexical)
    np.testing.assert_allclose(sum(parts), 1, atol=1e-6)
    for part in parts:
        assert str(part.dtype) == "float32"
        assert (part >= -1e-6).all()


@given(shares(0, 0.9375), shares(0, 0.9375), shares(0, 0.9375), weights())
def test_the_same_text_scores_one_and_background_similarity_scores_zero(
    dense: Floats, passages: Floats, lexical: Floats, shared: Weights
) -> None:
    backgrounds, ones = Backgrounds(dense, passages, lexical), np.ones(5, np.float32)
    np.testing.assert_allclose(
        fuse(Signals(ones, ones, ones), backgrounds, shared).score, 1, atol=1e-6
    )
    assert fuse(Signals(dense, passages, lexical), backgrounds, shared).score.tolist() == [0] * 5


@given(shares(-1, 1), shares(-1, 1), shares(), shares(), shares(), weights())
def test_parts_and_whole_are_always_within_0_and_1(
    dense: Floats,
    passages: Floats,
    lexical: Floats,
    background: Floats,
    other: Floats,
    shared: Weights,
) -> None:
    scores = fuse(
        Signals(dense, passages, lexical), Backgrounds(background, other, background), shared
    )
    for part in (scores.dense, scores.passages, scores.lexical, scores.score):
        assert str(part.dtype) == "float32"
        assert ((part >= 0) & (part <= 1)).all()


@given(shares(-1, 1), shares(0, 0.875), shares(0, 0.875), weights())
def test_a_nearer_article_never_scores_less(
    dense: Floats, background: Floats, lexical: Floats, shared: Weights
) -> None:
    backgrounds = Backgrounds(background, background, background)
    nearer = np.minimum(dense + np.float32(0.1), 1).astype(np.float32)
    near, far = (
        fuse(Signals(one, one, lexical), backgrounds, shared).score for one in (nearer, dense)
    )
    assert (near >= far).all()


GROUPS = st.builds(
    BackgroundSimilarity, st.integers(0, 50), st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1)
)


@given(shares(-1, 1), GROUPS, GROUPS, weights())
def test_a_pair_scores_the_same_from_either_side(
    similarity: Floats, one: BackgroundSimilarity, two: BackgroundSimilarity, shared: Weights
) -> None:
    signals = Signals(similarity, similarity, similarity)
    there, back = (
        fuse(signals, Backgrounds.of_pairs([one, two], seed, np.array([1 - seed])), shared)
        for seed in (0, 1)
    )
    assert there.score.tolist() == back.score.tolist()


def test_backgrounds_are_trusted_by_the_number_of_their_pairs() -> None:
    """Half of the median at 100 pairs, zero without pairs, and never a negative value."""
    medians = Signals(floats(0.4, 0.4, -0.2), floats(0.2, 0.2, 0.2), floats(0.1, 0.1, 0.1))
    backgrounds = Backgrounds.of(np.array([100, 0, 300]), medians)
    np.testing.assert_allclose(backgrounds.dense, [0.2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(backgrounds.passages, [0.1, 0, 0.15], atol=1e-6)
    np.testing.assert_allclose(backgrounds.lexical, [0.05, 0, 0.075], atol=1e-6)


def test_the_background_of_two_groups_is_midway_between_theirs() -> None:
    trusted = 10**6  # rows, so that nothing is drawn towards 0
    measured = [
        BackgroundSimilarity(trusted, 0.2, 0.1, 0.4),
        BackgroundSimilarity(trusted, 0.4, 0.3, 0.0),
    ]
    found = Backgrounds.of_pairs(measured, 0, np.array([1, 0]))
    assert found.dense.tolist() == pytest.approx([0.3, 0.2])
    assert found.passages.tolist() == pytest.approx([0.2, 0.4])
    assert found.lexical.tolist() == pytest.approx([0.2, 0.1])
    alone = Backgrounds.of_pairs(measured, 1, np.array([1, 1, 1]))
    assert alone.dense.tolist() == pytest.approx([0.4])


def test_between_languages_a_faithful_translation_is_the_most_that_there_is() -> None:
    none = Backgrounds(floats(0.25), floats(0.25), floats(0))
    signals = Signals(floats(0.55, 0.85), floats(0.55, 0.85), floats(0, 0))
    vectors = Weights(floats(0.4, 0.4), floats(0.6, 0.6), floats(0, 0))
    assert fuse(signals, none, vectors, 0.85).score.tolist() == pytest.approx([0.5, 1])
    assert fuse(signals, none, vectors).score.tolist() == pytest.approx([0.4, 0.8])


def test_the_least_score_rises_with_the_share_of_vectors() -> None:
    """Words alone, the usual share, 0.85: 0.05 + 0.07 * 0.85 / 0.55, and vectors alone."""
    shares = Weights(floats(0, 0.3, 0.5, 0.6), floats(0, 0.25, 0.35, 0.4), floats(1, 0.45, 0.15, 0))
    least = least_scores(shares, Policy(threshold=0.12, words_threshold=0.05))
    np.testing.assert_allclose(least, [0.05, 0.12, 0.158182, 0.177273], rtol=1e-5)
    least = least_scores(shares, Policy(threshold=0.01, words_threshold=0.05))
    np.testing.assert_allclose(least, [0.05, 0.01, 0, 0], atol=1e-6)


@given(weights(), st.floats(0, 1))
def test_one_threshold_for_both_is_the_least_score_of_all(shares: Weights, least: float) -> None:
    policy = Policy(threshold=least, words_threshold=least)
    assert (least_scores(shares, policy) == np.float32(least)).all()
