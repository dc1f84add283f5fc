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
    MeasuredShare,
    VectorShares,
    find_shares,
    fit_choice,
    measure_share,
    read_shares,
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
    return measure_share(signals[..., 0], signals[..., 1], alike + alike.T).share


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
    assert measure_share(same, same, same) == MeasuredShare(USUAL_SHARE, None, 40)


@pytest.mark.parametrize("seed", range(5))
def test_titles_that_do_not_tell_their_bodies_leave_the_usual_share(seed: int) -> None:
    assert share(seed, 100, 0, 0) == USUAL_SHARE
    alike = np.random.default_rng(seed).random((60, 60))
    drawn = measure_share(np.full((60, 60), 0.3) + alike * 1e-9, alike * 1e-9, alike)
    assert drawn == MeasuredShare(USUAL_SHARE, None, 60)


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
    found = measure_share(signals[..., 0], signals[..., 1], alike)
    assert found.share == pytest.approx(expected, abs=1e-3)
    assert found.measured == pytest.approx(measured, abs=1e-3)
    assert found.titles == 100


def test_what_was_measured_stays_whole_and_others_are_added() -> None:
    kept = VectorShares({("en", True): MeasuredShare(0.8, 0.7, 300)})
    now = VectorShares(
        {("en", True): MeasuredShare(0.6, 0.55, 40), ("ru", False): MeasuredShare(0.55, None, 31)}
    )
    assert kept.supplemented(now).by_kind == {
        ("en", True): MeasuredShare(0.8, 0.7, 300),
        ("ru", False): MeasuredShare(0.55, None, 31),
    }
    assert VectorShares().supplemented(now) == now


def test_other_texts_of_a_story_are_no_wrong_choice() -> None:
    """Bodies come in pairs of one story. Vectors cannot tell the two apart, words can a little."""
    count = 120
    signals = draw(5, count, (3, 1.5))
    twins = np.arange(count) ^ 1
    signals[np.arange(count), twins, 0] = signals[np.arange(count), np.arange(count), 0] + 0.01
    stories, noise = np.zeros((count, count)), np.random.default_rng(6).random((count, count))
    stories[np.arange(count), twins] = 1
    told_apart = measure_share(signals[..., 0], signals[..., 1], noise + noise.T)
    left_out = measure_share(signals[..., 0], signals[..., 1], stories)
    assert told_apart.share < left_out.share


def test_the_note_has_by_language_and_kind_what_was_measured_and_what_follows() -> None:
    shares = VectorShares(
        {("en", True): MeasuredShare(0.85, 0.72, 300), ("zh", False): MeasuredShare(0.55, None, 31)}
    )
    note = shares.to_note()
    assert note == (
        '{"en": {"briefs": {"measured": 0.72, "share": 0.85, "titles": 300}}, '
        '"zh": {"reports": {"measured": null, "share": 0.55, "titles": 31}}}'
    )
    assert read_shares(note) == shares
    assert read_shares("") == read_shares(VectorShares().to_note()) == VectorShares()


def test_a_note_of_plain_numbers_has_the_shares_alone() -> None:
    """Snapshots of before have such notes, and outlive an upgrade."""
    shares = read_shares('{"en": {"briefs": 0.9, "reports": 0.525}}')
    assert shares.by_kind == {
        ("en", True): MeasuredShare(0.9),
        ("en", False): MeasuredShare(0.525),
    }
    assert read_shares(shares.to_note()) == shares


def test_a_kind_that_was_not_measured_has_the_share_of_the_other_one() -> None:
    note = '{"en": {"briefs": 0.9, "reports": 0.6}, "zh": {"reports": 0.8}, "ky": {"briefs": 0.3}}'
    assert find_shares(note, "en") == (0.9, 0.6)
    assert find_shares(note, "zh") == (0.8, 0.8)
    assert find_shares(note, "ky") == (0.3, 0.3)
    assert find_shares(note, "ru") == find_shares("", "en") == (USUAL_SHARE, USUAL_SHARE)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (
            MeasuredShare(0.85, 0.72, 300),
            """300 titles were compared with their bodies; a share of 0.72 for vectors finds their
            own best, and 0.53 stands for English news, where 0.55 is right, so vectors count 0.85,
            words 0.15""",
        ),
        (
            MeasuredShare(0.55, None, 31),
            """31 titles were compared with their bodies and did not find their own, so vectors
            count 0.55, words 0.45, as usual""",
        ),
        (
            MeasuredShare(0.857),
            """vectors count 0.857, words 0.143; what was measured is not noted, the next rebuild
            notes it""",
        ),
    ],
)
def test_a_share_is_told_in_a_sentence(share: MeasuredShare, told: str) -> None:
    assert str(share) == " ".join(told.split())


@pytest.mark.parametrize("count", [0, 1])
def test_no_titles_are_no_error(count: int) -> None:
    none = np.zeros((count, count))
    assert measure_share(none, none, none) == MeasuredShare(USUAL_SHARE, None, count)
