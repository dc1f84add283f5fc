"""Compares the terms of some rows with a query's, without a search for each.

A table over all buckets finds a term in one step. Each thread has its own, made once, so that
nothing is cleared but what a query wrote.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from index.matrix import places_of
from index.rows import BUCKETS

if TYPE_CHECKING:
    from index.arrays import Bools, Floats, Ints, Whole
    from index.matrix import Matrix

_LOW: Final = 0xFFFF
_ALL: Final = BUCKETS - 1


class _Table(threading.local):
    """A query's terms by bucket; between two queries it is empty.

    Attributes:
        weights: float32 [BUCKETS].
        marked: bool [2^16], by the lower bits of a bucket. Small enough to stay in a processor's
            cache, it spares most entries the look into the weights.
    """

    def __init__(self) -> None:
        self.weights: Floats = np.zeros(BUCKETS, np.float32)
        self.marked: Bools = np.zeros(_LOW + 1, np.bool_)


_table = _Table()


def overlap(terms: Matrix, buckets: Ints, weights: Floats, rows: Whole) -> Floats:
    """Compare a query with the terms of some rows.

    Args:
        terms: the weights of n rows over BUCKETS.
        buckets: int32 [k], distinct; the query's.
        weights: float32 [k].
        rows: whole numbers [m], each in 0..n-1, in any order and more than once.

    Returns:
        float32 [m]: the sum of the products of shared weights, at most 1.
    """
    lengths, places = places_of(terms.indptr, rows)
    columns = terms.columns.take(places)
    marked, table = _table.marked, _table.weights
    # Masked, so that a bucket out of range, of a damaged file, is no error but another bucket.
    low, full = buckets & _LOW, buckets & _ALL
    try:
        marked[low] = True
        table[full] = weights
        shared = np.flatnonzero(marked.take(columns & _LOW))
        theirs = table.take(columns.take(shared) & _ALL)
    finally:
        marked[low] = False
        table[full] = 0
    products = terms.weights.take(places.take(shared)).astype(np.float32) * theirs
    return np.minimum(_summed(products, np.searchsorted(shared, np.cumsum(lengths))), 1)


def _summed(products: Floats, ends: Whole) -> Floats:
    """float32 [m]: the sum of each row's products, which end where told and lie end to end."""
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    sums = np.zeros(len(ends), np.float32)
    full = np.flatnonzero(ends > starts)
    # reduceat would give a row of nothing the first product of the next.
    if len(full):
        sums[full] = np.add.reduceat(products.astype(np.float64), starts[full])
    return sums
