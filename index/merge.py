"""Merge a snapshot with the changes since into a new one, at the price of what changed.

The present rows of a view are written as they are searched: unchanged ones byte for byte, changed
ones as the delta has them. Means, document frequencies, background similarities and the centroids
of inverted lists stay those of the full build that the snapshot descends from.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict, Unpack

import numpy as np

from index.arrays import ALL_BUCKETS
from index.build import show_nothing, write_labels, write_lists, write_stored
from index.carried_neighbours import carry_neighbours
from index.disk import Writer, sync_folder
from index.lexical import Lexicon, gather
from index.manifest import Files, Manifest, column_file
from index.merge_order import MergeOrder
from index.neighbours import IndexSide
from index.plane import ALIKE, NOWHERE, Placing
from index.postings import Lookup, bucket_ranges, coarse_codes, words_kept
from index.rows import BUCKETS
from index.vector_search import Vectors
from index.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from index.arrays import Array, Bytes, Ints, Longs, PackedTerms, Shorts
    from index.build import Begin
    from index.disk import Blobs, HashingFile
    from index.postings import Postings

_BUCKETS_AT_ONCE: Final = 2**12
"""Of a million rows they have 280,000 postings, which stay in a processor's cache."""


class MergeOptions(TypedDict):
    """What a merge is told beside the view.

    Attributes:
        change: number of the last change in the view, 0..10**12-1.
        notes: what the caller wants to remember with the rows.
        columns: by name, columns of all rows of the view that take the place of its own;
            default none.
        placed_by: the column of bools that says which rows get a place on the plane; default all.
        begin: called when a stage begins, see `BuildOptions`.
    """

    change: int
    notes: Mapping[str, str]
    columns: NotRequired[Mapping[str, Array]]
    placed_by: NotRequired[str]
    begin: NotRequired[Begin]


def merge(view: View, folder: Path, **options: Unpack[MergeOptions]) -> Manifest:
    """Write a snapshot of the present rows of a view into an existing, empty folder, and sync it.

    If nothing has changed, all files but the manifest are those of the view's snapshot.

    Args:
        view: its snapshot has rows and places.
        folder: where to; on failure the caller removes it.
        **options: see MergeOptions.

    Raises:
        ValueError: the change number is out of range.
        OSError: the disk refuses, or the folder is missing or not empty.
    """
    begin, before = options.get("begin", show_nothing), view.snapshot
    writer, order = Writer(folder), MergeOrder.of(view)
    vectors = _write_vectors(writer, order, begin)
    begin("passages", 0, "passage")
    _write_passages(writer, order)
    begin("words", 0, "B")
    _write_words(writer, order)
    labels = {name: _MergedLabels.of(name, order) for name in before.labels}
    write_labels(writer, {name: merged.words for name, merged in labels.items()})
    columns = _write_columns(writer, order, options.get("columns", {}), labels)
    begin("neighbours", 0, "row")
    nearest = _write_neighbours(writer, order, vectors, columns, labels)
    begin("places", 0, "row")
    placed_by = options.get("placed_by")
    placed = columns[placed_by] if placed_by else np.ones(len(order), np.bool_)
    writer.write_array(Files.PLACES, _place(order, Placing((), vectors, placed, nearest)))
    begin("fields", 0, "row")
    _write_fields(writer, order)
    told = {"change": options["change"], "notes": options["notes"], "files": writer.sums}
    manifest = replace(before.manifest, rows=len(order), **told)  # type: ignore[arg-type]
    writer.write(Files.MANIFEST, manifest.to_bytes())
    sync_folder(folder)
    return manifest


def _write_vectors(writer: Writer, order: MergeOrder, begin: Begin) -> Vectors:
    """Write the FAISS files, and map them."""
    before, after = order.snapshot.vectors, order.delta.vectors
    halves = np.ascontiguousarray(after.astype(np.float16)).view(np.uint8)
    advance = begin("vectors", len(order), "row")
    blocks = order.blocks(before.stored, halves)
    exact = write_stored(writer, before.dim, len(order), blocks, advance)
    if before.lists is None:
        return Vectors(exact, None, 0)
    begin("lists", 0, "row")
    ivf = before.lists.renumbered(order.numbers, order.came, after[order.of_delta])
    lists = write_lists(writer, ivf, exact)
    return Vectors(exact, lists, order.snapshot.manifest.ivf_probes)


def _write_passages(writer: Writer, order: MergeOrder) -> None:
    before, after = order.snapshot.passages, order.delta.passages
    starts = order.starts(before.indptr, after.indptr)
    writer.write_array(Files.PASSAGE_STARTS, starts)
    indptrs, shape = (before.indptr, after.indptr), (int(starts[-1]), before.codes.shape[1])
    with writer.create_array(Files.PASSAGE_CODES, np.int8, shape) as file:
        _write_runs(file, order, indptrs, (before.codes, after.codes))
    with writer.create_array(Files.PASSAGE_SCALES, np.float32, shape[:1]) as file:
        _write_runs(file, order, indptrs, (before.scales, after.scales))
    means = order.snapshot.means
    for name, of in ((Files.MEANS, means.vectors), (Files.PASSAGE_MEANS, means.passages)):
        by = order.snapshot.manifest.grouped_by
        words = _MergedLabels.of(by, order).words if by else ("",)
        rows = [*of.positions_of(words), len(of.vectors) - 1]
        writer.write_array(name, of.vectors[rows])


def _write_runs(
    file: HashingFile, order: MergeOrder, starts: tuple[Longs, Longs], parts: tuple[Array, Array]
) -> None:
    """Write the entries of all rows, which lie end to end in the snapshot and in the delta."""
    for is_new, run in order.runs():
        first, end = starts[is_new][run.start], starts[is_new][run.stop]
        entries = parts[is_new][first:end].astype(parts[0].dtype, copy=False)
        if len(entries):
            entries = np.ascontiguousarray(entries)
            file.write(memoryview(entries).cast("B"))  # type: ignore[arg-type]  # as in `Blobs`


def _write_words(writer: Writer, order: MergeOrder) -> None:
    before, after = order.snapshot.lexicon, order.delta.terms
    terms = before.terms
    starts = order.starts(terms.indptr, after.indptr)
    writer.write_array(Files.TERM_STARTS, starts)
    indptrs, shape = (terms.indptr, after.indptr), (int(starts[-1]),)
    with writer.create_array(Files.TERM_WORDS, np.uint32, shape) as file:
        _write_runs(file, order, indptrs, (terms.words, after.words))
    writer.write_array(Files.TERM_SCALES, order.take(terms.scales, after.scales))
    writer.write_array(Files.TERM_FREQUENCY, np.array(before.frequency))
    _write_postings(writer, order, before.postings)


def _write_postings(writer: Writer, order: MergeOrder, postings: Postings) -> None:
    terms = order.snapshot.lexicon.terms
    every = len(postings.rows) == len(terms.words)  # as at the full build, however many rows now
    gone = _SomePostings.of(terms, np.flatnonzero(order.numbers < 0), every=every)
    came = _SomePostings.of(order.delta.terms, order.of_delta, order.came, every=every)
    numbers = order.numbers.astype(np.int32)
    lengths = np.diff(postings.indptr) - gone.lengths
    kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths + came.lengths)])
    writer.write_array(Files.POSTING_STARTS, starts)
    with (
        writer.create_array(Files.POSTING_ROWS, np.int32, (int(starts[-1]),)) as row_file,
        writer.create_array(Files.POSTING_CODES, np.uint8, (int(starts[-1]),)) as code_file,
    ):
        for buckets in bucket_ranges(starts, _BUCKETS_AT_ONCE):
            old = slice(*postings.indptr[[buckets.start, buckets.stop]].tolist())
            leaving, coming = gone.inside(buckets), came.inside(buckets)
            rows, codes = postings.rows[old], postings.codes[old]
            dropped = leaving.places_in(rows, postings.indptr[buckets.start : buckets.stop + 1])
            staying = numbers.take(np.delete(rows, dropped))
            places = coming.places_in(staying, kept[buckets.start : buckets.stop + 1])
            row_file.write(np.insert(staying, places, coming.rows).tobytes())
            code_file.write(np.insert(np.delete(codes, dropped), places, coming.codes).tobytes())


@dataclass(frozen=True, slots=True, eq=False)
class _SomePostings:
    """Some postings, by ascending bucket, inside a bucket by ascending row.

    Attributes:
        first: the bucket from which `buckets` count.
        buckets: int32 [z].
        rows: int32 [z].
        codes: uint8 [z].
    """

    first: int
    buckets: Ints
    rows: Ints
    codes: Bytes

    @classmethod
    def of(
        cls, terms: PackedTerms, rows: Longs, numbers: Longs | None = None, *, every: bool
    ) -> _SomePostings:
        """List the postings of some rows, which have other numbers there; see `words_kept`."""
        of_rows, words = words_kept(*gather(terms, rows), every=every)
        owners = (rows if numbers is None else numbers).astype(np.int32)[of_rows]
        buckets = (words & ALL_BUCKETS).astype(np.int32)
        order = np.lexsort((owners, buckets))
        return cls(0, buckets[order], owners[order], coarse_codes(words[order]))

    @property
    def lengths(self) -> Longs:
        """How many there are of each bucket: int64 [BUCKETS]."""
        return np.bincount(self.buckets, minlength=BUCKETS)

    def inside(self, buckets: slice) -> _SomePostings:
        """Those of some buckets."""
        own = slice(*np.searchsorted(self.buckets, [buckets.start, buckets.stop]).tolist())
        return _SomePostings(
            buckets.start, self.buckets[own] - buckets.start, self.rows[own], self.codes[own]
        )

    def places_in(self, rows: Ints, starts: Longs) -> Longs:
        """The place of each among the ascending rows of its bucket: int64 [z].

        Args:
            rows: of all those buckets, end to end.
            starts: where the rows of each bucket start, counted from any number.
        """
        starts = starts - starts[0]
        low, high = starts[self.buckets], starts[self.buckets + 1]
        while (open_ := low < high).any():
            middle = (low + high) // 2
            below = open_ & (rows.take(middle, mode="clip") < self.rows)
            low = np.where(below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        return low


@dataclass(frozen=True, slots=True, eq=False)
class _MergedLabels:
    """The labels of a column of codes.

    Attributes:
        words: those that a row has, and those of groups that the full build had.
        old: the new code of each label of the snapshot; 0 for one that goes.
        new: the new code of each label of the delta; 0 for one that does not come.
    """

    words: Sequence[str]
    old: Longs
    new: Longs

    @classmethod
    def of(cls, name: str, order: MergeOrder) -> _MergedLabels:
        """Merge the labels of a column."""
        before, after = order.snapshot.labels[name], order.delta.labels[name]
        manifest, codes = order.snapshot.manifest, order.snapshot.columns[name]
        stay = (
            np.unique(codes[order.numbers >= 0]).tolist() if order.changes else range(len(before))
        )
        come = np.unique(order.delta.columns[name][order.of_delta]).tolist()
        kept = {*(before[code] for code in stay), *(after[code] for code in come)}
        kept |= manifest.background.keys() if name == manifest.grouped_by else set()
        words = [*before] if kept == {*before} else sorted(kept)
        code_of = {word: code for code, word in enumerate(words)}
        old, new = (
            np.array([code_of.get(one, 0) for one in part], int) for part in (before, after)
        )
        return cls(words, old, new)


def _write_columns(
    writer: Writer,
    order: MergeOrder,
    given: Mapping[str, Array],
    labels: Mapping[str, _MergedLabels],
) -> dict[str, Array]:
    """Write the columns, and return them."""
    columns = {}
    for name, old in sorted(order.snapshot.columns.items()):
        if name in given:
            columns[name] = given[name][order.sources]
        elif name in labels:
            of, new = labels[name], order.delta.columns[name]
            columns[name] = order.take(of.old[old], of.new[new]).astype(old.dtype)
        else:
            columns[name] = order.take(old, order.delta.columns[name])
        writer.write_array(column_file(name), columns[name])
    return columns


def _write_neighbours(
    writer: Writer,
    order: MergeOrder,
    vectors: Vectors,
    columns: Mapping[str, Array],
    labels: Mapping[str, _MergedLabels],
) -> Ints:
    """Write the neighbours, and return the nearest rows of those that were searched for."""
    before, manifest = order.snapshot, order.snapshot.manifest
    by, reliable_by = manifest.grouped_by, manifest.reliable_by
    every = np.zeros(len(order), np.int64)
    codes = columns[by] if by else every
    words = labels[by].words if by else ("",)
    groups = {word: np.flatnonzero(codes == code) for code, word in enumerate(words)}
    reliable = columns[reliable_by] if reliable_by else every == 0
    side = IndexSide(
        vectors=vectors,
        lexicon=Lexicon.open(writer.folder, len(order)),
        reliable=reliable,
        rows_in=groups.__getitem__,
        background=lambda word: View.of(before).background_of(word).similarity,
    )
    # A row whose vector did not change is the same one for its neighbours and for itself.
    there = order.replaced >= 0
    earlier, now = order.replaced[there], order.came[there]
    same = (before.vectors.codes(earlier) == vectors.codes(now)).all(axis=1)
    same &= before.reliable[earlier] & reliable[now]
    if by:
        same &= labels[by].old[before.columns[by][earlier]] == codes[now]
    numbers = order.numbers.copy()
    numbers[earlier[same]] = now[same]
    neighbours, nearest = carry_neighbours(side, groups, before.neighbours, numbers)
    neighbours.write(writer)
    return nearest


def _place(order: MergeOrder, placing: Placing) -> Shorts:
    """Known rows stay where they are, see `Placing`; others lie amid their nearest known ones."""
    before = order.snapshot
    places = np.full((len(order), 2), NOWHERE, np.int16)
    if before.places is None:
        raise ValueError(f"{before.generation} has no places")
    stay = np.flatnonzero(order.numbers >= 0)
    places[order.numbers[stay]] = before.places[stay]
    there = order.replaced >= 0
    earlier, now = order.replaced[there], order.came[there]
    then = before.vectors.fetch(earlier)
    alike = np.einsum("ij,ij->i", then, placing.vectors.fetch(now)) >= ALIKE
    places[now[alike]] = before.places[earlier[alike]]
    places[~placing.placed] = NOWHERE
    known = places[:, 0] != NOWHERE
    if (placing.placed & ~known).any():
        placing.place_amid(known, places)
    return places


def _write_fields(writer: Writer, order: MergeOrder) -> None:
    before, after = order.snapshot, order.delta
    ids = [after.ids[row].encode() for row in range(len(after))]
    _write_blobs(writer, order, (Files.IDS, Files.IDS_OFFSETS), (before.ids, ids))
    display = (before.display, after.display)
    _write_blobs(writer, order, (Files.DISPLAY, Files.DISPLAY_OFFSETS), display)
    came = [*zip(order.came.tolist(), order.of_delta.tolist(), strict=True)]
    found = before.keywords
    keywords, _ = _carry(found.names, found.indptr, found.rows, order.numbers)
    for row, of_delta in came:
        keywords.add_keywords(row, after.keywords[of_delta])
    keywords.write_keywords(writer)
    named = before.numbers
    numbers, stay = _carry(named.names, named.indptr, named.rows, order.numbers)
    numbers.values.frombytes(named.values[stay].tobytes())
    number_of = dict(zip(order.of_delta.tolist(), order.came.tolist(), strict=True))
    for name, entries in after.numbers.items():
        for value, of_delta in entries:
            if (own := number_of.get(of_delta)) is not None:
                numbers.add_numbers(own, {name: [value]})
    numbers.write_numbers(writer)


def _write_blobs(
    writer: Writer,
    order: MergeOrder,
    names: tuple[str, str],
    parts: tuple[Blobs, Sequence[bytes]],
) -> None:
    old, new = parts
    with writer.create(names[0]) as file:
        for is_new, run in order.runs():
            file.write(b"".join(new[run]) if is_new else old.joined(run))
    ends = np.cumsum([0, *(len(one) for one in new[: len(order.delta)])], dtype=np.int64)
    writer.write(names[1], order.starts(old.starts, ends).astype("<i8").tobytes())


def _carry(names: Blobs, indptr: Longs, rows: Ints, numbers: Longs) -> tuple[Lookup, Longs]:
    """Which rows that stay have which names, and the places of their entries.

    A name that no row has any more goes.
    """
    lengths = np.diff(indptr)
    owners, moved = np.repeat(np.arange(len(names)), lengths), numbers[rows]
    stay = np.flatnonzero(moved >= 0)
    kept = (lengths == 0) | (np.bincount(owners[stay], minlength=len(names)) > 0)
    codes = {names[at].decode(): code for code, at in enumerate(np.flatnonzero(kept).tolist())}
    entries, of_rows = array("i"), array("i")
    entries.frombytes((np.cumsum(kept) - 1)[owners[stay]].astype(np.int32).tobytes())
    of_rows.frombytes(moved[stay].astype(np.int32).tobytes())
    return Lookup(codes, entries, of_rows), stay
