"""Dense search over the mapped vectors of a snapshot, inside a filter.

One of the two modules that import FAISS. The checks of FAISS in Python are assertions, which -O
removes, and its C++ code reads past the end of an array if asked to: so arguments are checked here.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import faiss
import numpy as np

from index.arrays import normalize
from index.errors import BadQuery, SnapshotDamaged
from index.manifest import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from index.arrays import Array, Bools, Bytes, Floats, Longs, Whole
    from index.manifest import Manifest

EXACT_BELOW: Final = 10_000
"""Up to so many allowed rows, an exact scan is fast, and only it is accurate."""

_COMPARED: Final = 400
"""Lists of one bit a number give at least so many candidates, which are compared by float16."""
_COMPARED_EACH: Final = 4
"""And at least so many for each row that is searched."""
_SPARSE: Final = 64
"""Where one of so many rows is allowed, a scan would look at the filter longer than at vectors."""
_MOST_PROBES: Final = 32
_VISITED_EACH: Final = 72
"""For each row that is wanted, lists of so many allowed rows are visited at least."""
_LEAST_PART: Final = 0.25
"""Where a smaller part of the rows is allowed, as many lists as for this part are enough."""
_FEW_QUERIES: Final = 32
_MANY_QUERIES: Final = 128
_MOST_LISTS: Final = 2**20
_MOST_VECTOR_BYTES: Final = 2**38

# The bits of a float16 after the shift below; above them its sign is repeated.
_SIGN_AND_REST: Final = np.int32(-0x7000_0001)
_REBASED: Final = np.float32(2.0**112)

# The stubs of FAISS lack its keyword parameters and its callback writer.
_faiss: Any = faiss
_Index: TypeAlias = Any
STORED: Final = (_faiss.ScalarQuantizer.QT_fp16, _faiss.METRIC_INNER_PRODUCT)


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The nearest rows: highest similarity first, equal ones by ascending row.

    Attributes:
        rows: int64 [k]; real row numbers, never -1.
        similarities: float32 [k]; for vectors the cosine to within the 5e-4 that float16
            rounding moves it, so that of an exact copy may be slightly above 1.
    """

    rows: Longs
    similarities: Floats

    @classmethod
    def none(cls) -> Hits:
        """Make an empty result."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.rows)


def top(rows: Whole, similarities: Array, limit: int) -> Hits:
    """Keep the best `limit` of some candidates, in the order Hits promises."""
    if 0 < limit < len(rows):
        # All that tie with the last place are kept; the sort below orders them by row.
        last = np.partition(similarities, -limit)[-limit]
        kept = np.flatnonzero(similarities >= last)
        rows, similarities = rows[kept], similarities[kept]
    order = np.lexsort((rows, -similarities))[: max(limit, 0)]
    return Hits(rows[order].astype(np.int64), similarities[order].astype(np.float32))


def widen_float16(halves: NDArray[np.float16]) -> Floats:
    """Convert finite float16 to float32, exactly: as `astype` does, at twice its speed.

    Sign, exponent and fraction are shifted to their places in a float32. Its exponents mean 2^112
    times less there, so the numbers are multiplied by that. NumPy converts one by one.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    floats: Floats = bits.view(np.float32)
    floats *= _REBASED
    return floats


class Lists:
    """The inverted lists of some vectors; safe to share between threads.

    Their codes have one bit a number (RaBitQ): they give candidates, which are compared by their
    float16.
    """

    __slots__ = ("_ivf", "_refined")

    def __init__(self, ivf: _Index, exact: _Index) -> None:
        """Take lists, and the vectors of the same rows in float16."""
        self._ivf = ivf
        self._refined = _faiss.IndexRefine(ivf, exact)

    def __len__(self) -> int:
        return int(self._ivf.nlist)

    def renumbered(self, numbers: Longs, added: Longs, vectors: Floats) -> _Index:
        """Lists around the same centroids for FAISS to write: of some of the rows, and of others.

        Args:
            numbers: int64 [n]; the new number of each row, -1 for one that goes.
            added: int64 [m]; the numbers of the rows that come.
            vectors: float32 [m, dim]; theirs, as they are stored.
        """
        fresh = _faiss.deserialize_index(_faiss.serialize_index(self._ivf))
        fresh.reset()
        fresh.add_with_ids(np.ascontiguousarray(vectors), added)
        lists = _faiss.ArrayInvertedLists(fresh.nlist, fresh.code_size)
        for at in range(fresh.nlist):
            rows, codes = _list_of(self._ivf, at)
            new_rows, new_codes = _list_of(fresh, at)
            rows = np.concatenate([numbers[rows], new_rows])
            order = np.argsort(rows, kind="stable")[np.count_nonzero(rows < 0) :]
            rows, codes = rows[order], np.concatenate([codes, new_codes])[order]
            lists.add_entries(at, len(rows), _faiss.swig_ptr(rows), _faiss.swig_ptr(codes))
        fresh.replace_invlists(lists, True)  # noqa: FBT003 - C++ has no keywords
        lists.this.disown()
        fresh.ntotal = int(np.count_nonzero(numbers >= 0)) + len(added)
        return fresh

    def of_rows(self) -> Longs:
        """The list in which each row is: int64 [n]."""
        found = np.empty(int(self._ivf.ntotal), np.int64)
        for at in range(len(self)):
            if size := int(self._ivf.invlists.list_size(at)):
                found[_faiss.rev_swig_ptr(self._ivf.invlists.get_ids(at), size)] = at
        return found

    def search(
        self, queries: Floats, fetch: int, probes: int, selector: _Index = None
    ) -> tuple[Floats, Longs]:
        """Search so many lists: similarities as an exact scan gives them, and rows, [m, fetch].

        Where the lists hold fewer rows, -1 stands for a row.
        """
        of_lists: dict[str, object] = {"sel": selector, "nprobe": probes}
        parameters = _faiss.IndexRefineSearchParameters(
            k_factor=max(_COMPARED_EACH, _COMPARED / fetch),
            base_index_params=_faiss.IVFRaBitQSearchParameters(qb=self._ivf.qb, **of_lists),
        )
        similarities, rows = self._refined.search(queries, fetch, params=parameters)
        return similarities, rows


def _list_of(ivf: _Index, at: int) -> tuple[Longs, Bytes]:
    """The rows of an inverted list, and their codes: copies."""
    lists, width = ivf.invlists, int(ivf.code_size)
    size = int(lists.list_size(at))
    if not size:  # a pointer to nothing
        return np.empty(0, np.int64), np.empty((0, width), np.uint8)
    rows = _faiss.rev_swig_ptr(lists.get_ids(at), size).copy()
    codes = _faiss.rev_swig_ptr(lists.get_codes(at), size * width).copy()
    return rows, codes.reshape(size, width)


class Vectors:
    """The unit vectors of a snapshot; safe to share between threads.

    Attributes:
        stored: uint8 [n, bytes of one]; in float16.
        lists: their inverted lists; None for a small archive.
    """

    __slots__ = ("_exact", "_probes", "lists", "stored")

    def __init__(self, exact: _Index, lists: Lists | None, probes: int) -> None:
        """Take vectors, and their lists; None for a small archive."""
        self._exact = exact
        self.stored: Bytes = _bytes_of(exact)
        self.lists = lists
        self._probes = probes

    def __len__(self) -> int:
        return int(self._exact.ntotal)

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return int(self._exact.d)

    def nearest(self, vector: Floats, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a unit vector.

        Args:
            vector: float32 [dim], of length 1.
            limit: how many rows to return; fewer if fewer are allowed.
            allowed: bool [n], the rows that may be returned.

        Returns:
            Exact if at most EXACT_BELOW rows are allowed, there is no IVF index, or most of its
            lists would be visited; otherwise with the recall that the manifest gives.

        Raises:
            BadQuery: the vector or the filter has another shape, or the vector is not finite.
        """
        query = self._query(vector)
        count = self._count(allowed)
        fetch = min(limit, count)
        if fetch <= 0:
            return Hits.none()
        if count * _SPARSE <= len(self) and count <= EXACT_BELOW:
            own = np.flatnonzero(allowed)
            hits = _search(partial(self._copy(own).search, query), fetch, count)
            return Hits(own[hits.rows], hits.similarities)
        selector = _selector(allowed)
        if self.lists is not None and (probes := self.count_visited(count, fetch)):
            search = partial(self.lists.search, query, probes=probes, selector=selector)
            hits = _search(search, fetch, count)
            # The visited lists may hold fewer allowed rows than fetched.
            if len(hits) == fetch:
                return hits
        parameters = _faiss.SearchParameters(sel=selector)
        return _search(partial(self._exact.search, query, params=parameters), fetch, count)

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows: float32 [m, dim], each of length 1 again.

        Raises:
            BadQuery: a row is not in 0..n-1.
        """
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise BadQuery(f"rows {rows.min()}..{rows.max()} of a snapshot of {len(self)}")
        return normalize(self.fetch_stored(rows))

    def fetch_stored(self, rows: Whole) -> Floats:
        """Read vectors of rows 0..n-1 as stored, in float16 precision: float32 [m, dim]."""
        # As bytes: float16 is not aligned in the mapped file, and numpy would copy the whole array.
        return widen_float16(self.codes(rows).view(np.float16))

    def codes(self, rows: Whole) -> Bytes:
        """Read the bytes of vectors of rows 0..n-1 as stored: uint8 [m, bytes of one]."""
        return self.stored.take(rows, axis=0)

    def by_list(self, rows: Longs) -> Longs:
        """Sort rows by their inverted lists: searched so, each finds what the last one has read."""
        if self.lists is None:
            return rows
        return rows[np.argsort(self.lists.of_rows().take(rows), kind="stable")]

    def candidates(self, queries: Floats, fetch: int, allowed: Bools) -> tuple[Longs, Floats]:
        """Find the nearest rows of each of many vectors, float32 [m, dim]; any of several copies.

        Returns:
            Rows, int64 [m, f], and similarities, float32 [m, f]; f is `fetch`, or the number of
            allowed rows if that is smaller. At least one row must be allowed.
        """
        count = self._count(allowed)
        fetch = min(fetch, count)
        with _one_thread() if len(queries) < _FEW_QUERIES else nullcontext():
            if self.lists is None or count <= EXACT_BELOW:
                return self._scanned(queries, fetch, allowed)
            probes = math.ceil(min(self._probes, _MOST_PROBES) * len(self) / count)
            selector = _selector(allowed)
            similarities, rows = self.lists.search(queries, fetch, probes, selector)
            # The visited lists may hold fewer allowed rows than fetched.
            dry = np.flatnonzero(rows[:, -1] < 0)
            rows[dry], similarities[dry] = self._scanned(queries[dry], fetch, allowed)
            return rows, similarities

    def _scanned(self, queries: Floats, fetch: int, allowed: Bools) -> tuple[Longs, Floats]:
        if len(queries) < _MANY_QUERIES:
            parameters = _faiss.SearchParameters(sel=_selector(allowed))
            similarities, rows = self._exact.search(queries, fetch, params=parameters)
            return rows, similarities
        # Unpacked once, all are multiplied with all at ten times the speed of a scan. One thread,
        # because two wait for each other after every block.
        own = np.flatnonzero(allowed)
        codes, metric = self.fetch_stored(own), _faiss.METRIC_INNER_PRODUCT
        with _one_thread():
            similarities, places = _faiss.knn(queries, codes, fetch, metric=metric)
        return own[places], similarities

    def _copy(self, rows: Longs) -> _Index:
        """An index of the vectors of some rows alone."""
        some = _faiss.IndexScalarQuantizer(self.dim, *STORED)
        _faiss.copy_array_to_vector(self.codes(rows).ravel(), some.codes)
        some.ntotal = len(rows)
        return some

    def _query(self, vector: Floats) -> Floats:
        query = np.ascontiguousarray(vector, np.float32)
        if query.shape != (self.dim,) or not np.isfinite(query).all():
            raise BadQuery(f"a query of shape {query.shape}; need {self.dim} finite numbers")
        return query[np.newaxis]

    def _count(self, allowed: Bools) -> int:
        if allowed.shape != (len(self),) or allowed.dtype != np.bool_:
            raise BadQuery(f"a filter of {allowed.dtype} {allowed.shape}; need bool ({len(self)},)")
        return int(np.count_nonzero(allowed))

    def count_visited(self, count: int, limit: int) -> int:
        """How many lists a search for `limit` rows of `count` visits; 0 if it scans all rows.

        It visits no fewer if fewer rows are allowed or more are wanted, until it scans all.
        """
        if self.lists is None or count <= EXACT_BELOW:
            return 0
        rows, lists = len(self), len(self.lists)
        # The probes were measured with all rows allowed. With a filter, more lists are visited, to
        # compare about as many allowed rows as then.
        measured = self._probes * rows / count
        # And they were measured for a hundred rows: more of them lie in more lists.
        each = _VISITED_EACH * limit * lists / max(count, _LEAST_PART * rows)
        probes = _rounded_up(max(measured, each))
        return probes if probes < lists else 0


def _rounded_up(lists: float) -> int:
    """Round up to one of four numbers between two powers of two; by a fiftieth, also down.

    So the number stays the same while few rows go: lists that are kept rest on that.
    """
    return math.ceil(2 ** (math.ceil(4 * math.log2(lists) - 0.1) / 4))


def _bytes_of(exact: _Index) -> Bytes:
    """The codes of a flat index, uint8 [n, bytes of one]: a view, valid as long as the index."""
    rows, width = int(exact.ntotal), int(exact.sq.code_size)
    if rows == 0:
        return np.empty((0, width), np.uint8)
    data: Bytes = _faiss.rev_swig_ptr(exact.codes.data(), rows * width)
    return data.reshape(rows, width)


def open_vectors(folder: Path, manifest: Manifest) -> Vectors:
    """Map the vectors of a snapshot for reading.

    Compare the checksums of the files first: for FAISS a damaged file is a memory-safety risk.

    Raises:
        SnapshotDamaged: a file cannot be read, or is not the index the manifest describes.
    """
    _limit_reading()
    exact = _read(folder / Files.VECTORS, manifest, _faiss.IndexScalarQuantizer)
    if exact.codes.size() != manifest.rows * exact.sq.code_size:
        raise SnapshotDamaged.at(folder / Files.VECTORS, "codes and rows disagree")
    if not manifest.ivf_lists:
        return Vectors(exact, None, 0)
    ivf = _read_ivf(folder / Files.IVF, manifest)
    return Vectors(exact, Lists(ivf, exact), manifest.ivf_probes)


@cache
def _limit_reading() -> None:
    # Global to the process, and not to be changed during a read: hence constants, set once.
    # FAISS before 1.14 has no such limits.
    if hasattr(_faiss, "set_deserialization_loop_limit"):
        _faiss.set_deserialization_loop_limit(_MOST_LISTS)
        _faiss.set_deserialization_vector_byte_limit(_MOST_VECTOR_BYTES)


def _read(path: Path, manifest: Manifest, kind: _Index) -> _Index:
    try:
        index = _faiss.read_index(str(path), _faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise SnapshotDamaged.at(path, f"FAISS cannot read it ({error})") from error
    wanted = (manifest.rows, manifest.dim, _faiss.METRIC_INNER_PRODUCT)
    # The class first: other kinds of index lack the attributes below.
    if type(index) is not kind or (
        (index.ntotal, index.d, index.metric_type) != wanted or not _is_coded_as_known(index)
    ):
        raise SnapshotDamaged.at(path, "not the index that the manifest describes")
    return index


def _is_coded_as_known(index: _Index) -> bool:
    if isinstance(index, _faiss.IndexIVFRaBitQ):
        return bool(index.rabitq.nb_bits == 1 and index.by_residual)
    return bool(index.sq.qtype == _faiss.ScalarQuantizer.QT_fp16)


def _read_ivf(path: Path, manifest: Manifest) -> _Index:
    index = _read(path, manifest, _faiss.IndexIVFRaBitQ)
    coarse = _faiss.downcast_index(index.quantizer)
    sizes = (index.nlist, coarse.ntotal, coarse.d)
    if type(coarse) is not _faiss.IndexFlatIP:
        raise SnapshotDamaged.at(path, "not plain lists under a flat quantizer")
    if sizes != (manifest.ivf_lists, manifest.ivf_lists, manifest.dim):
        raise SnapshotDamaged.at(path, f"{index.nlist} lists, not {manifest.ivf_lists}")
    return index


def _selector(allowed: Bools) -> _Index:
    # The selector points into this array; FAISS's Python wrapper keeps the array alive.
    return _faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


@contextmanager
def _one_thread() -> Iterator[None]:
    # FAISS divides queries among threads. For one query the other threads have nothing to do, but
    # waiting for them takes time: 16 ms instead of 5 on a busy machine of two cores. OpenMP keeps
    # the number for each calling thread, so other threads are not affected.
    threads = _faiss.omp_get_max_threads()
    _faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        _faiss.omp_set_num_threads(threads)


def _search(search: Callable[[int], tuple[Floats, Longs]], limit: int, count: int) -> Hits:
    """Search for `limit` rows of `count` that are allowed; `search` takes how many to fetch."""
    # Of equal similarities FAISS keeps any. So rows are fetched until the last one is below the
    # one at `limit`, and ties are then ordered by row.
    fetch = min(limit + 1, count)
    while True:
        with _one_thread():
            similarities, rows = search(fetch)
        tied = similarities[0, -1] == similarities[0, limit - 1]
        if fetch == count or rows[0, -1] < 0 or not tied:
            break
        fetch = min(2 * fetch, count)
    real = rows[0] >= 0
    return top(rows[0][real], similarities[0][real], limit)
