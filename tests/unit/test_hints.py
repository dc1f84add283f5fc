"""Which names are like one that no article has."""

import pytest

from recommender.ranking.hints import MOST_COMPARED, names_near

NAMES = ("city", "opinion", "Opinions", "port", "sport", "transport", "Футбол")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("opinon", ["opinion", "Opinions"]),
        ("OPINION", ["opinion", "Opinions"]),
        ("sports", ["sport", "port", "transport"]),
        ("футбал", ["Футбол"]),
        ("x", []),
        ("", []),
    ],
)
def test_the_nearest_names_come_first_whatever_their_case(wanted: str, near: list[str]) -> None:
    assert list(names_near(wanted, NAMES)) == near


def test_only_so_many_names_are_compared() -> None:
    names = [f"number {number}" for number in range(MOST_COMPARED)]
    assert list(names_near("opinion", [*names, "opinion"])) == []
    assert list(names_near("opinion", [*names[1:], "opinion"])) == ["opinion"]
