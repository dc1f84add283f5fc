"""Recency: the arithmetic of half-lives, and the half-life of each row's section in a view."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import DeltaWriter, View
from recommender.analysis.embedding import Model
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.fusion import recency_of
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import Scorer, Seed
from tests.support.documents import publish
from tests.support.features import make_embedding, make_features
from tests.support.properties import examples

MODEL = Model("fake", Path(), "fake-1", frozenset({"en"}))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECTIONS = ("city", "sport", "Ҳаёт", None)

Make = Callable[[list[str | None], list[str | None]], View]


def decay_by_age(view: View, rows: NDArray[np.int64], policy: Policy, now: float) -> Any:
    """The recency factors of some rows under a seed without a text."""
    none = np.zeros(MINHASH_SIZE, np.uint16)
    seed = Seed("", "en", None, np.nan, 0, 0, has_list=True, minhash=none)
    return Scorer.of(view, seed, policy, now).score(rows).recency


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
        delta_writer = DeltaWriter(View.of(publish(tmp_path, every[: len(built)], MODEL)))
        if later:
            delta_writer.apply(build_rows(every[len(built) :], MODEL, dim=2), ())
        return delta_writer.view

    return view_of


@pytest.mark.long
@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    built=st.lists(st.sampled_from(SECTIONS), max_size=6),
    later=st.lists(st.sampled_from(SECTIONS), max_size=6),
    half_lives=st.dictionaries(
        st.sampled_from(["city", "sport", "Ҳаёт", "other"]), st.floats(0.5, 900)
    ),
    weight=st.floats(0, 1),
    backwards=st.booleans(),
)
def test_a_row_fades_by_the_half_life_of_its_section_or_the_default(
    make: Make,
    built: list[str | None],
    later: list[str | None],
    half_lives: dict[str, float],
    weight: float,
    backwards: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    """1 - weight * (1 - 2^-(age / half-life)), in the order in which rows are asked for."""
    policy = Policy(age_weight=weight, half_life_days=77, half_lives=half_lives)
    sections = [*built, *later]
    rows = list(range(len(sections)))[:: -1 if backwards else 1]
    expected = [
        1 - weight * (1 - 2 ** -(10 * (row + 1) / half_lives.get(sections[row] or "", 77)))
        for row in rows
    ]
    found = decay_by_age(make(built, later), np.array(rows, np.int64), policy, NOON.timestamp())
    assert found.tolist() == pytest.approx(expected)


def test_within_an_hour_nothing_fades(make: Make) -> None:
    view, rows = make(["city", "sport"], ["city"]), np.arange(3)
    at = [
        decay_by_age(view, rows, Policy(half_lives={"sport": 2.0}), NOON.timestamp() + seconds)
        for seconds in (0, 1, 3_599.9, 3_600)
    ]
    assert at[0].tolist() == at[1].tolist() == at[2].tolist()
    assert (at[3] < at[0]).all()


@pytest.mark.parametrize(
    ("age_days", "weight", "half_life", "factor"),
    [
        pytest.param(10, 0.4, 10, 0.8, id="half of the weight is lost at the half-life"),
        pytest.param(20, 0.4, 10, 0.7, id="a half of the rest at the next"),
        pytest.param(np.inf, 0.4, 10, 0.6, id="the oldest keep the rest"),
        pytest.param(np.nan, 0.4, 10, 1, id="without a date nothing is lost"),
        pytest.param(-5, 0.4, 10, 1, id="dated ahead counts as new"),
        pytest.param(1e6, 0, 10, 1, id="without weight age changes nothing"),
    ],
)
def test_a_factor_falls_by_half_of_what_may_be_lost_at_each_half_life(
    age_days: float, weight: float, half_life: float, factor: float
) -> None:
    ages = np.array([age_days, 0.0])
    assert recency_of(ages, weight, half_life).tolist() == pytest.approx([factor, 1])
    assert recency_of(ages[:0], weight, half_life).tolist() == []


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9),
    st.floats(0, 1),
    st.floats(0.1, 1e4),
)
def test_factors_fall_with_age_between_one_and_the_rest(
    ages: list[float], weight: float, half_life: float
) -> None:
    values = recency_of(np.array(sorted(ages)), weight, half_life).tolist()
    assert values == sorted(values, reverse=True)
    assert all(1 - weight - 1e-12 <= value <= 1 for value in values)
