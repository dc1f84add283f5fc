"""The vector of a text together with what lies around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from index.arrays import unit
from index.neighbourhood import CONTEXT, nearest_rows

if TYPE_CHECKING:
    from index.arrays import Array, Floats, Whole
    from index.search import Vectors
    from index.snapshot import Snapshot


def with_context(vectors: Floats, neighbours: Whole, weights: Array, ground: Vectors) -> Floats:
    """Draw vectors towards their neighbours: the direction of v + the sum of weight * neighbour.

    Args:
        vectors: float32 [m, dim], unit rows.
        neighbours: whole numbers [m, j]; rows of the ground, or -1 for none.
        weights: floats [m, j].
        ground: where the neighbours' vectors are.

    Returns:
        float32 [m, dim], unit rows; those without neighbours as they came.
    """
    there = (neighbours >= 0) & (weights > 0)
    alone = ~there.any(axis=1)
    if alone.all():
        return vectors
    # Any row serves where there is none: it counts nothing.
    near = ground.codes(np.where(there, neighbours, 0).ravel())
    # Weights take the lengths in, so that the neighbours themselves are gone over but once.
    lengths = np.sqrt(np.einsum("ij,ij->i", near, near)).reshape(weights.shape)
    counted = (np.where(there, weights, 0) / lengths).astype(np.float32)
    drawn = np.matmul(counted[:, np.newaxis], near.reshape(*weights.shape, -1))[:, 0]
    drawn += vectors
    moved = unit(drawn)
    moved[alone] = vectors[alone]
    return moved


def around_vector(snapshot: Snapshot, vector: Floats, floor: float, weight: float) -> Floats:
    """Draw a vector that is in no row towards the nearest rows of a snapshot.

    Args:
        snapshot: of at least one row whose vector means something.
        vector: float32 [dim], of length 1, centred as the rows are.
        floor: the median cosine of random pairs, from which the nearest are weighed.
        weight: what a neighbour of share 1 counts.

    Returns:
        float32 [dim], of length 1.
    """
    near = nearest_rows(snapshot.vectors, vector[np.newaxis], snapshot.known, np.array([-1]))
    weights = weight * near.shares(np.array([floor]))
    rows = near.rows[:, :CONTEXT]
    found: Floats = with_context(vector[np.newaxis], rows, weights, snapshot.vectors)[0]
    return found
