"""The attributes of rows: columns as arrays, the labels behind codes, and the rows of keywords."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from index.disk import Blobs, map_array, map_starts, require
from index.errors import SnapshotDamaged
from index.manifest import Files, column_file
from index.rows import COLUMN_KINDS, codes_fit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from index.arrays import Array, Ints, Longs
    from index.disk import Writer
    from index.manifest import Manifest
    from index.rows import Rows


def write_columns(writer: Writer, rows: Rows) -> None:
    """Write the columns and labels of rows."""
    for name, column in sorted(rows.columns.items()):
        writer.write_array(column_file(name), column)
    labels = {name: list(words) for name, words in rows.labels.items()}
    writer.write(Files.LABELS, json.dumps(labels, sort_keys=True, indent=2).encode() + b"\n")


def open_columns(folder: Path, manifest: Manifest) -> Mapping[str, Array]:
    """Map the columns of a snapshot, by name.

    Raises:
        SnapshotDamaged: a file holds anything else.
    """
    columns = {
        name: map_array(folder / column_file(name), manifest.rows, COLUMN_KINDS, most_axes=2)
        for name in manifest.columns
    }
    return MappingProxyType(columns)


def read_labels(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Read the labels of a snapshot, by column.

    Raises:
        SnapshotDamaged: the file holds anything else.
    """
    path = folder / Files.LABELS
    try:
        labels = json.loads(path.read_bytes())
        return MappingProxyType({name: tuple(map(_text, words)) for name, words in labels.items()})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SnapshotDamaged.at(path, f"not labels ({error})") from error


def check_codes(
    folder: Path,
    manifest: Manifest,
    columns: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
) -> None:
    """Check that each code has a label, and the columns that the manifest names.

    Raises:
        SnapshotDamaged: the column of some labels is missing or holds other codes, the groups have
            no labels, or the column of reliable vectors is not bool.
    """
    for name, words in labels.items():
        if name not in columns or not codes_fit(columns[name], len(words)):
            raise SnapshotDamaged.at(folder / Files.LABELS, f"does not fit column {name!r:.40}")
    by, reliable_by = manifest.grouped_by, manifest.reliable_by
    if by and (by not in labels or columns[by].ndim != 1):
        raise SnapshotDamaged.at(folder / column_file(by), "does not give the groups of rows")
    if reliable_by and (columns[reliable_by].dtype != np.bool_ or columns[reliable_by].ndim != 1):
        raise SnapshotDamaged.at(folder / column_file(reliable_by), "does not hold bools [n]")


@dataclass(frozen=True, slots=True, eq=False)
class Keywords:
    """The rows of k keywords.

    Attributes:
        names: the keywords in UTF-8, strictly ascending.
        indptr: int64 [k+1]; keyword i has the rows at indptr[i] to indptr[i+1].
        rows: int32 [z]; ascending inside a keyword.
    """

    names: Blobs
    indptr: Longs
    rows: Ints

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Keywords:
        """Map the keywords of a snapshot.

        Raises:
            SnapshotDamaged: the files do not fit each other or the manifest.
        """
        names = Blobs.open(folder / Files.KEYWORDS, folder / Files.KEYWORDS_OFFSETS)
        indptr = map_starts(folder / Files.KEYWORD_STARTS, len(names))
        rows = map_array(folder / Files.KEYWORD_ROWS, int(indptr[-1]), "i")
        require(folder / Files.KEYWORD_ROWS, good=(rows >= 0) & (rows < manifest.rows))
        return cls(names, indptr, rows)

    def rows_with(self, keyword: str) -> Ints:
        """Find the rows that have a keyword: int32 [m], ascending; empty for an unknown one."""
        wanted = keyword.encode("utf-8", "surrogatepass")
        at = bisect_left(self.names, wanted)
        if at == len(self.names) or self.names[at] != wanted:
            return self.rows[:0]
        return self.rows[self.indptr[at] : self.indptr[at + 1]]

    def of_row(self, row: int) -> frozenset[str]:
        """List the keywords of a row; takes time in proportion to all entries."""
        places = np.flatnonzero(self.rows == row)
        found = np.searchsorted(self.indptr, places, side="right") - 1
        return frozenset(self.names[at].decode() for at in found.tolist())


def write_keywords(writer: Writer, rows: Sequence[Collection[str]]) -> None:
    """Write the files that `Keywords.open` maps, from the keywords of each row."""
    inverted: dict[bytes, list[int]] = {}
    for row, keywords in enumerate(rows):
        for keyword in frozenset(keywords):
            inverted.setdefault(keyword.encode(), []).append(row)
    names = sorted(inverted)
    writer.write_blobs(Files.KEYWORDS, Files.KEYWORDS_OFFSETS, names)
    lengths = [len(inverted[name]) for name in names]
    writer.write_array(Files.KEYWORD_STARTS, np.cumsum([0, *lengths], dtype=np.int64))
    flat = [row for name in names for row in inverted[name]]
    writer.write_array(Files.KEYWORD_ROWS, np.array(flat, np.int32))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value
