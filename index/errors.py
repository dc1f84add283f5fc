"""The errors of this package, as one tree.

IndexFault
├── EngineAway        an engine on another machine does not answer, or refuses
├── BadRows           the rows handed to a build disagree or hold unusable values
│   └── RowsRefused   an engine cannot hold some of them, and has all others
├── BadQuery          a query vector, filter or row number does not fit the snapshot
├── Locked            another process or thread holds the lock
├── NoSnapshot        nothing of that name, or nothing at all, was published yet
└── SnapshotDamaged   a file is missing, truncated, altered or of another format
    └── OtherFormat   another release has written it, which is no damage
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class IndexFault(Exception):
    """Root of this package's errors."""


class EngineAway(IndexFault):
    """An engine that rows are kept in does not answer, or not as it should."""

    @classmethod
    def because(cls, reason: object) -> EngineAway:
        """Say what its driver says."""
        return cls(f"the index server does not answer as it should: {reason}")


class BadRows(IndexFault):
    """The rows handed to a build cannot be indexed; the message names the row's id."""


class RowsRefused(BadRows):
    """An engine cannot hold some rows. All others of the same write are there.

    Attributes:
        reasons: by id, why not.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        said = "; ".join(f"{row_id!r}: {why}" for row_id, why in sorted(reasons.items()))
        super().__init__(f"rows that the index server cannot hold: {said}")
        self.reasons = reasons


class BadQuery(IndexFault):
    """A query does not fit the snapshot: wrong shape, not finite, no such row."""


class Locked(IndexFault):
    """Another process or thread holds the lock; the message says which lock."""


class NoSnapshot(IndexFault):
    """Nothing was published yet, or there is no generation of that name."""


class SnapshotDamaged(IndexFault):
    """A snapshot, or the pointer to it, is not what was published; never serve it."""

    @classmethod
    def at(cls, path: Path, what: str) -> SnapshotDamaged:
        """Say which file is wrong, how, and what to do about it."""
        return cls(f"{path}: {what}; roll back to another generation or rebuild")


class OtherFormat(SnapshotDamaged):
    """Another release has written a snapshot, in a format of its own.

    Attributes:
        what: the manifest and its format, without what to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
