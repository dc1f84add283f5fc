"""The archive on a plane: places, groups, their names."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from recommender.web.console.archive_map import draw_map, name_groups

Vectors = NDArray[Any]


def clouds(sizes: list[int], seed: int = 1) -> Vectors:
    """Unit vectors around as many directions as there are sizes."""
    draw = np.random.default_rng(seed)
    middles = np.linalg.qr(draw.normal(size=(16, max(len(sizes), 1))))[0].T[: len(sizes)]
    return around(middles, sizes, draw)


def around(middles: Vectors, sizes: list[int], draw: np.random.Generator) -> Vectors:
    rows = np.repeat(middles, sizes, axis=0) + draw.normal(scale=0.05, size=(sum(sizes), 16))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_stories_of_one_kind_are_one_group_and_lie_together() -> None:
    sizes = [40, 90, 60]
    vectors = clouds(sizes)
    drawn = draw_map(np.arange(190), lambda rows: vectors[rows])
    kinds = np.repeat(np.arange(3), sizes)
    # k-means makes more groups than there are kinds, but none that mixes two.
    for group in range(len(drawn.centres)):
        assert len(set(kinds[drawn.groups == group].tolist())) == 1
    middles = np.stack([drawn.places[kinds == kind].mean(axis=0) for kind in range(3)])
    within = max(drawn.places[kinds == kind].std(axis=0).max() for kind in range(3))
    apart = min(float(np.linalg.norm(middles[a] - middles[b])) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 4 * within


def test_the_plane_is_that_of_the_centres_that_differ_most() -> None:
    """Against scikit-learn's PCA of the centres of the kinds."""
    middles = np.zeros((4, 16))
    middles[[0, 1, 2, 3], [0, 1, 0, 0]] = 1
    middles[2, 1] = middles[3, 2] = 0.6  # so that two directions differ more than the others
    vectors = around(middles, [50] * 4, np.random.default_rng(1))
    drawn = draw_map(np.arange(200), lambda rows: vectors[rows])
    found = np.stack([vectors[at * 50 : at * 50 + 50].mean(axis=0) for at in range(4)])
    oracle = PCA(2).fit(found).transform(vectors)
    # The same plane: each axis of one is a mix of both axes of the other, and nothing else.
    mix, *_ = np.linalg.lstsq(np.c_[oracle, np.ones(200)], drawn.places, rcond=None)
    left = drawn.places - np.c_[oracle, np.ones(200)] @ mix
    assert float((left**2).sum() / (drawn.places**2).sum()) < 0.1


@settings(max_examples=20)
@given(st.integers(0, 60), st.integers(0, 99))
def test_a_map_has_every_story_once_and_is_the_same_each_time(count: int, seed: int) -> None:
    vectors = clouds([count], seed=seed) if count else np.empty((0, 16), np.float32)
    rows = np.arange(count) * 3
    one, other = (draw_map(rows, lambda asked: vectors[asked // 3]) for _ in range(2))
    assert one.rows.tolist() == rows.tolist()
    assert one.places.shape == (count, 2)
    assert (np.abs(one.places) <= 1).all()
    assert np.array_equal(one.places, other.places)
    sizes = np.bincount(one.groups, minlength=0)
    assert (np.diff(sizes) <= 0).all()
    assert (sizes > 0).all()
    assert len(one.centres) == len(sizes)


def test_texts_that_are_all_alike_lie_somewhere() -> None:
    same = np.zeros((30, 16), np.float32)
    same[:, 0] = 1
    assert np.isfinite(draw_map(np.arange(30), lambda rows: same[rows]).places).all()


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
