"""A short sign by which two tellings of the same text are known: MinHash over runs of words.

The share of equal places in two signatures estimates the Jaccard similarity of their word triples
(Broder 1997, "On the resemblance and containment of documents"). Two reporters on one event share
many words but few triples; a reprint with another headline shares most of them.
"""

import zlib
from itertools import chain, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Article
from recommender.terms import MOST_WORDS, words

__all__ = ["SIGNATURE_RECIPE", "SIGNATURE_SIZE", "overlap", "sign"]

SIGNATURE_RECIPE: Final = "minhash-1"
SIGNATURE_SIZE: Final = 128  # standard error of an overlap of 0.3: 0.04
RUN: Final = 3
BLOCK: Final = 1_024  # runs hashed at once: a megabyte of intermediate values

_PRIME: Final = np.uint64(2**31 - 1)
_FACTORS = np.random.default_rng(1997).integers(1, 2**31 - 1, (2, SIGNATURE_SIZE), np.uint64)


def sign(article: Article) -> NDArray[np.uint16]:
    """The signature of title and body: uint16 [SIGNATURE_SIZE]. Zeros for a text without words."""
    read = list(islice(chain(words(article.title), words(article.body)), MOST_WORDS))
    runs = {" ".join(read[at : at + RUN]) for at in range(max(1, len(read) - RUN + 1))} - {""}
    if not runs:
        return np.zeros(SIGNATURE_SIZE, np.uint16)
    hashes = np.array([zlib.crc32(run.encode()) for run in runs], np.uint64) % _PRIME
    least = np.full(SIGNATURE_SIZE, _PRIME)
    for at in range(0, len(hashes), BLOCK):
        mixed = (hashes[at : at + BLOCK, None] * _FACTORS[0] + _FACTORS[1]) % _PRIME
        least = np.minimum(least, mixed.min(axis=0))
    return (least & np.uint64(0xFFFF)).astype(np.uint16)


def overlap(signature: NDArray[np.uint16], others: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of one text to others: float64 [m] for others [m, size].

    Texts without words overlap with nothing.
    """
    if not signature.any():  # no words, so nothing to have in common
        return np.zeros(len(others))
    shares: NDArray[np.float64] = (others == signature).mean(axis=1)
    return shares
