"""What a list is when nothing special is asked."""

from dataclasses import FrozenInstanceError

import pytest

from recommender.ranking.cards import Card
from recommender.ranking.results import LIMITS, MODES, Options, Recommendation, Recommendations


def test_the_defaults_are_a_readers_list() -> None:
    assert Options() == Options(
        limit=12,
        mode="mixed",
        languages=None,
        section=None,
        tag=None,
        exclude=frozenset(),
        max_age_days=None,
        diversity=None,
        min_score=None,
        explain=False,
    )


def test_limits_and_modes_are_the_contracts() -> None:
    assert (LIMITS[0], LIMITS[-1]) == (1, 100)
    assert MODES == ("mixed", "background", "latest")
    assert Options().limit in LIMITS
    assert Options().mode in MODES


def test_an_item_explains_nothing_and_a_list_is_full_unless_said() -> None:
    item = Recommendation("b", 1, 0.5, Card("T", None, None, None, None, None), "semantic")
    assert item.explanation is None
    assert Recommendations("a", (item,), 1, "mixed", "g").short_because is None


def test_options_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(Options(), "limit", 3)  # noqa: B010 - mypy knows it is frozen
