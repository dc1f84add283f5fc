"""One vector from several, worked by hand in two dimensions."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.embedding import mix_views, texts_of
from recommender.analysis.passages import Views

Floats = NDArray[np.float32]
EAST, NORTH, WEST, SOUTH = 0.0, 90.0, 180.0, 270.0


def unit(degrees: float) -> Floats:
    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def lookup(**directions: float) -> Callable[[str], Floats]:
    """Vectors of texts, by the directions that they point to."""
    return lambda text: unit(directions[text])


def test_title_lead_and_mean_of_passages_have_equal_parts() -> None:
    """Title east, lead north, passages east and north, whose mean points to 45 degrees."""
    mixed = mix_views(Views("t", "l", ("p", "q")), lookup(t=EAST, l=NORTH, p=EAST, q=NORTH))
    np.testing.assert_allclose(mixed, [math.sqrt(0.5)] * 2, atol=1e-6)
    assert str(mixed.dtype) == "float32"


def test_many_passages_weigh_no_more_than_one() -> None:
    """(1,0) + (1,0) + (0,1) = (2,1), however many passages point north."""
    for count in (1, 40):
        mixed = mix_views(Views("t", "l", ("p",) * count), lookup(t=EAST, l=EAST, p=NORTH))
        np.testing.assert_allclose(mixed, np.array([2, 1]) / math.sqrt(5), atol=1e-6)


def test_a_title_alone_is_its_own_vector() -> None:
    mixed = mix_views(Views("t", "t", ()), lookup(t=30))
    np.testing.assert_allclose(mixed, unit(30), atol=1e-6)


def test_without_a_title_lead_and_passages_have_half_each() -> None:
    mixed = mix_views(Views("", "l", ("p",)), lookup(l=EAST, p=NORTH))
    np.testing.assert_allclose(mixed, unit(45), atol=1e-6)


def test_opposite_passages_give_their_third_to_the_first_axis() -> None:
    """They have no mean direction: (0,1) + (0,1) + (1,0) = (1,2)."""
    views = Views("t", "l", ("p", "q"))
    mixed = mix_views(views, lookup(t=NORTH, l=NORTH, p=NORTH, q=SOUTH))
    np.testing.assert_allclose(mixed, np.array([1, 2]) / math.sqrt(5), atol=1e-6)


def test_opposite_parts_still_give_a_unit_vector() -> None:
    mixed = mix_views(Views("t", "l", ()), lookup(t=NORTH, l=SOUTH))
    assert mixed.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("views", "texts"),
    [
        (Views("t", "l", ("p", "q")), ("t", "l", "p", "q")),
        (Views("", "l", ("p",)), ("l", "p")),
        (Views("t", "t", ()), ("t", "t")),
        (Views("", "", ()), ()),
    ],
)
def test_the_texts_of_views_are_those_that_are_not_empty(
    views: Views, texts: tuple[str, ...]
) -> None:
    assert texts_of(views) == texts


DEGREES = st.floats(0, 360)


@settings(deadline=None)
@given(DEGREES, DEGREES, st.lists(DEGREES, max_size=5))
def test_every_mix_is_a_unit_vector_of_the_texts_looked_up(
    title: float, lead: float, passages: list[float]
) -> None:
    names = tuple(f"p{number}" for number in range(len(passages)))
    views = Views("t", "l", names)
    known = {"t": title, "l": lead} | dict(zip(names, passages, strict=True))
    asked: list[str] = []

    def vector_of(text: str) -> Floats:
        asked.append(text)
        return unit(known[text])

    mixed = mix_views(views, vector_of)
    assert np.linalg.norm(mixed) == pytest.approx(1, abs=1e-5)
    assert sorted(asked) == sorted(texts_of(views))
