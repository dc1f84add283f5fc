"""What lies around each row: its nearest rows, and how close to everything it is.

The two nearest rows tell what an article is about where its own text is short or odd: its context.
How near the ten nearest are on average tells a hub, which is near to whatever is asked, from a
row that is near to nothing.

Similarities are inner products of the vectors as float16 stores them. These are multiples of 2^-24,
so their products add up in float64 without rounding: in whatever order, the sum is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.lexical import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from index.arrays import Bools, Doubles, Floats, Ints, Longs
    from index.lexical import Lexicon
    from index.matrix import Matrix
    from index.search import Vectors

NEAREST: Final = 10
"""So many nearest rows make the hubness of a row."""

CONTEXT: Final = 2
"""So many nearest rows make its context."""

_FETCHES: Final = (16, 128, 1_024)
"""How many candidates are asked for, while more might be as near as the last that counts.

Where more than a thousand rows are equally near, they are copies: any of them serves."""

_SLACK: Final = 5e-6
"""More than float32 moves a similarity by."""

_BATCH: Final = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """What lies around n rows.

    Attributes:
        neighbours: int32 [n, 2]; the two nearest rows of the snapshot, -1 where there are fewer.
        shares: float32 [n, 2], 0..1; how far above the floor each is; 0 where there is none.
        hubness: float32 [n]; the mean similarity to the ten nearest, of vectors -1..1 or, where
            the row's vector means nothing, of terms 0..1.
    """

    neighbours: Ints
    shares: Floats
    hubness: Floats

    @classmethod
    def none(cls, rows: int) -> Neighbourhood:
        """Nothing lies around any of so many rows."""
        return cls(
            np.full((rows, CONTEXT), -1, np.int32),
            np.zeros((rows, CONTEXT), np.float32),
            np.zeros(rows, np.float32),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The rows among which neighbours are looked for: n rows of a snapshot.

    Attributes:
        vectors: their vectors.
        lexicon: their terms.
        known: bool [n]; whose vectors mean something.
        members: by the label of a group, int64 row numbers, ascending.
        floor: by the label of a group, the median cosine of random pairs inside it.
    """

    vectors: Vectors
    lexicon: Lexicon
    known: Bools
    members: Callable[[str], Longs]
    floor: Callable[[str], float]


@dataclass(frozen=True, slots=True, eq=False)
class Seekers:
    """The rows around which neighbours are looked for.

    Attributes:
        codes: float32 [m, dim]; vectors as float16 rounded them.
        terms: the weights of the m rows.
        known: bool [m]; whose vectors mean something.
        groups: by label, int64 positions 0..m-1.
        without: int64 [m]; the row of the ground that each may not find, itself; -1 for none.
    """

    codes: Floats
    terms: Matrix
    known: Bools
    groups: Mapping[str, Longs]
    without: Longs


def survey_itself(ground: Ground, groups: Mapping[str, Longs]) -> Neighbourhood:
    """Find what lies around the rows of the ground themselves; `groups` holds each once."""
    rows = np.arange(len(ground.known))
    codes = ground.vectors.codes(rows)
    return survey(ground, Seekers(codes, ground.lexicon.terms, ground.known, groups, rows))


def survey(ground: Ground, seekers: Seekers) -> Neighbourhood:
    """Find what lies around some rows: by vectors where those are known, else by terms."""
    around = Neighbourhood.none(len(seekers.known))
    asked = np.flatnonzero(seekers.known)
    near = nearest_rows(ground.vectors, seekers.codes[asked], ground.known, seekers.without[asked])
    around.neighbours[asked] = near.rows[:, :CONTEXT]
    around.hubness[asked] = near.hubness
    floors = _floors(ground, seekers)[asked]
    around.shares[asked] = near.shares(floors)
    for label, positions in seekers.groups.items():
        strangers = positions[~seekers.known[positions]]
        if len(strangers):
            around.hubness[strangers] = _by_terms(ground, seekers, label, strangers)
    return around


def share(similarities: Doubles, floors: Doubles) -> Doubles:
    """Tell how far above a floor similarities are, 0..1; a floor below 0 counts as 0."""
    least = np.maximum(floors, 0)
    shares: Doubles = np.clip((similarities - least) / np.maximum(1 - least, _SLACK), 0, 1)
    return shares


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The nearest rows of m others: the highest similarity first, of equals the lower row.

    Attributes:
        rows: int64 [m, NEAREST]; -1 behind the last.
        similarities: float64 [m, NEAREST]; 0 behind the last.
    """

    rows: Longs
    similarities: Doubles

    @property
    def hubness(self) -> Doubles:
        """Their mean similarity, 0 where there is none: float64 [m]."""
        counts = np.count_nonzero(self.rows >= 0, axis=1)
        means: Doubles = self.similarities.sum(axis=1) / np.maximum(counts, 1)
        return means

    def shares(self, floors: Doubles) -> Doubles:
        """How far above its floor each of the first two is, 0 where there is none: [m, 2]."""
        own = share(self.similarities[:, :CONTEXT], floors[:, np.newaxis])
        return np.where(self.rows[:, :CONTEXT] >= 0, own, 0)


def nearest_rows(vectors: Vectors, queries: Floats, allowed: Bools, without: Longs) -> Near:
    """Find the NEAREST allowed rows of each of many vectors.

    Args:
        vectors: where to look.
        queries: float32 [m, dim]; as float16 rounded them.
        allowed: bool [n].
        without: int64 [m]; the row that each may not find; -1 for none.
    """
    shape = (len(queries), NEAREST)
    found = Near(np.full(shape, -1, np.int64), np.zeros(shape))
    left = np.arange(len(queries)) if allowed.any() else np.empty(0, np.int64)
    for fetch in _FETCHES:
        unsettled = [np.empty(0, np.int64)]
        for block in _blocks(left, _BATCH // fetch):
            rows, rough = vectors.candidates(queries[block], fetch, allowed)
            exact = _products(vectors, queries[block], rows)
            exact[rows == without[block, np.newaxis]] = -np.inf
            _keep_best(found, block, rows, exact)
            # Whatever was not fetched is no nearer than the last that was.
            last = found.similarities[block, -1]
            more = rows.shape[1] == fetch < np.count_nonzero(allowed)
            unsettled.append(block[(rough[:, -1] + _SLACK >= last) & more])
        left = np.concatenate(unsettled)
    return found


def _blocks(positions: Longs, size: int) -> Iterator[Longs]:
    return (positions[start : start + size] for start in range(0, len(positions), size))


def _products(vectors: Vectors, queries: Floats, rows: Longs) -> Doubles:
    """Exact inner products of m queries with f rows each: float64 [m, f]."""
    codes = vectors.codes(rows.ravel()).reshape(*rows.shape, -1)
    products: Doubles = np.einsum("md,mfd->mf", queries, codes, dtype=np.float64)
    return products


def _keep_best(found: Near, block: Longs, rows: Longs, similarities: Doubles) -> None:
    """Write the best of m queries' candidates into their places; -inf marks what is none."""
    order = np.lexsort((rows, -similarities))[:, :NEAREST]
    best = np.take_along_axis(similarities, order, axis=1)
    real = np.isfinite(best)
    width = order.shape[1]
    found.rows[block, :width] = np.where(real, np.take_along_axis(rows, order, axis=1), -1)
    found.similarities[block, :width] = np.where(real, best, 0)


def _floors(ground: Ground, seekers: Seekers) -> Doubles:
    floors = np.zeros(len(seekers.known))
    for label, positions in seekers.groups.items():
        floors[positions] = ground.floor(label)
    return floors


def _by_terms(ground: Ground, seekers: Seekers, label: str, strangers: Longs) -> list[float]:
    """The hubness of some seekers of a group, by terms."""
    members = ground.members(label)
    return [
        ground.lexicon.closeness(Query.of_row(seekers.terms, position), members, without, NEAREST)
        for position, without in zip(
            strangers.tolist(), seekers.without[strangers].tolist(), strict=True
        )
    ]
