"""MinHash over runs of words: a short code by which near-duplicates are found.

The share of equal places in two MinHashes estimates the Jaccard similarity of the word triples of
two texts (Broder 1997, "On the resemblance and containment of documents"). Two reports on one event
share many words but few triples. A reprint with another headline shares most triples.
"""

import zlib
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.tokens import MOST_WORDS, tokenize
from recommender.articles import Article

__all__ = [
    "MINHASH_SIZE",
    "MINHASH_VERSION",
    "compute_minhash",
    "count_equal_places",
    "estimate_jaccard",
    "least_equal_places",
]

MINHASH_VERSION: Final = "minhash-1"
MINHASH_SIZE: Final = 128  # standard error of a Jaccard similarity of 0.3: 0.04
RUN: Final = 3
BLOCK: Final = 1_024  # runs hashed at once: a megabyte of intermediate values

_PRIME: Final = np.uint64(2**31 - 1)
_FACTORS = np.random.default_rng(1997).integers(1, 2**31 - 1, (2, MINHASH_SIZE), np.uint64)


def compute_minhash(article: Article) -> NDArray[np.uint16]:
    """The MinHash of title and body: uint16 [MINHASH_SIZE]; zeros for a text without words."""
    read = list(islice(chain(tokenize(article.title), tokenize(article.body)), MOST_WORDS))
    runs = {" ".join(read[at : at + RUN]) for at in range(max(1, len(read) - RUN + 1))} - {""}
    if not runs:
        return np.zeros(MINHASH_SIZE, np.uint16)
    hashes = np.array([zlib.crc32(run.encode()) for run in runs], np.uint64) % _PRIME
    least = np.full(MINHASH_SIZE, _PRIME)
    for at in range(0, len(hashes), BLOCK):
        mixed = (hashes[at : at + BLOCK, None] * _FACTORS[0] + _FACTORS[1]) % _PRIME
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
