"""Neighbours of a row, against brute force over the stored vectors and terms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BadRows, Catalog, DeltaWriter, Query, Snapshot, View
from index.build import build
from index.lexical import gather
from index.neighbours import NEAREST, SMOOTHING, nearest_rows
from index.vector_search import EXACT_BELOW
from tests.support.index_rows import (
    STAMP,
    clustered_vectors,
    grid_vectors,
    part_of,
    random_terms,
    random_units,
    sample_rows,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from pathlib import Path

    from index import Rows
    from index.arrays import Array, Bools

LIKE: dict[str, Any] = {"grouped_by": "language", "reliable_by": "embedded"}


def archive(rows: int, *, seed: int = 0, copies: bool = False, dim: int = 8) -> Rows:
    """Rows, a third of which mean nothing; with `copies`, few different ones and many ties."""
    made = sample_rows(rows, dim, seed, terms=random_terms(rows, words=25, seed=seed))
    embedded = np.random.default_rng(seed).random(rows) < 2 / 3
    vectors = grid_vectors(rows, seed) if copies else made.vectors
    return replace(made, vectors=vectors, columns=dict(made.columns, embedded=embedded))


def codes_of(snapshot: Snapshot) -> Array:
    """As stored; products of such in float64 are exact."""
    return snapshot.vectors.fetch_stored(np.arange(len(snapshot))).astype(np.float64)


def brute_nearest(similarities: Array, allowed: Bools, without: int) -> list[tuple[float, int]]:
    """(similarity, row) of the nearest, of equals the lower row first."""
    rows = [row for row in np.flatnonzero(allowed).tolist() if row != without]
    ranked = sorted((-float(similarities[row]), row) for row in rows)[:NEAREST]
    return [(-similarity, row) for similarity, row in ranked]


def brute_lexical(snapshot: Snapshot, row: int) -> float:
    """The mean lexical similarity of the ten nearest others of the row's group."""
    query, languages = Query.of_row(snapshot.lexicon.terms, row), snapshot.columns["language"]
    others = [o for o in np.flatnonzero(languages == languages[row]).tolist() if o != row]
    found = []
    for other in others:
        held = Query.of_row(snapshot.lexicon.terms, other)
        _, mine, theirs = np.intersect1d(query.buckets, held.buckets, return_indices=True)
        found.append(float(query.weights[mine] @ held.weights[theirs]))
    best = sorted(found, reverse=True)[:NEAREST]
    return sum(best) / len(best) if best else 0.0


def check(snapshot: Snapshot, known: Bools) -> None:
    """Compare all that is stored for each row with brute force."""
    codes, around = codes_of(snapshot), snapshot.neighbours
    words, languages = snapshot.labels["language"], snapshot.columns["language"]
    for row in range(len(snapshot)):
        if not known[row]:
            assert around.rows[row].tolist() == [-1, -1]
            assert around.weights[row].tolist() == [0, 0]
            assert around.hubness[row] == pytest.approx(brute_lexical(snapshot, row), abs=1e-3)
            continue
        near = brute_nearest(codes @ codes[row], known, row)
        background = max(0.0, snapshot.manifest.background[words[languages[row]]].similarity)
        for place in range(SMOOTHING):
            found = around.rows[row, place], around.weights[row, place]
            if place >= len(near):
                assert found == (-1, 0)
                continue
            similarity, neighbour = near[place]
            share = min(max((similarity - background) / (1 - background), 0), 1)
            assert found == (neighbour, pytest.approx(share, abs=1e-6))
        mean = sum(similarity for similarity, _ in near) / len(near) if near else 0
        assert around.hubness[row] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 11, 12, 60])
@pytest.mark.parametrize("copies", [False, True], ids=["random", "copies"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(LIKE, id="raw"),
        pytest.param(LIKE | {"centred": True}, id="centred"),
        pytest.param(LIKE | {"ivf_above": 0}, id="lists"),
        pytest.param({"grouped_by": "language"}, id="all reliable"),
    ],
)
def test_the_neighbours_of_each_row_equal_brute_force(
    tmp_path: Path, rows: int, options: dict[str, Any], *, copies: bool
) -> None:
    made = archive(rows, seed=rows, copies=copies)
    snapshot = Catalog(tmp_path).publish_rows(made, **STAMP, **options)
    arrays = (snapshot.neighbours.rows, snapshot.neighbours.weights, snapshot.neighbours.hubness)
    assert [array.dtype.name for array in arrays] == ["int32", "float32", "float32"]
    assert [array.shape for array in arrays] == [(rows, 2), (rows, 2), (rows,)]
    known = made.columns["embedded"] if "reliable_by" in options else np.ones(rows, bool)
    np.testing.assert_array_equal(snapshot.reliable, known)
    check(snapshot, known)


@pytest.mark.parametrize("reliable_by", ["absent", "language", "flags"])
def test_a_column_that_cannot_mark_reliable_rows_is_refused(
    tmp_path: Path, reliable_by: str
) -> None:
    rows = archive(4)
    odd = replace(rows, columns=dict(rows.columns, flags=np.ones((4, 2), bool)))
    with pytest.raises(BadRows, match=reliable_by):
        build(odd, tmp_path, **STAMP, reliable_by=reliable_by)


def test_more_copies_than_are_fetched_at_once_are_ordered_by_row(tmp_path: Path) -> None:
    """Ten kinds of vectors, ninety copies of each: the lowest two others of a kind come."""
    kinds = np.eye(10, dtype=np.float32)
    vectors = kinds[np.arange(900) % 10]
    snapshot = Catalog(tmp_path).publish_rows(sample_rows(900, vectors=vectors), **STAMP)
    around = snapshot.neighbours
    for row in range(900):
        first = [at for at in (row % 10, row % 10 + 10, row % 10 + 20) if at != row][:2]
        assert around.rows[row].tolist() == first
    assert (around.hubness == 1).all()


@pytest.mark.long
def test_a_thousand_copies_and_more_are_as_near_as_they_are(tmp_path: Path) -> None:
    vectors = np.tile(random_units(1, 8), (2_500, 1))
    snapshot = Catalog(tmp_path).publish_rows(sample_rows(2_500, vectors=vectors), **STAMP)
    around, own = snapshot.neighbours, np.arange(2_500)
    assert ((around.rows >= 0) & (around.rows != own[:, None])).all()
    np.testing.assert_allclose(around.hubness, 1, atol=1e-3)


# --- rows that come later ---


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Rows, Snapshot]]:
    """Archives of every kind, with their snapshots."""
    made = {}
    for name, rows, stamp in (
        ("raw", archive(60), {}),
        ("centred", archive(60, dim=48), {"centred": True}),
        ("copies", archive(60, copies=True), {}),
        ("lists", archive(60, dim=48), {"ivf_above": 0, "centred": True}),
        ("one", archive(1), {}),
    ):
        folder = tmp_path_factory.mktemp(name)
        made[name] = rows, Catalog(folder).publish_rows(rows, **STAMP, **LIKE, **stamp)
    return made


@pytest.mark.long
@given(
    name=st.sampled_from(["raw", "centred", "copies", "lists", "one"]),
    chosen=st.lists(st.sets(st.integers(0, 59), min_size=1, max_size=50), min_size=1, max_size=3),
)
@examples(80)
def test_a_row_put_again_is_the_same_as_in_the_build(
    built: dict[str, tuple[Rows, Snapshot]], name: str, chosen: list[set[int]]
) -> None:
    """Nothing changed, so the stored values equal those of a rebuild bit by bit."""
    rows, snapshot = built[name]
    delta_writer, added = DeltaWriter(View.of(snapshot)), np.empty(0, np.int64)
    for places in chosen:
        again = np.unique([place % len(rows) for place in places])
        delta_writer.apply(part_of(rows, again), ())
        added = np.concatenate([added, again])
    delta = delta_writer.view.delta
    np.testing.assert_array_equal(delta.vectors, snapshot.vectors.fetch_stored(added))
    terms, every = snapshot.lexicon.terms, np.arange(len(added))
    for new, stored in zip(gather(delta.terms, every), gather(terms, added), strict=True):
        np.testing.assert_array_equal(new, stored)
    np.testing.assert_array_equal(delta.terms.scales, terms.scales[added])
    for at, row in enumerate(added.tolist()):
        passages, stored_passages = delta.passages.of_row(at), snapshot.passages.of_row(row)
        np.testing.assert_array_equal(passages, stored_passages)
    around = delta.neighbours
    np.testing.assert_array_equal(around.rows, snapshot.neighbours.rows[added])
    np.testing.assert_array_equal(around.weights, snapshot.neighbours.weights[added])
    np.testing.assert_allclose(around.hubness, snapshot.neighbours.hubness[added], atol=1e-5)
    dtypes = [array.dtype for array in (around.rows, around.weights, around.hubness)]
    assert dtypes == [np.int32, np.float32, np.float32]


def test_a_new_row_finds_the_rows_of_the_snapshot_alone(
    built: dict[str, tuple[Rows, Snapshot]],
) -> None:
    """Two duplicates under new ids: neither finds the other, both find the same older rows."""
    rows, snapshot = built["raw"]
    known = int(np.flatnonzero(rows.columns["embedded"])[3])
    twins = part_of(rows, np.array([known, known]))
    delta_writer = DeltaWriter(View.of(snapshot))
    first = delta_writer.apply(replace(twins, ids=["n-1", "n-2"]), ())
    second = delta_writer.apply(replace(twins, ids=["n-3", "n-4"]), ())
    assert first.delta.neighbours.rows.tolist() == second.delta.neighbours.rows[:2].tolist()
    assert (second.delta.neighbours.rows[:, 0] == known).all()
    assert (second.delta.neighbours.rows < len(snapshot)).all()
    frozen = first.delta.neighbours.hubness.tobytes()
    assert second.delta.neighbours.hubness[:2].tobytes() == frozen


def test_a_row_of_a_new_group_is_weighed_from_a_background_of_nothing(
    built: dict[str, tuple[Rows, Snapshot]],
) -> None:
    rows, snapshot = built["raw"]
    known = rows.columns["embedded"]
    strange = replace(
        rows, ids=[f"n-{row:02}" for row in range(60)], labels={"language": ["zh", "ja"]}
    )
    around = DeltaWriter(View.of(snapshot)).apply(strange, ()).delta.neighbours
    codes = codes_of(snapshot)
    for row in np.flatnonzero(known).tolist():
        near = brute_nearest(codes @ codes[row], known, -1)[:SMOOTHING]
        assert around.rows[row].tolist() == [other for _, other in near]
        shares = [min(max(similarity, 0), 1) for similarity, _ in near]
        np.testing.assert_allclose(around.weights[row], shares, atol=1e-6)
    assert not around.hubness[~known].any()


@pytest.mark.parametrize("dim", [1, 8])
def test_without_rows_there_are_no_neighbours(tmp_path: Path, dim: int) -> None:
    nothing = replace(archive(0, dim=dim), labels={"language": []})
    bare = View.of(Catalog(tmp_path).publish_rows(nothing, **STAMP, **LIKE))
    nobody, asked = np.empty(0, np.int64), random_units(1, dim)[0]
    assert bare.hubness(nobody).shape == (0,)
    assert bare.fetch_smoothed(nobody, 0.5).shape == (0, dim)
    assert bare.smooth(asked, 0.5, "").tobytes() == asked.tobytes()
    view = DeltaWriter(bare).apply(archive(5), ())
    assert view.delta.neighbours.rows.tolist() == [[-1, -1]] * 5
    assert not view.delta.neighbours.weights.any()
    assert not view.hubness(np.arange(5)).any()
    assert view.fetch_smoothed(np.arange(5), 0.7).tobytes() == view.fetch(np.arange(5)).tobytes()


# --- large archives ---


def test_rows_of_a_large_group_are_compared_by_their_heaviest_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the nearest share heavy terms, the same ten are found, and all terms are compared."""
    rows = archive(120, seed=4)
    unreliable = replace(rows, columns=dict(rows.columns, embedded=np.zeros(120, bool)))
    plain = Catalog(tmp_path / "plain").publish_rows(unreliable, **STAMP, **LIKE)
    monkeypatch.setattr("index.lexical._FEW", 50)
    monkeypatch.setattr("index.lexical._HEAVIEST", 8)
    pruned = Catalog(tmp_path / "pruned").publish_rows(unreliable, **STAMP, **LIKE)
    assert (pruned.neighbours.hubness <= plain.neighbours.hubness + 1e-6).all()
    close = np.abs(pruned.neighbours.hubness - plain.neighbours.hubness) < 0.02
    assert close.mean() > 0.9


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """More rows than are searched exactly, in clusters, with lists."""
    rows = sample_rows(12_500, vectors=clustered_vectors()[:12_500])
    folder = tmp_path_factory.mktemp("many")
    assert len(rows) > EXACT_BELOW
    return Catalog(folder).publish_rows(rows, **STAMP, grouped_by="language", ivf_above=10_000)


@pytest.mark.long
def test_lists_find_nearly_all_of_the_nearest(many: Snapshot) -> None:
    codes = codes_of(many)
    everything, hits = np.ones(len(many), bool), 0
    for row in range(0, len(many), 125):
        near = brute_nearest(codes @ codes[row], everything, row)
        found = many.neighbours.rows[row].tolist()
        hits += len({other for _, other in near[:SMOOTHING]} & set(found))
        mean = np.mean([similarity for similarity, _ in near])
        assert many.neighbours.hubness[row] == pytest.approx(float(mean), abs=5e-3)
    assert hits >= 0.97 * SMOOTHING * 100


@pytest.mark.long
def test_lists_find_the_same_later(many: Snapshot) -> None:
    """One by one and many at once, as rows come; and so by the build."""
    chosen = np.arange(0, len(many), 250)
    codes = many.vectors.fetch_stored(chosen)
    everything = np.ones(len(many), bool)
    together = nearest_rows(many.vectors, codes, everything, chosen)
    np.testing.assert_array_equal(together.rows[:, :2], many.neighbours.rows[chosen])
    np.testing.assert_allclose(together.hubness, many.neighbours.hubness[chosen], atol=1e-6)
    for at in range(len(chosen)):
        alone = nearest_rows(many.vectors, codes[[at]], everything, chosen[[at]])
        np.testing.assert_array_equal(alone.rows[0], together.rows[at])


@pytest.mark.long
def test_few_known_rows_of_many_are_searched_exactly(many: Snapshot) -> None:
    known = np.random.default_rng(2).random(len(many)) < 0.02
    codes, chosen = codes_of(many), np.flatnonzero(known)[:40]
    found = nearest_rows(many.vectors, many.vectors.fetch_stored(chosen), known, chosen)
    for at, row in enumerate(chosen.tolist()):
        near = brute_nearest(codes @ codes[row], known, row)
        assert found.rows[at].tolist() == [other for _, other in near]
        np.testing.assert_array_equal(found.similarities[at], [s for s, _ in near])


@pytest.mark.long
def test_lists_with_too_few_results_are_completed(
    many: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vector_search._MOST_PROBES", 1)
    rows, similarities = many.vectors.candidates(
        many.vectors.fetch_stored(np.arange(50)), 2_000, np.ones(len(many), bool)
    )
    assert (rows >= 0).all()
    assert (np.diff(similarities, axis=1) <= 0).all()
