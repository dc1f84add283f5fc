"""Measures and their intervals, against values worked by hand and draws made slowly in the test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadSource
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.intervals import Estimate, Resampling, group_by_story, resample_pairs
from recommender.evaluation.measures import (
    compare_correlations,
    correlate,
    correlate_with_intervals,
    mean_measures,
    measure_queries,
)
from tests.support.properties import examples

SEED, RESAMPLES = 20_261_124, 1_000


def test_queries_that_share_a_relevant_article_are_one_story() -> None:
    qrels = {
        "a": {"x": 1},
        "b": {"y": 1},
        "c": {"x": 2, "z": 0},
        "d": {"z": 1},
        "e": {"b": 1},
        "f": {"w": 1, "y": -1},
    }
    assert group_by_story(qrels).tolist() == [0, 1, 0, 2, 1, 3]
    assert group_by_story({}).tolist() == []


def test_whole_stories_are_drawn() -> None:
    # Of two stories a draw has the first twice, each once or the second twice: 1, 3/4 or 0.
    estimate = Resampling.over(np.array([0, 0, 0, 1])).estimate(np.array([1.0, 1, 1, 0]))
    assert estimate == Estimate(0.75, 0.0, 1.0)


def test_one_story_has_no_interval() -> None:
    estimate = Resampling.over(np.array([0, 0, 0])).estimate(np.array([1.0, 0, 0.5]))
    assert estimate == Estimate(0.5)
    assert str(estimate) == "0.5000 [n/a]"


def test_an_interval_is_the_one_of_the_scorer_of_the_data_sets() -> None:
    draw = np.random.default_rng(3)
    values, groups = draw.random(200), np.repeat(np.arange(40), 5)
    drawn = np.random.default_rng(SEED).integers(0, 40, (RESAMPLES, 40))
    means = [np.mean([v for g in row for v in values[groups == g]]) for row in drawn]
    low, high = np.percentile(means, [2.5, 97.5])
    estimate = Resampling.over(groups).estimate(values)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-12)
    assert estimate.value == pytest.approx(values.mean())


def test_differences_are_paired() -> None:
    groups = np.arange(30)
    values = np.random.default_rng(1).random(30)
    estimate = Resampling.over(groups).estimate((values + 0.25) - values)
    assert estimate.low == pytest.approx(0.25)
    assert estimate.high == pytest.approx(0.25)
    assert estimate.format("+") == "+0.2500 [+0.2500, +0.2500]"


@examples(20)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_an_interval_lies_within_the_values(values: list[float]) -> None:
    resampling = Resampling.over(np.arange(len(values)), resamples=50)
    estimate = resampling.estimate(np.array(values))
    assert estimate.low is not None
    assert estimate.high is not None
    assert min(values) - 1e-9 <= estimate.low <= estimate.high <= max(values) + 1e-9


def test_a_correlation_is_drawn_by_pair() -> None:
    draw = np.random.default_rng(5)
    human = draw.integers(1, 6, 60).astype(float)
    scores = human + draw.normal(0, 2, 60)
    drawn = np.random.default_rng(SEED).integers(0, 60, (RESAMPLES, 60))
    found = [np.corrcoef(human[at], scores[at])[0, 1] for at in drawn]
    estimate = correlate_with_intervals(human.tolist(), scores.tolist())["Pearson"]
    low, high = np.percentile(found, [2.5, 97.5])
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert estimate.value == correlate(human.tolist(), scores.tolist())["Pearson"]


def test_spearman_shares_the_places_of_equals() -> None:
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    found = correlate([1, 2, 2, 3], [10, 20, 30, 40])
    assert found["Spearman"] == pytest.approx(4.5 / np.sqrt(22.5))


def test_auc_counts_the_related_pairs_that_score_higher() -> None:
    # Related are 3 and 4, in the upper half of 1..4. Of the six comparisons with 1, 2 and 2 they
    # win four and a half: 0.4 is beaten by 0.5, and equals one of 0.4.
    assert correlate([1, 2, 2, 3, 4], [0.1, 0.5, 0.4, 0.4, 0.9])["AUC"] == pytest.approx(4.5 / 6)
    assert correlate([0, 1, 1, 0], [0.1, 0.3, 0.2, 0.0])["AUC"] == 1
    assert np.isnan(correlate([2, 2, 2], [0.1, 0.2, 0.3])["AUC"])


@examples(30)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=3, max_size=30).filter(
        lambda pairs: len({human for human, _ in pairs}) > 1
    )
)
def test_auc_is_the_share_of_comparisons_that_are_right(pairs: list[tuple[int, int]]) -> None:
    human, scores = zip(*pairs, strict=True)
    middle = (min(human) + max(human)) / 2
    high = [score for rating, score in pairs if rating >= middle]
    low = [score for rating, score in pairs if rating < middle]
    right = np.mean([1.0 if h > n else 0.5 if h == n else 0.0 for h in high for n in low])
    assert correlate(human, scores)["AUC"] == pytest.approx(right)


@pytest.mark.long
def test_a_difference_of_two_scores_is_drawn_by_pair() -> None:
    draw = np.random.default_rng(6)
    human = draw.integers(0, 2, 40).astype(float)
    scores, others = human + draw.normal(0, 1, 40), human + draw.normal(0, 2, 40)
    drawn = np.random.default_rng(SEED).integers(0, 40, (RESAMPLES, 40))
    found = [
        np.corrcoef(human[at], scores[at])[0, 1] - np.corrcoef(human[at], others[at])[0, 1]
        for at in drawn
    ]
    estimates = compare_correlations(human.tolist(), scores.tolist(), others.tolist())
    low, high = np.percentile(found, [2.5, 97.5])
    assert (estimates["Pearson"].low, estimates["Pearson"].high) == pytest.approx((low, high))
    alone = [correlate(human.tolist(), one.tolist())["AUC"] for one in (scores, others)]
    assert estimates["AUC"].value == pytest.approx(alone[0] - alone[1])


def test_draws_without_a_correlation_are_left_out() -> None:
    estimate = resample_pairs(lambda *_: float("nan"), [1, 2, 3], [1, 2, 3])
    assert (estimate.low, estimate.high) == (None, None)
    assert correlate_with_intervals([1, 1, 2], [0, 0, 1])["Pearson"].value == pytest.approx(1)


def test_two_pairs_are_too_few() -> None:
    with pytest.raises(BadSource, match="2 pairs"):
        correlate_with_intervals([1, 2], [1, 2])


def test_measures_are_given_per_query_and_an_empty_list_counts_0() -> None:
    qrels = {"q": {"a": 2, "b": 1, "q": 1}, "p": {"a": 1}, "r": {"b": 1}, "s": {"b": 0}}
    dataset = Dataset((), (), qrels, (), None)
    run = {"q": {"x": 3.0, "a": 2.0, "b": 1.0}, "r": {}, "s": {"b": 1.0}}
    each = measure_queries(dataset, run)
    # Places two and three: (2 / log2 3 + 1 / 2) / (2 + 1 / log2 3); p and r list nothing.
    worked = (2 / np.log2(3) + 0.5) / (2 + 1 / np.log2(3))
    assert each["nDCG@5"].tolist() == pytest.approx([0, worked, 0])
    assert each["RR"].tolist() == [0, 0.5, 0]
    assert each["P@1"].tolist() == [0, 0, 0]
    assert mean_measures(dataset, run)["R@10"] == pytest.approx(1 / 3)
