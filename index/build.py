"""Writes a snapshot: chooses and trains the FAISS index for a size, and lays out the files.

One of the two modules that import FAISS. The same rows give the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypeAlias, TypedDict, Unpack

import faiss
import numpy as np

from index.arrays import spread
from index.blobs import write_blobs
from index.disk import Writer, sync_folder
from index.floors import measure_floors
from index.manifest import FORMAT, Files, Manifest, column_file
from index.matrix import Matrix
from index.rows import BUCKETS
from index.terms import weigh_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from index.arrays import Floats, Longs
    from index.rows import Rows

IVF_ABOVE: Final = 20_000
"""Up to so many rows exact search is quick enough on its own."""

_SEED: Final = 1234
_TRAINING_ROWS_PER_LIST: Final = 64
_RECALL_QUERIES: Final = 200
_RECALL_DEPTH: Final = 100
_RECALL_WANTED: Final = 0.99
# Twice the rounding of float32 at 1: the same codes summed in another order are no miss.
_RECALL_SLACK: Final = 2.5e-7

# The stubs FAISS ships know neither its keyword parameters nor its callback writer.
_faiss: Any = faiss
_Index: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Tuning:
    """How an IVF index is searched, and the recall@100 that was measured so."""

    lists: int = 0
    probes: int = 0
    recall: float = 1.0


class Stamp(TypedDict):
    """What the caller tells of the rows, for the manifest.

    Attributes:
        model: fingerprint of the encoder.
        analyzer: fingerprint of the recipe for terms.
        epoch: the store's epoch.
        change: number of the last change in the rows, 0..10**12-1.
        ivf_above: with more rows than this, an IVF index is trained besides; IVF_ABOVE unless
            given.
        grouped_by: the column of codes of the groups, such as languages, inside which floors
            are measured and the rarity of terms is counted; without it all rows are one group.
        notes: what the caller wants to remember with the rows; nothing unless given.
    """

    model: str
    analyzer: str
    epoch: str
    change: int
    ivf_above: NotRequired[int]
    grouped_by: NotRequired[str]
    notes: NotRequired[Mapping[str, str]]


def build(rows: Rows, folder: Path, **stamp: Unpack[Stamp]) -> Manifest:
    """Write a snapshot of the rows into an existing, empty folder, and sync it.

    The manifest is written last: a folder that has one holds everything it names.

    Args:
        rows: what to index.
        folder: where to; on failure the caller removes it.
        **stamp: see Stamp.

    Raises:
        BadRows: the rows do not pass their check.
        ValueError: the change number is out of range.
        OSError: the disk refuses, or the folder is missing or not empty.
    """
    rows.check()
    writer = Writer(folder)
    tuning = _write_vectors(writer, rows.vectors, stamp.get("ivf_above", IVF_ABOVE))
    groups = rows.groups(stamp.get("grouped_by"))
    frequency = np.bincount(rows.terms.buckets, minlength=BUCKETS)
    weights = weigh_rows(rows.terms, frequency[rows.terms.buckets], _peers(groups, len(rows)))
    _write_terms(writer, weights)
    _write_records(writer, rows)
    manifest = Manifest(
        format=FORMAT,
        rows=len(rows),
        dim=rows.dim,
        model=stamp["model"],
        analyzer=stamp["analyzer"],
        epoch=stamp["epoch"],
        change=stamp["change"],
        ivf_lists=tuning.lists,
        ivf_probes=tuning.probes,
        recall=tuning.recall,
        floors=measure_floors(rows.vectors, weights, groups),
        notes=stamp.get("notes", {}),
        files=writer.sums,
    )
    writer.write(Files.MANIFEST, manifest.to_bytes())
    sync_folder(folder)
    return manifest


def list_count(rows: int) -> int:
    """Choose the number of inverted lists: the power of two nearest 3.2 times the root of rows.

    That is 1024 at 100,000 rows and 4096 at a million, within the 4 to 16 times the root that
    FAISS's guidelines advise, at the low end since the lists are small enough to scan. Never
    more lists than rows.
    """
    wanted = round(math.log2(3.2 * math.sqrt(rows)))
    return int(2 ** min(wanted, math.floor(math.log2(rows))))


def _peers(groups: dict[str, Longs], rows: int) -> Longs:
    """Count, for each row, the rows of its group: int64 [n]."""
    peers = np.zeros(rows, np.int64)
    for members in groups.values():
        peers[members] = len(members)
    return peers


def _write_vectors(writer: Writer, vectors: Floats, ivf_above: int) -> Tuning:
    exact = _faiss.IndexScalarQuantizer(
        vectors.shape[1],
        _faiss.ScalarQuantizer.QT_fp16,
        _faiss.METRIC_INNER_PRODUCT,
    )
    vectors = np.ascontiguousarray(vectors)
    exact.add(vectors)
    _write_index(writer, Files.VECTORS, exact)
    if len(vectors) <= ivf_above:
        return Tuning()
    ivf = _train(vectors)
    _write_index(writer, Files.IVF, ivf)
    return _tune(exact, ivf, vectors[spread(len(vectors), _RECALL_QUERIES)])


def _write_index(writer: Writer, name: str, index: _Index) -> None:
    with writer.create(name) as sink:
        _faiss.write_index(index, _faiss.PyCallbackIOWriter(sink.write))


def _train(vectors: Floats) -> _Index:
    lists, dim = list_count(len(vectors)), vectors.shape[1]
    ivf = _faiss.IndexIVFScalarQuantizer(
        _faiss.IndexFlatIP(dim),
        dim,
        lists,
        _faiss.ScalarQuantizer.QT_fp16,
        _faiss.METRIC_INNER_PRODUCT,
        # Residuals would round differently from vectors.faiss, and similarities with them.
        False,  # noqa: FBT003 a positional argument of the C++ constructor
    )
    ivf.cp.seed = _SEED
    # A small archive has few rows per list; FAISS would say so on stderr.
    ivf.cp.min_points_per_centroid = 1
    ivf.train(vectors[spread(len(vectors), _TRAINING_ROWS_PER_LIST * lists)])
    ivf.add(vectors)
    return ivf


def _tune(exact: _Index, ivf: _Index, queries: Floats) -> Tuning:
    depth = min(_RECALL_DEPTH, exact.ntotal)
    true, _ = exact.search(queries, depth)
    worst = true[:, -1:] - _RECALL_SLACK
    tuning = Tuning()
    for probes in _probe_counts(ivf.nlist):
        parameters = _faiss.SearchParametersIVF(nprobe=probes)
        found, _ = ivf.search(queries, depth, params=parameters)
        # By similarity and not by row: of two copies either is right.
        tuning = Tuning(ivf.nlist, probes, float((found >= worst).mean()))
        if tuning.recall >= _RECALL_WANTED:
            break
    return tuning


def _probe_counts(lists: int) -> Iterator[int]:
    # Two lists at least: a row near a border may be filed on either side of it.
    yield from (2**power for power in range(1, lists.bit_length() - 1))
    yield lists


def _write_terms(writer: Writer, weights: Matrix) -> None:
    stored = Matrix(weights.indptr, weights.columns, weights.weights.astype(np.float16))
    writer.write_array(Files.TERM_STARTS, stored.indptr.astype(np.int64))
    writer.write_array(Files.TERM_BUCKETS, stored.columns.astype(np.int32))
    writer.write_array(Files.TERM_WEIGHTS, stored.weights)
    postings = stored.transposed(BUCKETS)
    writer.write_array(Files.POSTING_STARTS, postings.indptr)
    writer.write_array(Files.POSTING_ROWS, postings.columns)
    writer.write_array(Files.POSTING_WEIGHTS, postings.weights)


def _write_records(writer: Writer, rows: Rows) -> None:
    ids = [row_id.encode() for row_id in rows.ids]
    write_blobs(writer, Files.IDS, Files.IDS_OFFSETS, ids)
    write_blobs(writer, Files.CARDS, Files.CARDS_OFFSETS, rows.cards)
    for name, column in sorted(rows.columns.items()):
        writer.write_array(column_file(name), column)
    labels = {name: list(words) for name, words in rows.labels.items()}
    writer.write(Files.LABELS, json.dumps(labels, sort_keys=True, indent=2).encode() + b"\n")
