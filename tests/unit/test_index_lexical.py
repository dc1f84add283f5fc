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
from index.arrays import BUCKET_BITS, PackedTerms, SparseMatrix
from index.disk import Writer
from index.lexical import Lexicon, holds, idf, overlap, weigh_rows
from index.lexical import _unused as tables
from index.postings import Postings
from tests.support.index_rows import (
    STAMP,
    as_scipy,
    one_row,
    random_terms,
    sample_rows,
    spread,
    unpacked,
    weighed,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Bools, Floats, Ints

    Pair = tuple[Floats, Floats]


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


# --- how weights and postings are rounded ---


@given(
    rows=st.lists(
        st.dictionaries(
            st.one_of(st.integers(0, 5), st.integers(0, BUCKETS - 1)),
            st.floats(2**-12, 1, width=32),
            max_size=40,
        ),
        max_size=8,
    )
)
def test_packed_weights_are_those_that_were_given_but_for_rounding(
    rows: list[dict[int, float]],
) -> None:
    terms = matrix_of(rows)
    packed = PackedTerms.of(terms)
    back = unpacked(packed)
    np.testing.assert_array_equal(back.indptr, terms.indptr)
    np.testing.assert_array_equal(back.columns, terms.columns)
    # Half a step of 1/4095 of the heaviest, which itself is rounded up by 1/1024 at most.
    for row, held in enumerate(rows):
        own = slice(terms.indptr[row], terms.indptr[row + 1])
        step = max(held.values(), default=0) * (1 + 2**-10) / 4095
        assert np.abs(back.weights[own] - terms.weights[own]).max(initial=0) <= step
        alone = PackedTerms.of(matrix_of([held]))
        np.testing.assert_array_equal(alone.words, packed.words[own])
        assert alone.scales.tolist() == packed.scales[row : row + 1].tolist()


def matrix_of(rows: list[dict[int, float]]) -> SparseMatrix:
    held = [sorted(row.items()) for row in rows]
    entries = [one for row in held for one in row]
    return SparseMatrix(
        np.cumsum([0, *map(len, held)]),
        np.array([bucket for bucket, _ in entries], np.int32),
        np.array([weight for _, weight in entries], np.float32),
    )


def heaviest(buckets: Ints, codes: Ints) -> dict[int, int]:
    """The words of a row that postings keep, and their codes there, one after the other."""
    kept, squares, whole = dict[int, int](), 0, int((codes**2).sum())
    for at in np.lexsort((buckets, -codes)).tolist():
        if len(kept) >= 32 and 4 * squares >= 3 * whole:
            break
        kept[int(buckets[at])] = min(max((int(codes[at]) + 8) // 16, 1), 255)
        squares += int(codes[at]) ** 2
    return kept


def with_many_words(rows: int) -> TermCounts:
    """Texts of up to 200 words, of which many have the same weight; every ninth has none."""
    draw = np.random.default_rng(3)
    held = []
    for row in range(rows):
        words = min(row % 9 * 25, 150 + row)
        buckets = np.sort(draw.choice(400, words, replace=False)) * 2_621
        held.append((buckets.astype(np.int32), draw.integers(1, 4, words).astype(np.float32)))
    return TermCounts.of(held)


@pytest.fixture(scope="module")
def long_texts(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    rows = sample_rows(80, terms=with_many_words(80))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("index.postings._FEW_ROWS", 0)
        return Catalog(tmp_path_factory.mktemp("long")).publish_rows(rows, **STAMP).lexicon


def kept_words(lexicon: Lexicon) -> list[dict[int, int]]:
    """By row, what the postings should have."""
    terms, found = lexicon.terms, []
    for row in range(len(lexicon)):
        codes = terms.words[terms.indptr[row] : terms.indptr[row + 1]] >> 20
        found.append(heaviest(Query.of_row(terms, row).buckets, codes.astype(np.int32)))
    return found


@pytest.fixture(scope="module")
def all_pairs(long_texts: Lexicon) -> Pair:
    """Of all rows with all rows: what postings say, and the similarity."""
    terms, scales = as_scipy(unpacked(long_texts.terms)), long_texts.terms.scales
    kept = matrix_of(
        [{bucket: 16.0 * code for bucket, code in row.items()} for row in kept_words(long_texts)]
    )
    rough = (terms @ as_scipy(kept).T).toarray() * scales
    return rough, np.minimum((terms @ terms.T).toarray(), 1)


def test_a_small_archive_has_postings_of_all_words(long_texts: Lexicon, tmp_path: Path) -> None:
    Postings.write(Writer(tmp_path), long_texts.terms, lambda _rows: None)
    assert len(Postings.open(tmp_path).rows) == len(long_texts.terms.words)


def test_postings_are_the_heaviest_words_of_each_row(
    long_texts: Lexicon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.postings._FEW_ROWS", 0)
    Postings.write(Writer(tmp_path), long_texts.terms, lambda _rows: None)
    postings = Postings.open(tmp_path)
    stored = [dict[int, int]() for _ in range(len(long_texts))]
    for bucket in np.flatnonzero(np.diff(postings.indptr)).tolist():
        place = slice(postings.indptr[bucket], postings.indptr[bucket + 1])
        rows = postings.rows[place].tolist()
        assert rows == sorted(set(rows))
        for row, code in zip(rows, postings.codes[place].tolist(), strict=True):
            stored[row][bucket] = code
    assert stored == kept_words(long_texts)
    assert 0.3 < len(postings.rows) / len(long_texts.terms.words) < 0.8


@given(row=st.integers(0, 79), limit=st.integers(0, 40), allowed=arrays(bool, 80))
def test_rows_are_found_by_postings_and_compared_by_all_words(
    long_texts: Lexicon, all_pairs: Pair, row: int, limit: int, allowed: Bools
) -> None:
    hits = long_texts.nearest(Query.of_row(long_texts.terms, row), limit, allowed)
    rough, exact = (products[row] for products in all_pairs)
    possible = np.flatnonzero(allowed & (rough > 0))
    likely = possible[np.argsort(-rough[possible], kind="stable")][: 3 * limit]
    assert len(hits) == min(limit, len(possible))
    np.testing.assert_allclose(hits.similarities, exact[hits.rows], rtol=1e-5)
    best = np.sort(exact[likely])[::-1][:limit]
    np.testing.assert_allclose(hits.similarities, best, rtol=1e-5)


@given(
    places=st.sets(st.integers(0, 399), min_size=1, max_size=4),
    limit=st.integers(0, 100),
    allowed=arrays(bool, 80),
)
def test_few_words_find_every_row_that_holds_one(
    long_texts: Lexicon, places: set[int], limit: int, allowed: Bools
) -> None:
    buckets = np.array(sorted(places), np.int32) * 2_621
    query = long_texts.weigh(buckets, np.ones(len(buckets), np.float32))
    hits = long_texts.nearest(query, limit, allowed)
    exact = long_texts.similarities(query, np.arange(80))
    holding = np.flatnonzero(allowed & (exact > 0))
    assert len(hits) == min(limit, len(holding))
    if limit >= len(holding):
        assert set(hits.rows.tolist()) == set(holding.tolist())


def test_the_similarity_of_two_rows_does_not_depend_on_which_is_the_query(
    long_texts: Lexicon,
) -> None:
    every = np.arange(80)
    found = np.stack(
        [long_texts.similarities(Query.of_row(long_texts.terms, row), every) for row in range(80)]
    )
    np.testing.assert_array_equal(found, found.T)


def test_all_rows_count_for_the_frequency_of_a_word(long_texts: Lexicon) -> None:
    texts = with_many_words(80)
    wanted = np.bincount(texts.buckets, minlength=BUCKETS)
    found = long_texts.document_frequency(np.arange(BUCKETS))
    np.testing.assert_array_equal(found, wanted)


# --- the table of a query's terms ---

rng = np.random.default_rng(5)
# Some of them share their lower bits, for the table of marks is small.
VOCABULARY = np.unique(
    np.r_[0, rng.integers(BUCKETS, size=60), np.arange(9) * 65_536 + 7, BUCKETS - 1]
).astype(np.int32)


def random_terms_of(rows: int) -> PackedTerms:
    """Up to 24 buckets a row, of such weights that the similarity of many rows is cut to 1."""
    held = [np.sort(rng.choice(VOCABULARY, rng.integers(25), replace=False)) for _ in range(rows)]
    indptr = np.cumsum([0, *map(len, held)])
    weights = rng.random(indptr[-1], np.float32)
    return PackedTerms.of(SparseMatrix(indptr, np.concatenate(held), weights))


ROWS_HELD, QUERIES = random_terms_of(30), random_terms_of(40)
PRODUCTS = np.minimum((as_scipy(unpacked(QUERIES)) @ as_scipy(unpacked(ROWS_HELD)).T).toarray(), 1)
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


@pytest.mark.parametrize("counts", [[2, 0, 3, 0], [0, 0], [0, 1]])
def test_rows_without_words_are_like_nothing(counts: list[int]) -> None:
    starts = np.cumsum([0, *counts])
    words = np.arange(starts[-1], dtype=np.uint32) | np.uint32(1 << BUCKET_BITS)
    terms = PackedTerms(starts, words, np.full(len(counts), 0.5, np.float32))
    query = Query(np.arange(starts[-1], dtype=np.int32), np.ones(starts[-1], np.float32))
    expected = [min(count * 0.5, 1) for count in counts]
    assert overlap(terms, query, np.arange(len(counts))).tolist() == expected
