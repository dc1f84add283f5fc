"""What a list needs to know of a whole archive, without its rows.

The means, the frequencies of terms and the background similarities of a snapshot stay as they were
measured, as they do for the rows of a delta. With them, rows that were found elsewhere make a view
that lists are made from.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from index.arrays import PackedTerms, Passages, normalize, round_to_float16
from index.build import build
from index.delta import DeltaBuilder, DeltaWriter
from index.errors import SnapshotDamaged
from index.groups import GroupMeans, Means
from index.lexical import Lexicon
from index.manifest import Manifest
from index.neighbours import SMOOTHING, Neighbours, scale
from index.postings import Postings
from index.rows import BUCKETS, Rows
from index.snapshot import Snapshot
from index.stored_rows import RowLayout, StoredRows, no_counts, pull_of
from index.vector_search import Hits, top
from index.view import View

if TYPE_CHECKING:
    from index.arrays import Bools, Floats, Ints, Whole
    from index.lexical import Query

__all__ = [
    "Statistics",
    "ViewOfFound",
    "read_statistics",
    "statistics_of",
    "store_rows",
    "view_of",
    "write_statistics",
]


class FrozenLexicon(Lexicon):
    """The frequencies of the terms of a snapshot; it has no rows."""

    __slots__ = ("_rows",)

    def __init__(self, frequency: Ints, rows: int) -> None:
        """Keep frequencies: int32 [BUCKETS], how many of so many rows held each bucket."""
        starts, rows_of_words = np.zeros(1, np.int64), np.empty(0, np.int32)
        terms = PackedTerms(starts, np.empty(0, np.uint32), np.empty(0, np.float32))
        super().__init__(terms, frequency, Postings(starts, rows_of_words, np.empty(0, np.uint8)))
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def nearest(self, query: Query, limit: int, allowed: Bools) -> Hits:  # noqa: ARG002 - of the base
        """Find nothing: there is no row."""
        return Hits.none()


@dataclass(frozen=True, slots=True, eq=False)
class Pulls:
    """What is in the place of the vectors of neighbours: for each found row, its pull.

    Attributes:
        vectors: float32 [m, dim]; any direction where a row has no neighbours.
    """

    vectors: Floats

    def fetch_stored(self, rows: Whole) -> Floats:
        """Read some of them: float32 [k, dim]."""
        return self.vectors[rows]

    def fetch(self, rows: Whole) -> Floats:
        """Read some of them, of length 1."""
        return normalize(self.vectors[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Statistics(Snapshot):
    """A snapshot of which everything is known but its rows."""

    @property
    def is_centred(self) -> bool:
        """Whether the mean of its group was subtracted from each vector."""
        return self.manifest.centred

    @property
    def layout(self) -> RowLayout:
        """The layout of its rows, where they are kept."""
        manifest = self.manifest
        return RowLayout.of(manifest.dim, manifest.passage_dim, self.columns, self.labels)


def statistics_of(snapshot: Snapshot) -> Statistics:
    """Take the statistics of a snapshot; they stay when its files are gone."""
    return read_statistics(write_statistics(snapshot))


def write_statistics(snapshot: Snapshot) -> bytes:
    """Write the statistics of a snapshot as bytes: at most some megabytes, however many rows."""
    frequency = snapshot.lexicon.document_frequency(np.arange(BUCKETS))
    grouped_by = snapshot.manifest.grouped_by
    said = {
        "generation": snapshot.generation,
        "manifest": snapshot.manifest.to_bytes().decode(),
        "groups": [*snapshot.labels[grouped_by]] if grouped_by else [],
        "labels": sorted(snapshot.labels),
        "columns": {
            name: [column.dtype.str, list(column.shape[1:])]
            for name, column in snapshot.columns.items()
        },
    }
    file = io.BytesIO()
    np.savez_compressed(
        file,
        said=np.frombuffer(json.dumps(said).encode(), np.uint8),
        frequency=frequency.astype(np.int32),
        means=np.array(snapshot.means.vectors.vectors),
        passage_means=np.array(snapshot.means.passages.vectors),
    )
    return file.getvalue()


def read_statistics(data: bytes) -> Statistics:
    """Read what `write_statistics` wrote.

    Raises:
        SnapshotDamaged: the bytes are anything else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            said = json.loads(arrays["said"].tobytes())
            return _made(said, {name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise SnapshotDamaged(f"the statistics of an archive cannot be read: {fault}") from fault


def _made(said: dict[str, Any], arrays: dict[str, Any]) -> Statistics:
    manifest = Manifest.from_bytes(said["manifest"].encode(), Path("statistics"))
    columns = {
        name: np.empty((0, *shape), np.dtype(kind))
        for name, (kind, shape) in said["columns"].items()
    }
    groups = tuple(said["groups"])
    labels = {name: groups if name == manifest.grouped_by else () for name in said["labels"]}
    empty = _without_rows(manifest, columns, labels)
    positions = {label: place for place, label in enumerate(groups or ("",))}
    means = (Means(arrays[name], positions) for name in ("means", "passage_means"))
    made = {one.name: getattr(empty, one.name) for one in fields(Snapshot)}
    made |= {
        "generation": said["generation"],
        "manifest": replace(manifest, rows=0),
        "lexicon": FrozenLexicon(arrays["frequency"], manifest.rows),
        "vectors": Pulls(np.empty((0, manifest.dim), np.float32)),
        "means": GroupMeans(*means),
        "labels": labels,
    }
    return Statistics(**made)


def _without_rows(
    manifest: Manifest, columns: dict[str, Any], labels: dict[str, tuple[str, ...]]
) -> Snapshot:
    """A snapshot without rows; its files are mapped, and need no folder any more."""
    rows = Rows(
        ids=[],
        vectors=np.empty((0, manifest.dim), np.float32),
        passages=Passages.of([], manifest.passage_dim),
        terms=no_counts(0),
        columns=columns,
        labels=labels,
        keywords=[],
        numbers=[],
        display=[],
    )
    with TemporaryDirectory(prefix="read-also-") as folder:
        named = {"grouped_by": manifest.grouped_by, "reliable_by": manifest.reliable_by}
        stamp = {"model": manifest.model, "analyzer": manifest.analyzer, "epoch": manifest.epoch}
        given = {name: value for name, value in named.items() if value}
        build(rows, Path(folder), change=manifest.change, **stamp, **given)  # type: ignore[arg-type]
        return Snapshot.open(Path(folder))


def store_rows(statistics: Statistics, rows: Rows) -> StoredRows:
    """Centre and weigh new rows as those of the snapshot; they have no neighbours yet.

    Raises:
        BadRows: the rows are not valid, or have other columns than the snapshot.
    """
    delta = DeltaWriter(View.of(statistics)).apply(rows, ()).delta
    centred = Passages(delta.passages.indptr, delta.passages.codes)
    kept = replace(rows, vectors=delta.vectors, passages=centred, terms=no_counts(len(rows)))
    none = np.zeros_like(delta.vectors)
    return StoredRows(kept, delta.terms, none, np.zeros(len(rows), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class ViewOfFound(View):
    """The view of rows that a search has found, as if they were the archive."""

    def smooth(self, vector: Floats, weight: float, group: str) -> Floats:
        """Move a vector that is in no row towards its two nearest among the found rows."""
        by = self.snapshot.manifest.reliable_by
        reliable = self.delta.columns[by] if by else self.present
        rows = np.flatnonzero(reliable & self.present)
        near = top(rows, self.delta.vectors[rows] @ round_to_float16(vector), SMOOTHING)
        if not weight or not len(near):
            return vector
        background = np.array(self.background_of(group).similarity)
        weights = scale(near.similarities.astype(np.float64), background) * (weight / SMOOTHING)
        pull = pull_of(self.delta.vectors[near.rows][np.newaxis], weights[np.newaxis])
        smoothed: Floats = normalize(vector[np.newaxis] + pull)[0]
        return smoothed


def view_of(statistics: Statistics, stored: StoredRows) -> ViewOfFound:
    """The view of some rows, as if they were the archive, with the statistics of all."""
    lengths = np.linalg.norm(stored.pulls, axis=1)
    neighbours = Neighbours.none(len(stored))
    neighbours.rows[:, 0] = np.where(lengths > 0, np.arange(len(stored)), -1)
    neighbours.weights[:, 0] = lengths
    neighbours.hubness[:] = stored.hubness
    pulls = stored.pulls.copy()
    pulls[lengths == 0, :1] = 1  # of weight 0, but a direction is asked for
    builder, rows = DeltaBuilder(), stored.rows
    builder.append(rows, rows.vectors, rows.passages, stored.terms, neighbours)
    base = replace(statistics, vectors=Pulls(pulls))  # type: ignore[arg-type]
    places = {row_id: place for place, row_id in enumerate(rows.ids)}
    return ViewOfFound(base, builder.build(base), np.ones(len(stored), np.bool_), places)
