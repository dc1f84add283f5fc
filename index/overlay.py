"""Keeps a view of a snapshot up with what comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from index.arrays import rounded
from index.errors import BadRows
from index.growth import Growth
from index.matrix import Matrix
from index.means import centre
from index.neighbourhood import Ground, Neighbourhood, Seekers, survey
from index.terms import weigh_rows
from index.view import View

if TYPE_CHECKING:
    from collections.abc import Collection

    from index.arrays import Array, Bools, Floats, Longs
    from index.rows import Rows
    from index.snapshot import Snapshot


class Overlay:
    """A snapshot under a growing delta; for one writing thread, while any number read `view`.

    Rarity of terms, floors and means are the snapshot's, and so are the rows among which those
    around a new one are found: frozen when it was built.
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
        frequency = snapshot.lexicon.document_frequency(rows.terms.buckets)
        weights = weigh_rows(rows.terms, frequency, self._peers(rows))
        terms = Matrix(weights.indptr, weights.columns, weights.weights.astype(np.float16))
        vectors, passages = rows.vectors, rows.passages
        if snapshot.is_centred:
            vectors, passages = centre(rows, snapshot.means, self._grouped_by)
        codes = rounded(vectors)
        self._growth.append(rows, codes, passages, terms, self._around(rows, codes, terms))

    def _around(self, rows: Rows, codes: Floats, terms: Matrix) -> Neighbourhood:
        """What of the snapshot lies around rows, each without what it replaces."""
        snapshot = self.view.snapshot
        if not len(snapshot):
            return Neighbourhood.none(len(rows))
        ground = Ground(
            vectors=snapshot.vectors,
            lexicon=snapshot.lexicon,
            known=snapshot.known,
            members=snapshot.members,
            floor=lambda group: self.view.floor_of(group).similarity,
        )
        own = [snapshot.row_of(row_id) for row_id in rows.ids]
        without = np.array([-1 if row is None else row for row in own], np.int64)
        known = rows.known(snapshot.manifest.known_by or None)
        return survey(ground, Seekers(codes, terms, known, rows.groups(self._grouped_by), without))

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


def _present(before: View, touched: Collection[str], more: int) -> Bools:
    present: Array = np.concatenate([before.present, np.ones(more, np.bool_)])
    rows = [before.row_of(row_id) for row_id in touched]
    present[[row for row in rows if row is not None]] = False
    return present
