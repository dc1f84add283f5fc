"""One immutable snapshot on disk, verified before use and read through maps."""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.blobs import Blobs
from index.disk import measure, reading
from index.errors import BadQuery, SnapshotDamaged
from index.lexical import open_lexicon
from index.manifest import MOST_BYTES, Files, Manifest, generation
from index.opening import (
    check_codes,
    open_columns,
    open_means,
    open_neighbours,
    open_passages,
    read_labels,
)
from index.search import open_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.arrays import Array, Bools, Floats, Longs, Whole
    from index.lexical import Lexicon, Query
    from index.means import Means
    from index.neighbours import Neighbours
    from index.passages import Scaled
    from index.search import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A snapshot, mapped. It stays whole when its folder is renamed or removed under it.

    Attributes:
        generation: the name it has, or will have, among the published.
        manifest: what it says of itself.
        vectors: dense search.
        lexicon: lexical search.
        passages: of the rows.
        means: what was taken off the vectors and passages; zeros if nothing was.
        neighbours: the nearest rows of each row.
        columns: by name, a read-only array [n] or [n, k].
        labels: by the name of a column of codes, the words the codes stand for, by position.
    """

    generation: str
    manifest: Manifest
    vectors: Vectors
    lexicon: Lexicon
    passages: Scaled
    means: Means
    neighbours: Neighbours
    columns: Mapping[str, Array]
    labels: Mapping[str, tuple[str, ...]]
    _ids: Blobs
    _cards: Blobs

    @classmethod
    def open(cls, folder: Path, *, verify: bool = True) -> Snapshot:
        """Open a snapshot's folder.

        Args:
            folder: where it lies.
            verify: read every file through and compare its SHA-256. Without, names, sizes and
                shapes are checked all the same; only for a folder verified a moment ago.

        Raises:
            SnapshotDamaged: a file is missing, truncated, altered, of unknown format, or one
                the manifest does not name; the message names the file.
        """
        manifest = read_manifest(folder)
        _check_names(folder, manifest)
        _check_sums(folder, manifest, verify=verify)
        rows = manifest.rows
        columns, labels = open_columns(folder, manifest), read_labels(folder / Files.LABELS)
        check_codes(folder, manifest, columns, labels)
        return cls(
            generation=generation(manifest),
            manifest=manifest,
            vectors=open_vectors(folder, manifest),
            lexicon=open_lexicon(folder, manifest),
            passages=open_passages(folder, manifest),
            means=open_means(folder, manifest, labels),
            neighbours=open_neighbours(folder, manifest),
            columns=columns,
            labels=labels,
            _ids=Blobs.open(folder / Files.IDS, folder / Files.IDS_OFFSETS, rows),
            _cards=Blobs.open(folder / Files.CARDS, folder / Files.CARDS_OFFSETS, rows),
        )

    def __len__(self) -> int:
        return self.manifest.rows

    @property
    def known(self) -> Bools:
        """Whose vectors mean something: bool [n]."""
        by = self.manifest.known_by
        return self.columns[by] if by else np.ones(len(self), np.bool_)

    @property
    def is_centred(self) -> bool:
        """Whether the mean of its group was taken off each vector; without rows there is none."""
        return self.manifest.centred and len(self) > 0

    def centred(self, vectors: Floats, group: str) -> Floats:
        """Take the mean of a group off vectors and passages that are to be compared with rows.

        Args:
            vectors: float32 [k, dim], unit rows.
            group: its label; one that came later has the mean of all rows.

        Returns:
            float32 [k, dim], unit rows: the same as came, if the snapshot is not centred.
        """
        if not self.is_centred:
            return vectors
        return self.means.taken_off(vectors, self.means.places_of([group]))

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows; see `Vectors.fetch`."""
        return self.vectors.fetch(rows)

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows; see `Lexicon.similarities`."""
        return self.lexicon.similarities(query, rows)

    def members(self, group: str) -> Longs:
        """List the rows of a group, ascending; of one that came later there are none."""
        by = self.manifest.grouped_by
        if not by:
            return np.arange(len(self))
        code = self.means.places.get(group, -1)
        return np.flatnonzero(self.columns[by] == code)

    def row_of(self, row_id: str) -> int | None:
        """Find the row of an id by binary search; None when it is not here."""
        try:
            # UTF-8 sorts as code points do, so the bytes ascend as the ids did.
            wanted = row_id.encode()
        except UnicodeEncodeError:
            return None
        row = bisect_left(self._ids, wanted)
        return row if row < len(self) and self._ids[row] == wanted else None

    def id_of(self, row: int) -> str:
        """Tell the id of a row.

        Raises:
            BadQuery: the row is not in 0..n-1.
        """
        return self._checked(self._ids, row).decode()

    def card_of(self, row: int) -> bytes:
        """Hand back the card of a row, byte for byte.

        Raises:
            BadQuery: the row is not in 0..n-1.
        """
        return self._checked(self._cards, row)

    def _checked(self, blobs: Blobs, row: int) -> bytes:
        if not 0 <= row < len(self):
            raise BadQuery(f"row {row} of a snapshot of {len(self)}")
        return blobs[row]


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest alone.

    Raises:
        SnapshotDamaged: it is missing, too long or not a manifest.
    """
    path = folder / Files.MANIFEST
    try:
        with reading(path) as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise SnapshotDamaged.at(path, "missing") from error
    if len(data) > MOST_BYTES:
        raise SnapshotDamaged.at(path, f"longer than {MOST_BYTES} bytes")
    return Manifest.from_bytes(data, path)


def manifest_of(folder: Path) -> Manifest | None:
    """Read a folder's manifest alone; None where it cannot be read."""
    try:
        return read_manifest(folder)
    except SnapshotDamaged:
        return None


def epoch_of(folder: Path) -> str | None:
    """Tell which store a snapshot's rows came from; None where its manifest cannot be read."""
    manifest = manifest_of(folder)
    return None if manifest is None else manifest.epoch


def _check_names(folder: Path, manifest: Manifest) -> None:
    with os.scandir(folder) as entries:
        # A link could lead anywhere: only a regular file counts as one.
        present = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    for name in manifest.files:
        if not present.get(name):
            raise SnapshotDamaged.at(folder / name, "missing, or not a regular file")
    for name in present.keys() - manifest.files.keys() - {Files.MANIFEST}:
        raise SnapshotDamaged.at(folder / name, "not named in the manifest")


def _check_sums(folder: Path, manifest: Manifest, *, verify: bool) -> None:
    for name, wanted in manifest.files.items():
        size = (folder / name).stat().st_size
        if size != wanted.bytes:
            raise SnapshotDamaged.at(folder / name, f"{size} bytes long, not {wanted.bytes}")
        if verify and measure(folder / name) != wanted:
            raise SnapshotDamaged.at(folder / name, "altered: its SHA-256 is another")
