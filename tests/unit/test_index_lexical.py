"""Lexical search: weights against scikit-learn, similarities against SciPy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfTransformer

from index import BUCKETS, BadQuery, Catalog, Query, TermCounts
from index.arrays import SparseMatrix
from index.lexical import Lexicon, holds, idf, overlap, weigh_rows
from index.lexical import _unused as tables
from tests.support.index_rows import (
    STAMP,
    as_scipy,
    one_row,
    random_terms,
    sample_rows,
    spread,
    weighed,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from index.arrays import Bools, Floats, Ints


def split(terms: TermCounts) -> list[tuple[Ints, Floats]]:
    """The buckets and counts of each row."""
    return [(terms.buckets[at:end], terms.counts[at:end]) for at, end in pairwise(terms.indptr)]


ROWS = 60
ARCHIVE = split(random_terms(ROWS - 10))
TERMS = TermCounts.of([*ARCHIVE, *ARCHIVE[:10]])
"""The last rows repeat the first ones, so that there are ties to break."""

SIMILARITIES = (as_scipy(weighed(TERMS)) @ as_scipy(weighed(TERMS)).T).toarray()
EVERYTHING = np.ones(ROWS, bool)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    catalog = Catalog(tmp_path_factory.mktemp("catalog"))
    return catalog.publish_rows(sample_rows(ROWS, terms=TERMS), **STAMP).lexicon


# --- weights ---


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(random_terms(80), id="of the archive"),
        pytest.param(random_terms(5, words=200, seed=1), id="that come later"),
    ],
)
def test_weights_are_those_of_scikit_learn(texts: TermCounts) -> None:
    archive = random_terms(80)
    frequency = np.bincount(archive.buckets, minlength=BUCKETS)
    weights = weigh_rows(texts, frequency[texts.buckets], np.full(len(texts), len(archive)))
    oracle = TfidfTransformer(sublinear_tf=True).fit(as_scipy(archive)).transform(as_scipy(texts))
    assert abs(as_scipy(weights) - oracle).max() < 1e-6


def test_the_counts_of_a_row_give_its_stored_weights(lexicon: Lexicon) -> None:
    for row, (buckets, counts) in enumerate(split(TERMS)):
        query = lexicon.weigh(buckets, counts)
        stored = Query.of_row(lexicon.terms, row)
        np.testing.assert_array_equal(query.buckets, stored.buckets)
        np.testing.assert_allclose(query.weights, stored.weights, atol=1e-3)
        assert np.linalg.norm(stored.weights) == pytest.approx(float(len(buckets) > 0), abs=5e-4)


def test_rarity_is_counted_inside_the_group_of_a_row() -> None:
    """Two languages that share no word are weighed as two archives, each by itself."""
    one, two = random_terms(30), random_terms(6, seed=1)
    assert not set(one.buckets) & set(two.buckets)
    together = TermCounts.of([*split(one), *split(two)])
    weights = weigh_rows(together, spread(together), np.repeat([30, 6], [30, 6])).weights
    alone = np.concatenate([weighed(one).weights, weighed(two).weights])
    np.testing.assert_allclose(weights, alone, rtol=1e-6)


def test_a_bucket_that_more_rows_hold_than_the_group_has_weighs_as_one_that_all_hold() -> None:
    """Other groups have it too; ln((1 + 3) / (1 + 3)) + 1 is 1, the least weight."""
    np.testing.assert_array_equal(idf(np.array([3, 4, 900]), 3), [1, 1, 1])
    np.testing.assert_array_equal(idf(np.array([0, 1]), np.array([0, 0])), [1, 1])


@pytest.mark.parametrize(
    ("buckets", "counts"),
    [([-1], [1]), ([BUCKETS], [1]), ([2, 2], [1, 1]), ([2, 1], [1, 1]), ([1, 2], [1])],
)
def test_terms_out_of_range_or_order_are_refused(
    lexicon: Lexicon, buckets: list[int], counts: list[int]
) -> None:
    with pytest.raises(BadQuery):
        lexicon.weigh(*one_row(buckets, counts))


# --- search ---


@given(
    row=st.integers(0, ROWS - 1),
    limit=st.integers(0, ROWS + 5),
    allowed=arrays(bool, ROWS),
)
def test_nearest_rows_equal_brute_force(
    lexicon: Lexicon, row: int, limit: int, allowed: Bools
) -> None:
    hits = lexicon.nearest(Query.of_row(lexicon.terms, row), limit, allowed)
    possible = np.flatnonzero(allowed & (SIMILARITIES[row] > 0))
    assert len(hits) == len(set(hits.rows.tolist())) == min(limit, len(possible))
    assert set(hits.rows.tolist()) <= set(possible.tolist())
    np.testing.assert_allclose(hits.similarities, SIMILARITIES[row, hits.rows], atol=1e-3)
    best = np.sort(SIMILARITIES[row, possible])[::-1][:limit]
    np.testing.assert_allclose(hits.similarities, best, atol=1e-3)
    order = np.lexsort((hits.rows, -hits.similarities))
    assert order.tolist() == list(range(len(hits)))


@given(row=st.integers(0, ROWS - 1), rows=st.lists(st.integers(0, ROWS - 1), max_size=20))
def test_similarities_equal_brute_force(lexicon: Lexicon, row: int, rows: list[int]) -> None:
    asked = np.array(rows, np.int64)
    found = lexicon.similarities(Query.of_row(lexicon.terms, row), asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SIMILARITIES[row, asked], atol=1e-3)


@pytest.mark.parametrize("buckets", [[], np.setdiff1d([0, 1, BUCKETS - 1], TERMS.buckets)])
def test_a_query_without_known_words_finds_nothing(lexicon: Lexicon, buckets: list[int]) -> None:
    query = lexicon.weigh(*one_row(buckets, np.ones(len(buckets))))
    assert len(lexicon.nearest(query, 5, EVERYTHING)) == 0
    assert not lexicon.similarities(query, np.arange(ROWS)).any()


@pytest.mark.parametrize("row", [-1, ROWS])
def test_an_absent_row_is_refused(lexicon: Lexicon, row: int) -> None:
    with pytest.raises(BadQuery):
        lexicon.similarities(Query.of_row(lexicon.terms, 0), np.array([0, row]))


@pytest.mark.parametrize("allowed", [np.ones(ROWS - 1, bool), np.ones(ROWS, np.int64)])
def test_a_filter_that_does_not_fit_is_refused(lexicon: Lexicon, allowed: Bools) -> None:
    with pytest.raises(BadQuery):
        lexicon.nearest(Query.of_row(lexicon.terms, 0), 5, allowed)


# --- the table of a query's terms ---

rng = np.random.default_rng(5)
# Some of them share their lower bits, for the table of marks is small.
VOCABULARY = np.unique(
    np.r_[0, rng.integers(BUCKETS, size=60), np.arange(9) * 65_536 + 7, BUCKETS - 1]
).astype(np.int32)


def random_matrix(rows: int) -> SparseMatrix:
    """Up to 24 buckets a row, of such weights that the similarity of many rows is cut to 1."""
    held = [np.sort(rng.choice(VOCABULARY, rng.integers(25), replace=False)) for _ in range(rows)]
    indptr = np.cumsum([0, *map(len, held)])
    return SparseMatrix(indptr, np.concatenate(held), rng.random(indptr[-1]).astype(np.float16))


ROWS_HELD, QUERIES = random_matrix(30), random_matrix(40)
PRODUCTS = np.minimum((as_scipy(QUERIES) @ as_scipy(ROWS_HELD).T).toarray(), 1)
EVERY_ROW = np.arange(30)


def overlap_of(number: int) -> Floats:
    return overlap(ROWS_HELD, Query.of_row(QUERIES, number), EVERY_ROW)


def is_clean() -> bool:
    return not any(table.marked.any() or table.weights.any() for table in tables)


@given(number=st.integers(0, 39), rows=st.lists(st.integers(0, 29), max_size=40))
@examples(200)
def test_overlap_is_the_sum_of_products_row_by_row(number: int, rows: list[int]) -> None:
    asked = np.array(rows, np.int64)
    found = overlap(ROWS_HELD, Query.of_row(QUERIES, number), asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, PRODUCTS[number, asked], rtol=1e-5)
    assert is_clean()


@pytest.mark.parametrize("rows", [[], [0], [7, 3, 3, 59], [*range(ROWS)]])
@pytest.mark.parametrize("buckets", [[], [3], sorted({*ARCHIVE[3][0].tolist(), 0, BUCKETS - 1})])
def test_what_rows_hold_is_read_from_their_counts(
    lexicon: Lexicon, rows: list[int], buckets: list[int]
) -> None:
    held = holds(lexicon.terms, np.array(buckets, np.int32), np.array(rows, np.int64))
    texts = split(TERMS)
    assert held.shape == (len(rows), len(buckets))
    assert held.tolist() == [[one in texts[row][0] for one in buckets] for row in rows]


def test_a_query_that_fails_leaves_the_table_clean() -> None:
    query = Query.of_row(QUERIES, 1)
    with pytest.raises(ValueError, match="shape"):
        overlap(ROWS_HELD, Query(query.buckets, query.weights[1:]), EVERY_ROW)
    assert is_clean()


def test_a_bucket_out_of_range_is_no_error() -> None:
    """As in a damaged file: the result may be wrong, but there is no crash."""
    odd = SparseMatrix(
        np.array([0, 2]), np.array([-5, BUCKETS + 9], np.int32), np.ones(2, np.float16)
    )
    assert overlap(odd, Query.of_row(QUERIES, 2), np.array([0])).shape == (1,)
    assert overlap(ROWS_HELD, Query.of_row(odd, 0), EVERY_ROW).shape == (30,)
    assert is_clean()


@pytest.mark.long
def test_threads_find_the_same_as_one_thread() -> None:
    """Two threads whose queries alternate, thousands of times, in the middle of each other's."""
    alone = [overlap_of(number).tobytes() for number in range(40)]
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda number: overlap_of(number % 40).tobytes(), range(4_000))
        assert list(found) == alone * 100


def test_threads_that_compare_one_after_the_other_use_one_table() -> None:
    """A table of each thread's own is four megabytes, for each thread of a server."""
    overlap_of(0)
    before = list(tables)
    for number in range(8):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(overlap_of, number).result()
    assert tables == before


def test_of_the_tables_of_queries_that_meet_one_is_kept() -> None:
    """However many threads have ever compared at the same time, four megabytes stay."""
    query = Query.of_row(QUERIES, 1)

    class Meeting:
        """Weights that let another query compare while this one holds its table."""

        def __array__(self, *_: object, **__: object) -> Floats:
            assert tables == []
            np.testing.assert_array_equal(overlap_of(2), expected[2])
            return query.weights

    expected = [overlap_of(number) for number in range(3)]
    met = overlap(ROWS_HELD, Query(query.buckets, cast("Floats", Meeting())), EVERY_ROW)
    np.testing.assert_array_equal(met, expected[1])
    assert len(tables) == 1
    assert is_clean()
