"""Choosing the passages to quote, and their length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.api import PassagePair
from recommender.ranking.shared_text import excerpt, matching_pairs


def vectors(*angles: float) -> NDArray[np.float32]:
    """Unit vectors at some degrees."""
    turned = np.radians(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def pairs(seed: list[float], item: list[float], most: int = 2) -> list[tuple[str, str, float]]:
    ours = tuple(f"s{at}" for at in range(len(seed)))
    theirs = tuple(f"i{at}" for at in range(len(item)))
    found = matching_pairs((ours, vectors(*seed)), (theirs, vectors(*item)), most)
    return [(pair.seed, pair.item, round(pair.similarity, 4)) for pair in found]


def test_the_best_pair_comes_first_and_no_passage_twice() -> None:
    # s1 and i0 are 10 degrees apart, s1 and i1 20, s0 and i1 40, s0 and i0 50.
    assert pairs([0, 60], [50, 40]) == [("s1", "i0", 0.9848), ("s0", "i1", 0.766)]
    assert pairs([0, 60], [50, 40], most=1) == [("s1", "i0", 0.9848)]


def test_a_passage_like_none_is_in_no_pair() -> None:
    assert pairs([0, 90], [0, 200]) == [("s0", "i0", 1.0)]
    assert pairs([0], []) == []


def test_texts_without_vectors_of_their_own_are_not_quoted() -> None:
    assert matching_pairs((("a", "b"), vectors(0)), (("c",), vectors(0))) == ()
    assert matching_pairs((("a",), vectors(0)), (("c", "d"), vectors(0))) == ()


def test_a_pair_quotes_how_its_passages_begin() -> None:
    long = "word " * 100
    (pair,) = matching_pairs(((long,), vectors(0)), (("  two\n lines ",), vectors(0)))
    assert pair == PassagePair(seed=("word " * 40).strip() + "…", item="two lines", similarity=1.0)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", ""),
        ("0123456789", "0123456789"),
        ("012345678 x", "012345678…"),
        ("01234 6789 x", "01234…"),
        ("0 23456789ab", "0 2345678…"),
        ("贵" * 11, "贵" * 9 + "…"),
        ("<b>&\n\x1b[2J</b>", "<b>& \x1b[2J…"),
    ],
)
def test_an_excerpt_ends_where_a_word_ends(text: str, quoted: str) -> None:
    assert excerpt(text, 10) == quoted


@given(st.text(), st.integers(10, 60))
def test_an_excerpt_is_a_beginning_of_bounded_length(text: str, limit: int) -> None:
    quoted, line = excerpt(text, limit), " ".join(text.split())
    assert len(quoted) <= limit
    assert quoted == line or line.startswith(quoted.removesuffix("…"))
