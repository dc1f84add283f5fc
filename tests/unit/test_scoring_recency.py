"""Recency: the arithmetic of half-lives, and the half-life of each row's section in a view."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from index import Catalog, DeltaWriter, View
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import build_options
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import decay_by_age, recency_of
from recommender.store import LOG_START, StoreState
from tests.support.features import make_embedding, make_features
from tests.support.properties import examples

MODEL = Model("fake", Path(), "fake-1", frozenset({"en"}))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECTIONS = ("city", "sport", "Ҳаёт", None)

Make = Callable[[list[str | None], list[str | None]], View]


def known(article_id: str, section: str | None, age_days: float) -> IndexedDocument:
    at = NOON - timedelta(days=age_days)
    article = Article(id=article_id, title="T", section=section, published_at=at)
    features = make_features("en", [3], mark=0, embedding=make_embedding([1, 0]))
    return IndexedDocument(article, features, 1, up_to_date=True)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A view: sections of the snapshot's articles, sections of those that came since.

    The articles are 10, 20, 30 ... days old in the order of the rows.
    """

    def view_of(built: list[str | None], later: list[str | None]) -> View:
        every = [known(f"{n:03}", one, 10 * (n + 1)) for n, one in enumerate([*built, *later])]
        rows = build_rows(every[: len(built)], MODEL, dim=2)
        stamp = build_options(MODEL, StoreState("e", LOG_START))
        delta_writer = DeltaWriter(View.of(Catalog(tmp_path).publish_rows(rows, **stamp)))
        if later:
            delta_writer.apply(build_rows(every[len(built) :], MODEL, dim=2), ())
        return delta_writer.view

    return view_of


def fading(view: View, policy: Policy, rows: list[int]) -> list[float]:
    values: list[float] = decay_by_age(
        view, np.array(rows, np.int64), policy, NOON.timestamp()
    ).tolist()
    return values


def test_without_half_lives_of_their_own_all_fade_alike(make: Make) -> None:
    """1 - 0.4 * (1 - 2^-(age / 10)) at 10, 20 and 30 days."""
    policy = Policy(age_weight=0.4, half_life_days=10)
    view = make(["city", "sport"], [None])
    assert fading(view, policy, [0, 1, 2]) == pytest.approx([0.8, 0.7, 0.65])


def test_a_section_fades_by_its_own_half_life_and_others_by_the_default(make: Make) -> None:
    """At 10 days sport has lost two half-lives of 5; at 40, the rest four of 10."""
    policy = Policy(age_weight=0.4, half_life_days=10, half_lives={"sport": 5, "city": 20})
    view = make(["sport", "city"], ["city", None, "sport"])
    assert fading(view, policy, [0, 1, 2, 3, 4]) == pytest.approx(
        [0.7, 0.8, 1 - 0.4 * (1 - 2**-1.5), 0.625, 1 - 0.4 * (1 - 2**-10)]
    )


def test_rows_are_answered_in_the_order_in_which_they_are_asked(make: Make) -> None:
    policy = Policy(age_weight=0.4, half_life_days=10, half_lives={"sport": 5})
    view = make(["city", "sport"], ["sport", "city"])
    straight = fading(view, policy, [0, 1, 2, 3])
    assert fading(view, policy, [3, 0, 2, 2, 1]) == [straight[row] for row in (3, 0, 2, 2, 1)]
    assert fading(view, policy, []) == []


def test_a_half_life_of_a_section_that_nobody_has_changes_nothing(make: Make) -> None:
    view = make(["city"], ["Sport"])
    usual = fading(view, Policy(age_weight=0.4), [0, 1])
    assert fading(view, Policy(age_weight=0.4, half_lives={"sport": 1}), [0, 1]) == usual


def test_over_an_empty_snapshot_too(make: Make) -> None:
    policy = Policy(age_weight=0.4, half_life_days=10, half_lives={"sport": 5})
    assert fading(make([], ["sport", "city"]), policy, [0, 1]) == pytest.approx([0.7, 0.7])


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    built=st.lists(st.sampled_from(SECTIONS), max_size=6),
    later=st.lists(st.sampled_from(SECTIONS), max_size=6),
    half_lives=st.dictionaries(
        st.sampled_from(["city", "sport", "Ҳаёт", "other"]), st.floats(0.5, 900)
    ),
    weight=st.floats(0, 1),
)
def test_each_is_the_formula_by_hand(
    make: Make,
    built: list[str | None],
    later: list[str | None],
    half_lives: dict[str, float],
    weight: float,
) -> None:
    policy = Policy(age_weight=weight, half_life_days=77, half_lives=half_lives)
    sections = [*built, *later]
    expected = [
        1 - weight * (1 - 2 ** -(10 * (row + 1) / half_lives.get(section or "", 77)))
        for row, section in enumerate(sections)
    ]
    found = fading(make(built, later), policy, list(range(len(sections))))
    assert found == pytest.approx(expected)


def test_within_an_hour_nothing_fades(make: Make) -> None:
    view, rows = make(["city", "sport"], ["city"]), np.arange(3)
    at = [
        decay_by_age(view, rows, Policy(half_lives={"sport": 2.0}), NOON.timestamp() + seconds)
        for seconds in (0, 1, 3_599.9, 3_600)
    ]
    assert at[0].tolist() == at[1].tolist() == at[2].tolist()
    assert (at[3] < at[0]).all()


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
