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
from recommender.analysis.embedding.article_vector import (
    MOST_MATCHED,
    join_vectors,
    passages_to_encode,
    titles_to_encode,
)

Floats = NDArray[np.float32]


def unit(degrees: float) -> Floats:
    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


@pytest.mark.parametrize(
    ("views", "directions", "mixed"),
    [
        # Directions are in degrees; passages at 0 and 90 have their mean at 45.
        (
            ArticleTexts("t", "l", ("p", "q")),
            {"t": 0, "l": 90, "p": 0, "q": 90},
            (1, 1),
        ),
        # (1,0) + (1,0) + (0,1), however many passages there are.
        (ArticleTexts("t", "l", ("p",)), {"t": 0, "l": 0, "p": 90}, (2, 1)),
        (ArticleTexts("t", "l", ("p",) * 40), {"t": 0, "l": 0, "p": 90}, (2, 1)),
        # The title of a brief counts twice, and its passage is read below the title.
        (
            ArticleTexts("t", "t\np", ("p",), is_brief=True),
            {"t": 0, "t\np": 90},
            (2, 2),
        ),
        # A title alone; lead and passages without a title.
        (ArticleTexts("t", "t", ()), {"t": 30}, (math.sqrt(3), 1)),
        (ArticleTexts("", "l", ("p",)), {"l": 0, "p": 90}, (1, 1)),
        # Opposite passages have no mean: their third goes to the first axis. So do opposite parts.
        (
            ArticleTexts("t", "l", ("p", "q")),
            {"t": 90, "l": 90, "p": 90, "q": 270},
            (1, 2),
        ),
        (ArticleTexts("t", "l", ()), {"t": 90, "l": 270}, (1, 0)),
    ],
)
def test_title_lead_and_the_mean_of_the_passages_have_equal_parts(
    views: ArticleTexts, directions: Mapping[str, float], mixed: tuple[float, float]
) -> None:
    found = mix_vectors(views, lambda text: unit(directions[text]))
    assert str(found.dtype) == "float32"
    np.testing.assert_allclose(found, np.array(mixed) / np.linalg.norm(mixed), atol=1e-6)


def test_the_texts_to_encode_are_those_that_are_not_empty() -> None:
    assert texts_to_encode(ArticleTexts("t", "l", ("p", "q"))) == ("t", "l", "p", "q")
    assert texts_to_encode(ArticleTexts("", "l", ("p",))) == ("l", "p")
    assert texts_to_encode(ArticleTexts("t", "t", ())) == ("t",)
    brief = ArticleTexts("t", "t\np", ("p",), is_brief=True)
    assert texts_to_encode(brief) == ("t", "t\np", "p")
    assert texts_to_encode(ArticleTexts("", "", ())) == ()


def test_of_two_encoders_each_reads_what_its_part_is_made_of() -> None:
    news = ArticleTexts("t", "l", ("p", "q"))
    assert titles_to_encode(news) == ("t", "l")
    assert passages_to_encode(news) == ("t", "p", "q")  # the title for what a rebuild measures
    brief = ArticleTexts("t", "t\np", ("p",), is_brief=True)
    assert (titles_to_encode(brief), passages_to_encode(brief)) == (
        ("t", "t\np"),
        ("t", "t\np", "p"),
    )
    bare = ArticleTexts("t", "t", ())
    assert (titles_to_encode(bare), passages_to_encode(bare)) == (("t",), ("t",))
    summed = ArticleTexts("t", "t\ns", ())
    assert passages_to_encode(summed) == ("t", "t\ns")
    untitled = ArticleTexts("", "l", ("p",))
    assert (titles_to_encode(untitled), passages_to_encode(untitled)) == (("l",), ("p",))


ROOT = math.sqrt


@pytest.mark.parametrize(
    ("views", "joined"),
    [
        # By the encoder of titles the title is at 0 and the lead at 90: together at 45. By that of
        # passages p is at 0 and q at 90.
        (ArticleTexts("t", "l", ("p", "q")), (1 / ROOT(3), 1 / ROOT(3), 1 / ROOT(6), 1 / ROOT(6))),
        (ArticleTexts("t", "l", ("p",)), (1 / ROOT(3), 1 / ROOT(3), 1 / ROOT(3), 0)),
        # The title of a brief counts twice: of four parts three are of title and lead.
        (
            ArticleTexts("t", "l", ("q",), is_brief=True),
            (ROOT(3 / 4) * 2 / ROOT(5), ROOT(3 / 4) / ROOT(5), ROOT(1 / 4), 0),
        ),
        # Without a title the lead alone; without passages the lead by the other encoder.
        (ArticleTexts("", "l", ("p",)), (0, ROOT(1 / 2), ROOT(1 / 2), 0)),
        (ArticleTexts("t", "l", ()), (1 / ROOT(3), 1 / ROOT(3), 0, -1 / ROOT(3))),
    ],
    ids=["two passages", "one", "brief", "no title", "no passages"],
)
def test_the_vectors_of_two_encoders_are_put_end_to_end(
    views: ArticleTexts, joined: tuple[float, ...]
) -> None:
    titles, passages = {"t": 0, "l": 90}, {"p": 0, "q": 90, "t\nq": 0, "l": 270, "t": 0}
    made = embed_texts(views, lambda one: unit(passages[one]), lambda one: unit(titles[one]))
    np.testing.assert_allclose(made.vector, joined, atol=1e-3)
    assert (made.vector.shape, made.passages.shape[1]) == ((4,), 2)
    if views.body and views.title:
        assert made.title_and_body.shape == (2, 2)


@given(angles=st.lists(st.floats(0, 90), min_size=6, max_size=6))
def test_their_inner_product_is_the_weighted_mean_of_the_cosines_of_the_parts(
    angles: list[float],
) -> None:
    """If both encoders are one, it is that of `mix_vectors` but for the length of its parts."""
    news = ArticleTexts("t", "l", ("p",))
    one, two = (dict(zip("tlp", map(unit, part), strict=True)) for part in (angles[:3], angles[3:]))
    joined = [join_vectors(news, v.__getitem__, v.__getitem__) for v in (one, two)]
    titles = [_unit(v["t"] + v["l"]) for v in (one, two)]
    wanted = (2 * titles[0] @ titles[1] + one["p"] @ two["p"]) / 3
    np.testing.assert_allclose(joined[0] @ joined[1], wanted, atol=1e-5)


def test_a_fault_of_the_encoder_of_titles_shows_in_the_vector() -> None:
    broken = np.full(3, np.nan, np.float32)
    made = embed_texts(ArticleTexts("title", "lead", ("east",)), table(), lambda _: broken)
    assert not np.isfinite(made.vector).all()


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


def test_title_and_body_are_kept_apart_unless_one_is_missing() -> None:
    made = embed_texts(ArticleTexts("lead", "lead", ("east", "north")), table())
    assert made.title_and_body.tolist() == [CODES["lead"], [127, 127, 0]]
    for missing in (ArticleTexts("title", "lead", ()), ArticleTexts("", "lead", ("east",))):
        assert embed_texts(missing, table()).title_and_body.shape == (0, 3)


def test_the_lead_of_a_bare_headline_is_its_passage() -> None:
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
    assert made.title_and_body.shape == (0, 3)
