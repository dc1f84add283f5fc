"""Which kind of index of vectors serves an archive of which size.

    python -m benchmarks.index_size --rows 10000,100000,1000000 --folder DIR

The vectors are drawn from real ones: each is a mix of three vectors that lie near each other, of
texts made of sentences of the BBC news articles, and of a little noise. The real ones are
embedded once and kept in the folder. Each archive is indexed as a build does it, and by other kinds
of FAISS. Each kind but today's finds candidates by its codes, which are compared again by the
vectors in float16 as they are mapped; so no kind needs the vectors a second time.

Queries are drawn as rows are. Each asks for 200 rows, as a list does, on one thread, among all
rows and among a random part of them. Printed are: CPU of the build, with the training of the lists;
the size of the file beside the vectors; CPU of one search, and which share of the true nearest 12
and 100 are as near as the first that are found. For up to 10,000 rows every kind scans the vectors,
as the service does.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.recombined import Mixer
from index import Passages, Rows, TermCounts
from index.arrays import blocks_of, spread_evenly
from index.build import write_vectors
from index.disk import Writer
from index.groups import Centring, GroupMeans
from index.manifest import Files
from index.vector_search import EXACT_BELOW, Vectors, widen_float16
from recommender.cli.terminal import bar

DIMENSIONS: Final = 384
BLOCK: Final = 32_768
QUERIES: Final = 300
FETCH: Final = 200
DEPTH: Final = 100
DEPTHS: Final = (12, DEPTH)
SHARES: Final = (1.0, 0.5, 0.05, 0.005)
SLACK: Final = 1e-6
HALF: Final = faiss.ScalarQuantizer.QT_fp16
EIGHT_BITS: Final = faiss.ScalarQuantizer.QT_8bit
LINKS: Final = 24
MAPPED: Final = faiss.IO_FLAG_MMAP_IFC
PATH: Final = click.Path(path_type=Path, file_okay=False)

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Mask = NDArray[np.bool_]
# The stubs of FAISS lack its keyword parameters.
_faiss: Any = faiss
FaissIndex: TypeAlias = Any
Parameters: TypeAlias = Callable[[FaissIndex, int], FaissIndex]


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """An archive of drawn vectors, indexed as a build does it.

    Attributes:
        vectors: as the service searches them.
        probes: how many lists a search visits.
        exact: their vectors in float16, as FAISS maps them.
        lists: the trained lists of FAISS; None in a small archive.
        queries: float32 [q, 384].
        allowed: by share, bool [n].
        best: by share, the similarities of the true nearest of each query, float32 [q, DEPTH].
        list_of: int64 [n]; the list of each row.
        seconds: CPU of dividing the rows among lists, and of the build as a whole.
    """

    vectors: Vectors
    probes: int
    exact: FaissIndex
    lists: FaissIndex
    queries: Floats
    allowed: Mapping[float, Mask]
    best: Mapping[float, Floats]
    list_of: Longs
    seconds: tuple[float, float]

    @classmethod
    def make(cls, count: int, mixer: Mixer, folder: Path) -> "Archive":
        """Draw an archive of so many vectors, index it, and search it by brute force."""
        draw = np.random.default_rng(count)
        rows = draw_rows(count, mixer, folder, draw)
        spent: dict[str, float] = {}

        def begin(stage: str, _pieces: int, _piece: str) -> Callable[[int], object]:
            spent[stage] = time.process_time()
            return bool

        centring = Centring(rows, GroupMeans.none([""], rows), None)
        vectors, tuning = write_vectors(Writer(folder), centring, 20_000, begin)
        ended = time.process_time()
        dividing = spent["recall"] - spent["training"] if tuning.lists else 0.0
        ivf = _faiss.read_index(str(folder / Files.IVF), MAPPED) if tuning.lists else None
        queries = mixer.draw(QUERIES, draw)
        allowed = {share: draw.random(count) < share for share in SHARES}
        return cls(
            vectors,
            tuning.probes,
            _faiss.read_index(str(folder / Files.VECTORS), MAPPED),
            ivf,
            queries,
            allowed,
            nearest_of_all(vectors, queries, allowed),
            list_of_each(ivf, count),
            (dividing, ended - spent["vectors"]),
        )

    def blocks(self) -> Iterator[Floats]:
        """All vectors as stored, some at a time."""
        for block in blocks_of(len(self.vectors), BLOCK):
            yield self.vectors.fetch_stored(np.arange(block.start, block.stop))

    def probes_for(self, allowed: int) -> int:
        """How many lists a search visits if so many rows are allowed; as the service does."""
        return min(self.probes * -(-len(self.vectors) // max(allowed, 1)), int(self.lists.nlist))


def list_of_each(ivf: FaissIndex, count: int) -> Longs:
    """The list of each row: int64 [n]; zeros without lists."""
    lists = np.zeros(count, np.int64)
    for number in range(ivf.nlist if ivf is not None else 0):
        size = ivf.invlists.list_size(number)
        if size:
            lists[_faiss.rev_swig_ptr(ivf.invlists.get_ids(number), size)] = number
    return lists


def draw_rows(count: int, mixer: Mixer, folder: Path, draw: np.random.Generator) -> Rows:
    """Rows of which only the vectors are of interest; these lie in a file."""
    path = folder.parent / f"drawn-{count}.f32"
    with path.open("wb") as file:
        for block in blocks_of(count, BLOCK):
            file.write(mixer.draw(block.stop - block.start, draw).tobytes())
    vectors = np.asarray(np.memmap(path, np.float32, "r", shape=(count, DIMENSIONS)))
    path.unlink()
    none = [""] * count
    terms = TermCounts(
        np.zeros(count + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
    )
    passages = Passages(np.zeros(count + 1, np.int64), np.empty((0, DIMENSIONS), np.int8))
    return Rows(none, vectors, passages, terms, {}, {}, none, [], [])


def nearest_of_all(
    vectors: Vectors, queries: Floats, allowed: Mapping[float, Mask]
) -> dict[float, Floats]:
    """The similarities of the true nearest, ascending, by share: float32 [q, DEPTH] each."""
    best = {share: np.full((len(queries), DEPTH), -2, np.float32) for share in allowed}
    for block in blocks_of(len(vectors), BLOCK):
        codes = vectors.codes(np.arange(block.start, block.stop))
        similarities = queries @ widen_float16(codes.view(np.float16)).T
        for share, mask in allowed.items():
            both = np.hstack([best[share], similarities[:, mask[block]]])
            best[share] = np.partition(both, -DEPTH, axis=1)[:, -DEPTH:]
    return {share: np.sort(found, axis=1) for share, found in best.items()}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index over an archive, ready to be searched.

    Attributes:
        name: of the kind.
        seconds: CPU of its build, with the training of lists.
        size: bytes beside the vectors.
        search: gives the rows that a query finds among those allowed, nearest first.
    """

    name: str
    seconds: float
    size: int
    search: Callable[[Floats, Mask], Longs]


def todays(archive: Archive, folder: Path) -> Kind:
    """The search of the service as it is."""
    path = folder / Files.IVF
    return Kind(
        f"as the service does, {archive.probes} lists visited" if archive.lists else "exact scan",
        archive.seconds[1],
        path.stat().st_size if path.exists() else 0,
        lambda query, allowed: archive.vectors.nearest(query, FETCH, allowed).rows,
    )


def in_lists(archive: Archive, name: str, index: FaissIndex) -> Kind:
    """Fill an index of the same lists with codes of another kind."""
    begun = time.process_time()
    sample = spread_evenly(len(archive.vectors), 64 * archive.lists.nlist)
    index.train(archive.vectors.fetch_stored(sample[::4]))
    rows = np.arange(len(archive.vectors))
    for place, block in zip(blocks_of(len(rows), BLOCK), archive.blocks(), strict=True):
        arrays = (block, rows[place], archive.list_of[place])
        index.add_core(len(block), *(_faiss.swig_ptr(np.ascontiguousarray(a)) for a in arrays))
    seconds = archive.seconds[0] + time.process_time() - begun

    search = refined(archive, index, list_parameters(archive, index), FETCH)
    return Kind(name, seconds, size_of(index), search)


def list_parameters(archive: Archive, index: FaissIndex) -> Parameters:
    """Visit as many lists as the service does for so many allowed rows."""
    coded = "RaBitQ" in type(index).__name__
    kind = _faiss.IVFRaBitQSearchParameters if coded else _faiss.SearchParametersIVF

    def parameters(selector: FaissIndex, allowed: int) -> FaissIndex:
        found = kind()
        found.sel, found.nprobe = selector, archive.probes_for(allowed)
        if coded:
            found.qb = index.qb
        return found

    return parameters


def graphs_of(archive: Archive, widths: Sequence[int]) -> Iterator[Kind]:
    """A graph (HNSW) over codes of eight bits, searched more and less widely."""
    begun = time.process_time()
    index = _faiss.IndexHNSWSQ(DIMENSIONS, EIGHT_BITS, LINKS)
    index.hnsw.efConstruction = 100
    sample = spread_evenly(len(archive.vectors), 65_536)
    index.train(archive.vectors.fetch_stored(sample))
    with bar("graph", len(archive.vectors), "row") as advance:
        for block in archive.blocks():
            index.add(block)
            advance(len(block))
    seconds, size = time.process_time() - begun, size_of(index)
    for width in widths:

        def parameters(selector: FaissIndex, allowed: int, width: int = width) -> FaissIndex:
            found = _faiss.SearchParametersHNSW()
            found.sel = selector
            found.efSearch = width * -(-len(archive.vectors) // max(allowed, 1))
            return found

        name = f"graph of {LINKS}, 8 bits, {width} wide"
        yield Kind(name, seconds, size, refined(archive, index, parameters, FETCH))


def size_of(index: FaissIndex) -> int:
    """The bytes of an index in a file."""
    writer = CountingWriter()
    _faiss.write_index(index, _faiss.PyCallbackIOWriter(writer))
    return writer.size


class CountingWriter:
    """Counts the bytes that are written; keeps none."""

    def __init__(self) -> None:
        self.size = 0

    def __call__(self, data: bytes) -> int:
        """Count some bytes."""
        self.size += len(data)
        return len(data)


def refined(
    archive: Archive, index: FaissIndex, parameters: Parameters, compared: int
) -> Callable[[Floats, Mask], Longs]:
    """A search by codes, whose candidates are compared again by their vectors in float16."""
    both = _faiss.IndexRefine(index, archive.exact)

    def search(query: Floats, allowed: Mask) -> Longs:
        count = int(np.count_nonzero(allowed))
        if count <= EXACT_BELOW:
            return archive.vectors.nearest(query, FETCH, allowed).rows
        selector = _faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        of_both = _faiss.IndexRefineSearchParameters(
            k_factor=compared / FETCH, base_index_params=parameters(selector, count)
        )
        rows = both.search(query[np.newaxis], FETCH, params=of_both)[1][0]
        found: Longs = rows[rows >= 0]
        return found

    return search


def kinds(archive: Archive, folder: Path, widths: Sequence[int]) -> Iterator[Kind]:
    """Build one kind after the other."""
    yield todays(archive, folder)
    if archive.lists is None:
        return
    coarse, lists = archive.lists.quantizer, archive.lists.nlist
    metric = _faiss.METRIC_INNER_PRODUCT
    for name, bits in (("float16", HALF), ("8 bits", EIGHT_BITS)):
        index = _faiss.IndexIVFScalarQuantizer(coarse, DIMENSIONS, lists, bits, metric, False)  # noqa: FBT003
        yield in_lists(archive, f"lists of {name}", index)
    for bits in (4, 1):
        some = _faiss.IndexIVFRaBitQ(coarse, DIMENSIONS, lists, metric, True, bits)  # noqa: FBT003
        coded = in_lists(archive, f"lists of RaBitQ {bits}, {FETCH} compared", some)
        yield coded
    for fetch in (2 * FETCH, 4 * FETCH):
        search = refined(archive, some, list_parameters(archive, some), fetch)
        yield replace(coded, name=f"lists of RaBitQ 1, {fetch} compared", search=search)
    if widths:
        yield from graphs_of(archive, widths)


def show(archive: Archive, kind: Kind) -> None:
    """Search by one kind, and print a row of the table for each share."""
    for share, allowed in archive.allowed.items():
        spent, hits = [], np.zeros(2)
        kind.search(archive.queries[0], allowed)
        for query, best in zip(archive.queries, archive.best[share], strict=True):
            begun = time.process_time()
            rows = kind.search(query, allowed)
            spent.append(1_000 * (time.process_time() - begun))
            found = archive.vectors.fetch_stored(rows) @ query
            for at, depth in enumerate(DEPTHS):
                most = min(depth, int(np.count_nonzero(best > -1)))
                near = int(np.count_nonzero(found[:depth] >= best[-most] - SLACK))
                hits[at] += min(near, most) / most
        listed, deep = hits / len(archive.queries)
        p50, p99 = np.percentile(spent, (50, 99))
        click.echo(
            f"| {len(archive.vectors):,} | {kind.name} | {kind.seconds:.0f} s "
            f"| {kind.size / 1e6:,.0f} MB | {100 * share:g} % | {p50:.2f} ms | {p99:.2f} ms "
            f"| {listed:.3f} | {deep:.3f} |"
        )


@click.command(help=__doc__)
@click.option("--rows", default="10000,100000", show_default=True, help="Sizes, with commas.")
@click.option("--folder", type=PATH, required=True, help="Keeps the real vectors.")
@click.option(
    "--graphs", default="64,256", show_default=True, help="Widths of search; '' for none."
)
def main(rows: str, folder: Path, graphs: str) -> None:
    """Print one table."""
    folder.mkdir(parents=True, exist_ok=True)
    mixer = Mixer.open(folder)
    head = (
        "rows",
        "kind",
        "build, CPU",
        "file",
        "allowed",
        "p50",
        "p99",
        "recall@12",
        "recall@100",
    )
    click.echo(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for count in map(int, rows.split(",")):
        own = folder / f"archive-{count}"
        own.mkdir()
        try:
            archive = Archive.make(count, mixer, own)
            _faiss.omp_set_num_threads(2)
            for kind in kinds(archive, own, [int(one) for one in graphs.split(",") if one]):
                _faiss.omp_set_num_threads(1)
                show(archive, kind)
                _faiss.omp_set_num_threads(2)
        finally:
            for path in own.iterdir():
                path.unlink()
            own.rmdir()


if __name__ == "__main__":
    main()
