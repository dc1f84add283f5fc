"""Keeps a view of a snapshot up with what comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from index.errors import BadRows
from index.growth import Growth
from index.terms import weigh_rows
from index.view import View

if TYPE_CHECKING:
    from collections.abc import Collection

    from index.arrays import Array, Bools, Floats, Longs
    from index.rows import Rows
    from index.snapshot import Snapshot


class Overlay:
    """A snapshot under a growing delta; for one writing thread, while any number read `view`.

    Rarity of terms and floors are the snapshot's: frozen when it was built.
    """

    def __init__(self, snapshot: Snapshot, grouped_by: str) -> None:
        """Start from a snapshot alone.

        Args:
            snapshot: what lies under.
            grouped_by: the column of codes by whose groups the snapshot was built.
        """
        self._grouped_by = grouped_by
        self._growth = Growth()
        self.view = View.of(snapshot)

    def apply(self, rows: Rows, gone: Collection[str]) -> View:
        """Replace or add rows and remove ids; an id may stand in one of the two only.

        Args:
            rows: as for a build; their vectors have the snapshot's dimension, unless that is empty.
            gone: ids that are no more, whether or not they were there.

        Raises:
            BadRows: the rows do not pass their check, or do not fit the snapshot.
        """
        before, snapshot = self.view, self.view.snapshot
        start = len(before)
        if len(rows):
            self._take(rows)
        changed = dict(before.changed)
        changed |= {row_id: start + place for place, row_id in enumerate(rows.ids)}
        changed |= dict.fromkeys(gone)
        self.view = View(
            snapshot=snapshot,
            delta=self._growth.show(snapshot),
            present=_present(before, [*rows.ids, *gone], len(rows)),
            changed=changed,
        )
        return self.view

    def _take(self, rows: Rows) -> None:
        rows.check()
        snapshot = self.view.snapshot
        if not _alike(rows, snapshot):
            raise BadRows(f"the rows do not fit {self.view.generation}: other columns or vectors")
        lexicon = snapshot.lexicon
        frequency = lexicon.document_frequency(rows.terms.buckets)
        self._growth.append(
            rows.ids,
            _rounded(rows.vectors),
            weigh_rows(rows.terms, frequency, self._peers(rows)),
            rows.columns,
            rows.labels,
            rows.cards,
        )

    def _peers(self, rows: Rows) -> Longs:
        words = rows.labels[self._grouped_by]
        sizes = np.array([self.view.floor_of(word).rows for word in words], np.int64)
        return sizes[rows.columns[self._grouped_by]]


def _alike(rows: Rows, snapshot: Snapshot) -> bool:
    """Whether rows have the columns, labels and, if it is not empty, the width of a snapshot."""
    shapes = {name: (column.dtype, column.shape[1:]) for name, column in rows.columns.items()}
    own = {name: (column.dtype, column.shape[1:]) for name, column in snapshot.columns.items()}
    dims = not len(snapshot) or rows.dim == snapshot.vectors.dim
    return dims and shapes == own and rows.labels.keys() == snapshot.labels.keys()


def _rounded(vectors: Floats) -> Floats:
    """As a snapshot stores them and gives them back."""
    return vectors.astype(np.float16).astype(np.float32)


def _present(before: View, touched: Collection[str], more: int) -> Bools:
    present: Array = np.concatenate([before.present, np.ones(more, np.bool_)])
    rows = [before.row_of(row_id) for row_id in touched]
    present[[row for row in rows if row is not None]] = False
    return present
