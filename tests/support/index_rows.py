"""Rows of made-up vectors, terms and passages to build snapshots of, and slow oracles of search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from index import (
    BUCKETS,
    BackgroundSimilarity,
    Manifest,
    Passages,
    Rows,
    TermCounts,
    quantize,
)
from index.arrays import SparseMatrix, normalize
from index.disk import FileSum
from index.lexical import Query, weigh_rows
from index.manifest import FORMAT, Files

if TYPE_CHECKING:
    from index.arrays import Array, Bools, Floats, Ints, Longs, PackedTerms

STAMP: dict[str, Any] = {"model": "mini@1", "analyzer": "hash@1", "epoch": "e0", "change": 7}


def random_units(rows: int, dim: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((rows, dim))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def random_terms(rows: int, words: int = 60, seed: int = 0) -> TermCounts:
    """Draw up to 30 words a row from a small vocabulary, so that rows share some."""
    rng = np.random.default_rng(seed)
    vocabulary = np.sort(rng.choice(BUCKETS, words, replace=False)).astype(np.int32)
    drawn = []
    for _ in range(rows):
        places, counts = np.unique(rng.integers(words, size=rng.integers(30)), return_counts=True)
        drawn.append((vocabulary[places], counts.astype(np.float32)))
    return TermCounts.of(drawn)


def random_passages(rows: int, dim: int, seed: int = 0) -> Passages:
    """Draw up to five passages a row; every third row has none."""
    rng = np.random.default_rng(seed)
    counts = [int(rng.integers(1, 6)) if row % 3 else 0 for row in range(rows)]
    drawn = [quantize(random_units(count, dim, seed + row)) for row, count in enumerate(counts)]
    return Passages.of(drawn, dim)


def sample_rows(rows: int, dim: int = 8, seed: int = 0, **parts: Any) -> Rows:
    """Make plausible rows; `parts` replace what a test needs otherwise."""
    vectors = parts.get("vectors")
    if vectors is not None and vectors.ndim == 2:
        dim = vectors.shape[1]
    made = Rows(
        ids=[f"article-{number:05d}" for number in range(rows)],
        vectors=random_units(rows, dim, seed),
        passages=random_passages(rows, dim, seed),
        terms=random_terms(rows, seed=seed),
        columns={
            "language": np.arange(rows, dtype=np.int16) % 2,
            "published": np.arange(rows, dtype=np.int64) * 3600,
            "withheld": np.arange(rows) % 5 == 0,
            "sections": np.arange(rows * 3, dtype=np.int32).reshape(rows, 3),
        },
        labels={"language": ["tg", "русӣ"]},
        keywords=[[f"tag-{number % 4}", "русӣ"][: number % 3] for number in range(rows)],
        numbers=[{"size": [number, 0.5], "русӣ": ()} for number in range(rows)],
        display=[b"display \x00 %d" % number for number in range(rows)],
    )
    return replace(made, **parts)


def unpacked(terms: PackedTerms) -> SparseMatrix:
    """The buckets and weights of all rows, read one by one."""
    read = [Query.of_row(terms, row) for row in range(len(terms))]
    buckets, weights = (
        np.concatenate([np.empty(0, kind), *each])
        for kind, each in (
            (np.int32, (one.buckets for one in read)),
            (np.float32, (one.weights for one in read)),
        )
    )
    return SparseMatrix(np.asarray(terms.indptr), buckets, weights)


def as_scipy(matrix: SparseMatrix | TermCounts) -> Any:
    values = matrix.counts if isinstance(matrix, TermCounts) else matrix.weights
    columns = matrix.buckets if isinstance(matrix, TermCounts) else matrix.columns
    return csr_matrix((values, columns, matrix.indptr), shape=(len(matrix), BUCKETS))


def spread(terms: TermCounts) -> Longs:
    """For each entry, the number of these rows that have its bucket."""
    counts: Longs = np.bincount(terms.buckets, minlength=BUCKETS)[terms.buckets]
    return counts


def weighed(terms: TermCounts) -> SparseMatrix:
    """Weights where all rows are one group."""
    return weigh_rows(terms, spread(terms), np.full(len(terms), len(terms)))


def one_row(buckets: Any, counts: Any) -> tuple[Ints, Floats]:
    return np.array(buckets, np.int32), np.array(counts, np.float32)


def part_of(rows: Rows, chosen: Longs) -> Rows:
    """Some of the rows, by their numbers."""
    numbers = chosen.tolist()
    terms, passages = rows.terms, rows.passages
    of = [slice(terms.indptr[row], terms.indptr[row + 1]) for row in numbers]
    own = [slice(passages.indptr[row], passages.indptr[row + 1]) for row in numbers]
    return replace(
        rows,
        ids=[rows.ids[row] for row in numbers],
        vectors=rows.vectors[chosen],
        passages=Passages.of([passages.codes[place] for place in own], passages.dim),
        terms=TermCounts.of([(terms.buckets[place], terms.counts[place]) for place in of]),
        columns={name: column[chosen] for name, column in rows.columns.items()},
        keywords=[rows.keywords[row] for row in numbers],
        numbers=[rows.numbers[row] for row in numbers],
        display=[rows.display[row] for row in numbers],
    )


def grid_vectors(rows: int, seed: int = 0) -> Floats:
    """Draw unit vectors of four halves and four zeros, few enough that many are the same.

    Every product and sum of them is exact in float16 and float32, so that an oracle can ask for
    equality, ties included.
    """
    rng = np.random.default_rng(seed)
    kinds = np.zeros((25, 8), np.float32)
    for kind in kinds:
        kind[rng.choice(8, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return kinds[rng.integers(25, size=rows)]


def brute_force(vectors: Floats, query: Floats, limit: int, allowed: Bools) -> tuple[Longs, Array]:
    similarities = vectors @ query
    rows = sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-similarities[row], row))
    best = np.array(rows[:limit], np.int64)
    return best, similarities[best]


def rounded(vectors: Floats) -> Floats:
    """Round to what float16 can hold, so that storing changes nothing.

    FAISS rounds a number half-way between two others up or to the even one, as the processor
    has it; an oracle must not depend on that.
    """
    return vectors.astype(np.float16).astype(np.float32)


MANY = 25_000


def clustered_vectors() -> Floats:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((200, 32))
    vectors = centres[rng.integers(200, size=MANY)] + 0.3 * rng.standard_normal((MANY, 32))
    return rounded(normalize(vectors.astype(np.float32)))


def brute_match(query: Floats, row: Floats) -> float:
    if not len(query) or not len(row):
        return 0.0
    cosines = query.astype(np.float64) @ row.T.astype(np.float64)
    ours = sum(max(line) for line in cosines) / len(query)
    theirs = sum(max(line) for line in cosines.T) / len(row)
    return float((ours + theirs) / 2)


def a_manifest(**changes: Any) -> Manifest:
    names = [*Files, "column-language.npy"]
    fields: dict[str, Any] = {
        "format": FORMAT,
        "rows": 3,
        "dim": 8,
        "passage_dim": 5,
        "model": "m",
        "analyzer": "a",
        "epoch": "e",
        "change": 7,
        "ivf_lists": 2,
        "ivf_probes": 2,
        "recall": 1.0,
        "grouped_by": "language",
        "reliable_by": "",
        "centred": True,
        "background": {"en": BackgroundSimilarity(3, 0.25, 0.0, 0.5)},
        "notes": {"encoder": "m"},
        "files": {str(n): FileSum(1, "0" * 64) for n in names if n != Files.MANIFEST},
    }
    return Manifest(**{**fields, **changes})
