"""Which rows have a keyword, such as a tag: an inverted list for each keyword, mapped from disk."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.disk import Blobs, map_array, map_starts, require
from index.manifest import Files

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from index.arrays import Ints, Longs
    from index.disk import Writer
    from index.manifest import Manifest


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
