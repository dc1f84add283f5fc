"""Sparse matrices against scipy and plain Python."""

from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index import BUCKETS
from index.arrays import SparseMatrix, entries_of
from tests.support.index_rows import random_terms
from tests.unit.test_index_lexical import OVERLAP_ROWS, OVERLAP_TERMS, as_scipy, weighed


def test_transposing_is_scipys_transpose() -> None:
    weights = weighed(random_terms(40))
    transposed = weights.transposed(BUCKETS)
    oracle = as_scipy(weights).T.tocsr()
    np.testing.assert_array_equal(transposed.indptr, oracle.indptr)
    np.testing.assert_array_equal(transposed.columns, oracle.indices)
    np.testing.assert_array_equal(transposed.weights, oracle.data)


def test_entries_come_in_the_order_asked_for() -> None:
    matrix = SparseMatrix(
        np.array([0, 2, 2, 3]), np.array([4, 7, 5], np.int32), np.ones(3, np.float32)
    )
    entries = matrix.entries(np.array([2, 1, 0, 2]))
    assert entries.owners.tolist() == [0, 2, 2, 3]
    assert entries.columns.tolist() == [5, 4, 7, 5]
    assert entries.weights.tolist() == [1, 1, 1, 1]


@given(rows=st.lists(st.integers(0, OVERLAP_ROWS - 1), max_size=40))
def test_places_are_those_of_the_rows_one_after_the_other(rows: list[int]) -> None:
    lengths, places = entries_of(OVERLAP_TERMS.indptr, np.array(rows, np.int64))
    wanted = [list(range(OVERLAP_TERMS.indptr[row], OVERLAP_TERMS.indptr[row + 1])) for row in rows]
    assert lengths.tolist() == [len(own) for own in wanted]
    assert places.tolist() == list(chain.from_iterable(wanted))
