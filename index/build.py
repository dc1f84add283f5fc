"""Build a snapshot: choose and train the FAISS index, compute what is frozen, write the files.

One of the two modules that import FAISS. The same rows give the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypeAlias, TypedDict, Unpack

import faiss
import numpy as np

from index.arrays import Advance, ScaledPassages, blocks_of, spread_evenly
from index.disk import Writer, sync_folder
from index.groups import Centring, measure_background
from index.lexical import Lexicon, Weigher
from index.manifest import FORMAT, BackgroundSimilarity, Files, Manifest, column_file
from index.neighbours import IndexSide, find_own_neighbours
from index.plane import Placing
from index.postings import Lookup
from index.vector_search import STORED, Lists, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from index.arrays import Array, Floats, Ints, Longs
    from index.disk import FileSum
    from index.rows import Rows
    from index.snapshot import Snapshot

STAGES: Final = (
    "checking",
    "vectors",
    "training",
    "lists",
    "recall",
    "passages",
    "words",
    "background",
    "neighbours",
    "places",
    "fields",
)
"""What a build does, in this order; `training` to `recall` only above IVF_ABOVE rows."""

IVF_ABOVE: Final = 20_000
"""Up to so many rows exact search alone is fast enough."""

LIBRARIES: Final = [f"faiss {faiss.__version__}", f"numpy {np.__version__}"]
"""Other versions of these may compute other bytes of the same rows."""

_SEED: Final = 1234
_TRAINING_ROWS_PER_LIST: Final = 64
_RECALL_QUERIES: Final = 200
_RECALL_DEPTH: Final = 100
_RECALL_WANTED: Final = 0.99
# Twice the rounding of float32 at 1: the same products summed in another order still match.
_RECALL_SLACK: Final = 2.5e-7

_BLOCK: Final = 8_192
_ADDED_AT_ONCE: Final = 65_536
"""As many vectors as FAISS itself assigns to lists at once."""

# The stubs of FAISS lack its keyword parameters and its callback writer.
_faiss: Any = faiss
_Index: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Tuning:
    """How an IVF index is searched, and the recall@100 that was measured so."""

    lists: int = 0
    probes: int = 0
    recall: float = 1.0


Begin: TypeAlias = "Callable[[str, int, str], Advance]"


class BuildOptions(TypedDict):
    """Where the rows come from, for the manifest, and how to index them.

    Attributes:
        model: fingerprint of the encoder.
        analyzer: version of the analyzer that made the terms.
        epoch: the store's epoch.
        change: number of the last change in the rows, 0..10**12-1.
        ivf_above: with more rows than this, an IVF index is trained too; default IVF_ABOVE.
        grouped_by: the column of codes that gives the group of each row, such as its language.
            Background similarities, document frequencies and mean vectors are measured inside
            each group; without this, all rows are one group.
        reliable_by: the column of bools that says which vectors mean something; default all.
        centred: whether to subtract the mean of its group from each vector; default no.
        placed_by: the column of bools that says which rows get a place on the plane; default all.
        places_from: a snapshot whose rows keep their places; by default all are placed anew.
        begin: called when one of STAGES begins, with its name, how many pieces it has (0 if they
            are not counted) and what a piece is; what it returns is called with how many more are
            done. Default nothing.
        notes: what the caller wants to remember with the rows; default nothing.
        writer: of that folder; one that keeps the stages of a build that was interrupted does not
            do them again. Default a fresh one.
    """

    model: str
    analyzer: str
    epoch: str
    change: int
    ivf_above: NotRequired[int]
    grouped_by: NotRequired[str]
    reliable_by: NotRequired[str]
    centred: NotRequired[bool]
    placed_by: NotRequired[str]
    places_from: NotRequired[Snapshot | None]
    begin: NotRequired[Begin]
    notes: NotRequired[Mapping[str, str]]
    writer: NotRequired[Writer]


def build(rows: Rows, folder: Path, **options: Unpack[BuildOptions]) -> Manifest:
    """Write a snapshot of the rows into an existing, empty folder, and sync it.

    The manifest is written last: a folder that has one holds everything it names.

    Args:
        rows: what to index.
        folder: where to; on failure the caller removes it.
        **options: see BuildOptions.

    Raises:
        BadRows: the rows do not pass their check, or `reliable_by` names no column of bools.
        ValueError: the change number is out of range.
        OSError: the disk refuses, or the folder is missing or not empty.
    """
    begin = options.get("begin", show_nothing)
    begin("checking", 0, "row")
    rows.check()
    groups = rows.groups(options.get("grouped_by"))
    writer = options.get("writer") or Writer(folder)
    centring = Centring.of(
        rows, groups, options.get("grouped_by"), centred=options.get("centred", False)
    )
    above = options.get("ivf_above", IVF_ABOVE)
    vectors, tuning = write_vectors(writer, centring, above, begin)
    background = _write_texts(writer, centring, groups, begin)
    index_side = IndexSide(
        vectors=vectors,
        lexicon=Lexicon.open(folder, len(rows)),
        reliable=rows.reliable(options.get("reliable_by")),
        rows_in=groups.__getitem__,
        background=lambda label: background[label].similarity,
    )
    nearest = _write_neighbours(writer, index_side, groups, begin)
    placing = Placing(rows.ids, vectors, rows.reliable(options.get("placed_by")), nearest)
    _write_places(writer, placing, options.get("places_from"), begin)
    writer.do("fields", lambda: _write_rows(writer, rows, begin))
    manifest = _describe(rows, options, tuning, background, writer.sums)
    writer.write(Files.MANIFEST, manifest.to_bytes())
    sync_folder(folder)
    return manifest


def _write_texts(
    writer: Writer, centring: Centring, groups: Mapping[str, Longs], begin: Begin
) -> dict[str, BackgroundSimilarity]:
    """Write passages, means and words; measure the background similarity of each group."""
    rows = centring.rows

    def write_passages() -> None:
        advance = begin("passages", len(rows.passages.codes), "passage")
        ScaledPassages.write(writer, rows.passages, centring.passages(), advance)
        centring.means.write(writer)

    def measure() -> dict[str, Any]:
        begin("background", 0, "row")
        passages = ScaledPassages.open(writer.folder, len(rows), rows.passages.dim)
        found = measure_background(centring.vectors, passages, weigher.entries, groups)
        return {label: asdict(medians) for label, medians in found.items()}

    writer.do("passages", write_passages)
    weigher = Weigher.of(rows.terms, groups)
    writer.do("words", lambda: weigher.write(writer, begin("words", 2 * len(rows), "row")))
    measured = writer.do("background", measure)
    return {label: BackgroundSimilarity(**medians) for label, medians in measured.items()}


def _write_neighbours(
    writer: Writer, index_side: IndexSide, groups: Mapping[str, Longs], begin: Begin
) -> Ints:
    """Write the neighbours, and return the nearest rows of each row."""

    def find() -> Ints:
        advance = begin("neighbours", len(index_side.reliable), "row")
        neighbours, nearest = find_own_neighbours(index_side, groups, advance)
        neighbours.write(writer)
        return nearest

    return writer.do("neighbours", find)


def _write_places(writer: Writer, placing: Placing, before: Snapshot | None, begin: Begin) -> None:
    def place() -> None:
        places = placing.place(before, begin("places", placing.rounds, "round"))
        writer.write_array(Files.PLACES, places)

    writer.do("places", place)


def show_nothing(_stage: str, _pieces: int, _piece: str) -> Advance:
    """Show no progress of a build."""
    return lambda _done: None


def _describe(
    rows: Rows,
    options: BuildOptions,
    tuning: Tuning,
    background: Mapping[str, BackgroundSimilarity],
    sums: Mapping[str, FileSum],
) -> Manifest:
    return Manifest(
        format=FORMAT,
        rows=len(rows),
        dim=rows.dim,
        passage_dim=rows.passages.dim,
        model=options["model"],
        analyzer=options["analyzer"],
        epoch=options["epoch"],
        change=options["change"],
        ivf_lists=tuning.lists,
        ivf_probes=tuning.probes,
        recall=tuning.recall,
        grouped_by=options.get("grouped_by", ""),
        reliable_by=options.get("reliable_by", ""),
        centred=options.get("centred", False),
        background=background,
        notes=options.get("notes", {}),
        files=sums,
    )


def list_count(rows: int) -> int:
    """Choose the number of inverted lists: the power of two nearest 3.2 times the root of rows.

    That is 1024 at 100,000 rows and 4096 at a million, within the 4 to 16 times the root that
    FAISS's guidelines advise, at the low end since the lists are small enough to scan. Never
    more lists than rows.
    """
    wanted = round(math.log2(3.2 * math.sqrt(rows)))
    return int(2 ** min(wanted, math.floor(math.log2(rows))))


def _write_rows(writer: Writer, rows: Rows, begin: Begin) -> None:
    """Write what is kept as it was given: ids, display fields and all attributes."""
    begin("fields", 0, "row")
    writer.write_blobs(Files.IDS, Files.IDS_OFFSETS, (row_id.encode() for row_id in rows.ids))
    writer.write_blobs(Files.DISPLAY, Files.DISPLAY_OFFSETS, rows.display)
    for name, column in sorted(rows.columns.items()):
        writer.write_array(column_file(name), column)
    write_labels(writer, rows.labels)
    keywords, numbers = Lookup(), Lookup()
    for row, words in enumerate(rows.keywords):
        keywords.add_keywords(row, words)
    for row, by_name in enumerate(rows.numbers):
        numbers.add_numbers(row, by_name)
    keywords.write_keywords(writer)
    numbers.write_numbers(writer)


def write_labels(writer: Writer, labels: Mapping[str, Iterable[str]]) -> None:
    """Write the labels of columns of codes."""
    listed = {name: [*words] for name, words in labels.items()}
    writer.write(Files.LABELS, json.dumps(listed, sort_keys=True, indent=2).encode() + b"\n")


def write_vectors(
    writer: Writer, centring: Centring, above: int, begin: Begin
) -> tuple[Vectors, Tuning]:
    """Write the FAISS files, and map them."""
    count, dim = len(centring.rows), centring.rows.dim

    def store() -> None:
        # FAISS would round some numbers half-way between two others up; a delta's NumPy does not.
        halves = (centring.vectors(one).astype(np.float16) for one in blocks_of(count, _BLOCK))
        write_stored(writer, dim, count, halves, begin("vectors", count, "row"))

    def train() -> tuple[int, int, float]:
        begin("training", 0, "row")
        ivf = _train(vectors)
        _fill(ivf, vectors, begin("lists", count, "row"))
        lists = write_lists(writer, ivf, exact)
        begin("recall", 0, "row")
        queries = vectors.fetch_stored(spread_evenly(count, _RECALL_QUERIES))
        found = _tune(exact, lists, queries)
        return found.lists, found.probes, found.recall

    writer.do("vectors", store)
    exact = _map(writer, Files.VECTORS)
    vectors = Vectors(exact, None, 0)
    if count <= above:
        return vectors, Tuning()
    tuning = Tuning(*writer.do("lists", train))
    return Vectors(exact, Lists(_map(writer, Files.IVF), exact), tuning.probes), tuning


def write_stored(
    writer: Writer, dim: int, count: int, blocks: Iterable[Array], advance: Advance
) -> _Index:
    """Write `count` vectors as float16, some rows at a time, and map the FAISS index of them."""
    exact = _faiss.IndexScalarQuantizer(dim, *STORED)
    with writer.create(Files.VECTORS) as file:
        file.write(_head(exact, count) + (count * exact.code_size).to_bytes(8, "little"))
        for block in blocks:
            file.write(block.tobytes())
            advance(len(block))
    return _map(writer, Files.VECTORS)


def write_lists(writer: Writer, ivf: _Index, exact: _Index) -> Lists:
    """Write inverted lists of the vectors that `exact` has, and map them."""
    with writer.create(Files.IVF) as file:
        _faiss.write_index(ivf, _faiss.PyCallbackIOWriter(file.write))
    return Lists(_map(writer, Files.IVF), exact)


def _map(writer: Writer, name: str) -> _Index:
    return _faiss.read_index(str(writer.folder / name), _faiss.IO_FLAG_MMAP_IFC)


def _head(empty: _Index, count: int) -> bytes:
    """The bytes of an index before its vectors: of an empty one, with the number of vectors.

    FAISS itself writes an index that is in memory, with all vectors.
    """
    data: bytes = _faiss.serialize_index(empty).tobytes()
    # Four letters, the dimension (int32), the number of vectors (int64); at the end how many bytes
    # of vectors follow: none (int64).
    return data[:8] + count.to_bytes(8, "little") + data[16:-8]


def _train(vectors: Vectors) -> _Index:
    """Train inverted lists, which stay empty."""
    lists = list_count(len(vectors))
    coarse, metric = _faiss.IndexFlatIP(vectors.dim), _faiss.METRIC_INNER_PRODUCT
    ivf = _faiss.IndexIVFRaBitQ(coarse, vectors.dim, lists, metric)
    ivf.cp.seed = _SEED
    # A small archive has few rows per list; FAISS would warn on stderr.
    ivf.cp.min_points_per_centroid = 1
    sample = spread_evenly(len(vectors), _TRAINING_ROWS_PER_LIST * lists)
    ivf.train(vectors.fetch_stored(sample))
    return ivf


def _fill(ivf: _Index, vectors: Vectors, advance: Advance) -> None:
    """Put the codes of all rows into lists: in memory, since they are small."""
    for block in blocks_of(len(vectors), _ADDED_AT_ONCE):
        ivf.add(vectors.fetch_stored(np.arange(block.start, block.stop)))
        advance(block.stop - block.start)


def _tune(exact: _Index, lists: Lists, queries: Floats) -> Tuning:
    depth = min(_RECALL_DEPTH, exact.ntotal)
    true, _ = exact.search(queries, depth)
    worst = true[:, -1:] - _RECALL_SLACK
    tuning = Tuning()
    for probes in _probe_counts(len(lists)):
        found, _ = lists.search(queries, depth, probes)
        # Compare similarities, not rows: of two copies either is right.
        tuning = Tuning(len(lists), probes, float((found >= worst).mean()))
        if tuning.recall >= _RECALL_WANTED:
            break
    return tuning


def _probe_counts(lists: int) -> Iterator[int]:
    # At least two lists: a row near a border may be in the list on either side.
    yield from (2**power for power in range(1, lists.bit_length() - 1))
    yield lists
