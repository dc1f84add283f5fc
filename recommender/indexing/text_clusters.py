"""The text clusters of an archive to which few texts come: numbers stay, and some are joined."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.minhash import least_equal_places
from recommender.ranking.duplicates import TEXT_CLUSTER_OVERLAP

__all__ = ["grow_text_clusters"]

Longs = NDArray[np.int64]
MinHashes = NDArray[np.uint16]

TEXTS_AT_ONCE: Final = 1_024
"""With so many texts that come, another one shares two of 128 places with any of them by chance."""
SCANNED_AT_ONCE: Final = 4_096
"""With so many, it shares eight of them; of a million texts a hundred are looked at again."""
ROWS_AT_ONCE: Final = 8_192
COMPARED_AT_ONCE: Final = 256


def grow_text_clusters(
    numbers: Longs, minhashes: MinHashes, new_minhashes: MinHashes
) -> tuple[Longs, Longs]:
    """Number the text clusters of texts that come; see `number_text_clusters` for the promise.

    Args:
        numbers: int64 [n], from 1; of the texts that are there.
        minhashes: uint16 [n, size]; theirs.
        new_minhashes: uint16 [m, size]; of those that come. Texts without words have zeros.

    Returns:
        int64 [n] and int64 [m]: where a text that comes is like texts of two clusters, these have
        one number now.
    """
    first = int(numbers.max(initial=0)) + 1
    joined: dict[int, int] = {}

    def leader(number: int) -> int:
        while number in joined:
            number = joined[number]
        return number

    def join(one: int, other: int) -> None:
        low, high = sorted((leader(one), leader(other)))
        if low != high:
            joined[high] = low

    for row, new in _alike(minhashes, new_minhashes):
        join(int(numbers[row]), first + new)
    for one, other in _alike(new_minhashes, new_minhashes):
        join(first + one, first + other)
    new_numbers = np.array([leader(first + at) for at in range(len(new_minhashes))], np.int64)
    grown = numbers.copy()
    for number in [*joined]:
        if number < first:
            grown[numbers == number] = leader(number)
    return grown, new_numbers


def _alike(minhashes: MinHashes, new: MinHashes) -> Iterator[tuple[int, int]]:
    """Pairs of a text and one that comes, by their rows, that overlap by the bound or more."""
    least = least_equal_places(TEXT_CLUSTER_OVERLAP, new.shape[1])
    with_words = np.flatnonzero(new.any(axis=1))
    for scanned in _pieces(with_words, SCANNED_AT_ONCE):
        likely = _likely_rows(minhashes, np.arange(len(minhashes)), new[scanned], least)
        for some in _pieces(scanned, TEXTS_AT_ONCE):
            rows = _likely_rows(minhashes, likely, new[some], least)
            for block in _pieces(rows, COMPARED_AT_ONCE):
                found, of = np.nonzero(_count_equal(minhashes[block], new[some]) >= least)
                yield from zip(block[found].tolist(), some[of].tolist(), strict=True)


def _pieces(rows: Longs, size: int) -> Iterator[Longs]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _count_equal(one: MinHashes, other: MinHashes) -> NDArray[Any]:
    """How many places each text shares with each other one: [k, m]."""
    shared = np.zeros((len(one), len(other)), np.min_scalar_type(one.shape[1]))
    equal = np.empty(shared.shape, np.bool_)
    for of_one, of_other in zip(one.T, np.ascontiguousarray(other.T), strict=True):
        shared += np.equal(of_one[:, np.newaxis], of_other, out=equal)
    return shared


def _likely_rows(minhashes: MinHashes, among: Longs, new: MinHashes, least: int) -> Longs:
    """Those of some texts that share enough places with texts that come, be it with several."""
    size = new.shape[1]
    marked = np.zeros((size, 2**16), np.bool_)
    marked[np.arange(size), new] = True
    likely: list[NDArray[Any]] = [np.empty(0, np.int64)]
    for rows in _pieces(among, ROWS_AT_ONCE):
        places = np.ascontiguousarray(minhashes[rows].T)
        shared = np.zeros(places.shape[1], np.min_scalar_type(size))
        for mark, values in zip(marked, places, strict=True):
            shared += mark.take(values)
        likely.append(rows[shared >= least])
    return np.concatenate(likely)
