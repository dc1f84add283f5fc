"""Statistics of the groups of rows, such as languages: background similarity and mean vector.

The background similarity is the median similarity of random pairs, and the zero of a scaled signal:
where an encoder puts every pair at 0.3, a cosine of 0.3 says nothing. It is measured inside each
group: texts of one language share its common words, and an encoder puts texts of a language that it
does not know close together.

An encoder of many languages also puts all texts of one language close together. What they have in
common is their mean vector; without it, texts of different languages compare by what they say. The
mean of a small group is drawn towards that of all rows, as if it had PRIOR more rows of that mean.

Passages with as many numbers as the vectors of rows are of the same encoder, and have the same
means. With another number they are of another encoder, and have means of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import (
    Passages,
    ScaledPassages,
    blocks_of,
    normalize,
    quantize,
    scales_of,
    spread_evenly,
)
from index.disk import map_exactly, require
from index.manifest import BackgroundSimilarity, Files
from index.rows import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from index.arrays import Array, Codes, Doubles, Entries, Floats, Longs, Whole
    from index.disk import Writer
    from index.manifest import Manifest
    from index.rows import Rows

MOST_PAIRS: Final = 10_000
MOST_MATCHED: Final = 2_000
"""Passages of at most so many pairs are compared, because that is slow."""

PRIOR: Final = 20
"""The mean of all rows is mixed into a group's mean with the weight of this many rows."""

_SEED: Final = 20_240_607
_LEAST_LENGTH: Final = 1e-3
"""What is left of a vector below this length is rounding; float16 alone moves it by 5e-4."""
_BATCH: Final = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of different rows: int64 [p] each, the same pairs for the same number of rows."""

    left: Longs
    right: Longs

    @classmethod
    def over(cls, rows: int, most: int = MOST_PAIRS) -> Pairs:
        """Take every pair when there are no more than `most`, else draw `most` at random."""
        if rows * (rows - 1) // 2 <= most:
            left, right = np.triu_indices(rows, k=1)
            return cls(left.astype(np.int64), right.astype(np.int64))
        rng = np.random.default_rng(_SEED)
        left = rng.integers(rows, size=most)
        # A step of 1 to rows-1 around the circle never comes back to where it started.
        return cls(left, (left + rng.integers(1, rows, size=most)) % rows)


def measure_background(
    vectors: Callable[[Longs], Floats],
    passages: ScaledPassages,
    weights: Callable[[Longs], Entries],
    groups: Mapping[str, Longs],
) -> dict[str, BackgroundSimilarity]:
    """Measure the background similarity of each group of rows.

    Args:
        vectors: gives the vectors of some rows, float32 [m, dim], unit rows.
        passages: of all rows.
        weights: gives the term weights of some rows.
        groups: by label, the rows of the group.

    Returns:
        By the same labels.
    """
    background = {}
    for name, members in groups.items():
        inside = Pairs.over(len(members))
        pairs = Pairs(members[inside.left], members[inside.right])
        background[name] = BackgroundSimilarity(
            rows=len(members),
            similarity=background_cosine(vectors, pairs),
            lexical=background_lexical(weights, pairs),
            passages=background_passages(passages, pairs),
        )
    return background


def background_cosine(vectors: Callable[[Longs], Floats], pairs: Pairs) -> float:
    """The median cosine of pairs of unit vectors, -1..1; 0.0 without pairs."""
    cosines = np.empty(len(pairs.left), np.float32)
    for block in blocks_of(len(cosines), _BATCH):
        left, right = vectors(pairs.left[block]), vectors(pairs.right[block])
        cosines[block] = np.einsum("ij,ij->i", left, right)
    return _median(cosines, -1)


def background_lexical(weights: Callable[[Longs], Entries], pairs: Pairs) -> float:
    """The median lexical similarity of pairs of rows, 0..1; 0.0 without pairs."""
    similarities = np.empty(len(pairs.left))
    for block in blocks_of(len(similarities), _BATCH):
        left, right = (weights(rows[block]) for rows in (pairs.left, pairs.right))
        products = left.weights * _counterparts(left, right)
        similarities[block] = np.bincount(
            left.owners, weights=products, minlength=block.stop - block.start
        )
    return _median(similarities, 0)


def background_passages(passages: ScaledPassages, pairs: Pairs) -> float:
    """The median passage similarity of pairs of which both rows have passages, -1..1.

    0.0 without such pairs; of more than MOST_MATCHED, an evenly spaced sample is measured.
    """
    lengths = np.diff(passages.indptr)
    both = np.flatnonzero((lengths[pairs.left] > 0) & (lengths[pairs.right] > 0))
    sample = both[spread_evenly(len(both), MOST_MATCHED)]
    lefts, rights = pairs.left[sample].tolist(), pairs.right[sample].tolist()
    matches = [
        passages.match(passages.of_row(left), np.array([right]))[0]
        for left, right in zip(lefts, rights, strict=True)
    ]
    return _median(np.array(matches), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """The mean vectors of some groups.

    Attributes:
        vectors: float32 [groups + 1, dim]; by position of the group, and last the mean of all
            rows, for a group that is not there.
        positions: by the label of a group, its position.
    """

    vectors: Floats
    positions: Mapping[str, int]

    @classmethod
    def none(cls, labels: Sequence[str], dim: int) -> Means:
        """Make means of zeros: subtracting them changes nothing."""
        return cls(np.zeros((len(labels) + 1, dim), np.float32), _positions(labels))

    @classmethod
    def measure(
        cls, vectors: Callable[[Longs], Floats], rows: Longs, groups: Mapping[str, Longs]
    ) -> Means:
        """Measure the means of some groups.

        Args:
            vectors: gives the vectors of some rows, float32 [m, dim].
            rows: all n > 0 of them.
            groups: by label, the rows of the group.
        """
        overall = _sum(vectors, rows) / len(rows)
        means = [
            (_sum(vectors, members) + PRIOR * overall) / (len(members) + PRIOR)
            for members in groups.values()
        ]
        return cls(np.array([*means, overall], np.float32), _positions(list(groups)))

    @classmethod
    def open(cls, path: Path, groups: Sequence[str], dim: int) -> Means:
        """Map the means of some groups.

        Raises:
            SnapshotDamaged: they are not one more than the groups, or not finite.
        """
        vectors = map_exactly(path, np.float32, (len(groups) + 1, dim))
        require(path, good=np.isfinite(vectors))
        return cls(vectors, _positions(groups))

    def positions_of(self, labels: Sequence[str]) -> Longs:
        """The position of each group's mean: int64 [len(labels)]."""
        last = len(self.vectors) - 1
        return np.array([self.positions.get(label, last) for label in labels], np.int64)

    def subtract(self, vectors: Floats, positions: Whole) -> Floats:
        """Subtract means from vectors.

        Args:
            vectors: float32 [k, dim], unit rows.
            positions: whole numbers [k], of the mean of each row; or [1] for all of them.

        Returns:
            float32 [k, dim], unit rows; a vector that is no more than its mean is unchanged.
        """
        rest = vectors - self.vectors[positions]
        lengths = np.linalg.norm(rest, axis=1, keepdims=True)
        return np.where(lengths > _LEAST_LENGTH, normalize(rest), vectors).astype(np.float32)

    def subtract_from_passages(self, passages: Passages, positions: Whole) -> Passages:
        """Subtract means from the passages of n rows.

        Args:
            passages: of n rows.
            positions: whole numbers [n], of the mean of each row.
        """
        blocks = [passages.codes[:0], *self.centred_codes(passages, positions)]
        return Passages(passages.indptr, np.concatenate(blocks))

    def centred_codes(self, passages: Passages, positions: Whole) -> Iterator[Codes]:
        """The codes of `subtract_from_passages`, in blocks of passages, one after the other."""
        of_passage = np.repeat(positions, np.diff(passages.indptr))
        start = 0
        for codes in passages.blocks():
            vectors = codes.astype(np.float32) * scales_of(codes)[:, np.newaxis]
            yield quantize(self.subtract(vectors, of_passage[start : start + len(codes)]))
            start += len(codes)


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """What is subtracted from the rows of each group.

    Attributes:
        vectors: from their vectors.
        passages: from their passages; of the same groups.
    """

    vectors: Means
    passages: Means

    @classmethod
    def none(cls, labels: Sequence[str], rows: Rows) -> GroupMeans:
        """Make means of zeros that fit some rows."""
        return cls(Means.none(labels, rows.dim), Means.none(labels, rows.passages.dim))

    @classmethod
    def measure(cls, rows: Rows, groups: Mapping[str, Longs]) -> GroupMeans:
        """Measure the means of some groups.

        Args:
            rows: n > 0 of them.
            groups: by label, the rows of the group.
        """
        vectors = Means.measure(rows.vectors.__getitem__, np.arange(len(rows)), groups)
        if rows.passages.dim == rows.dim:
            return cls(vectors, vectors)
        return cls(vectors, _passage_means(rows.passages, groups))

    @classmethod
    def open(
        cls, folder: Path, manifest: Manifest, labels: Mapping[str, Sequence[str]]
    ) -> GroupMeans:
        """Map the means of a snapshot.

        Raises:
            SnapshotDamaged: they are not one more than the groups, or not finite.
        """
        groups = labels[manifest.grouped_by] if manifest.grouped_by else ("",)
        return cls(
            Means.open(folder / Files.MEANS, groups, manifest.dim),
            Means.open(folder / Files.PASSAGE_MEANS, groups, manifest.passage_dim),
        )

    def write(self, writer: Writer) -> None:
        """Write the files that `open` maps."""
        writer.write_array(Files.MEANS, self.vectors.vectors)
        writer.write_array(Files.PASSAGE_MEANS, self.passages.vectors)

    def positions(self, rows: Rows, grouped_by: str | None) -> Longs:
        """The position of the mean of each row's group: int64 [n].

        Args:
            rows: n of them.
            grouped_by: the column of codes that gives the groups; None for one group, "".
        """
        positions = np.full(len(rows), len(self.vectors.vectors) - 1, np.int64)
        for label, members in rows.groups(grouped_by).items():
            positions[members] = self.vectors.positions_of([label])
        return positions

    def centre(self, rows: Rows, grouped_by: str | None) -> tuple[Floats, Passages]:
        """Subtract the mean of each row's group from its vector and its passages.

        Args:
            rows: to be centred.
            grouped_by: the column of codes that gives the groups; None for one group, "".
        """
        positions = self.positions(rows, grouped_by)
        vectors = self.vectors.subtract(rows.vectors, positions)
        return vectors, self.passages.subtract_from_passages(rows.passages, positions)


@dataclass(frozen=True, slots=True, eq=False)
class Centring:
    """The vectors and passages of rows as they are stored, computed some rows at a time.

    Attributes:
        rows: as they were given.
        means: what is subtracted from them; zeros if nothing is.
        positions: int64 [n], of the mean of each row; None if nothing is subtracted.
    """

    rows: Rows
    means: GroupMeans
    positions: Longs | None

    @classmethod
    def of(
        cls, rows: Rows, groups: Mapping[str, Longs], grouped_by: str | None, *, centred: bool
    ) -> Centring:
        """Measure the means of some rows, if they are to be centred."""
        if not centred or not len(rows):
            return cls(rows, GroupMeans.none(list(groups), rows), None)
        means = GroupMeans.measure(rows, groups)
        return cls(rows, means, means.positions(rows, grouped_by))

    def vectors(self, rows: Longs | slice) -> Floats:
        """The vectors of some rows, before they are rounded: float32 [m, dim]."""
        vectors = self.rows.vectors[rows]
        if self.positions is None:
            return vectors
        return self.means.vectors.subtract(vectors, self.positions[rows])

    def passages(self) -> Iterator[Codes]:
        """The codes of all passages, in blocks, one after the other."""
        if self.positions is None:
            return self.rows.passages.blocks()
        return self.means.passages.centred_codes(self.rows.passages, self.positions)


def _sum(vectors: Callable[[Longs], Floats], rows: Longs) -> Doubles:
    """The sum of the vectors of some rows, added one after the other: float64 [dim]."""
    total: Doubles = vectors(rows[:0]).sum(axis=0, dtype=np.float64)
    for block in blocks_of(len(rows), _BATCH):
        # What was added before goes first, so that blocks do not change the rounding.
        total = np.vstack([total, vectors(rows[block])]).sum(axis=0)
    return total


def _passage_means(passages: Passages, groups: Mapping[str, Longs]) -> Means:
    """The means of the passages of some groups; each row with passages counts the same."""
    has_any = np.diff(passages.indptr) > 0
    if not has_any.any():
        return Means.none(list(groups), passages.dim)
    chosen = {label: rows[has_any[rows]] for label, rows in groups.items()}
    means = ScaledPassages.of(passages).means_of
    return Means.measure(means, np.flatnonzero(has_any), chosen)


def _positions(labels: Sequence[str]) -> dict[str, int]:
    return {label: position for position, label in enumerate(labels)}


def _counterparts(left: Entries, right: Entries) -> Floats:
    """The weight that each entry of `left` has in `right`, 0 if it has none: float32 [nnz]."""
    # Owners ascend, and buckets ascend inside a row, so keys do. The sentinel matches nothing.
    keys = np.append(right.owners * BUCKETS + right.columns, -1)
    wanted = left.owners * BUCKETS + left.columns
    places = np.searchsorted(keys[:-1], wanted)
    weights = np.append(right.weights, np.float32(0))
    return np.where(keys[places] == wanted, weights[places], 0).astype(np.float32)


def _median(similarities: Array, least: float) -> float:
    if not len(similarities):
        return 0.0
    # Rounding may put a cosine out of its range, and the manifest would refuse it.
    return float(np.clip(np.median(similarities), least, 1))
