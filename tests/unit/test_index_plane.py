"""Places on the plane: near rows lie near, and the same rows have the same places."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from index import Catalog
from index.manifest import Files
from index.plane import (
    FEW,
    JOINT_ROUNDS,
    NOWHERE,
    ROUNDS,
    SCALE,
    SEARCH_ROUNDS,
    Pairs,
    decode_places,
    encode_places,
    main_directions,
    mix,
)
from index.snapshot import Snapshot
from tests.support.generations import without_file
from tests.support.index_rows import STAMP, sample_rows
from tests.support.properties import examples

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Advance, Bools, Floats, Hashes, Longs, Shorts

DIM = 24


@pytest.fixture
def by_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Place more than 55 rows as a large archive: 30 of them first."""
    bounds = {"plane.MANY": 55, "plane.FEW": 10, "plane.FIRST": 30, "plane_sample.FIRST": 30}
    for name, value in bounds.items():
        monkeypatch.setattr(f"index.{name}", value)


@pytest.fixture(params=["at once", "by a sample"])
def either_way(request: pytest.FixtureRequest) -> None:
    """Place all rows at once, and by a sample."""
    if request.param == "by a sample":
        request.getfixturevalue("by_sample")


def clusters(counts: list[int], seed: int = 0) -> Floats:
    """Unit vectors around some directions, and how many around each."""
    draw = np.random.default_rng(seed)
    middles = draw.normal(size=(len(counts), DIM))
    rows = np.repeat(middles, counts, axis=0) + draw.normal(scale=0.5, size=(sum(counts), DIM))
    unit: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def built(folder: Path, vectors: Floats, ids: list[str] | None = None, **options: Any) -> Snapshot:
    """A snapshot of rows with these vectors."""
    rows = sample_rows(len(vectors), vectors=vectors)
    rows = rows if ids is None else replace(rows, ids=ids)
    return Catalog(folder).publish_rows(rows, **STAMP, **options)


def places_of(snapshot: Snapshot) -> Floats:
    assert snapshot.places is not None
    return decode_places(snapshot.places)


def nearest(vectors: Floats, count: int) -> Longs:
    """The nearest others of each, by brute force."""
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    found: Longs = np.argsort(apart, axis=1)[:, :count]
    return found


def kept(vectors: Floats, places: Floats) -> float:
    """The share of the ten nearest rows that are among the twenty nearest on the plane."""
    ten, twenty = nearest(vectors, 10), nearest(places, 20)
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(ten, twenty, strict=True)]))


@pytest.mark.usefixtures("either_way")
def test_near_rows_lie_nearer_than_by_pca(tmp_path: Path) -> None:
    vectors = clusters([12, 18] * 10)
    places = places_of(built(tmp_path, vectors))
    assert kept(vectors, places) > kept(vectors, PCA(2).fit_transform(vectors)) + 0.25
    assert (np.abs(places) <= 1).all()


def test_the_main_directions_are_those_of_pca() -> None:
    vectors = clusters([30, 40, 50, 60])
    vectors *= np.linspace(2, 0.2, DIM, dtype=np.float32)  # so that directions differ clearly
    found, oracle = (
        main_directions(vectors.__getitem__, len(vectors)),
        PCA(2, whiten=True).fit_transform(vectors),
    )
    for axis in (0, 1):
        assert abs(np.corrcoef(found[:, axis], oracle[:, axis])[0, 1]) > 0.99


@pytest.mark.usefixtures("either_way")
def test_places_do_not_depend_on_threads_or_on_rows_beside_them(tmp_path: Path) -> None:
    vectors = clusters([20] * 3)
    with threadpool_limits(1):
        one = built(tmp_path / "one", vectors)
    with threadpool_limits(4):
        four = built(tmp_path / "four", vectors)
    assert one.generation == four.generation
    # Ids decide, not row numbers: with rows that have no place in between, the same places.
    ids = [one.id_of(row) for row in range(60)]
    more = np.repeat(vectors, 2, axis=0)
    placed = np.arange(120) % 2 == 0
    rows = sample_rows(120, vectors=more, ids=[name + end for name in ids for end in ("", "~")])
    rows.columns["placed"] = placed  # type: ignore[index]
    options: dict[str, Any] = {"placed_by": "placed", "reliable_by": "placed"}
    beside = Catalog(tmp_path / "beside").publish_rows(rows, **STAMP, **options)
    assert beside.places is not None
    assert np.array_equal(beside.places[placed], places_codes(one))
    assert (beside.places[~placed] == NOWHERE).all()


def places_codes(snapshot: Snapshot) -> Shorts:
    assert snapshot.places is not None
    return snapshot.places


@pytest.mark.parametrize("count", [0, 1, 2, 3, FEW, FEW + 1])
def test_few_rows_have_places_of_their_own(tmp_path: Path, count: int) -> None:
    done: list[int] = []
    vectors = clusters([1] * count)[:count].reshape(count, DIM)

    def begin(stage: str, _pieces: int, _piece: str) -> Advance:
        return done.append if stage == "places" else bool

    places = places_of(built(tmp_path, vectors, begin=begin))
    assert places.shape == (count, 2)
    assert len({*map(tuple, places.tolist())}) == count
    assert sum(done) == ROUNDS
    if count > 1:
        assert np.ptp(places, axis=0).max() == 2


@pytest.mark.usefixtures("either_way")
def test_rows_that_are_all_alike_lie_somewhere(tmp_path: Path) -> None:
    assert np.isfinite(places_of(built(tmp_path, np.repeat(clusters([1]), 60, axis=0)))).all()


@pytest.mark.usefixtures("either_way")
def test_rows_with_unreliable_vectors_are_placed_among_all(tmp_path: Path) -> None:
    vectors = clusters([30, 30])
    rows = sample_rows(60, vectors=vectors)
    reliable: Bools = np.arange(60) % 4 > 0
    rows.columns["reliable"] = reliable  # type: ignore[index]
    places = places_of(Catalog(tmp_path).publish_rows(rows, **STAMP, reliable_by="reliable"))
    middles = [places[half * 30 : half * 30 + 30][reliable[:30]].mean(axis=0) for half in (0, 1)]
    for row in np.flatnonzero(~reliable).tolist():
        apart = [float(np.linalg.norm(places[row] - middle)) for middle in middles]
        assert np.argmin(apart) == row // 30


def test_known_rows_stay_and_a_new_one_lies_amid_the_nearest_of_them(tmp_path: Path) -> None:
    vectors, ids = clusters([20, 20, 20]), [f"{row:03}" for row in range(60)]
    before = built(tmp_path, vectors[5:], ids[5:])
    changed = vectors.copy()
    changed[50] = vectors[7]  # another text under a known id
    after = built(tmp_path, changed, ids, places_from=before)
    known = np.array([row for row in range(5, 60) if row != 50])
    assert np.array_equal(places_codes(after)[known], places_codes(before)[known - 5])
    places = places_codes(after).astype(float)
    stored = after.vectors.fetch_stored(np.arange(60))
    for row in (0, 1, 2, 3, 4, 50):
        best = known[np.argsort(-(stored[known] @ stored[row]), kind="stable")[:3]]
        assert np.abs(places[row] - places[best].mean(axis=0)).max() <= 0.5


def test_with_few_known_rows_all_are_placed_anew(tmp_path: Path) -> None:
    vectors, ids = clusters([20, 20, 20]), [f"{row:03}" for row in range(60)]
    afresh = built(tmp_path / "afresh", vectors, ids)
    before = built(tmp_path, vectors[20:], ids[20:])
    assert built(tmp_path, vectors, ids, places_from=before).generation == afresh.generation


@pytest.mark.usefixtures("by_sample")
@pytest.mark.parametrize("first", [20, 30])
def test_rounds_over_a_sample_and_over_all_are_counted(
    tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.plane.FIRST", first)
    monkeypatch.setattr("index.plane_sample.FIRST", first)
    announced, done = list[int](), list[int]()

    def begin(stage: str, pieces: int, _piece: str) -> Advance:
        if stage != "places":
            return bool
        announced.append(pieces)
        return done.append

    assert np.isfinite(places_of(built(tmp_path, clusters([40, 50]), begin=begin))).all()
    assert announced == [sum(done)] == [SEARCH_ROUNDS + ROUNDS + JOINT_ROUNDS * (90 // first)]


@pytest.mark.usefixtures("by_sample")
def test_the_keys_of_a_sample_are_spread_as_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs are drawn by them: the least keys would draw the last one again and again."""
    drawn_by: list[Hashes] = []
    of = Pairs.of

    def noted(keys: Hashes, *others: Any) -> Pairs:
        drawn_by.append(keys)
        return of(keys, *others)

    monkeypatch.setattr(Pairs, "of", noted)
    built(tmp_path, clusters([40, 50]))
    ((*keys,),) = drawn_by
    assert len(keys) == 30
    assert int(min(keys)) < 2**61
    assert int(max(keys)) > 2**64 - 2**61


@pytest.mark.usefixtures("by_sample")
def test_copies_that_are_nearest_to_themselves_alone_lie_where_their_like_do(
    tmp_path: Path,
) -> None:
    ids = sorted(map(str, range(120)))
    last = sorted(ids, key=turn)[80:]  # not in the sample
    vectors = clusters([41, 40])
    order = np.argsort([row_id in last for row_id in ids], kind="stable")
    mixed = np.empty((120, DIM), np.float32)
    mixed[order] = np.concatenate([vectors[:40], vectors[41:], np.repeat(vectors[40:41], 40, 0)])
    places = places_of(built(tmp_path, mixed, ids))[order]
    middles = [np.median(places[some], axis=0) for some in (slice(40), slice(40, 80))]
    for place in places[80:]:
        assert np.linalg.norm(place - middles[0]) < np.linalg.norm(place - middles[1])


def turn(row_id: str) -> int:
    """The least ones are a sample."""
    key = int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "little")
    return int(mix(np.array([key], np.uint64))[0])


@given(
    arrays(
        np.float32, st.tuples(st.integers(0, 9), st.just(2)), elements=st.floats(-1, 1, width=32)
    )
)
@examples(50)
def test_places_read_back_to_within_half_a_step(places: Floats) -> None:
    codes = encode_places(places)
    assert codes.dtype == np.int16
    assert (codes > NOWHERE).all()
    np.testing.assert_allclose(decode_places(codes), places, atol=0.5 / SCALE + 1e-7)
    codes[::2] = NOWHERE
    assert np.isnan(decode_places(codes)[::2]).all()
    assert np.isfinite(decode_places(codes)[1::2]).all()


def test_a_snapshot_without_places_opens(tmp_path: Path) -> None:
    built(tmp_path, clusters([30]))
    without_file(Catalog(tmp_path), Files.PLACES)
    assert Catalog(tmp_path).open_live().places is None
