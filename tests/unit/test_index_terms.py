"""TF-IDF weights and background similarities against scikit-learn and brute force."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from index import BUCKETS, Passages, TermCounts
from index.arrays import Longs, SparseMatrix
from index.groups import (
    MOST_PAIRS,
    Pairs,
    background_cosine,
    background_lexical,
    background_passages,
    measure_background,
)
from index.lexical import idf, weigh, weigh_rows
from index.passages import ScaledPassages
from tests.support.index_rows import brute_match, random_terms, random_units, sample_rows


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


@pytest.mark.parametrize("rows", [0, 1])
def test_without_pairs_background_similarities_are_zero(rows: int) -> None:
    pairs = Pairs.over(rows)
    assert background_cosine(random_units(rows, 4), pairs) == 0
    assert background_lexical(weighed(random_terms(rows)), pairs) == 0


def test_a_small_archive_is_paired_completely() -> None:
    pairs = Pairs.over(4)
    found = sorted(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert found == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_a_large_archive_is_sampled_alike_each_time_and_never_with_itself() -> None:
    pairs, again = Pairs.over(1000), Pairs.over(1000)
    assert len(pairs.left) == len(pairs.right) == MOST_PAIRS
    assert (pairs.left != pairs.right).all()
    assert (pairs.right == again.right).all()
    assert np.unique(pairs.right).tolist() == list(range(1000))


def test_background_similarities_are_the_medians_of_brute_force() -> None:
    vectors, weights = random_units(30, 8), weighed(random_terms(30))
    pairs, upper = Pairs.over(30), np.triu_indices(30, k=1)
    lexical = (as_scipy(weights) @ as_scipy(weights).T).toarray()
    assert background_cosine(vectors, pairs) == pytest.approx(
        np.median((vectors @ vectors.T)[upper]),
        abs=1e-6,
    )
    assert background_lexical(weights, pairs) == pytest.approx(np.median(lexical[upper]), abs=1e-6)


def test_background_of_copies_stays_within_range() -> None:
    vectors = np.repeat(random_units(1, 384), 5, axis=0)
    assert 0.99 < background_cosine(vectors, Pairs.over(5)) <= 1


def test_background_similarities_are_measured_inside_each_group_of_rows() -> None:
    rows = sample_rows(40)
    weights = weighed(rows.terms)
    background = measure_background(
        rows.vectors, ScaledPassages.of(rows.passages), weights, rows.groups("language")
    )
    assert list(background) == ["tg", "русӣ"]
    cosines = rows.vectors[1::2] @ rows.vectors[1::2].T
    expected = np.median(cosines[np.triu_indices(20, k=1)])
    assert background["русӣ"].similarity == pytest.approx(expected, abs=1e-6)
    assert background["русӣ"].rows == background["tg"].rows == 20


def test_background_without_a_column_takes_all_rows_as_one_group() -> None:
    rows = sample_rows(12)
    weights = weighed(rows.terms)
    background = measure_background(
        rows.vectors, ScaledPassages.of(rows.passages), weights, rows.groups(None)
    )
    assert background == {"": background[""]}
    assert background[""].similarity == background_cosine(rows.vectors, Pairs.over(12))
    assert background[""].lexical == background_lexical(weights, Pairs.over(12))


def test_the_background_similarity_of_passages_is_the_median_of_pairs_that_have_some() -> None:
    rows = sample_rows(14)
    passages = ScaledPassages.of(rows.passages)
    own = [passages.of_row(row) for row in range(14)]
    matches = [
        brute_match(own[left], own[right])
        for left, right in zip(*np.triu_indices(14, k=1), strict=True)
        if len(own[left]) and len(own[right])
    ]
    assert 0 < len(matches) < 14 * 13 / 2
    assert background_passages(passages, Pairs.over(14)) == pytest.approx(
        np.median(matches), abs=1e-6
    )
    background = measure_background(
        rows.vectors, passages, weighed(rows.terms), rows.groups("language")
    )
    evens = [brute_match(own[a], own[b]) for a, b in combinations(range(0, 14, 2), 2)
             if len(own[a]) and len(own[b])]  # fmt: skip
    assert background["tg"].passages == pytest.approx(np.median(evens), abs=1e-6)


def test_without_passages_their_background_is_nothing() -> None:
    bare = ScaledPassages.of(Passages.of([np.empty((0, 8), np.int8)] * 9, 8))
    assert background_passages(bare, Pairs.over(9)) == 0
    one = ScaledPassages.of(
        Passages.of([np.ones((1, 8), np.int8), *[np.empty((0, 8), np.int8)] * 8], 8)
    )
    assert background_passages(one, Pairs.over(9)) == 0


def test_of_many_pairs_some_are_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    passages = ScaledPassages.of(sample_rows(40).passages)
    whole = background_passages(passages, Pairs.over(40))
    monkeypatch.setattr("index.groups.MOST_MATCHED", 100)
    assert background_passages(passages, Pairs.over(40)) == pytest.approx(whole, abs=0.1)
    assert background_passages(passages, Pairs.over(40)) != whole


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
