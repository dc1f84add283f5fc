"""A short sign by which two tellings of the same text are known: MinHash over runs of words.

The share of equal places in two signatures estimates the Jaccard similarity of their word triples
(Broder 1997, "On the resemblance and containment of documents"). Two reporters on one event share
many words but few triples; a reprint with another headline shares most of them.
"""

import zlib
from dataclasses import dataclass
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
    "MinHashTable",
    "compute_minhash",
    "estimate_jaccard",
    "least_equal_places",
]

MINHASH_VERSION: Final = "minhash-1"
MINHASH_SIZE: Final = 128  # standard error of an overlap of 0.3: 0.04
RUN: Final = 3
BLOCK: Final = 1_024  # runs hashed at once: a megabyte of intermediate values

_PRIME: Final = np.uint64(2**31 - 1)
_FACTORS = np.random.default_rng(1997).integers(1, 2**31 - 1, (2, MINHASH_SIZE), np.uint64)


def compute_minhash(article: Article) -> NDArray[np.uint16]:
    """The signature of title and body: uint16 [MINHASH_SIZE]. Zeros for a text without words."""
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
    signature: NDArray[np.uint16], others: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of one text to others: float64 [m] for others [m, size].

    Texts without words overlap with nothing.
    """
    shares: NDArray[np.float64] = MinHashTable.of(others).equal(signature) / max(1, others.shape[1])
    return shares


@dataclass(frozen=True, slots=True, eq=False)
class MinHashTable:
    """Signatures of m texts, laid out to be compared with one text after another.

    Attributes:
        places: uint16 [size, m], place by place: summing down the columns adds whole vectors.
    """

    places: NDArray[np.uint16]

    @classmethod
    def of(cls, signatures: NDArray[np.uint16]) -> "MinHashTable":
        """From signatures as they are kept, [m, size]."""
        return cls(np.ascontiguousarray(signatures.T))

    def equal(self, signature: NDArray[np.uint16]) -> NDArray[np.unsignedinteger[Any]]:
        """How many places of each are those of one text: [m]; none where that has no words."""
        size, count = self.places.shape
        kind = np.min_scalar_type(size)
        if not np.count_nonzero(signature):
            return np.zeros(count, kind)
        same = self.places == signature[:, None]
        counts: NDArray[np.unsignedinteger[Any]] = np.add.reduce(
            same.view(np.uint8), axis=0, dtype=kind
        )
        return counts


@lru_cache(maxsize=64)
def least_equal_places(overlap_bound: float, size: int) -> int:
    """The least number of equal places, of `size`, that is an overlap of at least a bound."""
    return int(np.searchsorted(np.arange(size + 1) / size, overlap_bound))
