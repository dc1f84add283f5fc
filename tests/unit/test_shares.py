"""The places of a share in lists of other lengths, worked by hand."""

import pytest

from recommender.ranking.shares import ShareBounds
from recommender.ranking.site_rules import SiteRule


@pytest.mark.parametrize(
    ("places", "length", "least", "most"),
    [
        ((2, 4), 12, 2, 4),
        ((2, 4), 24, 4, 8),
        ((2, 4), 6, 1, 2),
        ((2, 4), 5, 0, 2),
        ((1, 1), 4, 0, 1),
        ((1, 1), 100, 8, 9),
        ((3, None), 8, 2, 8),
        ((None, 3), 1, 0, 1),
        ((12, 12), 7, 7, 7),
    ],
)
def test_at_least_is_rounded_down_and_at_most_up(
    places: tuple[int | None, int | None], length: int, least: int, most: int
) -> None:
    rule = SiteRule("r", "share", at_least=places[0], at_most=places[1])
    assert ShareBounds.of(rule, length) == ShareBounds(least, most)
    assert ShareBounds.of(rule, length, by_time=True) == ShareBounds(0, most)
