"""MinHash over runs of words: a short code by which near-duplicates are found.

The share of equal places in two MinHashes estimates the Jaccard similarity of the word triples of
two texts (Broder 1997, "On the resemblance and containment of documents"). Two reports on one event
share many words but few triples. A reprint with another headline shares most triples.
"""

import zlib
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.tokens import MOST_WORDS, ArticleWords
from recommender.articles import Article

__all__ = [
    "MINHASH_SIZE",
    "MINHASH_VERSION",
    "compute_minhash",
    "count_equal_places",
    "estimate_jaccard",
    "hash_runs",
    "least_equal_places",
]

MINHASH_VERSION: Final = "minhash-1"
MINHASH_SIZE: Final = 128  # standard error of a Jaccard similarity of 0.3: 0.04
RUN: Final = 3
BLOCK: Final = 256  # runs hashed at once, so that intermediate values stay in a cache

_PRIME: Final = np.uint64(2**31 - 1)
_FACTORS = np.random.default_rng(1997).integers(1, 2**31 - 1, (2, MINHASH_SIZE), np.uint64)


def compute_minhash(article: Article) -> NDArray[np.uint16]:
    """The MinHash of title and body: uint16 [MINHASH_SIZE]; zeros for a text without words."""
    return hash_runs(ArticleWords.of(article))


def hash_runs(words: ArticleWords) -> NDArray[np.uint16]:
    """The MinHash of an article whose words are known; see `compute_minhash`."""
    read = [*words.title, *words.body][:MOST_WORDS]
    runs = set(map(" ".join, zip(read, read[1:], read[2:], strict=False)))
    if len(read) < RUN:
        runs = {" ".join(read)} - {""}
    if not runs:
        return np.zeros(MINHASH_SIZE, np.uint16)
    hashes = np.fromiter(map(zlib.crc32, map(str.encode, runs)), np.uint64, len(runs)) % _PRIME
    least = np.full(MINHASH_SIZE, _PRIME)
    for at in range(0, len(hashes), BLOCK):
        mixed = hashes[at : at + BLOCK, None] * _FACTORS[0] + _FACTORS[1]
        mixed -= mixed // _PRIME * _PRIME  # the remainder; numpy divides three times as fast
        least = np.minimum(least, mixed.min(axis=0))
    return (least & np.uint64(0xFFFF)).astype(np.uint16)


def estimate_jaccard(
    minhash: NDArray[np.uint16], others: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of one text to others: float64 [m] for others [m, size].

    It is 0 for a text without words.
    """
    shares: NDArray[np.float64] = count_equal_places(minhash, others) / max(1, others.shape[1])
    return shares


def count_equal_places(
    minhash: NDArray[np.uint16], others: NDArray[np.uint16]
) -> NDArray[np.unsignedinteger[Any]]:
    """Count the places of one MinHash that each of others shares: [m] for others [m, size].

    It is 0 for a text without words.
    """
    kind = np.min_scalar_type(others.shape[1])
    if not np.count_nonzero(minhash):
        return np.zeros(len(others), kind)
    # One place of all texts in a row, so that the sum adds whole rows.
    same = np.ascontiguousarray(others.T) == minhash[:, np.newaxis]
    counts: NDArray[np.unsignedinteger[Any]] = np.add.reduce(
        same.view(np.uint8), axis=0, dtype=kind
    )
    return counts


@lru_cache(maxsize=64)
def least_equal_places(bound: float, size: int) -> int:
    """The least number of equal places, of `size`, whose share is at least a bound."""
    return int(np.searchsorted(np.arange(size + 1) / size, bound))
