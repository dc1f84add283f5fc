"""One immutable snapshot on disk, verified before use and read through maps."""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from index.blobs import Blobs
from index.disk import map_array, measure, reading
from index.errors import BadQuery, SnapshotDamaged
from index.lexical import open_lexicon
from index.manifest import MOST_BYTES, Files, Manifest, column_file, generation
from index.rows import COLUMN_KINDS
from index.search import open_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.arrays import Array
    from index.lexical import Lexicon
    from index.search import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A snapshot, mapped. It stays whole when its folder is renamed or removed under it.

    Attributes:
        generation: the name it has, or will have, among the published.
        manifest: what it says of itself.
        vectors: dense search.
        lexicon: lexical search.
        columns: by name, a read-only array [n] or [n, k].
        labels: by the name of a column of codes, the words the codes stand for, by position.
    """

    generation: str
    manifest: Manifest
    vectors: Vectors
    lexicon: Lexicon
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
        return cls(
            generation=generation(manifest),
            manifest=manifest,
            vectors=open_vectors(folder, manifest),
            lexicon=open_lexicon(folder, manifest),
            columns=_open_columns(folder, manifest),
            labels=_read_labels(folder / Files.LABELS),
            _ids=Blobs.open(folder / Files.IDS, folder / Files.IDS_OFFSETS, rows),
            _cards=Blobs.open(folder / Files.CARDS, folder / Files.CARDS_OFFSETS, rows),
        )

    def __len__(self) -> int:
        return self.manifest.rows

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


def _open_columns(folder: Path, manifest: Manifest) -> Mapping[str, Array]:
    columns = {
        name: map_array(folder / column_file(name), manifest.rows, COLUMN_KINDS, most_axes=2)
        for name in manifest.columns
    }
    return MappingProxyType(columns)


def _read_labels(path: Path) -> Mapping[str, tuple[str, ...]]:
    try:
        labels = json.loads(path.read_bytes())
        return MappingProxyType({name: tuple(map(_word, words)) for name, words in labels.items()})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SnapshotDamaged.at(path, f"not labels ({error})") from error


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value
