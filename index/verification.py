"""Asks a fresh snapshot whether its rows can be found, before anybody else asks it anything.

Checksums tell that the disk gave back what was written. This tells that what was written works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import spread
from index.errors import SnapshotDamaged
from index.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

_SELF_QUERIES: Final = 100
_SELF_SIMILARITY: Final = 0.999
# Float16 rounding parts a row from its near-copies by less than this.
_TIE: Final = 1e-3


def open_verified(folder: Path) -> Snapshot:
    """Open a folder, checksums and all, and search for up to 100 of its rows by their vectors.

    Raises:
        SnapshotDamaged: it does not open, or a row is not found by its own vector.
    """
    snapshot = Snapshot.open(folder)
    for row in spread(len(snapshot), _SELF_QUERIES).tolist():
        if not _finds_itself(snapshot, row):
            raise SnapshotDamaged.at(folder, f"row {snapshot.id_of(row)!r} does not find itself")
    return snapshot


def _finds_itself(snapshot: Snapshot, row: int) -> bool:
    vector = snapshot.vectors.fetch(np.array([row]))[0]
    everything = np.ones(len(snapshot), bool)
    limit = 10
    while True:
        hits = snapshot.vectors.nearest(vector, limit, everything)
        tied = hits.similarities >= hits.similarities[0] - _TIE
        if row in hits.rows[tied]:
            return bool(hits.similarities[0] >= _SELF_SIMILARITY)
        # A row with many near-copies may stand behind all of them.
        if not tied.all() or limit >= len(snapshot):
            return False
        limit *= 10
