"""The passages by which two texts match best, and how they begin."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.api import PassagePair

__all__ = ["MOST_PAIRS", "excerpt", "matching_pairs"]

MOST_PAIRS: Final = 2
EXCERPT: Final = 200

Floats = NDArray[np.float32]
Texts = tuple[str, ...]


def matching_pairs(
    seed: tuple[Texts, Floats], item: tuple[Texts, Floats], most: int = MOST_PAIRS
) -> tuple[PassagePair, ...]:
    """The passages that match best, the best pair first; none stands in two pairs.

    Args:
        seed: passages of one text and their vectors, float32 [k, dim], unit rows.
        item: those of the other.
        most: how many pairs at most.

    Returns:
        Pairs with a cosine above 0; none where texts and vectors are not equally many, as then
        nobody knows whose vector is whose.
    """
    (ours, left), (theirs, right) = seed, item
    if len(ours) != len(left) or len(theirs) != len(right):
        return ()
    cosines = left @ right.T
    pairs: list[PassagePair] = []
    while len(pairs) < most and cosines.size and (best := float(cosines.max())) > 0:
        mine, other = (int(at) for at in np.unravel_index(cosines.argmax(), cosines.shape))
        texts = {"seed": excerpt(ours[mine]), "item": excerpt(theirs[other])}
        pairs.append(PassagePair(**texts, similarity=min(best, 1.0)))
        cosines[mine], cosines[:, other] = -1, -1
    return tuple(pairs)


def excerpt(text: str, limit: int = EXCERPT) -> str:
    """How a text begins, on one line, cut at the end of a word with an ellipsis.

    Where there is no blank in the second half, as in Chinese, it is cut anywhere.
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    end = limit - 1 if line[limit - 1] == " " else head.rfind(" ")
    return (head[:end] if end >= limit // 2 else head).rstrip() + "…"
