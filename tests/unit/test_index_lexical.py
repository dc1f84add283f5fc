"""Lexical search: weights against scikit-learn, similarities against brute force."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from index import BUCKETS, BadQuery, Catalog, Query, TermCounts
from index.arrays import Longs, SparseMatrix
from index.lexical import Lexicon, idf, overlap, weigh, weigh_rows
from index.lexical import _table as table
from tests.support.index_rows import (
    STAMP,
    one_row,
    random_terms,
    sample_rows,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from index.arrays import Bools, Floats, Longs


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
    hits = lexicon.nearest(Query.of_row(lexicon.terms, row), limit, allowed)
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
    hits = lexicon.nearest(Query.of_row(lexicon.terms, row), 1, EVERYTHING)
    both = lexicon.nearest(Query.of_row(lexicon.terms, row), 2, EVERYTHING)
    assert hits.rows.tolist() == [row]
    assert both.rows.tolist() == [row, ROWS - 10 + row]
    assert both.similarities[0] == both.similarities[1]


@given(
    row=st.integers(0, ROWS - 1),
    rows=st.lists(st.integers(0, ROWS - 1), max_size=20).map(lambda x: np.array(x, np.int64)),
)
def test_similarities_are_brute_force(lexicon: Lexicon, row: int, rows: np.ndarray) -> None:
    found = lexicon.similarities(Query.of_row(lexicon.terms, row), rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ORACLE[row, rows], atol=1e-3)
    assert (found <= 1).all()


def test_nearest_and_similarities_agree(lexicon: Lexicon) -> None:
    for row in range(ROWS):
        query = Query.of_row(lexicon.terms, row)
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
        stored = Query.of_row(lexicon.terms, row)
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
        lexicon.similarities(Query.of_row(lexicon.terms, 0), rows)


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
        lexicon.nearest(Query.of_row(lexicon.terms, 0), 5, allowed)


def as_scipy(matrix: SparseMatrix | TermCounts) -> Any:
    values = matrix.counts if isinstance(matrix, TermCounts) else matrix.weights
    columns = matrix.buckets if isinstance(matrix, TermCounts) else matrix.columns
    return csr_matrix((values, columns, matrix.indptr), shape=(len(matrix), BUCKETS))


def test_rows_weigh_what_scikit_learn_says() -> None:
    terms = random_terms(80)
    oracle = TfidfTransformer(sublinear_tf=True).fit_transform(as_scipy(terms))
    assert abs(as_scipy(weighed(terms)) - oracle).max() < 1e-6


def test_a_new_text_weighs_what_scikit_learn_says() -> None:
    archive, texts = random_terms(80), random_terms(5, words=200, seed=1)
    oracle = TfidfTransformer(sublinear_tf=True).fit(as_scipy(archive)).transform(as_scipy(texts))
    frequency = np.bincount(archive.buckets, minlength=BUCKETS)
    for row, (start, stop) in enumerate(zip(texts.indptr, texts.indptr[1:], strict=False)):
        buckets = texts.buckets[start:stop]
        weights = weigh(texts.counts[start:stop], frequency[buckets], len(archive))
        np.testing.assert_allclose(weights, oracle[row].toarray()[0, buckets], atol=1e-6)


def test_idf_by_hand() -> None:
    # The logarithms of 10/1 and of 10/10, plus one.
    np.testing.assert_allclose(idf(np.array([0, 9]), 9), [3.3025851, 1.0], rtol=1e-6)


def test_a_text_of_no_terms_has_no_weights() -> None:
    nothing = np.empty(0, np.float32)
    assert weigh(nothing, np.empty(0, np.int64), 9).shape == (0,)


def test_rarity_is_counted_among_the_peers_of_a_row() -> None:
    """Two languages that share no word are weighed as two archives, each by itself."""
    one, two = random_terms(30), random_terms(6, seed=1)
    shifted = two.buckets + BUCKETS // 2
    together = TermCounts(
        np.concatenate([one.indptr, one.indptr[-1] + two.indptr[1:]]),
        np.concatenate([one.buckets, shifted]),
        np.concatenate([one.counts, two.counts]),
    )
    weights = weigh_rows(together, spread(together), np.repeat([30, 6], [30, 6])).weights
    np.testing.assert_allclose(weights[: len(one.buckets)], alone(one), rtol=1e-6)
    np.testing.assert_allclose(weights[len(one.buckets) :], alone(two), rtol=1e-6)


def test_a_bucket_that_more_rows_hold_than_are_peers_weighs_as_one_that_all_hold() -> None:
    """It is held in other groups too; ln((1 + 3) / (1 + 3)) + 1 is 1, and nothing is below."""
    np.testing.assert_array_equal(idf(np.array([3, 4, 900]), 3), [1, 1, 1])
    np.testing.assert_array_equal(idf(np.array([0, 1]), np.array([0, 0])), [1, 1])


def test_rarity_may_be_told_of_another_archive() -> None:
    """A row that comes later is weighed by what was counted before, entry by entry."""
    archive, late = random_terms(80), random_terms(5, words=200, seed=1)
    frequency = np.bincount(archive.buckets, minlength=BUCKETS)
    weights = weigh_rows(late, frequency[late.buckets], np.full(5, 80))
    oracle = TfidfTransformer(sublinear_tf=True).fit(as_scipy(archive)).transform(as_scipy(late))
    assert abs(as_scipy(weights) - oracle).max() < 1e-6


def spread(terms: TermCounts) -> Longs:
    """In how many of these rows the bucket of each entry stands."""
    counts: Longs = np.bincount(terms.buckets, minlength=BUCKETS)[terms.buckets]
    return counts


def weighed(terms: TermCounts) -> SparseMatrix:
    """Weights where all rows are one group."""
    return weigh_rows(terms, spread(terms), np.full(len(terms), len(terms)))


def alone(terms: TermCounts) -> NDArray[np.floating]:
    return weighed(terms).weights


OVERLAP_ROWS = 30
rng = np.random.default_rng(5)
# Buckets that share their lower bits are among them, for the table of marks is small.
OVERLAP_BUCKETS = np.unique(
    np.r_[0, rng.integers(BUCKETS, size=60), np.arange(9) * 65_536 + 7, BUCKETS - 1]
)


def random_matrix(rows: int, seed: int) -> SparseMatrix:
    draw = np.random.default_rng(seed)
    held = [
        np.sort(draw.choice(OVERLAP_BUCKETS, draw.integers(25), replace=False)) for _ in range(rows)
    ]
    weights = draw.random(sum(map(len, held))).astype(np.float16)
    indptr = np.cumsum([0, *map(len, held)])
    return SparseMatrix(indptr, np.concatenate(held).astype(np.int32), weights)


OVERLAP_TERMS = random_matrix(OVERLAP_ROWS, 1)
OVERLAP_QUERIES = random_matrix(40, 2)


def overlap_query(number: int) -> Query:
    return Query.of_row(OVERLAP_QUERIES, number)


def brute_overlap(query: Query, rows: Longs) -> list[float]:
    asked = dict(zip(query.buckets.tolist(), query.weights.tolist(), strict=True))
    found = []
    for row in rows.tolist():
        place = OVERLAP_TERMS.place(row)
        held = zip(
            OVERLAP_TERMS.columns[place].tolist(),
            OVERLAP_TERMS.weights[place].tolist(),
            strict=True,
        )
        found.append(min(sum(weight * asked.get(bucket, 0) for bucket, weight in held), 1))
    return found


@given(number=st.integers(0, 39), rows=st.lists(st.integers(0, OVERLAP_ROWS - 1), max_size=40))
@examples(200)
def test_overlap_is_the_sum_of_products_row_by_row(number: int, rows: list[int]) -> None:
    asked = np.array(rows, np.int64)
    found = overlap(OVERLAP_TERMS, overlap_query(number), asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, brute_overlap(overlap_query(number), asked), rtol=1e-5)
    assert not table.marked.any()
    assert not table.weights.any()


def test_a_query_that_fails_leaves_the_table_clean() -> None:
    asked = overlap_query(1)
    with pytest.raises(ValueError, match="shape"):
        overlap(OVERLAP_TERMS, Query(asked.buckets, asked.weights[1:]), np.arange(OVERLAP_ROWS))
    assert not table.marked.any()
    assert not table.weights.any()
    found = overlap(OVERLAP_TERMS, asked, np.arange(OVERLAP_ROWS))
    np.testing.assert_allclose(found, brute_overlap(asked, np.arange(OVERLAP_ROWS)), rtol=1e-5)


def test_a_bucket_that_is_none_is_no_error() -> None:
    """As in a damaged file: what comes of it may be wrong, and nothing breaks."""
    odd = SparseMatrix(
        np.array([0, 2]), np.array([-5, BUCKETS + 9], np.int32), np.ones(2, np.float16)
    )
    assert overlap(odd, overlap_query(2), np.array([0])).shape == (1,)
    assert overlap(
        OVERLAP_TERMS, Query(odd.columns, np.ones(2, np.float32)), np.arange(OVERLAP_ROWS)
    ).shape == (OVERLAP_ROWS,)
    assert not table.marked.any()
    assert not table.weights.any()


def test_threads_find_what_one_finds_alone() -> None:
    """Two threads whose queries take turns, thousands of times, in the middle of each other's."""
    rows = np.arange(OVERLAP_ROWS)
    alone = [overlap(OVERLAP_TERMS, overlap_query(number), rows).tobytes() for number in range(40)]

    def ask(number: int) -> bytes:
        return overlap(OVERLAP_TERMS, overlap_query(number % 40), rows).tobytes()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(ask, range(4_000))) == alone * 100
