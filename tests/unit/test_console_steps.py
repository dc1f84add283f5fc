"""What an editor does to the pins of a list, as one step; and what others have changed."""

from datetime import UTC, datetime

import pytest

from recommender.api import Override
from recommender.errors import BadParameter, InvalidOverrides
from recommender.web.console.steps import Difference, Step

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)


def overrides(ids: str) -> tuple[Override, ...]:
    return tuple(Override(id=one) for one in ids)


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("pins add d", "abc", "abcd"),
        ("pins add b", "abc", "abc"),
        ("pins remove b", "abc", "ac"),
        ("pins remove d", "abc", "abc"),
        ("pins up c", "abc", "acb"),
        ("pins up a", "abc", "abc"),
        ("pins down a", "abc", "bac"),
        ("pins down c", "abc", "abc"),
        ("pins place c 0", "abc", "cab"),
        ("pins place a 2", "abc", "bca"),
        ("pins place a 99", "abc", "bca"),
        ("pins place d 1", "abc", "adbc"),
        ("blocks add d", "", "d"),
    ],
)
def test_a_step_changes_what_is_set(step: str, before: str, after: str) -> None:
    read = Step.read(step, {})
    assert read.applied_to(overrides(before)) == overrides(after)
    assert read.text == step


@pytest.mark.parametrize(("before", "place"), [("abc", 1), ("ac", 2)])
def test_a_note_stays_with_its_story_also_if_that_was_removed_meanwhile(
    before: str, place: int
) -> None:
    step = Step.read("pins note b", {"why": "so", "starts_at": NOON, "ends_at": None})
    noted = step.applied_to(overrides(before))[place]
    assert (noted.id, noted.why, noted.starts_at, noted.ends_at) == ("b", "so", NOON, None)


def test_a_note_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidOverrides):
        Step.read("pins note b", {"starts_at": NOON, "ends_at": NOON})


@pytest.mark.parametrize(
    "text",
    [
        *("", "pins", "pins add", "pins add a b", "pins add a ", "hats add a", "pins wave a"),
        *("pins place a", "pins place a x", "pins place a -1", "pins place a 1 2", "pins add .."),
        *("blocks up a", "never place a 0"),
    ],
)
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(BadParameter):
        Step.read(text, {})


def test_a_difference_names_what_others_have_done() -> None:
    before = overrides("abcd")
    noted = Override(id="b", why="so")
    after = (*overrides("d"), noted, *overrides("ea"))
    assert Difference.between(before, after) == Difference(("e",), ("c",), ("b",), reordered=True)
    assert Difference.between(before, overrides("abd")) == Difference(removed=("c",))
    assert Difference.between(before, before) == Difference()
