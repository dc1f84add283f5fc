"""One vector from several, worked by hand in two dimensions."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.article_texts import MOST_PASSAGES, ArticleTexts
from recommender.analysis.embedding import embed_texts, mix_vectors, texts_to_encode
from recommender.analysis.embedding.article_vector import MOST_MATCHED

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
    mixed = mix_vectors(
        ArticleTexts("t", "l", ("p", "q")), lookup(t=EAST, l=NORTH, p=EAST, q=NORTH)
    )
    np.testing.assert_allclose(mixed, [math.sqrt(0.5)] * 2, atol=1e-6)
    assert str(mixed.dtype) == "float32"


def test_many_passages_weigh_no_more_than_one() -> None:
    """(1,0) + (1,0) + (0,1) = (2,1), however many passages point north."""
    for count in (1, 40):
        mixed = mix_vectors(ArticleTexts("t", "l", ("p",) * count), lookup(t=EAST, l=EAST, p=NORTH))
        np.testing.assert_allclose(mixed, np.array([2, 1]) / math.sqrt(5), atol=1e-6)


def test_a_title_alone_is_its_own_vector() -> None:
    mixed = mix_vectors(ArticleTexts("t", "t", ()), lookup(t=30))
    np.testing.assert_allclose(mixed, unit(30), atol=1e-6)


def test_without_a_title_lead_and_passages_have_half_each() -> None:
    mixed = mix_vectors(ArticleTexts("", "l", ("p",)), lookup(l=EAST, p=NORTH))
    np.testing.assert_allclose(mixed, unit(45), atol=1e-6)


def test_opposite_passages_give_their_third_to_the_first_axis() -> None:
    """They have no mean direction: (0,1) + (0,1) + (1,0) = (1,2)."""
    views = ArticleTexts("t", "l", ("p", "q"))
    mixed = mix_vectors(views, lookup(t=NORTH, l=NORTH, p=NORTH, q=SOUTH))
    np.testing.assert_allclose(mixed, np.array([1, 2]) / math.sqrt(5), atol=1e-6)


def test_opposite_parts_still_give_a_unit_vector() -> None:
    mixed = mix_vectors(ArticleTexts("t", "l", ()), lookup(t=NORTH, l=SOUTH))
    assert mixed.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("views", "texts"),
    [
        (ArticleTexts("t", "l", ("p", "q")), ("t", "l", "p", "q")),
        (ArticleTexts("", "l", ("p",)), ("l", "p")),
        (ArticleTexts("t", "t", ()), ("t", "t")),
        (ArticleTexts("", "", ()), ()),
    ],
)
def test_the_texts_of_views_are_those_that_are_not_empty(
    views: ArticleTexts, texts: tuple[str, ...]
) -> None:
    assert texts_to_encode(views) == texts


DEGREES = st.floats(0, 360)


@given(DEGREES, DEGREES, st.lists(DEGREES, max_size=5))
def test_every_mix_is_a_unit_vector_of_the_texts_looked_up(
    title: float, lead: float, passages: list[float]
) -> None:
    names = tuple(f"p{number}" for number in range(len(passages)))
    views = ArticleTexts("t", "l", names)
    known = {"t": title, "l": lead} | dict(zip(names, passages, strict=True))
    asked: list[str] = []

    def vector_of(text: str) -> Floats:
        asked.append(text)
        return unit(known[text])

    mixed = mix_vectors(views, vector_of)
    assert np.linalg.norm(mixed) == pytest.approx(1, abs=1e-5)
    assert sorted(asked) == sorted(texts_to_encode(views))


VECTORS = {
    "title": (1.0, 0.0, 0.0),
    "lead": (0.6, 0.8, 0.0),
    "east": (1.0, 0.0, 0.0),
    "north": (0.0, 1.0, 0.0),
    "steep": (0.0, 0.6, -0.8),
}
CODES = {"lead": [95, 127, 0], "east": [127, 0, 0], "north": [0, 127, 0], "steep": [0, 95, -127]}
"""127 times each number over the largest of its vector: 127 * 0.6 / 0.8 is 95.25."""


def table(vectors: Mapping[str, tuple[float, ...]] = VECTORS) -> Callable[[str], Floats]:
    return lambda text: np.array(vectors[text], np.float32)


def test_passages_are_kept_in_their_order_in_eight_bits() -> None:
    made = embed_texts(ArticleTexts("title", "lead", ("steep", "east", "north", "east")), table())
    assert made.passages.tolist() == [CODES[one] for one in ("steep", "east", "north", "east")]
    assert (str(made.passages.dtype), str(made.vector.dtype)) == ("int8", "float16")


def test_of_a_bare_headline_the_lead_is_the_passage() -> None:
    made = embed_texts(ArticleTexts("title", "lead", ()), table())
    assert made.passages.tolist() == [CODES["lead"]]


@given(count=st.integers(1, MOST_PASSAGES))
def test_only_the_first_passages_are_matched_and_all_count_in_the_vector(count: int) -> None:
    texts = tuple(str(number) for number in range(count))
    angles = np.linspace(0.1, 1.5, count)
    vectors = {one: (np.cos(a), np.sin(a)) for one, a in zip(texts, angles, strict=True)}
    vectors |= {"title": (1.0, 0.0), "lead": (0.6, 0.8)}
    views = ArticleTexts("title", "lead", texts)
    made = embed_texts(views, table(vectors))
    assert made.passages.shape == (min(count, MOST_MATCHED), 2)
    for code, one in zip(made.passages, texts, strict=False):
        units = code / np.linalg.norm(code)
        np.testing.assert_allclose(units, vectors[one], atol=0.5 / 127 * 2)
    assert made.vector.tolist() == mix_vectors(views, table(vectors)).astype(np.float16).tolist()
    whole = np.array([1.6, 0.8]) + _unit(np.sum([vectors[one] for one in texts], axis=0))
    np.testing.assert_allclose(made.vector, _unit(whole), atol=1e-3)


def _unit(vector: Floats) -> Floats:
    length: Floats = vector / np.linalg.norm(vector)
    return length


@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
def test_a_passage_that_is_no_number_is_left_out_and_shows_in_the_vector(fault: float) -> None:
    vectors = VECTORS | {"broken": (0.0, fault, 0.0)}
    with np.errstate(invalid="ignore"):
        made = embed_texts(
            ArticleTexts("title", "lead", ("east", "broken", "north")), table(vectors)
        )
        alone = embed_texts(ArticleTexts("title", "broken", ()), table(vectors))
    assert made.passages.tolist() == [CODES["east"], CODES["north"]]
    assert not np.isfinite(made.vector).all()
    assert alone.passages.shape == (0, 3)
