"""Overlap: a table of each thread's own, never left dirty."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BUCKETS, Query
from index.arrays import SparseMatrix, entries_of
from index.lexical import _table as table
from index.lexical import overlap
from tests.support.properties import examples

if TYPE_CHECKING:
    from index.arrays import Longs

ROWS = 30
rng = np.random.default_rng(5)
# Buckets that share their lower bits are among them, for the table of marks is small.
WORDS = np.unique(np.r_[0, rng.integers(BUCKETS, size=60), np.arange(9) * 65_536 + 7, BUCKETS - 1])


def drawn(rows: int, seed: int) -> SparseMatrix:
    draw = np.random.default_rng(seed)
    held = [np.sort(draw.choice(WORDS, draw.integers(25), replace=False)) for _ in range(rows)]
    weights = draw.random(sum(map(len, held))).astype(np.float16)
    indptr = np.cumsum([0, *map(len, held)])
    return SparseMatrix(indptr, np.concatenate(held).astype(np.int32), weights)


TERMS = drawn(ROWS, 1)
QUERIES = drawn(40, 2)


def query(number: int) -> Query:
    return Query.of_row(QUERIES, number)


def brute_force(query: Query, rows: Longs) -> list[float]:
    asked = dict(zip(query.buckets.tolist(), query.weights.tolist(), strict=True))
    found = []
    for row in rows.tolist():
        place = TERMS.place(row)
        held = zip(TERMS.columns[place].tolist(), TERMS.weights[place].tolist(), strict=True)
        found.append(min(sum(weight * asked.get(bucket, 0) for bucket, weight in held), 1))
    return found


@given(number=st.integers(0, 39), rows=st.lists(st.integers(0, ROWS - 1), max_size=40))
@examples(200)
def test_it_is_the_sum_of_products_row_by_row(number: int, rows: list[int]) -> None:
    asked = np.array(rows, np.int64)
    found = overlap(TERMS, query(number), asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, brute_force(query(number), asked), rtol=1e-5)
    assert not table.marked.any()
    assert not table.weights.any()


def test_a_query_that_fails_leaves_the_table_clean() -> None:
    asked = query(1)
    with pytest.raises(ValueError, match="shape"):
        overlap(TERMS, Query(asked.buckets, asked.weights[1:]), np.arange(ROWS))
    assert not table.marked.any()
    assert not table.weights.any()
    found = overlap(TERMS, asked, np.arange(ROWS))
    np.testing.assert_allclose(found, brute_force(asked, np.arange(ROWS)), rtol=1e-5)


def test_a_bucket_that_is_none_is_no_error() -> None:
    """As in a damaged file: what comes of it may be wrong, and nothing breaks."""
    odd = SparseMatrix(
        np.array([0, 2]), np.array([-5, BUCKETS + 9], np.int32), np.ones(2, np.float16)
    )
    assert overlap(odd, query(2), np.array([0])).shape == (1,)
    assert overlap(TERMS, Query(odd.columns, np.ones(2, np.float32)), np.arange(ROWS)).shape == (
        ROWS,
    )
    assert not table.marked.any()
    assert not table.weights.any()


def test_threads_find_what_one_finds_alone() -> None:
    """Two threads whose queries take turns, thousands of times, in the middle of each other's."""
    rows = np.arange(ROWS)
    alone = [overlap(TERMS, query(number), rows).tobytes() for number in range(40)]

    def ask(number: int) -> bytes:
        return overlap(TERMS, query(number % 40), rows).tobytes()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(ask, range(4_000))) == alone * 100


@given(rows=st.lists(st.integers(0, ROWS - 1), max_size=40))
def test_places_are_those_of_the_rows_one_after_the_other(rows: list[int]) -> None:
    lengths, places = entries_of(TERMS.indptr, np.array(rows, np.int64))
    wanted = [list(range(TERMS.indptr[row], TERMS.indptr[row + 1])) for row in rows]
    assert lengths.tolist() == [len(own) for own in wanted]
    assert places.tolist() == list(chain.from_iterable(wanted))
