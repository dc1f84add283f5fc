"""The preference for the newer, by the arithmetic of half-lives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.scoring import recency_of


def factors(*ages: float, weight: float = 0.4, half_life: float = 10.0) -> list[float]:
    values: list[float] = recency_of(np.array(ages, np.float64), weight, half_life).tolist()
    return values


def test_half_of_the_weight_is_lost_at_each_half_life() -> None:
    """1 - 0.4 * (1 - 2^-n) for n half-lives."""
    assert factors(0, 10, 20, 30) == pytest.approx([1, 0.8, 0.7, 0.65])


def test_the_oldest_keep_the_rest() -> None:
    assert factors(1e9, np.inf) == pytest.approx([0.6, 0.6])


def test_an_article_without_a_date_loses_nothing() -> None:
    assert factors(np.nan) == [1.0]


def test_an_article_dated_ahead_counts_as_new() -> None:
    assert factors(-5, -np.inf) == [1.0, 1.0]


def test_without_weight_age_changes_nothing() -> None:
    assert factors(0, 5, 1e6, np.nan, weight=0) == [1.0] * 4


def test_each_article_may_have_a_half_life_of_its_own() -> None:
    ages = np.array([10.0, 10.0, 20.0, np.nan])
    values = recency_of(ages, 0.4, np.array([10.0, 5.0, 20.0, 1.0])).tolist()
    assert values == pytest.approx([0.8, 0.7, 0.8, 1])


def test_no_candidates_have_no_factors() -> None:
    assert factors() == []


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9),
    st.floats(0, 1),
    st.floats(0.1, 1e4),
)
def test_factors_fall_with_age_between_one_and_the_rest(
    ages: list[float], weight: float, half_life: float
) -> None:
    values = factors(*sorted(ages), weight=weight, half_life=half_life)
    assert values == sorted(values, reverse=True)
    assert all(1 - weight - 1e-12 <= value <= 1 for value in values)
