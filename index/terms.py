"""TF-IDF weights over hashed terms.

The formulas are those of scikit-learn's TfidfTransformer with sublinear_tf and smooth_idf (its
user guide, "Tf-idf term weighting"), so that library can serve as an oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from index.matrix import Matrix

if TYPE_CHECKING:
    from index.arrays import Floats, Whole
    from index.rows import Terms


def idf(document_frequency: Whole, rows: Whole | int) -> Floats:
    """Weigh rarity: ln((1 + n) / (1 + df)) + 1, as if one more row held every term.

    A bucket that no row holds gets the highest weight, and nothing is divided by zero. One that
    more rows hold than are counted, being in other groups too, gets the lowest, 1.
    """
    common = np.minimum(document_frequency, rows)
    return (np.log((1 + rows) / (1 + common)) + 1).astype(np.float32)


def weigh(counts: Floats, document_frequency: Whole, rows: int) -> Floats:
    """Weigh the terms of one text against an archive of `rows` rows.

    Args:
        counts: float32 [k], at least 1.
        document_frequency: integers [k]; how many rows hold each of those k buckets.
        rows: how many rows there are that might hold them.

    Returns:
        float32 [k] of Euclidean length 1: (1 + ln count) * idf, normalised. Empty for k = 0.
    """
    raw = _sublinear(counts) * idf(document_frequency, rows)
    # Only a text of no terms has no length.
    return (raw / (float(np.linalg.norm(raw)) or 1)).astype(np.float32)


def weigh_rows(terms: Terms, document_frequency: Whole, peers: Whole) -> Matrix:
    """Weigh every row: float32 rows of length 1, or empty, over BUCKETS.

    Args:
        terms: the counts of n rows.
        document_frequency: integers [nnz]; how many rows hold the bucket of each entry.
        peers: integers [n]; how many rows might share a row's terms, such as those of its
            language. Against a whole archive the small words of its rarer languages look rare.
    """
    owners = np.repeat(np.arange(len(terms)), np.diff(terms.indptr))
    raw = _sublinear(terms.counts) * idf(document_frequency, peers[owners])
    squares = np.bincount(owners, weights=np.square(raw), minlength=len(terms))
    weights = raw / np.sqrt(squares)[owners]
    return Matrix(terms.indptr, terms.buckets, weights.astype(np.float32))


def _sublinear(counts: Floats) -> Floats:
    return (1 + np.log(counts)).astype(np.float32)
