"""How much vectors count: fitted on drawn signals, against a search of the likelihood by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.ranking.vector_share import (
    LEAST_PAIRS,
    LEAST_SHARE,
    MOST_SHARE,
    RIDGE,
    USUAL_SHARE,
    fit_choice,
    keep_shares,
    read_shares,
    share_of_vectors,
    write_shares,
)
from tests.support.properties import examples

Doubles = NDArray[np.float64]


def draw(seed: int, count: int, own: tuple[float, float]) -> Doubles:
    """Similarities of titles and bodies by two signals: own bodies stand out by `own` of noise."""
    noise: Doubles = np.random.default_rng(seed).normal(0, 0.1, (count, count, 2))
    signals: Doubles = noise + np.eye(count)[..., np.newaxis] * 0.1 * np.array(own) + 0.3
    return signals


def likelihood(weights: Doubles, signals: Doubles, left_out: NDArray[np.bool_]) -> float:
    """Of the conditional logit model, title by title, with the ridge of the fit."""
    total = 0.0
    for title, row in enumerate(signals @ weights):
        choices = [value for body, value in enumerate(row) if not left_out[title, body]]
        total += row[title] - np.log(np.exp(np.array(choices)).sum())
    return float(total / len(signals) - RIDGE * weights @ weights)


@given(st.integers(0, 10_000), st.floats(0, 4), st.floats(0, 4), st.booleans())
@examples(25)
def test_no_weights_make_the_own_bodies_more_likely(
    seed: int,
    dense: float,
    lexical: float,
    some_left_out: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    signals = draw(seed, 20, (dense, lexical))
    left_out = np.random.default_rng(seed).random((20, 20)) < 0.2 * some_left_out
    np.fill_diagonal(left_out, val=False)
    best = fit_choice(signals, left_out)
    assert (best >= 0).all()
    reached = likelihood(best, signals, left_out)
    for steps in itertools.product((-0.5, -0.01, 0, 0.01, 0.5), repeat=2):
        other = np.maximum(best + np.array(steps), 0)
        assert likelihood(other, signals, left_out) <= reached + 1e-7


def test_a_signal_that_misleads_has_no_weight() -> None:
    signals = draw(1, 60, (3, -3))
    dense, lexical = fit_choice(signals, np.zeros((60, 60), np.bool_))
    assert dense > 0
    assert lexical == 0


def share(seed: int, count: int, dense: float, lexical: float) -> float:
    signals = draw(seed, count, (dense, lexical))
    alike = np.random.default_rng(seed + 1).random((count, count))
    return share_of_vectors(signals[..., 0], signals[..., 1], alike + alike.T)


def test_the_better_signal_gets_more_weight_within_bounds() -> None:
    shares = [share(7, 200, 2, lexical) for lexical in (0.0, 1.0, 2.0, 3.0, 6.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == MOST_SHARE
    assert shares[-1] == LEAST_SHARE
    assert abs(shares[2] - USUAL_SHARE) < 0.15


def test_few_titles_measure_nothing_and_some_measure_little() -> None:
    assert share(3, LEAST_PAIRS - 1, 4, 0) == USUAL_SHARE
    assert USUAL_SHARE < share(3, LEAST_PAIRS, 2.5, 1.5) <= share(3, 300, 2.5, 1.5)


def test_signals_that_say_nothing_leave_the_usual_share() -> None:
    same = np.full((40, 40), 0.5)
    assert share_of_vectors(same, same, same) == USUAL_SHARE


@pytest.mark.parametrize("seed", range(5))
def test_titles_that_do_not_tell_their_bodies_leave_the_usual_share(seed: int) -> None:
    assert share(seed, 100, 0, 0) == USUAL_SHARE
    alike = np.random.default_rng(seed).random((60, 60))
    assert (
        share_of_vectors(np.full((60, 60), 0.3) + alike * 1e-9, alike * 1e-9, alike) == USUAL_SHARE
    )


def test_the_share_goes_two_and_a_half_times_as_far_as_the_measure_on_the_logit_scale() -> None:
    """From 0.53, where 0.55 is right; 100 titles count five sixths."""
    signals = draw(11, 100, (3.0, 2.6))
    ring = np.abs(np.subtract.outer(np.arange(100), np.arange(100)))
    alike = -np.minimum(ring, 100 - ring).astype(np.float64)  # two on each side, and one more
    left_out = np.zeros((100, 100), np.bool_)
    for title in range(100):
        nearest = np.argsort(-np.where(np.arange(100) == title, -np.inf, alike[title]))[:5]
        left_out[title, nearest] = left_out[nearest, title] = True
    others = ~np.eye(100, dtype=bool)
    zeros = [np.median(signals[..., kind][others]) for kind in (0, 1)]
    scaled = np.clip((signals - zeros) / (1 - np.array(zeros)), 0, 1)
    dense, lexical = fit_choice(scaled, left_out)
    measured = dense / (dense + lexical)
    distance = 2.5 * (np.log(dense / lexical) - np.log(0.53 / 0.47)) * 100 / 120
    expected = 1 / (1 + np.exp(-distance - np.log(0.55 / 0.45)))
    assert 0.4 < measured < 0.65
    assert share_of_vectors(signals[..., 0], signals[..., 1], alike) == pytest.approx(
        expected, abs=1e-3
    )


def test_a_share_that_was_measured_stays_and_others_are_added() -> None:
    note = write_shares({("en", True): 0.8, ("ru", False): 0.4})
    now = {("en", True): 0.6, ("en", False): 0.5}
    kept = {("en", True): 0.8, ("en", False): 0.5, ("ru", False): 0.4}
    assert keep_shares(note, now) == kept
    assert keep_shares("", now) == now


def test_other_texts_of_a_story_are_no_wrong_choice() -> None:
    """Bodies come in pairs of one story. Vectors cannot tell the two apart, words can a little."""
    count = 120
    signals = draw(5, count, (3, 1.5))
    twins = np.arange(count) ^ 1
    signals[np.arange(count), twins, 0] = signals[np.arange(count), np.arange(count), 0] + 0.01
    stories, noise = np.zeros((count, count)), np.random.default_rng(6).random((count, count))
    stories[np.arange(count), twins] = 1
    told_apart = share_of_vectors(signals[..., 0], signals[..., 1], noise + noise.T)
    left_out = share_of_vectors(signals[..., 0], signals[..., 1], stories)
    assert told_apart < left_out


def test_shares_are_noted_by_language_and_kind() -> None:
    shares = {("en", True): 0.9, ("en", False): 0.525, ("zh", False): 0.8}
    note = write_shares(shares)
    assert note == '{"en": {"briefs": 0.9, "reports": 0.525}, "zh": {"reports": 0.8}}'
    # What was not measured has the share of the other kind.
    assert read_shares(note) == {**shares, ("zh", True): 0.8}
    assert (write_shares({}), read_shares("{}"), read_shares("")) == ("{}", {}, {})


@pytest.mark.parametrize("count", [0, 1])
def test_no_titles_are_no_error(count: int) -> None:
    none = np.zeros((count, count))
    assert share_of_vectors(none, none, none) == USUAL_SHARE
