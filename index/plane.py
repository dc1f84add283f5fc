"""Places of rows on a plane: rows whose vectors are near each other lie near each other there.

PaCMAP (Wang, Huang, Rudin, Shaposhnik: Understanding how dimension reduction tools work, JMLR 22,
2021): each row is drawn to its nearest rows and to some that are fairly near, and driven away from
some others. It starts from the two main directions of the vectors (PCA). Pairs are chosen by hashes
of the ids, not by row numbers, so that most stay the same when other rows come and go.

Of more than MANY rows a sample is placed so. The others begin amid their nearest ones, and all move
together for some rounds more.

Nothing here depends on how many threads there are: what BLAS adds up is exact, the rest is added in
one order. So the same rows have the same places, in whatever order they come.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import blocks_of, spread_evenly
from index.disk import map_exactly
from index.manifest import Files
from index.neighbours import nearest_rows, nearest_rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from index.arrays import Advance, Array, Bools, Doubles, Floats, Hashes, Ints, Longs, Shorts
    from index.manifest import Manifest
    from index.snapshot import Snapshot
    from index.vector_search import Vectors

    Fetch = Callable[[Array], Floats]
    """Gives some vectors by their positions, float32 [k, dim]."""

ROUNDS: Final = 450
"""How often all rows move, or those of a sample."""
FIRST: Final = 100_000
"""The rows of a sample that is placed first."""
SEARCH_ROUNDS: Final = 200
"""To search the nearest rows of a sample in it takes as long as so many of its rounds, about."""
JOINT_ROUNDS: Final = 60
"""How often all rows move together after that."""
_SECOND_PHASE: Final = 100
_LAST_PHASE: Final = 200
FEW: Final = 50
"""Up to so many rows lie where the two main directions put them."""
MANY: Final = 200_000
"""Up to so many rows move from the first round on; of more, a sample does."""
SCALE: Final = 32_767
NOWHERE: Final = -32_768
"""Both numbers of a row without a place."""

_FAIRLY_NEAR: Final = 5
_DRAWN: Final = 6
"""A fairly near row is the second nearest of six that are drawn."""
FAR: Final = 20
_START: Final = 20
"""As wide as rows lie in the end: from a narrow start each rebuild would give another picture."""
_EDGE: Final = 0.002
"""The share of rows beyond each edge of the plane: a few that lie far off would shrink it."""
_SAMPLE: Final = 10_000
_GRID: Final = 1_024
_POWERS: Final = 60
_BLOCK: Final = 4_096
ALIKE: Final = 0.9
"""A row whose vector is less similar to its earlier one is placed anew."""
_KNOWN: Final = 0.8
"""With fewer known rows than this share, all are placed anew."""
_BESIDE: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """What places rows: n of them, of which some get a place.

    Attributes:
        ids: of the rows.
        vectors: of the rows.
        placed: bool [n]; which rows get a place.
        nearest: int32 [n, k]; the nearest rows of each, -1 where there are fewer, or where they
            were not searched.
    """

    ids: Sequence[str]
    vectors: Vectors
    placed: Bools
    nearest: Ints

    @property
    def rounds(self) -> int:
        """How many rounds it takes to place all anew: those over a sample, where there is one.

        A round over all rows counts as many as it takes samples to have its rows, and the search
        for neighbours in the sample as SEARCH_ROUNDS.
        """
        count = int(np.count_nonzero(self.placed))
        return ROUNDS if count <= MANY else SEARCH_ROUNDS + ROUNDS + JOINT_ROUNDS * (count // FIRST)

    def place(self, before: Snapshot | None, advance: Advance) -> Shorts:
        """Place the rows: int16 [n, 2], NOWHERE for those that get no place.

        Args:
            before: its rows stay where they are, if they are most of all; None places all anew.
            advance: called after each round with how many of `rounds` it is.
        """
        if before is None or before.places is None or before.vectors.dim != self.vectors.dim:
            return self._draw(advance)
        known, places = self._known_places(before, before.places)
        if np.count_nonzero(known) < _KNOWN * np.count_nonzero(self.placed):
            return self._draw(advance)
        self.place_amid(known, places)
        return places

    def _draw(self, advance: Advance) -> Shorts:
        """Place all rows anew."""
        rows, found = self.locate(advance)
        places = np.full((len(self.ids), 2), NOWHERE, np.int16)
        places[rows] = encode_places(_fit(found))
        return places

    def locate(self, advance: Advance, searched: Advance = lambda _: None) -> tuple[Longs, Floats]:
        """The rows, in the order of a hash of their ids, and where they lie: float32 [m, 2].

        `searched` is called with how many more of them were searched for among the others.
        """
        rows = np.flatnonzero(self.placed)
        keys = np.fromiter((_hash(self.ids[row]) for row in rows.tolist()), np.uint64, len(rows))
        order = np.argsort(keys, kind="stable")
        rows, keys = rows[order], keys[order]
        if len(rows) > MANY:
            from index.plane_sample import locate_amid_sample  # noqa: PLC0415 - not on the usual way

            return rows, locate_amid_sample(self, rows, keys, advance)

        def fetch(positions: Array) -> Floats:
            return self.vectors.fetch_stored(rows[positions])

        start = main_directions(fetch, len(rows))
        if len(rows) > FEW:
            pairs = Pairs.of(keys, fetch, self.nearest_of(rows, searched))
            rounds = (Round(pairs, _weights(at)) for at in range(ROUNDS))
            return rows, settle(start * np.float32(_START), rounds, advance)
        advance(ROUNDS)
        return rows, start

    def place_amid(self, known: Bools, places: Shorts) -> None:
        """Place each other row amid the nearest three known ones: `places` is filled."""
        new = np.flatnonzero(self.placed & ~known)
        near, there = self.nearest[new], known[self.nearest[new]] & (self.nearest[new] >= 0)
        few = np.flatnonzero(np.count_nonzero(there, axis=1) < _BESIDE)
        if len(few):
            queries, none = self.vectors.fetch_stored(new[few]), np.full(len(few), -1)
            near[few] = nearest_rows(self.vectors, queries, known, none).rows
            there[few] = near[few] >= 0
        # One that finds no known row stands in the middle.
        places[new] = np.rint(middle_of(places, near, there)).astype(np.int16)

    def _known_places(self, before: Snapshot, placed: Shorts) -> tuple[Bools, Shorts]:
        """The rows that stay where they are, bool [n], and their places, int16 [n, 2].

        These had a place under the same id, and nearly the same vector.
        """
        known = np.zeros(len(self.ids), np.bool_)
        places = np.full((len(self.ids), 2), NOWHERE, np.int16)
        rows = np.flatnonzero(self.placed)
        found = [before.row_of(self.ids[row]) for row in rows.tolist()]
        earlier = np.array([-1 if row is None else row for row in found], np.int64)
        rows, earlier = rows[earlier >= 0], earlier[earlier >= 0]
        for block in blocks_of(len(rows), _BLOCK):
            now, then = self.vectors.fetch(rows[block]), before.vectors.fetch(earlier[block])
            same = np.einsum("ij,ij->i", now, then) >= ALIKE
            same &= placed[earlier[block], 0] != NOWHERE
            known[rows[block][same]] = True
            places[rows[block][same]] = placed[earlier[block][same]]
        return known, places

    def nearest_of(self, rows: Longs, advance: Advance = lambda _: None) -> Ints:
        """The nearest rows of some rows, as positions among them: int32 [m, k].

        A row stands for one that is not there. `advance` is called with how many more of them were
        searched for.
        """
        near = self.nearest[rows]
        others = rows[near[:, 0] < 0]
        if len(others):

            def fetch(positions: Longs) -> Floats:
                return self.vectors.fetch_stored(others[positions])

            found = nearest_rows_of(self.vectors, fetch, self.placed, others, advance)
            near[near[:, 0] < 0] = found.rows
        own = np.arange(len(rows), dtype=np.int32)
        position = np.full(len(self.ids) + 1, -1, np.int32)  # the last one is that of row -1
        position[rows] = own
        positions: Ints = position[near]
        return np.where(positions >= 0, positions, own[:, np.newaxis])


def in_parts(advance: Advance, parts: int, count: int) -> Advance:
    """What advances by so many parts in all while it is told of `count` things."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        before, done = parts * done // count, done + more
        advance(parts * done // count - before)

    return tell


def encode_places(places: Floats) -> Shorts:
    """Write places, -1 to 1, as int16 [n, 2]."""
    codes: Shorts = np.rint(places * np.float32(SCALE)).astype(np.int16)
    return codes


def draft_places(vectors: Floats) -> Shorts:
    """Place rows by the main directions of their vectors alone, at once: int16 [n, 2]."""
    return encode_places(_fit(main_directions(vectors.__getitem__, len(vectors))))


def decode_places(codes: Shorts) -> Floats:
    """Read places: float32 [n, 2], -1 to 1, NaN for a row without one."""
    places = codes.astype(np.float32) / np.float32(SCALE)
    places[codes[:, 0] == NOWHERE] = np.nan
    return places


def open_places(folder: Path, manifest: Manifest) -> Shorts | None:
    """Map the places of a snapshot; None for one of before there were any.

    Raises:
        SnapshotDamaged: the file does not hold two numbers for each row.
    """
    if Files.PLACES not in manifest.files:
        return None
    codes: Shorts = map_exactly(folder / Files.PLACES, np.int16, (manifest.rows, 2))
    return codes


def main_directions(vectors: Fetch, count: int) -> Floats:
    """Where the two directions in which some vectors differ most put them: float32 [count, 2].

    Each has a standard deviation of 1, or 0 if all are the same. (PCA of up to _SAMPLE vectors.)
    """
    if not count:
        return np.empty((0, 2), np.float32)
    # Whole numbers, so that BLAS adds up without rounding, in whatever order.
    sample = vectors(spread_evenly(count, _SAMPLE))
    whole = np.rint(sample * _GRID).astype(np.float64)
    sums = whole.sum(axis=0)
    covariance = len(whole) * (whole.T @ whole) - np.outer(sums, sums)
    directions = _main_eigenvectors(covariance / max(1.0, float(np.trace(covariance))))
    mean, directions = sums / (len(whole) * _GRID), directions.astype(np.float32)
    found = np.empty((count, 2), np.float32)
    for block in blocks_of(count, _BLOCK):
        centred = vectors(np.arange(block.start, block.stop)) - mean.astype(np.float32)
        found[block] = np.einsum("ij,jk->ik", centred, directions)
    spread = found.std(axis=0)
    least = np.float32(1e-6)
    return np.where(spread > least, found / np.maximum(spread, least), 0).astype(np.float32)


def _main_eigenvectors(covariance: Doubles) -> Doubles:
    """The first two eigenvectors, about, by powers: float64 [dim, 2]; their signs are fixed."""
    dim = len(covariance)
    vectors = np.cos(np.outer(np.arange(1.0, dim + 1), (1.0, 2.0)))
    for _ in range(_POWERS):
        vectors = np.einsum("ij,jk->ik", covariance, vectors)
        first = vectors[:, 0] / max(float(np.sqrt((vectors[:, 0] ** 2).sum())), 1e-300)
        second = vectors[:, 1] - first * (first * vectors[:, 1]).sum()
        second /= max(float(np.sqrt((second**2).sum())), 1e-300)
        vectors = np.stack([first, second], axis=1)
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, (0, 1)] < 0, -1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The partners of n rows, as positions among them: int32 [n, k] each.

    Keys ascend: 64 bits of a hash of each id.
    """

    near: Ints
    fairly_near: Ints
    far: Ints

    @classmethod
    def of(cls, keys: Hashes, vectors: Fetch, near: Ints) -> Pairs:
        """Choose those that are not near."""

        def draw(number: int) -> Ints:
            """One other row for each: the one whose key is next to a mix of its own key."""
            drawn = np.searchsorted(keys, mix(keys + np.uint64(number))) % len(keys)
            own = drawn == np.arange(len(keys))
            return np.where(own, (drawn + 1) % len(keys), drawn).astype(np.int32)

        fairly_near = np.empty((len(keys), _FAIRLY_NEAR), np.int32)
        for column in range(_FAIRLY_NEAR):
            drawn = [draw(_DRAWN * column + one) for one in range(_DRAWN)]
            fairly_near[:, column] = _second_nearest(vectors, drawn)
        far = np.empty((len(keys), FAR), np.int32)
        for column in range(FAR):
            far[:, column] = draw(_DRAWN * _FAIRLY_NEAR + column)
        return cls(near, fairly_near, far)


def _second_nearest(vectors: Fetch, drawn: Sequence[Ints]) -> Ints:
    """The second nearest of some rows that were drawn for each row: int32 [n]."""
    found = np.empty(len(drawn[0]), np.int32)
    for block in blocks_of(len(found), _BLOCK):
        own, others = vectors(np.arange(block.start, block.stop)), [one[block] for one in drawn]
        closeness = [np.einsum("ij,ij->i", own, vectors(rows)) for rows in others]
        second = np.argsort(-np.stack(closeness, axis=1), axis=1, kind="stable")[:, 1:2]
        found[block] = np.take_along_axis(np.stack(others, axis=1), second, axis=1)[:, 0]
    return found


def middle_of(places: Array, near: Ints, there: Bools) -> Doubles:
    """The middle of the first three near rows that are there, 0 if none is: float64 [m, 2]."""
    first = np.argsort(~there, axis=1, kind="stable")[:, :_BESIDE]
    there = np.take_along_axis(there, first, axis=1)[:, :, np.newaxis]
    known = places[np.take_along_axis(near, first, axis=1)].astype(np.float64)
    middle: Doubles = np.where(there, known, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return middle


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Partners of n rows, the weights of near, fairly near and far ones, and the step of Adam."""

    pairs: Pairs
    weights: tuple[float, float, float]
    step: float = 1


def settle(start: Floats, rounds: Iterable[Round], advance: Advance) -> Floats:
    """Move rows until near ones are near: float32 [n, 2]."""
    places = np.ascontiguousarray(start.T)
    mean, square = np.zeros_like(places), np.zeros_like(places)
    for at, one in enumerate(rounds):
        slope = _slope(places, one.pairs, *one.weights)
        mean += (slope - mean) * np.float32(0.1)
        square += (slope * slope - square) * np.float32(0.001)
        step = one.step * np.sqrt(1 - 0.999 ** (at + 1)) / (1 - 0.9 ** (at + 1))
        places -= np.float32(step) * mean / (np.sqrt(square) + np.float32(1e-7))
        advance(1)
    return np.ascontiguousarray(places.T)


def _weights(at: int) -> tuple[float, float, float]:
    """The weights of near, fairly near and far pairs in a round."""
    if at < _SECOND_PHASE:
        return 2.0, 1_000.0 + (3.0 - 1_000.0) * at / _SECOND_PHASE, 1.0
    return (3.0, 3.0, 1.0) if at < _LAST_PHASE else (1.0, 0.0, 1.0)


def _slope(places: Floats, pairs: Pairs, near: float, fairly_near: float, far: float) -> Floats:
    """The slope of the loss at each place: float32 [2, n]."""
    slope = np.zeros_like(places)
    back = np.empty((2, *pairs.near.shape), np.float32)
    _pull(places, pairs.near, slope, (20 * near, 10), back)
    for axis in (0, 1):
        slope[axis] -= np.bincount(pairs.near.ravel(), back[axis].ravel(), places.shape[1])
    # A pair that is drawn moves one of its rows, twice as far: on average that is the same.
    if fairly_near:
        _pull(places, pairs.fairly_near, slope, (2 * 20_000 * fairly_near, 10_000))
    _pull(places, pairs.far, slope, (-2 * 2 * far, 1))
    return slope


def _pull(
    places: Floats,
    partners: Ints,
    slope: Floats,
    strength: tuple[float, float],
    parts: Floats | None = None,
) -> None:
    """Add what pairs do to their first rows; write the part of each pair into `parts` [2, n, k]."""
    weight, soft = strength
    for block in blocks_of(len(partners), _BLOCK):
        apart = places[:, block, np.newaxis] - places[:, partners[block]]
        soft_square = apart[0] * apart[0]
        soft_square += apart[1] * apart[1]
        soft_square += np.float32(1 + soft)
        soft_square *= soft_square
        np.divide(np.float32(weight), soft_square, out=soft_square)
        apart *= soft_square
        slope[:, block] += apart.sum(axis=2)
        if parts is not None:
            parts[:, block] = apart


def _fit(places: Floats) -> Floats:
    """Scale places so that nearly all lie between -1 and 1; the others lie on the edge."""
    if not len(places):
        return places
    low, high = np.quantile(places, (_EDGE, 1 - _EDGE), axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    fitted: Floats = np.clip((places - middle) / half, -1, 1).astype(np.float32)
    return fitted


def _hash(row_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "little")


def mix(keys: Hashes) -> Hashes:
    """Mix the bits of 64-bit numbers (the finalizer of SplitMix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
