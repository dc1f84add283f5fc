"""One immutable snapshot on disk, verified before use and read through maps.

The attributes of its rows are columns of numbers, labels behind codes, and the rows of keywords and
of numbers under a name.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import RowCache, ScaledPassages, make_row_cache
from index.disk import Blobs, map_array, map_starts, measure, require
from index.errors import BadQuery, SnapshotDamaged
from index.groups import GroupMeans
from index.lexical import Lexicon
from index.manifest import Files, Manifest, column_file, read_manifest
from index.neighbours import Neighbours
from index.plane import open_places
from index.rows import COLUMN_KINDS, codes_fit
from index.vector_search import open_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from index.arrays import Array, Bools, Doubles, Floats, Ints, Longs, Shorts
    from index.groups import Means
    from index.vector_search import Vectors

MOST_QUERIES: Final = 2_048
"""Smoothed vectors that are kept. With 384 numbers they take 4 MB of each worker."""


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
        return self.rows[_place_of(keyword, self.names, self.indptr)]

    def of_row(self, row: int) -> frozenset[str]:
        """List the keywords of a row; takes time in proportion to all entries."""
        places = np.flatnonzero(self.rows == row)
        found = np.searchsorted(self.indptr, places, side="right") - 1
        return frozenset(self.names[at].decode() for at in found.tolist())

    def beginning_with(self, prefix: str) -> Iterator[str]:
        """The keywords that begin with a text, ascending by their UTF-8."""
        wanted = prefix.encode("utf-8", "surrogatepass")
        for at in range(bisect_left(self.names, wanted), len(self.names)):
            if not self.names[at].startswith(wanted):
                return
            yield self.names[at].decode()


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The rows that have numbers under k names; a row may have several under one name.

    Attributes:
        names: in UTF-8, strictly ascending.
        indptr: int64 [k+1]; name i has the entries at indptr[i] to indptr[i+1].
        values: float64 [z]; finite, ascending inside a name.
        rows: int32 [z]; the row of each entry.
    """

    names: Blobs
    indptr: Longs
    values: Doubles
    rows: Ints

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Numbers:
        """Map the numbers of a snapshot.

        Raises:
            SnapshotDamaged: the files do not fit each other or the manifest.
        """
        names = Blobs.open(folder / Files.NUMBERS, folder / Files.NUMBERS_OFFSETS)
        indptr = map_starts(folder / Files.NUMBER_STARTS, len(names))
        values = map_array(folder / Files.NUMBER_VALUES, int(indptr[-1]), "f")
        rows = map_array(folder / Files.NUMBER_ROWS, int(indptr[-1]), "i")
        require(folder / Files.NUMBER_VALUES, good=np.isfinite(values))
        require(folder / Files.NUMBER_VALUES, good=_ascend(values, indptr))
        require(folder / Files.NUMBER_ROWS, good=(rows >= 0) & (rows < manifest.rows))
        return cls(names, indptr, values, rows)

    def rows_between(self, name: str, least: float, most: float) -> Ints:
        """Find the rows with a number from `least` to `most` under a name: int32 [m].

        A row with several such numbers is there several times, in any order.
        """
        place = _place_of(name, self.names, self.indptr)
        values = self.values[place]
        first, end = np.searchsorted(values, least, "left"), np.searchsorted(values, most, "right")
        return self.rows[place][first:end]


def _place_of(name: str, names: Blobs, indptr: Longs) -> slice:
    """Where the entries of a name are; empty for an unknown one."""
    wanted = name.encode("utf-8", "surrogatepass")
    at = bisect_left(names, wanted)
    if at == len(names) or names[at] != wanted:
        return slice(0, 0)
    return slice(int(indptr[at]), int(indptr[at + 1]))


def _ascend(values: Array, indptr: Longs) -> Array:
    """Whether each value but the first of its name is at least the one before: bool [z]."""
    good = np.ones(len(values), np.bool_)
    good[1:] = np.diff(values) >= 0
    firsts = indptr[:-1]
    good[firsts[firsts < len(good)]] = True
    return good


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A snapshot, mapped. It stays readable when its folder is renamed or removed.

    Attributes:
        generation: the name it has, or will have, among the published.
        manifest: what it says of itself.
        vectors: dense search.
        lexicon: lexical search.
        passages: of the rows.
        means: what was subtracted from vectors and passages; zeros if nothing was.
        neighbours: the nearest rows of each row.
        places: int16 [n, 2], see `decode_places`; None if an earlier release built it.
        columns: by name, a read-only array [n] or [n, k].
        labels: by the name of a column of codes, the label of each code, by position.
        keywords: the rows of each keyword.
        numbers: the rows of the numbers under each name.
        ids: of the rows, ascending, as UTF-8.
        display: the display fields of the rows, byte for byte as they were given.
        computed: what was computed of the columns of all rows.
        queries: the smoothed vectors of single rows, see `View.fetch_query`.
    """

    generation: str
    manifest: Manifest
    vectors: Vectors
    lexicon: Lexicon
    passages: ScaledPassages
    means: GroupMeans
    neighbours: Neighbours
    places: Shorts | None
    columns: Mapping[str, Array]
    labels: Mapping[str, tuple[str, ...]]
    keywords: Keywords
    numbers: Numbers
    ids: Blobs
    display: Blobs
    computed: RowCache = field(default_factory=make_row_cache)
    queries: RowCache = field(default_factory=partial(make_row_cache, MOST_QUERIES))

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """Open a snapshot's folder, after every file was read and compared with its SHA-256.

        A published one is opened by `Catalog.open`.

        Raises:
            SnapshotDamaged: a file is missing, truncated, altered, of another format, or one
                the manifest does not name; the message names the file.
        """
        manifest = read_manifest(folder)
        _check_names(folder, manifest)
        _check_sums(folder, manifest)
        rows = manifest.rows
        columns, labels = open_columns(folder, manifest), read_labels(folder)
        check_codes(folder, manifest, columns, labels)
        return cls(
            generation=manifest.generation,
            manifest=manifest,
            vectors=open_vectors(folder, manifest),
            lexicon=Lexicon.open(folder, manifest.rows),
            passages=ScaledPassages.open(folder, manifest.rows, manifest.passage_dim),
            means=GroupMeans.open(folder, manifest, labels),
            neighbours=Neighbours.open(folder, manifest),
            places=open_places(folder, manifest),
            columns=columns,
            labels=labels,
            keywords=Keywords.open(folder, manifest),
            numbers=Numbers.open(folder, manifest),
            ids=Blobs.open(folder / Files.IDS, folder / Files.IDS_OFFSETS, rows),
            display=Blobs.open(folder / Files.DISPLAY, folder / Files.DISPLAY_OFFSETS, rows),
        )

    def __len__(self) -> int:
        return self.manifest.rows

    @property
    def reliable(self) -> Bools:
        """Which vectors mean something: bool [n]."""
        by = self.manifest.reliable_by
        return self.columns[by] if by else np.ones(len(self), np.bool_)

    @property
    def is_centred(self) -> bool:
        """Whether the mean of its group was subtracted from each vector; not without rows."""
        return self.manifest.centred and len(self) > 0

    def centre(self, vectors: Floats, group: str) -> Floats:
        """Subtract the mean of a group from vectors that are to be compared with rows.

        Args:
            vectors: float32 [k, dim], unit rows.
            group: its label; a group that is not there has the mean of all rows.

        Returns:
            float32 [k, dim], unit rows; unchanged if the snapshot is not centred.
        """
        return self._subtract(self.means.vectors, vectors, group)

    def centre_passages(self, passages: Floats, group: str) -> Floats:
        """Do as `centre` does with passages: float32 [k, passage_dim], unit rows."""
        return self._subtract(self.means.passages, passages, group)

    def _subtract(self, means: Means, vectors: Floats, group: str) -> Floats:
        return means.subtract(vectors, means.positions_of([group])) if self.is_centred else vectors

    def rows_in(self, group: str) -> Longs:
        """List the rows of a group, ascending; none of a group that is not there."""
        by = self.manifest.grouped_by
        if not by:
            return np.arange(len(self))
        code = self.means.vectors.positions.get(group, -1)
        return np.flatnonzero(self.columns[by] == code)

    def keywords_beginning_with(self, prefix: str) -> Iterator[str]:
        """The keywords of any row that begin with a text, ascending."""
        return self.keywords.beginning_with(prefix)

    def rows_with(self, keyword: str) -> Ints:
        """Find the rows that have a keyword: int32 [m], ascending."""
        return self.keywords.rows_with(keyword)

    def rows_between(self, name: str, least: float, most: float) -> Ints:
        """Find the rows with a number from `least` to `most` under a name; see `Numbers`."""
        return self.numbers.rows_between(name, least, most)

    def row_of(self, row_id: str) -> int | None:
        """Find the row of an id by binary search; None when it is not here."""
        try:
            # UTF-8 sorts as code points do, so the bytes ascend as the ids did.
            wanted = row_id.encode()
        except UnicodeEncodeError:
            return None
        size = len(self)
        row = bisect_left(self.ids, wanted, hi=size)
        return row if row < size and self.ids[row] == wanted else None

    def id_of(self, row: int) -> str:
        """Read the id of a row.

        Raises:
            BadQuery: the row is not in 0..n-1.
        """
        return self._read(self.ids, row).decode()

    def display_of(self, row: int) -> bytes:
        """Read the display fields of a row, byte for byte as they were given.

        Raises:
            BadQuery: the row is not in 0..n-1.
        """
        return self._read(self.display, row)

    def _read(self, blobs: Blobs, row: int) -> bytes:
        if not 0 <= row < len(self):
            raise BadQuery(f"row {row} of a snapshot of {len(self)}")
        return blobs[row]


def _check_names(folder: Path, manifest: Manifest) -> None:
    with os.scandir(folder) as entries:
        # A link could lead anywhere: only a regular file counts as one.
        present = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    for name in manifest.files:
        if not present.get(name):
            raise SnapshotDamaged.at(folder / name, "missing, or not a regular file")
    for name in present.keys() - manifest.files.keys() - {Files.MANIFEST}:
        raise SnapshotDamaged.at(folder / name, "not named in the manifest")


def _check_sums(folder: Path, manifest: Manifest) -> None:
    for name, wanted in manifest.files.items():
        size = (folder / name).stat().st_size
        if size != wanted.bytes:
            raise SnapshotDamaged.at(folder / name, f"{size} bytes long, not {wanted.bytes}")
        if measure(folder / name) != wanted:
            raise SnapshotDamaged.at(folder / name, "altered: its SHA-256 is another")


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


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value
