"""What is made of a text's vectors: one for the article, and the codes of its passages."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.embedding import mix_views
from recommender.analysis.embedding.article_vector import MATCHED
from recommender.analysis.passages import MOST_PASSAGES, Views
from recommender.articles import Article
from recommender.indexing.features import embed_missing, embedded_of
from recommender.progress import silent
from recommender.store import ArticleStore

Floats = NDArray[np.float32]
VECTORS = {
    "title": (1.0, 0.0, 0.0),
    "lead": (0.6, 0.8, 0.0),
    "east": (1.0, 0.0, 0.0),
    "north": (0.0, 1.0, 0.0),
    "steep": (0.0, 0.6, -0.8),
}
CODES = {"lead": [95, 127, 0], "east": [127, 0, 0], "north": [0, 127, 0], "steep": [0, 95, -127]}
"""127 times each number over the largest of its vector: 127 * 0.6 / 0.8 is 95.25."""


def lookup(vectors: Mapping[str, tuple[float, ...]] = VECTORS) -> Callable[[str], Floats]:
    return lambda text: np.array(vectors[text], np.float32)


def test_passages_are_kept_in_their_order_in_eight_bits() -> None:
    made = embedded_of(Views("title", "lead", ("steep", "east", "north", "east")), lookup())
    assert made.passages.tolist() == [CODES[one] for one in ("steep", "east", "north", "east")]
    assert (str(made.passages.dtype), str(made.vector.dtype)) == ("int8", "float32")


def test_of_a_bare_headline_the_lead_is_the_passage() -> None:
    made = embedded_of(Views("title", "lead", ()), lookup())
    assert made.passages.tolist() == [CODES["lead"]]


@settings(deadline=None)
@given(count=st.integers(1, MOST_PASSAGES))
def test_only_the_first_passages_are_matched_and_all_count_in_the_vector(count: int) -> None:
    texts = tuple(str(number) for number in range(count))
    angles = np.linspace(0.1, 1.5, count)
    vectors = {one: (np.cos(a), np.sin(a)) for one, a in zip(texts, angles, strict=True)}
    vectors |= {"title": (1.0, 0.0), "lead": (0.6, 0.8)}
    views = Views("title", "lead", texts)
    made = embedded_of(views, lookup(vectors))
    assert made.passages.shape == (min(count, MATCHED), 2)
    for code, one in zip(made.passages, texts, strict=False):
        units = code / np.linalg.norm(code)
        np.testing.assert_allclose(units, vectors[one], atol=0.5 / 127 * 2)
    assert made.vector.tolist() == mix_views(views, lookup(vectors)).tolist()
    whole = np.array([1.6, 0.8]) + _unit(np.sum([vectors[one] for one in texts], axis=0))
    np.testing.assert_allclose(made.vector, _unit(whole), atol=1e-6)


def _unit(vector: Floats) -> Floats:
    length: Floats = vector / np.linalg.norm(vector)
    return length


@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
def test_a_passage_that_is_no_number_is_left_out_and_shows_in_the_vector(fault: float) -> None:
    vectors = VECTORS | {"broken": (0.0, fault, 0.0)}
    with np.errstate(invalid="ignore"):
        made = embedded_of(Views("title", "lead", ("east", "broken", "north")), lookup(vectors))
        alone = embedded_of(Views("title", "broken", ()), lookup(vectors))
    assert made.passages.tolist() == [CODES["east"], CODES["north"]]
    assert not np.isfinite(made.vector).all()
    assert alone.passages.shape == (0, 3)


class Compass:
    """A fake encoder: the vector of a text is that of its first word."""

    def encode(self, texts: object, _advance: object) -> Floats:
        assert isinstance(texts, list)
        return np.array([VECTORS[text.split()[0]] for text in texts], np.float32)


def test_vectors_and_passages_are_kept_together_and_made_once(store: ArticleStore) -> None:
    """Of an article whose title and body point north, and of a bare headline that points east."""
    texts = {
        one.text_hash: one
        for one in (
            Article(id="a", title="north", body="north by north"),
            Article(id="b", title="east"),
        )
    }
    assert embed_missing(texts, store.features, "model", Compass, silent) == 2
    vectors = store.features.vectors(list(texts), "model")
    embedded = store.features.embedded(list(texts), "model")
    passages = {key: one.passages for key, one in embedded.items()}
    north, east = texts
    assert vectors[north].tolist() == [0, 1, 0]
    assert vectors[east].tolist() == [1, 0, 0]
    assert passages[north].tolist() == [CODES["north"]]
    assert passages[east].tolist() == [CODES["east"]]

    def never() -> Compass:
        raise AssertionError("nothing is missing")

    assert embed_missing(texts, store.features, "model", never, silent) == 0
    assert embed_missing(texts, store.features, "model", Compass, silent, afresh=True) == 2
