"""What sliders do to a policy, and how one list differs from another; worked by hand."""

from dataclasses import replace
from typing import Any

import pytest

from recommender.errors import BadParameter
from recommender.ranking.policy import Policy, parse_policy
from recommender.web.console.difference import ListDifference, PlaceChange
from recommender.web.console.sliders import Shares, Sliders, half_life_choices

ODD = Policy(age_weight=0.123, threshold=0.117, diversity=0.055, half_life_days=45.5, story_cap=3)
"""No slider can stand at its values."""
SHARES = Shares(31, 24, 45)
SET = replace(ODD, dense_weight=0.314, passage_weight=0.186)


@pytest.mark.parametrize("policy", [Policy(), ODD, SET, replace(ODD, dense_weight=0.3)])
def test_what_is_not_moved_stays_to_the_last_digit(policy: Policy) -> None:
    active = Sliders.of(policy, SHARES)
    assert active.policy_from(policy, active) == policy
    assert active.to_query(active) == {}
    sent = {"mode": "mixed", "age": str(active.age), "half_life": str(active.half_life)}
    sent |= {"tried": "1", "meaning": str(active.meaning)}
    sent |= {"weights": "own"} if active.own_weights else {}
    assert active.moved(sent).policy_from(policy, active) == policy


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({"age": "40"}, {"age_weight": 0.4}),
        ({"half_life": "7.0"}, {"half_life_days": 7.0}),
        ({"diversity": "100"}, {"diversity": 1.0}),
        ({"threshold": "24"}, {"threshold": 0.24, "words_threshold": 0.1026}),
        ({"threshold": "100"}, {"threshold": 1.0, "words_threshold": 0.4274}),
        ({"mode": "latest"}, {}),
        ({"weights": "own"}, {"dense_weight": 0.31, "passage_weight": 0.24}),
        (
            {"weights": "own", "meaning": "50", "passages": "0", "words": "50"},
            {"dense_weight": 0.5, "passage_weight": 0.0},
        ),
        ({"weights": "own", "meaning": "0", "passages": "0", "words": "0"}, {}),
        ({"meaning": "90"}, {}),
    ],
)
def test_what_is_moved_changes_the_policy(sent: dict[str, str], changed: dict[str, Any]) -> None:
    active = Sliders.of(ODD, SHARES)
    moved = active.moved(sent)
    policy = moved.policy_from(ODD, active)
    assert policy == replace(ODD, **changed)
    assert parse_policy(policy.to_json()) == policy
    assert active.moved(moved.to_query(active)).policy_from(ODD, active) == policy


def test_weights_that_are_set_can_be_left_to_what_is_measured() -> None:
    active = Sliders.of(SET, SHARES)
    assert (active.own_weights, active.meaning, active.passages, active.words) == (True, 31, 19, 50)
    moved = active.moved({"tried": "1"})
    assert moved.policy_from(SET, active) == ODD
    assert moved.to_query(active) == {"weights": "measured"}


def test_all_weights_make_a_policy_that_is_accepted() -> None:
    active = Sliders.of(Policy(), SHARES)
    for meaning in range(101):
        for passages in range(0, 101, 7):
            tried = replace(
                active, own_weights=True, meaning=meaning, passages=passages, words=meaning % 2
            )
            dense, passage = tried.set_weights.values()
            assert (dense or 0) + (passage or 0) <= 1


@pytest.mark.parametrize(
    "sent",
    [
        {"age": "101"},
        {"age": "-1"},
        {"age": "1.5"},
        {"age": "٩"},
        {"age": ""},
        {"age": "00001"},
        {"half_life": "0"},
        {"half_life": "nan"},
        {"half_life": "1e9"},
        {"half_life": "week"},
        {"mode": "newest"},
    ],
)
def test_what_no_slider_can_send_is_refused(sent: dict[str, str]) -> None:
    with pytest.raises(BadParameter, match=next(iter(sent))):
        Sliders.of(ODD, SHARES).moved(sent)


def test_the_active_half_life_is_among_the_choices() -> None:
    assert 45.5 in half_life_choices(45.5)
    assert len(half_life_choices(45.5)) == len(half_life_choices(7)) + 1


def test_a_difference_names_what_is_new_gone_and_moved() -> None:
    found = ListDifference.of(["a", "b", "c", "d"], ["c", "x", "b", "d"])
    assert found.places == {
        "c": PlaceChange(1, 3),
        "x": PlaceChange(2, None),
        "b": PlaceChange(3, 2),
        "d": PlaceChange(4, 4),
    }
    assert [(one.kind, one.by) for one in found.places.values()] == [
        ("up", 2),
        ("new", 0),
        ("down", 1),
        ("same", 0),
    ]
    assert found.gone == {1: "a"}
    assert (found.count("new"), found.count("up", "down")) == (1, 2)
    assert not found.is_none


def test_a_list_that_only_lost_its_end_differs() -> None:
    assert not ListDifference.of(["a", "b"], ["a"]).is_none
    assert ListDifference.of(["a", "b"], ["a", "b"]).is_none
    assert ListDifference.of([], []).is_none
