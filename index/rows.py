"""The rows that a build takes, as plain arrays.

A row is an id, a unit vector, passages, term counts, one value per column, and display fields as
opaque bytes. Row numbers are positions in the ids, which ascend, so binary search finds a row.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from index.arrays import Passages, blocks_of
from index.disk import ArrayFile, BlobFile, Blobs, map_numbers
from index.errors import BadRows
from index.manifest import COLUMN_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from index.arrays import Array, Bools, Floats, Ints, Longs

BUCKETS: Final = 2**20
"""Terms are hashed into so many buckets."""

COLUMN_KINDS: Final = "biuf"
"""The kinds of dtype a column may have: bool, integers, floats."""

_LENGTH_TOLERANCE: Final = 1e-3
_CHECKED_AT_ONCE: Final = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """Term counts of n rows, in compressed sparse row form.

    Attributes:
        indptr: int64 [n+1]; row i owns the entries indptr[i] to indptr[i+1].
        buckets: int32 [nnz]; strictly ascending inside a row, each in 0..BUCKETS-1.
        counts: float32 [nnz]; how often a bucket's terms occur in the row, at least 1.
    """

    indptr: Longs
    buckets: Ints
    counts: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[Ints, Floats]]) -> TermCounts:
        """Stack the (buckets, counts) of each row, in order."""
        lengths = [len(buckets) for buckets, _ in rows]
        return cls(
            indptr=np.cumsum([0, *lengths], dtype=np.int64),
            buckets=_joined((buckets for buckets, _ in rows), np.int32),
            counts=_joined((counts for _, counts in rows), np.float32),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def row_of(self, entry: int) -> int:
        """The row that owns an entry."""
        return int(np.searchsorted(self.indptr, entry, side="right")) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Everything a snapshot is built from; n may be 0.

    Attributes:
        ids: n strings, strictly ascending by code point.
        vectors: float32 [n, dim], each of length 1.
        passages: of the n rows; theirs is a dimension of its own, if another encoder made them.
        terms: the term counts of the n rows.
        columns: by name, one array [n] or [n, k] of an integer, bool or float dtype.
        labels: by the name of a column of codes, the label of each code, by position.
        keywords: n collections of strings, by which rows are looked up.
        numbers: n mappings, by name the finite numbers by which rows are looked up.
        display: n opaque byte strings, the display fields of each row.
    """

    ids: Sequence[str]
    vectors: Floats
    passages: Passages
    terms: TermCounts
    columns: Mapping[str, Array]
    labels: Mapping[str, Sequence[str]]
    keywords: Sequence[Collection[str]]
    numbers: Sequence[Mapping[str, Collection[float]]]
    display: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return int(self.vectors.shape[1])

    def rows_with(self, keyword: str) -> Ints:
        """Find the rows that have a keyword: int32 [m], ascending."""
        found = [row for row, keywords in enumerate(self.keywords) if keyword in keywords]
        return np.array(found, np.int32)

    def rows_between(self, name: str, least: float, most: float) -> Ints:
        """Find the rows with a number from `least` to `most` under a name: int32 [m]."""
        numbers = (of_row.get(name, ()) for of_row in self.numbers)
        found = [at for at, some in enumerate(numbers) if any(least <= x <= most for x in some)]
        return np.array(found, np.int32)

    def groups(self, by: str | None) -> dict[str, Longs]:
        """List the rows of each group, by its label.

        Args:
            by: the column of codes that gives the groups; None for one group of all rows, "".
        """
        if by is None:
            return {"": np.arange(len(self))}
        return {w: np.flatnonzero(self.columns[by] == c) for c, w in enumerate(self.labels[by])}

    def reliable(self, by: str | None) -> Bools:
        """Mark the rows whose vectors mean something: bool [n].

        Args:
            by: the column that says so; None for all rows.

        Raises:
            BadRows: that is not a column of bools [n].
        """
        if by is None:
            return np.ones(len(self), np.bool_)
        column = self.columns.get(by)
        if column is None or column.dtype != np.bool_ or column.ndim != 1:
            raise BadRows(f"column {by!r} should mark the reliable vectors; need bool [n]")
        return column

    def check(self) -> None:
        """Check that the parts agree.

        Raises:
            BadRows: shapes or dtypes disagree; ids are unsorted, doubled or not encodable; a
                vector is not finite or not of length 1 (within 1e-3); a passage is all zero; a
                row's buckets or counts are out of range; a column's name or a label's column is
                unknown; a keyword or the name of a number is not encodable, or a number is not
                finite.
        """
        _check_ids(self.ids)
        _check_vectors(self.vectors, self.ids)
        self.passages.check(len(self))
        _check_terms(self.terms, self.ids)
        _check_columns(self.columns, len(self))
        _check_labels(self.labels, self.columns)
        _check_keywords(self.keywords, self.ids)
        _check_numbers(self.numbers, self.ids)
        _check_display(self.display, self.ids)


class _Decoded(Sequence[Any]):
    """Values, each of which is decoded from its byte string whenever it is read."""

    def __init__(self, blobs: Blobs, decode: Callable[[bytes], Any]) -> None:
        self._blobs, self._decode = blobs, decode

    def __len__(self) -> int:
        return len(self._blobs)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - a position or a slice
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        return self._decode(self._blobs[place])


_COLUMN: Final = "column-"
_UTF8: Final = ("utf-8", "surrogatepass")  # lone surrogates are for `Rows.check` to refuse
_CODECS: Final[Mapping[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]]] = {
    "ids": (lambda text: text.encode(*_UTF8), lambda data: data.decode(*_UTF8)),
    "keywords": (lambda words: json.dumps([*words]).encode(), json.loads),
    "numbers": (lambda of: json.dumps({k: [*of[k]] for k in of}).encode(), json.loads),
    "display": (bytes, bytes),
}


class RowSpool:
    """Puts rows end to end in files, so that an archive is never in memory as a whole."""

    def __init__(self, folder: Path) -> None:
        """Begin without rows, in a folder that holds nothing else."""
        self._folder = folder
        self._arrays: dict[str, ArrayFile] = {}
        self._blobs = {name: BlobFile(folder / f"{name}.bin") for name in _CODECS}
        self._codes: dict[str, dict[str, int]] = {}

    def append(self, rows: Rows) -> None:
        """Append rows with the same columns and labels as before; short vectors get zeros."""
        columns = dict(rows.columns)
        for name, labels in rows.labels.items():
            columns[name] = recode(columns[name], labels, self._codes.setdefault(name, {}))
        arrays: dict[str, Array] = {
            "vectors": rows.vectors,
            "passages": rows.passages.codes,
            "passage-counts": np.diff(rows.passages.indptr),
            "buckets": rows.terms.buckets,
            "counts": rows.terms.counts,
            "term-counts": np.diff(rows.terms.indptr),
            **{_COLUMN + name: column for name, column in columns.items()},
        }
        for name, array in arrays.items():
            if name not in self._arrays:
                self._arrays[name] = ArrayFile(self._folder / f"{name}.raw", array)
            self._arrays[name].append(array)
        for name, (encode, _) in _CODECS.items():
            self._blobs[name].append([*map(encode, getattr(rows, name))])

    def rows(self) -> Rows:
        """Map all rows; at least one part was appended, with rows or without."""
        return open_rows(self._folder, self.told())

    def told(self) -> dict[str, Any]:
        """What `open_rows` has to be told, for JSON."""
        arrays = {name: file.map() for name, file in self._arrays.items()}
        shapes = {name: (array.dtype.str, *array.shape) for name, array in arrays.items()}
        return {"arrays": shapes, "codes": self._codes}


def open_rows(folder: Path, told: Mapping[str, Any]) -> Rows:
    """Map the rows that a RowSpool put into a folder."""
    arrays = {n: map_numbers(folder / f"{n}.raw", *shape) for n, shape in told["arrays"].items()}
    columns = {n.removeprefix(_COLUMN): a for n, a in arrays.items() if n.startswith(_COLUMN)}
    for name, known in told["codes"].items():
        order = {label: code for code, label in enumerate(sorted(known))}
        columns[name] = _translate(columns[name], [order[label] for label in known])
    blobs = {n: Blobs.open(folder / f"{n}.bin", folder / f"{n}.idx") for n in _CODECS}
    return Rows(
        vectors=arrays["vectors"],
        passages=Passages(_starts(arrays["passage-counts"]), arrays["passages"]),
        terms=TermCounts(_starts(arrays["term-counts"]), arrays["buckets"], arrays["counts"]),
        columns=columns,
        labels={name: sorted(known) for name, known in told["codes"].items()},
        **{name: _Decoded(blobs[name], decode) for name, (_, decode) in _CODECS.items()},
    )


def _starts(counts: Longs) -> Longs:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def recode(codes: Ints, labels: Sequence[str], known: dict[str, int]) -> Ints:
    """Translate codes to those of `known`, which takes up new labels and never changes a code."""
    return _translate(codes, [known.setdefault(label, len(known)) for label in labels])


def _translate(codes: Ints, new: Sequence[int]) -> Ints:
    return np.array(new, np.int32)[codes] if new else codes.astype(np.int32)


def _joined(parts: Iterable[Array], dtype: type[np.generic]) -> Array:
    # The empty array gives the result its dtype where there are no rows.
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


def _refuse(row_id: str, what: str) -> NoReturn:
    raise BadRows(f"row {row_id!r}: {what}")


def _check_ids(ids: Sequence[str]) -> None:
    for row_id in ids:
        _check_id(row_id)
    for before, after in itertools.pairwise(ids):
        if before >= after:
            _refuse(after, f"stands after {before!r}; ids must ascend and be distinct")


def _check_id(row_id: object) -> None:
    if not isinstance(row_id, str):
        raise BadRows(f"id {row_id!r} is not a string")
    try:
        row_id.encode()
    except UnicodeEncodeError:
        _refuse(row_id, "the id holds a lone surrogate, which UTF-8 cannot carry")


def _check_vectors(vectors: Floats, ids: Sequence[str]) -> None:
    shape = getattr(vectors, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != len(ids) or shape[1] < 1:  # noqa: PLR2004 a matrix has two axes
        raise BadRows(f"vectors of shape {shape} for {len(ids)} rows; need [{len(ids)}, dim]")
    if vectors.dtype != np.float32:
        raise BadRows(f"vectors are {vectors.dtype}; need float32")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        # Written so that a NaN, which compares false, is refused too.
        bad = ~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)
    if bad.any():
        row = int(np.argmax(bad))
        _refuse(ids[row], f"vector of length {lengths[row]}; need finite numbers of length 1")


def _check_terms(terms: TermCounts, ids: Sequence[str]) -> None:
    _check_layout(terms, len(ids))
    for block in blocks_of(len(terms), _CHECKED_AT_ONCE):
        starts = terms.indptr[block.start : block.stop + 1]
        own = slice(int(starts[0]), int(starts[-1]))
        some = TermCounts(starts - starts[0], terms.buckets[own], terms.counts[own])
        _check_numbers_of_terms(some, ids[block])


def _check_numbers_of_terms(terms: TermCounts, ids: Sequence[str]) -> None:
    outside = (terms.buckets < 0) | (terms.buckets >= BUCKETS)
    _check_entries(outside, terms, ids, f"a bucket outside 0..{BUCKETS - 1}")
    falling = np.zeros(len(terms.buckets), bool)
    falling[1:] = np.diff(terms.buckets) <= 0
    # The first entry of a row has no predecessor.
    falling[terms.indptr[terms.indptr < len(falling)]] = False
    _check_entries(falling, terms, ids, "buckets must ascend and be distinct")
    _check_entries(~(terms.counts >= 1), terms, ids, "a count that is not at least 1")
    _check_entries(np.isinf(terms.counts), terms, ids, "a count that is not finite")


def _check_layout(terms: TermCounts, rows: int) -> None:
    indptr, entries = terms.indptr, len(terms.buckets)
    if len(terms) != rows:
        raise BadRows(f"terms of {len(terms)} rows for {rows} rows")
    if indptr[0] != 0 or indptr[-1] != entries or (np.diff(indptr) < 0).any():
        raise BadRows(f"terms.indptr does not divide {entries} entries among {rows} rows")
    if len(terms.counts) != entries:
        raise BadRows(f"{len(terms.counts)} counts for {entries} buckets")


def _check_entries(bad: Bools, terms: TermCounts, ids: Sequence[str], what: str) -> None:
    if bad.any():
        _refuse(ids[terms.row_of(int(np.argmax(bad)))], what)


def _check_columns(columns: Mapping[str, Array], rows: int) -> None:
    for name, column in columns.items():
        if not COLUMN_NAME.fullmatch(name):
            raise BadRows(f"column {name!r}: a name is 1 to 32 of a-z and _")
        shaped = column.ndim in (1, 2) and len(column) == rows
        if not shaped or column.dtype.kind not in COLUMN_KINDS:
            raise BadRows(
                f"column {name!r}: {column.dtype} {column.shape}; "
                f"need integers, bools or floats of shape ({rows},) or ({rows}, k)",
            )


def _check_labels(labels: Mapping[str, Sequence[str]], columns: Mapping[str, Array]) -> None:
    for name, words in labels.items():
        if name not in columns:
            raise BadRows(f"labels {name!r}: there is no column of that name")
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise BadRows(f"labels {name!r}: need a sequence of strings")
        if not codes_fit(columns[name], len(words)):
            raise BadRows(f"labels {name!r}: need a column of codes 0..{len(words) - 1}")


def codes_fit(column: Array, words: int) -> bool:
    """Whether a column holds codes 0..words-1 and nothing else."""
    whole = column.dtype.kind in "iu"
    return whole and not (column.size and (column.min() < 0 or column.max() >= words))


def _check_keywords(keywords: Sequence[Collection[str]], ids: Sequence[str]) -> None:
    if len(keywords) != len(ids):
        raise BadRows(f"{len(keywords)} collections of keywords for {len(ids)} rows")
    for row_id, names in zip(ids, keywords, strict=True):
        if isinstance(names, str) or not all(map(_is_encodable, names)):
            _refuse(row_id, "its keywords are not strings that UTF-8 can carry")


def _check_numbers(numbers: Sequence[Mapping[str, Collection[float]]], ids: Sequence[str]) -> None:
    if len(numbers) != len(ids):
        raise BadRows(f"{len(numbers)} mappings of numbers for {len(ids)} rows")
    for row_id, by_name in zip(ids, numbers, strict=True):
        if not all(map(_is_encodable, by_name)):
            _refuse(row_id, "its numbers have names that are not strings that UTF-8 can carry")
        if not all(map(_is_finite, itertools.chain.from_iterable(by_name.values()))):
            _refuse(row_id, "its numbers are not finite floats")


def _is_finite(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)


def _is_encodable(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _check_display(display: Sequence[bytes], ids: Sequence[str]) -> None:
    if len(display) != len(ids):
        raise BadRows(f"{len(display)} display fields for {len(ids)} rows")
    for row_id, fields in zip(ids, display, strict=True):
        if not isinstance(fields, bytes):
            _refuse(row_id, f"its display fields are {type(fields).__name__}; need bytes")
