"""Dense search against brute force over the float16-rounded vectors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index import BadQuery, Manifest, SnapshotDamaged
from index.arrays import normalize
from index.build import build, list_count
from index.manifest import Files
from index.vector_search import EXACT_BELOW, Vectors, open_vectors, top, widen_float16
from tests.support.index_rows import (
    MANY,
    STAMP,
    brute_force,
    clustered_vectors,
    grid_vectors,
    random_units,
    rounded,
    sample_rows,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Array, Bools, Floats

ROWS = 120
EVERYTHING = np.ones(ROWS, bool)


def built(folder: Path, vectors: Floats) -> Vectors:
    rows = sample_rows(len(vectors), vectors=vectors)
    return open_vectors(folder, build(rows, folder, **STAMP))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    folder = tmp_path_factory.mktemp("grid")
    return built(folder, grid_vectors(ROWS))


masks = st.one_of(
    arrays(bool, ROWS),
    st.just(EVERYTHING),
    st.just(~EVERYTHING),
    st.integers(0, ROWS - 1).map(lambda row: np.arange(ROWS) == row),
)


@given(
    seed=st.integers(1, 99),
    limit=st.integers(-1, ROWS + 10),
    allowed=masks,
    sparse=st.sampled_from([1, 8, 64]),
)
@examples(100)
def test_exact_search_equals_brute_force_with_ties(
    grid: Vectors,
    seed: int,
    limit: int,
    allowed: Bools,
    sparse: int,
) -> None:
    """Also where few rows are allowed, so that their vectors are copied and searched alone."""
    query = grid_vectors(1, seed)[0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("index.vector_search._SPARSE", sparse)
        hits = grid.nearest(query, limit, allowed)
    rows, similarities = brute_force(grid_vectors(ROWS), query, max(limit, 0), allowed)
    np.testing.assert_array_equal(hits.rows, rows)
    np.testing.assert_array_equal(hits.similarities, similarities)
    assert (hits.rows.dtype.name, hits.similarities.dtype.name) == ("int64", "float32")


def test_fetch_gives_vectors_of_length_one_despite_rounding(tmp_path: Path) -> None:
    stored = random_units(ROWS, 48)
    vectors = built(tmp_path, stored)
    fetched = vectors.fetch(np.arange(ROWS))
    np.testing.assert_allclose(np.linalg.norm(fetched, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(fetched, stored, atol=1e-3)


def test_every_half_is_widened_exactly() -> None:
    halves = np.arange(2**16).astype(np.uint16).view(np.float16).reshape(256, 256)
    finite = np.isfinite(halves)
    assert widen_float16(halves)[finite].tobytes() == halves[finite].astype(np.float32).tobytes()


def test_vectors_are_stored_as_numpy_rounds_them(tmp_path: Path) -> None:
    """Half-way between two halves NumPy takes the even one, and so does a build."""
    given_vectors = normalize(random_units(ROWS, 4) + np.float32(0.5))
    given_vectors[3] = [1, 2**-11 + 2**-22, 0, 0]
    given_vectors[4] = [0, 0, 1 - 2**-12, 2**-6 + 2**-17]
    vectors = built(tmp_path, given_vectors)
    rows = np.array([5, 3, 4, 3, ROWS - 1])
    np.testing.assert_array_equal(vectors.fetch_stored(rows), rounded(given_vectors)[rows])
    assert vectors.fetch_stored(np.empty(0, np.int64)).shape == (0, 4)


@pytest.mark.long
@pytest.mark.parametrize("asked", [1, 40, 600])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_candidates_are_the_nearest_in_bulk(grid: Vectors, asked: int, share: float) -> None:
    """Few are looked up one by one and many together; of equals any may come."""
    allowed = np.random.default_rng(asked).random(ROWS) < share
    allowed[7] = True
    queries = grid_vectors(asked, seed=8)
    for fetch in (1, 16, ROWS + 5):
        rows, similarities = grid.candidates(queries, fetch, allowed)
        assert rows.shape == similarities.shape == (asked, min(fetch, allowed.sum()))
        assert allowed[rows].all()
        for query, own, found in zip(queries, rows, similarities, strict=True):
            assert len(set(own.tolist())) == len(own)
            np.testing.assert_array_equal(grid_vectors(ROWS)[own] @ query, found)
            _, best = brute_force(grid_vectors(ROWS), query, len(own), allowed)
            np.testing.assert_array_equal(found, best)


@pytest.mark.parametrize("row", [-1, ROWS])
def test_fetch_refuses_a_row_that_is_not_there(grid: Vectors, row: int) -> None:
    with pytest.raises(BadQuery):
        grid.fetch(np.array([0, row]))


@pytest.mark.parametrize(
    "query",
    [np.full(8, np.nan), np.full(8, np.inf), np.zeros(7), np.zeros((1, 8))],
    ids=["NaN", "inf", "short", "matrix"],
)
def test_a_query_that_does_not_fit_is_refused(grid: Vectors, query: Array) -> None:
    with pytest.raises(BadQuery):
        grid.nearest(query.astype(np.float32), 5, EVERYTHING)


@pytest.mark.parametrize("allowed", [np.ones(ROWS + 1, bool), np.ones(ROWS, np.uint8)])
def test_a_filter_that_does_not_fit_is_refused(grid: Vectors, allowed: Bools) -> None:
    with pytest.raises(BadQuery):
        grid.nearest(grid_vectors(1)[0], 5, allowed)


@given(arrays(np.int8, st.integers(0, 30)), st.integers(-1, 35))
def test_top_sorts_by_similarity_and_then_by_row(similarities: Array, limit: int) -> None:
    rows = np.random.default_rng(0).permutation(len(similarities))
    hits = top(rows, similarities.astype(np.float32), limit)
    places = sorted(range(len(rows)), key=lambda at: (-int(similarities[at]), rows[at]))
    assert hits.rows.tolist() == rows[places[: max(limit, 0)]].tolist()


# --- with an IVF index ---


CLUSTERED = clustered_vectors()


class Lists:
    """A snapshot with an IVF index, and what its manifest says."""

    def __init__(self, folder: Path) -> None:
        self.manifest: Manifest = build(
            sample_rows(MANY, vectors=CLUSTERED),
            folder,
            **STAMP,
            ivf_above=1000,
        )
        self.vectors = open_vectors(folder, self.manifest)
        self.folder = folder


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Lists:
    return Lists(tmp_path_factory.mktemp("lists"))


def recall(vectors: Vectors, allowed: Bools, limit: int = 100) -> float:
    shares = []
    for query in CLUSTERED[::1250]:
        hits = vectors.nearest(query, limit, allowed)
        assert allowed[hits.rows].all()
        rows, _ = brute_force(CLUSTERED, query, limit, allowed)
        shares.append(len(set(rows.tolist()) & set(hits.rows.tolist())) / limit)
    return float(np.mean(shares))


@pytest.mark.long
def test_the_manifest_says_how_the_lists_are_searched(lists: Lists) -> None:
    assert lists.manifest.ivf_lists == list_count(MANY) == 512
    assert 2 <= lists.manifest.ivf_probes < 512
    assert lists.manifest.ivf_probes.bit_count() == 1
    assert 0.99 <= lists.manifest.recall <= 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("share", "least"),
    [
        pytest.param(1.0, 0.98, id="of all rows"),
        pytest.param(0.5, 0.98, id="inside a filter"),
        pytest.param(0.05, 1, id="inside a small filter, exactly"),
    ],
)
def test_recall_is_what_the_manifest_promises(lists: Lists, share: float, least: float) -> None:
    allowed = np.random.default_rng(4).random(MANY) < share
    assert (allowed.sum() > EXACT_BELOW) == (share > 0.1)
    assert recall(lists.vectors, allowed) >= least


@pytest.mark.long
def test_a_search_for_many_rows_visits_more_lists(lists: Lists) -> None:
    exact, all_lists = lists.vectors._exact, lists.vectors.lists  # noqa: SLF001 - with other probes
    few, many = (Vectors(exact, all_lists, probes) for probes in (2, 64))
    for limit in (10, 100, 200):
        wanted = 72 * limit / (MANY / 512)
        assert wanted * 0.98 <= few.count_visited(MANY, limit) <= wanted * 1.2 + 1
    assert few.count_visited(MANY, 1) == 2
    assert (many.count_visited(MANY, 10), many.count_visited(MANY // 2, 10)) == (64, 128)
    assert few.count_visited(MANY // 2, 50) == few.count_visited(MANY, 100)
    assert few.count_visited(MANY, MANY) == 0  # a scan
    allowed = np.ones(MANY, bool)
    assert recall(few, allowed, 200) > recall_of_lists(all_lists, probes=2) + 0.01


@pytest.mark.long
@pytest.mark.parametrize("share", [0.5, 0.41])
def test_many_rows_are_found_inside_a_filter_too(lists: Lists, share: float) -> None:
    allowed = np.random.default_rng(5).random(MANY) < share
    few = Vectors(lists.vectors._exact, lists.vectors.lists, 2)  # noqa: SLF001 - with other probes
    assert 0 < few.count_visited(int(allowed.sum()), 80) < 512
    assert recall(few, allowed, 80) >= 0.98


@pytest.mark.long
def test_as_many_lists_are_visited_while_few_rows_go(lists: Lists) -> None:
    every = [lists.vectors.count_visited(count, 100) for count in range(MANY, EXACT_BELOW, -1)]
    assert every[1] == every[0]  # the seed is never allowed
    assert every == [*sorted(filter(None, every)), *[0] * every.count(0)]  # at last it scans
    assert len({*every}) < 10


def recall_of_lists(lists: Any, probes: int) -> float:
    """The recall@200 of as many lists."""
    _, rows = lists.search(CLUSTERED[::1250], 200, probes)
    allowed = np.ones(MANY, bool)
    nearest = (brute_force(CLUSTERED, one, 200, allowed)[0] for one in CLUSTERED[::1250])
    pairs = zip(rows.tolist(), (one.tolist() for one in nearest), strict=True)
    return float(np.mean([len({*found} & {*wanted}) / 200 for found, wanted in pairs]))


@pytest.mark.long
def test_lists_with_too_few_results_are_completed(lists: Lists) -> None:
    allowed = np.ones(MANY, bool)
    hits = lists.vectors.nearest(CLUSTERED[0], 20_000, allowed)
    rows, _ = brute_force(CLUSTERED, CLUSTERED[0], 20_000, allowed)
    assert len(set(hits.rows.tolist()) & set(rows.tolist())) >= 19_990
    assert len(hits) == 20_000


@pytest.mark.long
def test_similarities_from_lists_are_those_of_the_rounded_vectors(lists: Lists) -> None:
    hits = lists.vectors.nearest(CLUSTERED[7], 50, np.ones(MANY, bool))
    np.testing.assert_allclose(hits.similarities, (CLUSTERED @ CLUSTERED[7])[hits.rows], atol=1e-6)


@pytest.mark.long
def test_threads_find_the_same_as_one_thread(lists: Lists) -> None:
    allowed = np.random.default_rng(6).random(MANY) < 0.7

    def search(row: int) -> bytes:
        return lists.vectors.nearest(CLUSTERED[row], 10, allowed).rows.tobytes()

    alone = [search(row) for row in range(100)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(search, range(100))) == alone


def test_a_search_leaves_the_number_of_threads_as_it_was(grid: Vectors) -> None:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    grid.nearest(grid_vectors(1)[0], 5, EVERYTHING)
    assert faiss.omp_get_max_threads() == 3
    faiss.omp_set_num_threads(before)


@pytest.mark.long
def test_training_twice_gives_the_same_bytes(lists: Lists, tmp_path: Path) -> None:
    again = Lists(tmp_path)
    assert again.manifest == lists.manifest
    for name in [*lists.manifest.files, Files.MANIFEST]:
        assert (tmp_path / name).read_bytes() == (lists.folder / name).read_bytes()


@pytest.mark.parametrize("rows", [1, 2, 5, 70])
def test_even_a_handful_of_rows_can_have_lists(tmp_path: Path, rows: int) -> None:
    manifest = build(sample_rows(rows), tmp_path, **STAMP, ivf_above=0)
    assert manifest.ivf_lists == list_count(rows)
    assert manifest.recall >= 0.99
    hits = open_vectors(tmp_path, manifest).nearest(random_units(1, 8)[0], 1, np.ones(rows, bool))
    assert hits.rows.tolist() == [0]


def written_by_faiss(index: Any) -> bytes:
    data: bytes = faiss.serialize_index(index).tobytes()
    return data


@pytest.mark.parametrize("rows", [0, 1, 3, 300])
@pytest.mark.parametrize("different", [3, 300], ids=["copies", "random"])
def test_the_files_are_those_that_faiss_writes(tmp_path: Path, rows: int, different: int) -> None:
    """With three different rows most lists are empty, and FAISS writes the sizes otherwise."""
    vectors = random_units(different, 8)[np.arange(rows) % different]
    build(sample_rows(rows, vectors=vectors), tmp_path, **STAMP, ivf_above=0)
    stored = vectors.astype(np.float16).astype(np.float32)
    kind, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    exact = faiss.IndexScalarQuantizer(8, kind, metric)
    exact.add(stored)
    assert (tmp_path / Files.VECTORS).read_bytes() == written_by_faiss(exact)
    if rows:
        ivf = faiss.read_index(str(tmp_path / Files.IVF))
        ivf.reset()
        ivf.add(stored)
        assert (tmp_path / Files.IVF).read_bytes() == written_by_faiss(ivf)


# --- a file that is not the one described ---


def other_index(kind: str, dim: int) -> Any:
    made = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
    vectors = random_units(ROWS, dim)
    made.train(vectors)
    made.add(vectors)
    return made


@pytest.mark.parametrize(
    ("file", "kind", "dim"),
    [
        *((Files.VECTORS, kind, 8) for kind in ("Flat", "SQ8", "HNSW8", "PCA8,SQfp16")),
        (Files.VECTORS, "SQfp16", 9),
        *((Files.IVF, kind, 8) for kind in ("SQfp16", "IVF4,Flat", "IVF4,SQ8", "IVF4,SQfp16")),
        (Files.IVF, "IVF32_HNSW,SQfp16", 8),
        (Files.IVF, "IVF32_HNSW,RaBitQ", 8),
        (Files.IVF, "IVF32,RaBitQ4", 8),
    ],
)
def test_another_kind_of_index_is_refused(tmp_path: Path, file: str, kind: str, dim: int) -> None:
    manifest = build(sample_rows(ROWS), tmp_path, **STAMP, ivf_above=0)
    faiss.write_index(other_index(kind, dim), str(tmp_path / file))
    with pytest.raises(SnapshotDamaged, match=file):
        open_vectors(tmp_path, manifest)


def test_a_file_faiss_cannot_read_is_refused(tmp_path: Path) -> None:
    manifest = build(sample_rows(3), tmp_path, **STAMP)
    (tmp_path / Files.VECTORS).write_bytes(b"")
    with pytest.raises(SnapshotDamaged, match=Files.VECTORS):
        open_vectors(tmp_path, manifest)
