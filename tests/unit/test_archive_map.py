"""The archive on a plane: groups of places, and their names."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommender.web.console.archive_map import MOST_GROUPS, draw_map, name_groups

Places = NDArray[np.float32]
SHAPES = st.tuples(st.integers(0, 60), st.just(2))


def heaps(sizes: list[int], seed: int = 1) -> tuple[Places, NDArray[np.int64]]:
    """Places in heaps on a circle, and the heap of each."""
    draw = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    angles = kinds * (2 * np.pi / max(1, len(sizes)))
    middles = 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places = np.clip(middles + draw.normal(scale=0.04, size=middles.shape), -1, 1)
    return places.astype(np.float32), kinds


def test_each_heap_of_stories_is_a_group_the_largest_first() -> None:
    places, kinds = heaps([40, 90, 60, 30, 50])
    drawn = draw_map(np.arange(270), places)
    assert [np.unique(kinds[drawn.groups == group]).tolist() for group in range(5)] == [
        [1],
        [2],
        [4],
        [0],
        [3],
    ]
    middles = np.stack([places[kinds == kind].mean(axis=0) for kind in (1, 2, 4, 0, 3)])
    np.testing.assert_allclose(drawn.centres, middles, atol=1e-5)


def test_a_few_that_lie_apart_belong_to_the_nearest_group() -> None:
    places, kinds = heaps([40, 90])
    lost = np.array([[0.1, 0.9], [0.1, 0.9], [-0.2, -0.9]], np.float32)
    drawn = draw_map(np.arange(133), np.concatenate([places, lost]))
    assert np.array_equal(drawn.groups[:130], 1 - kinds)
    assert drawn.groups[130:].tolist() == [1, 1, 0]


def test_there_are_not_too_many_groups() -> None:
    drawn = draw_map(np.arange(400), heaps([10] * 40)[0])
    assert 8 <= len(drawn.centres) <= MOST_GROUPS


@settings(max_examples=20)
@given(
    arrays(
        np.float32, st.tuples(st.integers(0, 60), st.just(2)), elements=st.floats(-1, 1, width=32)
    )
)
def test_every_story_is_in_one_group(places: Places) -> None:
    rows = np.arange(len(places)) * 3
    drawn = draw_map(rows, places)
    assert drawn.rows.tolist() == rows.tolist()
    assert drawn.groups.shape == (len(places),)
    sizes = np.bincount(drawn.groups, minlength=0)
    assert (np.diff(sizes) <= 0).all()
    assert (sizes > 0).all()
    assert len(drawn.centres) == len(sizes) <= max(1, len(places) // 12)


def rarity_of(common: str) -> Callable[[str], float]:
    return lambda word: float(word not in common.split())


def test_a_group_is_named_by_the_words_that_only_its_headlines_have() -> None:
    titles = [
        *("Harbour crane lifts cargo", "Cargo ship leaves the harbour", "New harbour for cargo"),
        *("The team wins the cup", "Cup final for the team", "A team and its cup"),
    ]
    found = name_groups(titles, np.array([0, 0, 0, 1, 1, 1]), rarity_of("a the for its and"))
    assert found == ["cargo · harbour", "cup · team"]


def test_a_word_that_is_rarer_in_texts_comes_first() -> None:
    titles = ["Оби Панҷ", "Оби Панҷ", "Боғи Душанбе", "Боғи Хуҷанд"]
    rarities = {"оби": 0.2, "панҷ": 0.9}
    found = name_groups(titles, np.array([0, 0, 1, 1]), lambda word: rarities.get(word, 1.0))
    assert found == ["панҷ · оби", "боғи"]


def test_a_group_without_common_words_has_no_name() -> None:
    assert name_groups(["One thing", "Another matter"], np.array([0, 0]), rarity_of("")) == [""]
    assert name_groups([], np.empty(0, np.int64), rarity_of("")) == []
