"""Picks a list from ranked candidates: one telling of a story, and not all of them alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.signature import overlap

__all__ = ["Pool", "select"]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Candidates, position by position.

    Attributes:
        values: float [m], the ranking values.
        vectors: float32 [m, dim], unit rows.
        signatures: uint16 [m, size].
    """

    values: NDArray[np.floating]
    vectors: NDArray[np.float32]
    signatures: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.values)


def select(
    pool: Pool,
    limit: int,
    *,
    diversity: float,
    duplicate_overlap: float,
    above: NDArray[np.uint16],
) -> NDArray[np.int64]:
    """Positions of at most `limit` candidates, in list order.

    Maximal marginal relevance (Carbonell and Goldstein 1998): the best value stands first, and each
    further place goes to the candidate with the best `(1 - diversity) * value - diversity *
    greatest similarity (not below 0) to what stands above`, values scaled to a best of 1; so with
    `diversity` 0 values descend. Of equals the earlier position wins.

    A near-duplicate of what stands above, or of a text in `above` (signatures uint16 [k, size]), is
    left out, and so is a near-duplicate of one left out: an update of a reprint is the same story.
    """
    values = _scaled(pool.values)
    left = ~_retold(above, pool.signatures, duplicate_overlap)
    likeness = np.zeros(len(pool), np.float32)
    chosen: list[int] = []
    while len(chosen) < limit and left.any():
        merit = (1 - diversity) * values - diversity * likeness if chosen else values
        pick = int(np.argmax(np.where(left, merit, -np.inf)))
        chosen.append(pick)
        left &= ~_retold(pool.signatures[[pick]], pool.signatures, duplicate_overlap)
        left[pick] = False
        likeness = np.maximum(likeness, pool.vectors @ pool.vectors[pick])
    return np.array(chosen, np.int64)


def _retold(
    told: NDArray[np.uint16], signatures: NDArray[np.uint16], duplicate_overlap: float
) -> NDArray[np.bool_]:
    """Which candidates tell a told story again, at first hand or through one another: bool [m]."""
    found = np.zeros(len(signatures), np.bool_)
    while len(told):
        fresh = np.zeros(len(signatures), np.bool_)
        for signature in told:
            fresh |= overlap(signature, signatures) >= duplicate_overlap
        fresh &= ~found
        found |= fresh
        told = signatures[fresh]
    return found


def _scaled(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """To a best of 1, since a list of weak values would else be ordered by diversity alone."""
    best = float(values.max(initial=0.0))
    return values / best if best > 0 else values
