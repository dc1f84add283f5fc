"""The nearest rows of each row: for neighbour smoothing and for hubness.

The two nearest rows help where a text is short or unusual: its vector is moved towards theirs
(neighbour smoothing). The mean similarity of the ten nearest rows is the hubness of a row: a hub is
near to whatever is searched for.

Similarities are inner products of the vectors as float16 stores them. These are multiples of
2^-24, so float64 adds their products without rounding, and the sum does not depend on the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.disk import map_exactly, require
from index.lexical import Query
from index.manifest import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from index.arrays import Advance, Bools, Doubles, Floats, Ints, Longs, PackedTerms
    from index.disk import Writer
    from index.lexical import Lexicon
    from index.manifest import Manifest
    from index.vector_search import Vectors

NEAREST: Final = 10
"""How many nearest rows the hubness of a row is measured with."""

SMOOTHING: Final = 2
"""How many nearest rows a vector is smoothed with."""

_FETCHES: Final = (16, 128, 1_024)
"""The first search fetches 16 candidates. If an unseen row may be as near as the last one kept, it
fetches 128, then 1,024.

More than a thousand rows that are equally near are copies of each other: any of them serves."""

SLACK: Final = 5e-6
"""More than the rounding error of a float32 similarity."""

_BATCH: Final = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The neighbours of n rows.

    Attributes:
        rows: int32 [n, 2]; the two nearest rows of the snapshot, -1 where there are fewer.
        weights: float32 [n, 2], 0..1; each neighbour's scaled similarity, see `scale`; 0 where
            there is none.
        hubness: float32 [n]; the mean similarity to the ten nearest rows: of vectors, -1..1, or of
            terms, 0..1, where the vector of the row means nothing.
    """

    rows: Ints
    weights: Floats
    hubness: Floats

    @classmethod
    def none(cls, rows: int) -> Neighbours:
        """Make the neighbours of rows that have none."""
        return cls(
            np.full((rows, SMOOTHING), -1, np.int32),
            np.zeros((rows, SMOOTHING), np.float32),
            np.zeros(rows, np.float32),
        )

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Neighbours:
        """Map the neighbours of a snapshot.

        Raises:
            SnapshotDamaged: a neighbour is not a row, a weight not in 0..1, or a number not finite.
        """
        count, pairs = manifest.rows, (manifest.rows, SMOOTHING)
        rows = map_exactly(folder / Files.NEIGHBOUR_ROWS, np.int32, pairs)
        require(folder / Files.NEIGHBOUR_ROWS, good=(rows >= -1) & (rows < count))
        weights = map_exactly(folder / Files.NEIGHBOUR_WEIGHTS, np.float32, pairs)
        require(folder / Files.NEIGHBOUR_WEIGHTS, good=(weights >= 0) & (weights <= 1))
        hubness = map_exactly(folder / Files.HUBNESS, np.float32, (count,))
        require(folder / Files.HUBNESS, good=np.isfinite(hubness))
        return cls(rows, weights, hubness)

    def write(self, writer: Writer) -> None:
        """Write the files that `open` maps."""
        writer.write_array(Files.NEIGHBOUR_ROWS, self.rows)
        writer.write_array(Files.NEIGHBOUR_WEIGHTS, self.weights)
        writer.write_array(Files.HUBNESS, self.hubness)


@dataclass(frozen=True, slots=True, eq=False)
class IndexSide:
    """The rows among which neighbours are searched: n rows of a snapshot.

    Attributes:
        vectors: their vectors.
        lexicon: their terms.
        reliable: bool [n]; which vectors mean something.
        rows_in: by the label of a group, int64 row numbers, ascending.
        background: by the label of a group, the median cosine of random pairs inside it.
    """

    vectors: Vectors
    lexicon: Lexicon
    reliable: Bools
    rows_in: Callable[[str], Longs]
    background: Callable[[str], float]


@dataclass(frozen=True, slots=True, eq=False)
class QuerySide:
    """The rows whose neighbours are searched.

    Attributes:
        vectors: gives the vectors of some of the m rows, float32 [k, dim], in float16 precision.
        terms: the term weights of the m rows.
        reliable: bool [m]; which vectors mean something.
        groups: by label, int64 positions 0..m-1.
        excluded: int64 [m]; the index row that each may not find, itself; -1 for none.
    """

    vectors: Callable[[Longs], Floats]
    terms: PackedTerms
    reliable: Bools
    groups: Mapping[str, Longs]
    excluded: Longs


def find_own_neighbours(
    index_side: IndexSide, groups: Mapping[str, Longs], advance: Advance
) -> tuple[Neighbours, Ints]:
    """Find the neighbours of all rows of the index side.

    Args:
        index_side: the rows.
        groups: by label, its rows; each row once.
        advance: called with how many more rows are done.

    Returns:
        And the NEAREST rows of each reliable one, int32 [n, NEAREST]; -1 where there are fewer.
    """
    rows = np.arange(len(index_side.reliable))
    vectors, terms = index_side.vectors.fetch_stored, index_side.lexicon.terms
    query_side = QuerySide(vectors, terms, index_side.reliable, groups, rows)
    return find_with_nearest(index_side, query_side, advance)


def find_neighbours(index_side: IndexSide, query_side: QuerySide) -> Neighbours:
    """Find the neighbours of some rows: by vectors where these mean something, else by terms."""
    return find_with_nearest(index_side, query_side)[0]


def _ignore(_done: int) -> None:
    """Show no progress."""


def find_with_nearest(
    index_side: IndexSide, query_side: QuerySide, advance: Advance = _ignore
) -> tuple[Neighbours, Ints]:
    """Do as `find_neighbours`; also give the NEAREST rows of each reliable row, int32 [m, NEAREST].

    -1 stands where there are fewer.
    """
    found = Neighbours.none(len(query_side.reliable))
    nearest = np.full((len(query_side.reliable), NEAREST), -1, np.int32)
    reliable = np.flatnonzero(query_side.reliable)
    near = nearest_rows_of(
        index_side.vectors,
        lambda positions: query_side.vectors(reliable[positions]),
        index_side.reliable,
        query_side.excluded[reliable],
        advance,
    )
    nearest[reliable] = near.rows
    found.rows[reliable] = near.rows[:, :SMOOTHING]
    found.hubness[reliable] = near.hubness
    found.weights[reliable] = near.weights(_background(index_side, query_side)[reliable])
    for label, positions in query_side.groups.items():
        others = positions[~query_side.reliable[positions]]
        if len(others):
            found.hubness[others] = _hubness_by_terms(index_side, query_side, label, others)
            advance(len(others))
    return found, nearest


def scale(similarities: Doubles, background: Doubles) -> Doubles:
    """Scale similarities to 0..1: 0 at the background similarity, or at 0 if that is below."""
    zero = np.maximum(background, 0)
    scaled: Doubles = np.clip((similarities - zero) / np.maximum(1 - zero, SLACK), 0, 1)
    return scaled


@dataclass(frozen=True, slots=True, eq=False)
class NearestRows:
    """The nearest rows of m queries: by falling similarity, then by ascending row.

    Attributes:
        rows: int32 [m, NEAREST]; -1 after the last.
        similarities: float64 [m, NEAREST]; 0 after the last.
    """

    rows: Ints
    similarities: Doubles

    @property
    def hubness(self) -> Doubles:
        """The mean similarity of each query's rows, 0 if it has none: float64 [m]."""
        counts = np.count_nonzero(self.rows >= 0, axis=1)
        means: Doubles = self.similarities.sum(axis=1) / np.maximum(counts, 1)
        return means

    def weights(self, background: Doubles) -> Doubles:
        """The scaled similarity of the first two rows, 0 if there is none: [m, 2]."""
        scaled = scale(self.similarities[:, :SMOOTHING], background[:, np.newaxis])
        return np.where(self.rows[:, :SMOOTHING] >= 0, scaled, 0)


def nearest_rows(vectors: Vectors, queries: Floats, allowed: Bools, excluded: Longs) -> NearestRows:
    """Find the NEAREST allowed rows of each of many vectors.

    Args:
        vectors: where to search.
        queries: float32 [m, dim]; rounded to float16 precision.
        allowed: bool [n].
        excluded: int64 [m]; the row that each query may not find; -1 for none.
    """
    return nearest_rows_of(vectors, queries.__getitem__, allowed, excluded)


def nearest_rows_of(
    vectors: Vectors,
    queries: Callable[[Longs], Floats],
    allowed: Bools,
    excluded: Longs,
    advance: Advance = _ignore,
) -> NearestRows:
    """Find the NEAREST allowed rows of m vectors, of which few are in memory at once.

    Args:
        vectors: where to search.
        queries: gives some of the vectors by their positions, 0..m-1; see `nearest_rows`.
        allowed: bool [n].
        excluded: int64 [m]; the row that each query may not find; -1 for none.
        advance: called with how many more queries are done.
    """
    shape = (len(excluded), NEAREST)
    found = NearestRows(np.full(shape, -1, np.int32), np.zeros(shape))
    left = np.arange(len(excluded)) if allowed.any() else np.empty(0, np.int64)
    for fetch in _FETCHES:
        undecided = [np.empty(0, np.int64)]
        for block in _blocks(left, _BATCH // fetch):
            some = queries(block)
            rows, rough = vectors.candidates(some, fetch, allowed)
            exact = _products(vectors, some, rows)
            exact[rows == excluded[block, np.newaxis]] = -np.inf
            _keep_best(found, block, rows, exact)
            # A row that was not fetched is no nearer than the last one that was.
            last = found.similarities[block, -1]
            more = rows.shape[1] == fetch < np.count_nonzero(allowed)
            undecided.append(block[(rough[:, -1] + SLACK >= last) & more])
            advance(len(block) - len(undecided[-1]))
        left = np.concatenate(undecided)
    advance(len(left))
    return found


def _blocks(positions: Longs, size: int) -> Iterator[Longs]:
    return (positions[start : start + size] for start in range(0, len(positions), size))


def _products(vectors: Vectors, queries: Floats, rows: Longs) -> Doubles:
    """Exact inner products of m queries with f rows each: float64 [m, f]."""
    stored = vectors.fetch_stored(rows.ravel()).reshape(*rows.shape, -1)
    products: Doubles = np.einsum("md,mfd->mf", queries, stored, dtype=np.float64)
    return products


def _keep_best(found: NearestRows, block: Longs, rows: Longs, similarities: Doubles) -> None:
    """Write the best of m queries' candidates into `found`; -inf marks a candidate to drop."""
    order = np.lexsort((rows, -similarities))[:, :NEAREST]
    best = np.take_along_axis(similarities, order, axis=1)
    real = np.isfinite(best)
    width = order.shape[1]
    found.rows[block, :width] = np.where(real, np.take_along_axis(rows, order, axis=1), -1)
    found.similarities[block, :width] = np.where(real, best, 0)


def _background(index_side: IndexSide, query_side: QuerySide) -> Doubles:
    """The background similarity of each query row's group: float64 [m]."""
    background = np.zeros(len(query_side.reliable))
    for label, positions in query_side.groups.items():
        background[positions] = index_side.background(label)
    return background


def _hubness_by_terms(
    index_side: IndexSide, query_side: QuerySide, label: str, positions: Longs
) -> list[float]:
    """The hubness of some query rows of one group, by terms."""
    members = index_side.rows_in(label)
    excluded = query_side.excluded[positions].tolist()
    return [
        index_side.lexicon.mean_of_nearest(
            Query.of_row(query_side.terms, position), members, row, NEAREST
        )
        for position, row in zip(positions.tolist(), excluded, strict=True)
    ]
