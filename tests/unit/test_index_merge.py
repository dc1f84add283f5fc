"""A merged snapshot has the rows of the view that it was merged from, and answers as that did."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BUCKETS, DeltaWriter, Rows, Snapshot, SnapshotDamaged, View
from index.build import build
from index.lexical import Lexicon
from index.manifest import Files
from index.merge import merge
from index.plane import NOWHERE
from tests.support.index_rows import STAMP, grid_vectors, part_of, random_terms, sample_rows
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

KINDS = 48
WORDS = ["русӣ", "tg", "en", "fa"]
IDS = [f"{letter}{number}" for letter in "aёz" for number in range(9)]
NOT_PROMISED = {Files.HUBNESS, Files.PLACES}
"""Hubness is measured anew only where a row lost a neighbour; new rows lie beside known ones."""


def kinds_of_rows() -> Rows:
    """Rows from which those of an archive are taken: some vectors are the same."""
    rows = sample_rows(KINDS, vectors=grid_vectors(KINDS, seed=3))
    draw = np.random.default_rng(8)
    return replace(
        rows,
        terms=random_terms(KINDS, words=25, seed=5),
        columns={**rows.columns, "fluent": draw.random(KINDS) < 0.8},
        keywords=[draw.choice(["a", "b", "ё", "z"], draw.integers(4)).tolist() for _ in rows.ids],
        numbers=[{"size": [kind, 0.5], ("even", "odd")[kind % 2]: [1.0]} for kind in range(KINDS)],
    )


POOL = kinds_of_rows()


def rows_of(kinds: Mapping[str, int]) -> Rows:
    """Rows with these ids; all else depends on the kind, and so does what labels there are."""
    ids = sorted(kinds)
    chosen = np.array([kinds[row_id] for row_id in ids], np.int64)
    words = [WORDS[kind % len(WORDS)] for kind in chosen.tolist()]
    known = sorted(set(words))
    codes = np.array([known.index(word) for word in words], np.int32)
    rows = replace(part_of(POOL, chosen), ids=ids, labels={"language": known})
    return replace(rows, columns={**rows.columns, "language": codes})


def stamp(**options: Any) -> Any:
    return (
        STAMP | {"grouped_by": "language", "reliable_by": "fluent", "placed_by": "fluent"} | options
    )


def built(folder: Path, rows: Rows, **options: Any) -> Snapshot:
    folder.mkdir()
    build(rows, folder, **stamp(**options))
    return Snapshot.open(folder)


def merged(folder: Path, view: View) -> Snapshot:
    folder.mkdir()
    merge(view, folder, change=9, notes={"of": "a merge"}, placed_by="fluent")
    return Snapshot.open(folder)


def viewed(snapshot: Snapshot, *changes: tuple[Mapping[str, int], Collection[str]]) -> View:
    """The view of a snapshot after some changes: rows by id and kind, and ids that go."""
    writer = DeltaWriter(View.of(snapshot))
    for kinds, gone in changes:
        writer.apply(rows_of(kinds), set(gone) - kinds.keys())
    return writer.view


def told_of(view: View, row_id: str) -> list[Any]:
    """All that a view holds of a row but its neighbours and its place."""
    row = view.row_of(row_id)
    assert row is not None
    at = np.array([row])
    text = view.text_of(row)
    part, place = (
        (view.snapshot, row) if row < len(view.snapshot) else (view.delta, row - len(view.snapshot))
    )
    numbers = {
        name: np.sort([v for v, _ in entries]) for name, entries in numbers_of(view, row).items()
    }
    return [
        text.vector.tolist(),
        text.passages.tolist(),
        text.terms.buckets.tolist(),
        text.terms.weights.tolist(),
        view.label_of("language", row),
        {n: view.take(n, at).tolist() for n in part.columns if n != "language"},
        view.keywords_of(row),
        {name: values.tolist() for name, values in numbers.items()},
        view.display_of(row),
        part.columns["published"].dtype == view.snapshot.columns["published"].dtype,
        place >= 0,
    ]


def numbers_of(view: View, row: int) -> dict[str, list[tuple[float, int]]]:
    """The numbers of a row by name, asked for one by one."""
    found: dict[str, list[tuple[float, int]]] = {}
    for part, first in ((view.snapshot, 0), (view.delta, len(view.snapshot))):
        for name in ("size", "odd", "even"):
            for value in (*range(KINDS), 0.5):
                rows = (part.rows_between(name, value, value) + first).tolist()
                found.setdefault(name, []).extend([(value, row)] * rows.count(row))
    return found


def check_whole(snapshot: Snapshot, *, least: int | None = None) -> None:
    """Check what a build promises: postings are all words, or the heaviest and at least some."""
    terms, postings = snapshot.lexicon.terms, snapshot.lexicon.postings
    wanted = []
    for row in range(len(snapshot)):
        words = terms.words[terms.indptr[row] : terms.indptr[row + 1]].tolist()
        codes = sorted((-(word >> 20), word & 0xFFFFF) for word in words)
        before, whole = 0, sum(code**2 for code, _ in codes)
        for rank, (code, bucket) in enumerate(codes):
            if least is None or rank < least or 4 * before < 3 * whole:
                wanted.append((bucket, row, min(max((8 - code) // 16, 1), 255)))
            before += code**2
    buckets = np.repeat(np.arange(BUCKETS), np.diff(postings.indptr)).tolist()
    found = zip(buckets, postings.rows.tolist(), postings.codes.tolist(), strict=True)
    assert [*found] == sorted(wanted)


def check_neighbours(snapshot: Snapshot) -> None:
    """Compare the two neighbours of each row, and the weights, with brute force."""
    vectors = snapshot.vectors.fetch_stored(np.arange(len(snapshot))).astype(np.float64)
    cosines = vectors @ vectors.T
    cosines[:, ~snapshot.reliable] = -np.inf
    np.fill_diagonal(cosines, -np.inf)
    for row in range(len(snapshot)):
        order = np.lexsort((np.arange(len(snapshot)), -cosines[row]))[:2]
        there = [at for at in order.tolist() if np.isfinite(cosines[row, at])]
        near = (there if snapshot.reliable[row] else []) + [-1, -1]
        assert snapshot.neighbours.rows[row].tolist() == near[:2]
        label = snapshot.labels["language"][snapshot.columns["language"][row]]
        zero = max(View.of(snapshot).background_of(label).similarity, 0)
        for place, at in enumerate(near[:2]):
            weight = 0 if at < 0 else np.clip((cosines[row, at] - zero) / max(1 - zero, 5e-6), 0, 1)
            assert snapshot.neighbours.weights[row, place] == np.float32(weight)


KIND = st.integers(0, KINDS - 1)
SOME = st.dictionaries(st.sampled_from(IDS), KIND, max_size=6)
CHANGES = st.tuples(SOME, st.lists(st.sampled_from(IDS), max_size=4))
OPTIONS = st.fixed_dictionaries({"centred": st.booleans()}, optional={"ivf_above": st.just(0)})
BASES = st.dictionaries(st.sampled_from(IDS), KIND, min_size=1, max_size=20)


@pytest.mark.long
@given(base=BASES, changes=st.lists(CHANGES, max_size=3), options=OPTIONS)
@examples(15)
def test_a_merged_snapshot_holds_the_rows_of_the_view(
    tmp_path_factory: pytest.TempPathFactory,
    base: Mapping[str, int],
    changes: list[tuple[Mapping[str, int], list[str]]],
    options: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    view = viewed(built(folder / "base", rows_of(base), **options), *changes)
    found = View.of(merged(folder / "merged", view))
    ids = sorted(one for one in IDS if view.row_of(one) is not None)
    assert [found.id_of(row) for row in range(len(found))] == ids
    for one in ids:
        assert told_of(found, one) == told_of(view, one)
    check_whole(found.snapshot)
    check_neighbours(found.snapshot)
    every = np.arange(BUCKETS)
    frequency = found.snapshot.lexicon.document_frequency
    np.testing.assert_array_equal(frequency(every), view.snapshot.lexicon.document_frequency(every))
    check_same_answers(found, view)
    shutil.rmtree(folder)


def check_same_answers(one: View, other: View) -> None:
    """Ask both for what is near to each row, inside a filter too."""
    for view_id in (other.id_of(row) for row in np.flatnonzero(other.present).tolist()):
        answers: list[list[Any]] = []
        for view in (one, other):
            row = view.row_of(view_id)
            assert row is not None
            text = view.text_of(row)
            allowed = [view.present, view.where(lambda part: part.columns["withheld"])]
            nearest = [view.nearest(text.vector, 5, mask) for mask in allowed]
            by_terms = [view.nearest_by_terms(text.terms, 5, mask) for mask in allowed]
            answers.append([hits.similarities for hits in (*nearest, *by_terms)])
        for ours, theirs in zip(*answers, strict=True):
            # The delta adds up products in another order.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


@pytest.mark.long
@given(base=BASES, first=CHANGES, second=CHANGES)
@examples(15)
def test_to_merge_twice_is_to_merge_once(
    tmp_path_factory: pytest.TempPathFactory,
    base: Mapping[str, int],
    first: tuple[Mapping[str, int], list[str]],
    second: tuple[Mapping[str, int], list[str]],
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    snapshot = built(folder / "base", rows_of(base), ivf_above=0, centred=True)
    between = merged(folder / "between", viewed(snapshot, first))
    if not len(between):
        return
    twice = merged(folder / "twice", viewed(between, second))
    once = merged(folder / "once", viewed(snapshot, first, second))
    apart = {
        name
        for name in {*twice.manifest.files, *once.manifest.files}
        if twice.manifest.files.get(name) != once.manifest.files.get(name)
    }
    assert apart - NOT_PROMISED == set()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot with lists."""
    kinds = {one: at for at, one in enumerate(IDS)}
    return built(tmp_path_factory.mktemp("base") / "a", rows_of(kinds), ivf_above=0, centred=True)


def test_what_changed_is_merged(base: Snapshot, tmp_path: Path) -> None:
    changes = ({"a2": 30, "b": 31, "z0": 40}, ["ё5", "z8"])
    view = viewed(base, changes)
    found = View.of(merged(tmp_path / "merged", view))
    ids = sorted({*IDS, "b"} - {"ё5", "z8"})
    assert [found.id_of(row) for row in range(len(found))] == ids
    for one in ids:
        assert told_of(found, one) == told_of(view, one)
    check_whole(found.snapshot)
    check_neighbours(found.snapshot)
    assert (found.snapshot.manifest.change, found.snapshot.manifest.notes) == (9, {"of": "a merge"})


def test_postings_that_were_cut_are_merged_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.postings._LEAST_KEPT", 4)
    with monkeypatch.context() as patched:
        patched.setattr("index.postings._FEW_ROWS", 0)
        kinds = {one: at for at, one in enumerate(IDS)}
        snapshot = built(tmp_path / "base", rows_of(kinds))
    assert len(snapshot.lexicon.postings.rows) < len(snapshot.lexicon.terms.words)
    view = viewed(snapshot, ({"a2": 30, "b": 31}, ["ё5"]))
    check_whole(merged(tmp_path / "merged", view), least=4)


def test_a_merge_of_nothing_keeps_all_bytes(base: Snapshot, tmp_path: Path) -> None:
    found = merged(tmp_path / "merged", View.of(base)).manifest
    assert found == replace(base.manifest, change=9, notes={"of": "a merge"})


def test_rows_are_sorted_by_their_inverted_lists(base: Snapshot) -> None:
    lists = base.vectors.lists
    assert lists is not None
    of_rows = lists.of_rows()
    rows = np.array([20, 3, 7, 11, 0])
    wanted = sorted(rows.tolist(), key=lambda row: (of_rows[row], rows.tolist().index(row)))
    assert base.vectors.by_list(rows).tolist() == wanted
    for row in range(len(base)):  # a search of one list finds those that are in it
        _, found = lists.search(base.vectors.fetch_stored(np.array([row])), len(base), 1)
        beside = np.flatnonzero(of_rows == of_rows[row])
        assert np.sort(found[found >= 0]).tolist() == beside.tolist()


@pytest.mark.long
def test_frequencies_of_another_length_are_refused(base: Snapshot, tmp_path: Path) -> None:
    merged(tmp_path / "merged", viewed(base, ({"b": 3}, [])))
    path = tmp_path / "merged" / Files.TERM_FREQUENCY
    path.unlink()
    np.save(path, np.zeros(BUCKETS - 1, np.int32))
    with pytest.raises(SnapshotDamaged, match=Files.TERM_FREQUENCY):
        Lexicon.open(tmp_path / "merged", len(base) + 1)


@pytest.mark.long
def test_places_of_known_rows_stay_and_new_ones_lie_amid_their_nearest(
    base: Snapshot, tmp_path: Path
) -> None:
    """A new row with the vector of three known ones lies where their places are, on average."""
    assert base.places is not None
    found = merged(tmp_path / "merged", viewed(base, ({"b": 3, "c": 4}, [])))
    assert found.places is not None
    for row in range(len(base)):
        now = found.row_of(base.id_of(row))
        assert now is not None
        np.testing.assert_array_equal(found.places[now], base.places[row])
    for new in map(found.row_of, ("b", "c")):
        assert new is not None
        if not found.columns["fluent"][new]:
            assert (found.places[new] == NOWHERE).all()
            continue
        vectors = found.vectors.fetch_stored(np.arange(len(found))).astype(np.float64)
        cosines = vectors @ vectors[new]
        reliable = [base.id_of(at) for at in np.flatnonzero(base.reliable).tolist()]
        known = [at for one in reliable if (at := found.row_of(one)) is not None]
        nearest = sorted(known, key=lambda at: (-cosines[at], at))[:3]
        mean = np.rint(found.places[nearest].astype(np.float64).mean(axis=0))
        np.testing.assert_array_equal(found.places[new], mean)


@pytest.mark.long
def test_with_many_rows_lists_tell_which_unchanged_rows_get_a_new_neighbour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly all neighbours are those of brute force, though lists are approximate."""
    monkeypatch.setattr("index.vector_search.EXACT_BELOW", 100)
    rows, draw = 3_000, np.random.default_rng(4)
    centres = draw.standard_normal((60, 32))
    vectors = centres[np.arange(rows) % 60] + draw.standard_normal((rows, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    pool = sample_rows(rows, vectors=vectors)
    first = np.flatnonzero(np.arange(rows) % 20 > 0)
    folder = tmp_path / "base"
    folder.mkdir()
    build(part_of(pool, first), folder, **STAMP, ivf_above=0)
    writer = DeltaWriter(View.of(Snapshot.open(folder)))
    writer.apply(part_of(pool, np.flatnonzero(np.arange(rows) % 20 == 0)), ())
    folder = tmp_path / "merged"
    folder.mkdir()
    merge(writer.view, folder, change=9, notes={})
    found = Snapshot.open(folder)
    stored = found.vectors.fetch_stored(np.arange(rows)).astype(np.float64)
    cosines = stored @ stored.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :2]
    assert (found.neighbours.rows == nearest).mean() > 0.98
    everything = np.ones(rows, np.bool_)
    for row in range(0, rows, 20):
        vector = found.vectors.fetch(np.array([row]))[0]
        assert found.vectors.nearest(vector, 1, everything).rows.tolist() == [row]
