"""Which rows a merged snapshot has: those of a snapshot that stay, and those that come."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.arrays import Array, Longs
    from index.delta import Delta
    from index.snapshot import Snapshot
    from index.view import View

_ROWS_AT_ONCE: Final = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class MergeOrder:
    """The m rows of a merged snapshot, by ascending id.

    Attributes:
        snapshot: n rows, at least one; most of them stay.
        delta: some of its d rows come.
        sources: int64 [m]; the row of the view that each one is.
        numbers: int64 [n]; the new number of each row of the snapshot, -1 for one that goes.
        came: int64 [k], ascending; the new numbers of the rows that come from the delta.
        of_delta: int64 [k]; their rows in the delta.
        replaced: int64 [k]; the row of the snapshot that each one replaces, -1 for a new one.
    """

    snapshot: Snapshot
    delta: Delta
    sources: Longs
    numbers: Longs
    came: Longs
    of_delta: Longs
    replaced: Longs

    @classmethod
    def of(cls, view: View) -> MergeOrder:
        """Merge the ids of a view."""
        snapshot, delta, size = view.snapshot, view.delta, len(view.snapshot)
        present = np.flatnonzero(view.present[size:]).tolist()
        ids = sorted((delta.ids[row].encode(), row) for row in present)
        ranks = np.array([bisect_left(snapshot.ids, one, hi=size) for one, _ in ids], np.int64)
        of_delta = np.array([row for _, row in ids], np.int64)
        stay = np.flatnonzero(view.present[:size])
        # A row that comes stands before the row of the snapshot at its rank.
        came = np.searchsorted(stay, ranks) + np.arange(len(ids))
        stays = np.ones(len(stay) + len(ids), np.bool_)
        stays[came] = False
        sources, numbers = np.empty(len(stays), np.int64), np.full(size, -1, np.int64)
        sources[stays], sources[came] = stay, of_delta + size
        numbers[stay] = np.flatnonzero(stays)
        earlier = (snapshot.row_of(delta.ids[row]) for row in of_delta.tolist())
        replaced = np.array([-1 if row is None else row for row in earlier], np.int64)
        return cls(snapshot, delta, sources, numbers, came, of_delta, replaced)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def changes(self) -> bool:
        """Whether any row comes or goes."""
        return len(self.came) > 0 or len(self.sources) < len(self.numbers)

    def blocks(self, old: Array, new: Array) -> Iterator[Array]:
        """Take the rows from an array of the snapshot's and one of the delta's, in blocks."""
        size = len(self.numbers)
        for block in blocks_of(len(self), _ROWS_AT_ONCE):
            rows = self.sources[block]
            is_new = rows >= size
            found = old.take(np.where(is_new, 0, rows), axis=0)
            found[is_new] = new[rows[is_new] - size]
            yield found

    def take(self, old: Array, new: Array) -> Array:
        """Do as `blocks`, at once."""
        return np.concatenate([old[:0], *self.blocks(old, new)])

    def starts(self, old: Longs, new: Longs) -> Longs:
        """Where the entries of each row start, from where they start in both: int64 [m+1]."""
        lengths = self.take(np.diff(old), np.diff(new))
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

    def runs(self) -> Iterator[tuple[bool, slice]]:
        """Divide the rows into runs that lie end to end: whether in the delta, and which."""
        size = len(self.numbers)
        cuts = np.flatnonzero((np.diff(self.sources) != 1) | (self.sources[1:] == size)) + 1
        starts = [0, *cuts.tolist()] if len(self) else []
        for start, end in zip(starts, [*starts[1:], len(self)], strict=False):
            first = int(self.sources[start])
            first -= size if (is_new := first >= size) else 0
            yield is_new, slice(first, first + end - start)
