"""Rows as a snapshot stores them, one by one: what an engine of others keeps and gives back.

Their vectors and passages are centred, and their terms weighed, by the statistics of one snapshot.
The two neighbours of a row are kept as what they add to its vector, so that a row needs no other.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from index.arrays import PackedTerms, Passages, entries_of, normalize
from index.errors import SnapshotDamaged
from index.lexical import gather
from index.neighbours import SMOOTHING
from index.rows import Rows, TermCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from index.arrays import Array, Floats, Longs
    from index.snapshot import Snapshot

__all__ = ["RowLayout", "StoredRows", "join_stored", "pull_of", "read_stored"]

_COUNTS: Final = np.dtype([("passages", "<u4"), ("terms", "<u4"), ("words", "<u4")])
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """n rows, as they are stored.

    Attributes:
        rows: with vectors in float16 precision and passages, both centred; without term counts.
        terms: their term weights.
        pulls: float32 [n, dim]; the sum of the unit vectors of the two nearest rows, each times its
            scaled similarity.
        hubness: float32 [n]; see `Neighbours`.
    """

    rows: Rows
    terms: PackedTerms
    pulls: Floats
    hubness: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def with_columns(self, columns: Mapping[str, Array]) -> StoredRows:
        """The same rows with other columns."""
        return replace(self, rows=replace(self.rows, columns=columns))

    def at(self, places: Longs) -> StoredRows:
        """Some of the rows, in the given order."""
        rows, wanted = self.rows, places.tolist()
        lengths, entries = entries_of(rows.passages.indptr, places)
        sizes, words = gather(self.terms, places)
        return StoredRows(
            rows=Rows(
                ids=[rows.ids[at] for at in wanted],
                vectors=rows.vectors[places],
                passages=Passages(_starts(lengths), rows.passages.codes[entries]),
                terms=no_counts(len(wanted)),
                columns={name: column[places] for name, column in rows.columns.items()},
                labels=rows.labels,
                keywords=[rows.keywords[at] for at in wanted],
                numbers=[rows.numbers[at] for at in wanted],
                display=[rows.display[at] for at in wanted],
            ),
            terms=PackedTerms(_starts(sizes), words, self.terms.scales[places]),
            pulls=self.pulls[places],
            hubness=self.hubness[places],
        )


def join_stored(parts: Sequence[StoredRows]) -> StoredRows:
    """Put rows of one layout end to end; of several with one id, the first stays.

    Args:
        parts: at least one.
    """
    rows = [part.rows for part in parts]
    columns = {name: _end_to_end([one.columns[name] for one in rows]) for name in rows[0].columns}
    labels = {}
    for name in rows[0].labels:
        words = [one.labels[name][code] for one in rows for code in one.columns[name].tolist()]
        columns[name], labels[name] = encode_labels(words)
    ids = [row_id for one in rows for row_id in one.ids]
    joined = StoredRows(
        rows=Rows(
            ids=ids,
            vectors=_end_to_end([one.vectors for one in rows]),
            passages=Passages(
                _starts(_end_to_end([np.diff(one.passages.indptr) for one in rows])),
                _end_to_end([one.passages.codes for one in rows]),
            ),
            terms=no_counts(len(ids)),
            columns=columns,
            labels=labels,
            keywords=[keywords for one in rows for keywords in one.keywords],
            numbers=[numbers for one in rows for numbers in one.numbers],
            display=[display for one in rows for display in one.display],
        ),
        terms=PackedTerms(
            _starts(_end_to_end([np.diff(part.terms.indptr) for part in parts])),
            _end_to_end([part.terms.words for part in parts]),
            _end_to_end([part.terms.scales for part in parts]),
        ),
        pulls=_end_to_end([part.pulls for part in parts]),
        hubness=_end_to_end([part.hubness for part in parts]),
    )
    first = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    return joined if len(first) == len(ids) else joined.at(np.array(sorted(first.values())))


def _end_to_end(arrays: Sequence[Array]) -> Array:
    return np.concatenate(arrays)


def _starts(lengths: Array) -> Longs:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


@dataclass(frozen=True, slots=True)
class RowLayout:
    """How the bytes of a row are laid out, which is the same for all rows of a collection.

    Attributes:
        dim: how many numbers a vector has.
        passage_dim: how many a passage has.
        columns: the record of the columns without labels, little-endian.
        labels: the names of the columns of codes.
    """

    dim: int
    passage_dim: int
    columns: np.dtype[Any]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, dim: int, passage_dim: int, columns: Mapping[str, Array], labels: Any) -> RowLayout:  # noqa: ANN401 - names, or a mapping by them
        """The layout of rows with such columns, in the order of their names."""
        names = sorted(columns.keys() - {*labels})
        fields = [
            (name, columns[name].dtype.newbyteorder("<"), columns[name].shape[1:]) for name in names
        ]
        return cls(dim, passage_dim, np.dtype(fields), tuple(sorted(labels)))

    def pack(self, stored: StoredRows) -> Iterator[bytes]:
        """Write each row as bytes."""
        rows, terms = stored.rows, stored.terms
        records = np.zeros(len(rows), self.columns)
        for name in self.columns.names or ():
            records[name] = rows.columns[name]
        vectors, pulls = rows.vectors.astype("<f2"), stored.pulls.astype("<f4")
        for at, row_id in enumerate(rows.ids):
            own, words = rows.passages.indptr[at : at + 2], self._words(rows, at, row_id)
            place = slice(terms.indptr[at], terms.indptr[at + 1])
            counts = (own[1] - own[0], place.stop - place.start, len(words))
            yield b"".join(
                [
                    np.array(counts, _COUNTS).tobytes(),
                    records[at].tobytes(),
                    np.array([stored.hubness[at], terms.scales[at]], "<f4").tobytes(),
                    vectors[at].tobytes(),
                    pulls[at].tobytes(),
                    rows.passages.codes[own[0] : own[1]].tobytes(),
                    terms.words[place].astype("<u4").tobytes(),
                    words,
                    rows.display[at],
                ]
            )

    def _words(self, rows: Rows, at: int, row_id: str) -> bytes:
        labels = [rows.labels[name][int(rows.columns[name][at])] for name in self.labels]
        numbers = {name: [*values] for name, values in rows.numbers[at].items()}
        return json.dumps([row_id, labels, [*rows.keywords[at]], numbers]).encode()

    def unpack(self, packed: Sequence[bytes]) -> StoredRows:
        """Read rows that `pack` wrote.

        Raises:
            SnapshotDamaged: the bytes are not those of rows of this layout.
        """
        try:
            return self._joined([self._read(one) for one in packed])
        except (ValueError, TypeError, KeyError, IndexError) as fault:
            raise SnapshotDamaged(
                f"a row that was kept elsewhere cannot be read: {fault}"
            ) from fault

    def _read(self, packed: bytes) -> _Packed:
        counts, head = np.frombuffer(packed, _COUNTS, 1)[0], _COUNTS.itemsize
        passages, terms, length = (int(counts[name]) for name in ("passages", "terms", "words"))
        fixed = (self.columns.itemsize, 4, 4, 2 * self.dim, 4 * self.dim)
        sizes = (passages * self.passage_dim, 4 * terms, length)
        ends = [*itertools.accumulate((head, *fixed, *sizes))]
        parts = [packed[start:end] for start, end in itertools.pairwise(ends)]
        words = json.loads(parts.pop())
        return _Packed(tuple(parts), passages, terms, words, packed[ends[-1] :])

    def _joined(self, packed: Sequence[_Packed]) -> StoredRows:
        records, hubness, scales, vectors, pulls, codes, terms = (
            b"".join(one.arrays[part] for one in packed) for part in range(7)
        )
        read = np.frombuffer(records, self.columns)
        columns = {name: np.ascontiguousarray(read[name]) for name in self.columns.names or ()}
        labels = {}
        for place, name in enumerate(self.labels):
            columns[name], labels[name] = encode_labels([one.words[1][place] for one in packed])
        dim, passage_dim = self.dim, self.passage_dim
        return StoredRows(
            rows=Rows(
                ids=[one.words[0] for one in packed],
                vectors=np.frombuffer(vectors, "<f2").astype(np.float32).reshape(-1, dim),
                passages=Passages(
                    np.cumsum([0, *(one.passages for one in packed)], dtype=np.int64),
                    np.frombuffer(codes, np.int8).reshape(-1, passage_dim),
                ),
                terms=no_counts(len(packed)),
                columns=columns,
                labels=labels,
                keywords=[one.words[2] for one in packed],
                numbers=[one.words[3] for one in packed],
                display=[one.display for one in packed],
            ),
            terms=PackedTerms(
                np.cumsum([0, *(one.terms for one in packed)], dtype=np.int64),
                np.frombuffer(terms, "<u4").astype(np.uint32),
                np.frombuffer(scales, "<f4").astype(np.float32),
            ),
            pulls=np.frombuffer(pulls, "<f4").astype(np.float32).reshape(-1, dim),
            hubness=np.frombuffer(hubness, "<f4").astype(np.float32),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    """The parts of the bytes of a row."""

    arrays: tuple[bytes, ...]
    passages: int
    terms: int
    words: Any
    display: bytes


def no_counts(rows: int) -> TermCounts:
    """Make the term counts of rows whose counts are not known any more."""
    starts = np.zeros(rows + 1, np.int64)
    return TermCounts(starts, np.empty(0, np.int32), np.empty(0, np.float32))


def encode_labels(words: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Code each label by its position in the sorted labels: int32 [n], and the labels."""
    labels = tuple(sorted(set(words)))
    codes = {word: code for code, word in enumerate(labels)}
    return np.array([codes[word] for word in words], np.int32), labels


def pull_of(vectors: Floats, weights: Array) -> Floats:
    """What neighbours add to the vectors of m rows.

    Args:
        vectors: float32 [m, j, dim]; the neighbours, of any length above 0.
        weights: [m, j]; 0 for no neighbour.
    """
    units = normalize(vectors.reshape(-1, vectors.shape[-1])).reshape(vectors.shape)
    pulls: Floats = np.einsum("mj,mjd->md", weights.astype(np.float32), units)
    return pulls


def read_stored(snapshot: Snapshot) -> Iterator[StoredRows]:
    """Read all rows of a snapshot as they are stored, some hundreds at a time."""
    keywords = _by_row(snapshot.keywords.rows, len(snapshot))
    numbers = _by_row(snapshot.numbers.rows, len(snapshot))
    for start in range(0, len(snapshot), _AT_ONCE):
        wanted = np.arange(start, min(start + _AT_ONCE, len(snapshot)))
        yield _read_some(snapshot, wanted, keywords, numbers)


def _read_some(
    snapshot: Snapshot, wanted: Longs, keywords: _Places, numbers: _Places
) -> StoredRows:
    columns = {name: np.array(column[wanted]) for name, column in snapshot.columns.items()}
    passages, terms = snapshot.passages, snapshot.lexicon.terms
    sizes, words = gather(terms, wanted)
    own = [slice(*passages.indptr[row : row + 2].tolist()) for row in wanted.tolist()]
    neighbours = snapshot.neighbours.rows[wanted]
    weights = np.where(neighbours >= 0, snapshot.neighbours.weights[wanted], 0)
    near = snapshot.vectors.fetch_stored(np.maximum(neighbours, 0).ravel())
    return StoredRows(
        rows=Rows(
            ids=[snapshot.id_of(row) for row in wanted.tolist()],
            vectors=snapshot.vectors.fetch_stored(wanted),
            passages=Passages.of([passages.codes[one] for one in own], passages.codes.shape[1]),
            terms=no_counts(len(wanted)),
            columns=columns,
            labels=snapshot.labels,
            keywords=[
                [
                    snapshot.keywords.names[at].decode()
                    for at in keywords.names(snapshot.keywords.indptr, row)
                ]
                for row in wanted.tolist()
            ],
            numbers=[_numbers_of(snapshot, numbers, row) for row in wanted.tolist()],
            display=[snapshot.display_of(row) for row in wanted.tolist()],
        ),
        terms=PackedTerms(_starts(sizes), words, terms.scales[wanted]),
        pulls=pull_of(near.reshape(len(wanted), SMOOTHING, -1), weights),
        hubness=np.array(snapshot.neighbours.hubness[wanted]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where the entries of each row are, in lists that are sorted by something else."""

    order: Longs
    starts: Longs

    def of(self, row: int) -> Longs:
        """The places of the entries of a row, ascending."""
        return self.order[self.starts[row] : self.starts[row + 1]]

    def names(self, indptr: Longs, row: int) -> list[int]:
        """The numbers of the names that a row is listed under."""
        found = np.searchsorted(indptr, self.of(row), side="right") - 1
        names: list[int] = np.unique(found).tolist()
        return names


def _by_row(rows: Array, count: int) -> _Places:
    order = np.argsort(rows, kind="stable")
    return _Places(order, np.searchsorted(rows[order], np.arange(count + 1)))


def _numbers_of(snapshot: Snapshot, places: _Places, row: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    numbers = snapshot.numbers
    for place in places.of(row).tolist():
        name = int(np.searchsorted(numbers.indptr, place, side="right")) - 1
        found.setdefault(numbers.names[name].decode(), []).append(float(numbers.values[place]))
    return found
