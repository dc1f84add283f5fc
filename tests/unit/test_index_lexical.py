"""Lexical search against brute force over the dense matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index import BUCKETS, BadQuery, Catalog, TermCounts
from index.lexical import Lexicon, weigh_rows
from tests.support.index_rows import STAMP, one_row, random_terms, sample_rows

if TYPE_CHECKING:
    from index.arrays import Bools, Floats

ROWS = 60
# The last rows repeat the first ones, so that there are ties to break.
ARCHIVE = random_terms(ROWS - 10)
TERMS = TermCounts.of(
    [
        (ARCHIVE.buckets[start:stop], ARCHIVE.counts[start:stop])
        for start, stop in zip(ARCHIVE.indptr, ARCHIVE.indptr[1:], strict=False)
    ]
    + [
        (ARCHIVE.buckets[start:stop], ARCHIVE.counts[start:stop])
        for start, stop in zip(ARCHIVE.indptr[:10], ARCHIVE.indptr[1:11], strict=True)
    ],
)


def dense_weights() -> Floats:
    spread = np.bincount(TERMS.buckets, minlength=BUCKETS)[TERMS.buckets]
    weights = weigh_rows(TERMS, spread, np.full(len(TERMS), len(TERMS)))
    dense = np.zeros((ROWS, BUCKETS), np.float32)
    owners = np.repeat(np.arange(ROWS), np.diff(weights.indptr))
    dense[owners, weights.columns] = weights.weights
    return dense[:, np.unique(weights.columns)]


DENSE = dense_weights()
ORACLE = DENSE @ DENSE.T
EVERYTHING = np.ones(ROWS, bool)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    catalog = Catalog(tmp_path_factory.mktemp("catalog"))
    return catalog.publish_rows(sample_rows(ROWS, terms=TERMS), **STAMP).lexicon


@given(
    row=st.integers(0, ROWS - 1),
    limit=st.integers(0, ROWS + 5),
    allowed=arrays(bool, ROWS),
)
def test_nearest_is_brute_force(lexicon: Lexicon, row: int, limit: int, allowed: Bools) -> None:
    hits = lexicon.nearest(lexicon.query_of(row), limit, allowed)
    possible = np.flatnonzero(allowed & (ORACLE[row] > 0))
    assert len(hits) == len(set(hits.rows.tolist())) == min(limit, len(possible))
    assert set(hits.rows.tolist()) <= set(possible.tolist())
    np.testing.assert_allclose(hits.similarities, ORACLE[row, hits.rows], atol=1e-3)
    best = np.sort(ORACLE[row, possible])[::-1][:limit]
    np.testing.assert_allclose(hits.similarities, best, atol=1e-3)
    order = np.lexsort((hits.rows, -hits.similarities))
    assert order.tolist() == list(range(len(hits)))


def test_copies_tie_and_the_lower_row_stands_first(lexicon: Lexicon) -> None:
    row = int(np.argmax(np.diff(TERMS.indptr[:11]) > 0))
    hits = lexicon.nearest(lexicon.query_of(row), 1, EVERYTHING)
    both = lexicon.nearest(lexicon.query_of(row), 2, EVERYTHING)
    assert hits.rows.tolist() == [row]
    assert both.rows.tolist() == [row, ROWS - 10 + row]
    assert both.similarities[0] == both.similarities[1]


@given(
    row=st.integers(0, ROWS - 1),
    rows=st.lists(st.integers(0, ROWS - 1), max_size=20).map(lambda x: np.array(x, np.int64)),
)
def test_similarities_are_brute_force(lexicon: Lexicon, row: int, rows: np.ndarray) -> None:
    found = lexicon.similarities(lexicon.query_of(row), rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ORACLE[row, rows], atol=1e-3)
    assert (found <= 1).all()


def test_nearest_and_similarities_agree(lexicon: Lexicon) -> None:
    for row in range(ROWS):
        query = lexicon.query_of(row)
        hits = lexicon.nearest(query, ROWS, EVERYTHING)
        np.testing.assert_allclose(
            hits.similarities,
            lexicon.similarities(query, hits.rows),
            atol=1e-6,
        )


def test_a_rows_own_counts_weigh_what_is_stored(lexicon: Lexicon) -> None:
    for row in range(ROWS):
        place = slice(TERMS.indptr[row], TERMS.indptr[row + 1])
        query = lexicon.weigh(TERMS.buckets[place], TERMS.counts[place])
        stored = lexicon.query_of(row)
        np.testing.assert_array_equal(query.buckets, stored.buckets)
        np.testing.assert_allclose(query.weights, stored.weights, atol=1e-3)
        length = np.linalg.norm(stored.weights)
        assert length == pytest.approx(1 if len(stored.buckets) else 0, abs=5e-4)


def test_document_frequency_counts_the_rows(lexicon: Lexicon) -> None:
    buckets, counts = np.unique(TERMS.buckets, return_counts=True)
    np.testing.assert_array_equal(lexicon.document_frequency(buckets), counts)
    assert lexicon.document_frequency(np.array([BUCKETS - 1])).tolist() == [0]


def test_words_nobody_uses_find_nothing(lexicon: Lexicon) -> None:
    strange = np.setdiff1d([0, 1, 2, BUCKETS - 1], TERMS.buckets)
    query = lexicon.weigh(*one_row(strange, np.ones(len(strange))))
    assert len(lexicon.nearest(query, 5, EVERYTHING)) == 0
    assert lexicon.similarities(query, np.arange(ROWS)).tolist() == [0] * ROWS


def test_no_words_find_nothing(lexicon: Lexicon) -> None:
    query = lexicon.weigh(*one_row([], []))
    assert len(lexicon.nearest(query, 5, EVERYTHING)) == 0
    assert lexicon.similarities(query, np.arange(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("row", [-1, ROWS])
def test_a_row_that_is_not_there_is_refused(lexicon: Lexicon, row: int) -> None:
    rows = np.array([0, row])
    with pytest.raises(BadQuery):
        lexicon.query_of(row)
    with pytest.raises(BadQuery):
        lexicon.similarities(lexicon.query_of(0), rows)


@pytest.mark.parametrize(
    ("buckets", "counts"),
    [([-1], [1]), ([BUCKETS], [1]), ([2, 2], [1, 1]), ([2, 1], [1, 1]), ([1, 2], [1])],
)
def test_terms_out_of_range_or_order_are_refused(
    lexicon: Lexicon,
    buckets: list[int],
    counts: list[int],
) -> None:
    with pytest.raises(BadQuery):
        lexicon.weigh(*one_row(buckets, counts))


@pytest.mark.parametrize("allowed", [np.ones(ROWS - 1, bool), np.ones(ROWS, np.int64)])
def test_a_filter_that_does_not_fit_is_refused(lexicon: Lexicon, allowed: Bools) -> None:
    with pytest.raises(BadQuery):
        lexicon.nearest(lexicon.query_of(0), 5, allowed)
