"""Texts that come to an archive: two texts with different cluster numbers never overlap much."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.minhash import MINHASH_SIZE, least_equal_places
from recommender.indexing import text_clusters
from recommender.indexing.text_clusters import grow_text_clusters
from recommender.ranking.duplicates import TEXT_CLUSTER_OVERLAP, number_text_clusters
from tests.support.properties import examples

LEAST = least_equal_places(TEXT_CLUSTER_OVERLAP, MINHASH_SIZE)


def texts_like(origins: list[int], shares: list[int], seed: int) -> NDArray[np.uint16]:
    """MinHashes that share some places with one of four texts; -1 stands for a text of no words."""
    draw = np.random.default_rng(seed)
    first = np.random.default_rng(0).integers(1, 2**16, (4, MINHASH_SIZE), np.uint16)
    texts = draw.integers(1, 2**16, (len(origins), MINHASH_SIZE), np.uint16)
    for text, origin, share in zip(texts, origins, shares, strict=True):
        places = draw.choice(MINHASH_SIZE, share, replace=False)
        text[places] = first[origin, places]
        text[:] = 0 if origin < 0 else text
    return texts


TEXTS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 100)), max_size=12)


@pytest.mark.long
@given(before=TEXTS, new=TEXTS, at_once=st.sampled_from([1, 2, 1_024]))
@examples(30)
def test_texts_of_different_numbers_overlap_less_than_the_bound(
    before: list[tuple[int, int]], new: list[tuple[int, int]], at_once: int
) -> None:
    old, fresh = (
        texts_like([o for o, _ in some], [s for _, s in some], seed)
        for seed, some in enumerate((before, new), 1)
    )
    numbers = number_text_clusters(old)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TEXTS_AT_ONCE", "ROWS_AT_ONCE", "COMPARED_AT_ONCE"):
            patch.setattr(text_clusters, name, at_once)
        patch.setattr(text_clusters, "SCANNED_AT_ONCE", 3 * at_once)
        grown, new_numbers = grow_text_clusters(numbers, old, fresh)
    every, all_numbers = np.concatenate([old, fresh]), np.concatenate([grown, new_numbers])
    assert all_numbers.min(initial=1) >= 1
    equal = np.count_nonzero(every[:, np.newaxis] == every, axis=2)
    worded = np.count_nonzero(every, axis=1) > 0
    alike = (equal >= LEAST) & np.outer(worded, worded)
    differ = all_numbers[:, np.newaxis] != all_numbers
    assert not (alike & differ).any()
    # Numbers are joined through texts that are alike, and never otherwise.
    reached = alike | np.eye(len(every), dtype=bool) | _same(numbers, len(every))
    for _ in every:
        reached = (reached.astype(np.int64) @ reached) > 0
    assert (differ | reached).all()


def test_a_text_that_is_like_two_joins_their_clusters() -> None:
    old, new = texts_like([0, 1, 2], [128, 128, 128], 1), texts_like([0, 3], [64, 128], 2)
    new[0, 64:] = old[1, 64:]
    grown, numbers = grow_text_clusters(np.array([4, 9, 2]), old, new)
    assert (grown.tolist(), numbers.tolist()) == ([4, 4, 2], [4, 11])


def _same(numbers: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    same = np.zeros((count, count), np.bool_)
    same[: len(numbers), : len(numbers)] = numbers[:, np.newaxis] == numbers
    return same
