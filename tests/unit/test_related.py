"""Why a list is short: the step that cost it the most places."""

import pytest

from recommender.api import ShortBecause
from recommender.ranking.hints import greatest_loss

STEPS: tuple[ShortBecause, ...] = ("few_eligible", "filters", "threshold", "duplicates", "caps")


@pytest.mark.parametrize(
    ("left", "cause"),
    [
        pytest.param((3, 3, 3, 3, 3), "few_eligible", id="all there are"),
        pytest.param((0, 0, 0, 0, 0), "few_eligible", id="an empty archive"),
        pytest.param((900, 3, 3, 3, 3), "filters", id="few of a section"),
        pytest.param((11, 2, 2, 2, 2), "filters", id="a small archive, and few of a section"),
        pytest.param((8, 5, 5, 5, 5), "few_eligible", id="more are lacking than were filtered"),
        pytest.param((900, 800, 0, 0, 0), "threshold", id="nothing is related"),
        pytest.param((900, 11, 4, 4, 4), "threshold", id="few are related, one place is filtered"),
        pytest.param((900, 800, 90, 4, 4), "duplicates", id="reprints"),
        pytest.param((900, 800, 90, 80, 2), "caps", id="one story"),
        pytest.param((900, 800, 90, 11, 2), "caps", id="reprints, but more of one story"),
        pytest.param((10, 8, 6, 4, 2), "caps", id="of equal costs the last"),
        pytest.param((900, 800, 6, 0, 0), "duplicates", id="half unrelated, half reprints"),
        pytest.param((5, 7, 7, 7, 4), "few_eligible", id="a step never adds places"),
    ],
)
def test_the_step_that_costs_most_of_twelve_places_is_named(
    left: tuple[int, ...], cause: ShortBecause
) -> None:
    assert greatest_loss(12, list(zip(STEPS, left, strict=True))) == cause
