"""View: a snapshot and its delta are queried as one."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BackgroundSimilarity, BadQuery, DeltaWriter, Snapshot, View
from tests.support.index_rows import brute_match, random_units
from tests.support.properties import examples
from tests.unit.test_index_delta import BUILT, IDS, KINDS, VECTORS, passages_of, publish, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.arrays import Array, Bools, Longs
    from index.delta import Delta

UNITS = random_units(KINDS, 8, seed=12)
"""Not what float16 can hold, unlike VECTORS, whose products are exact."""

ADDED: Mapping[str, int] = {IDS[2]: 5, "n-1": 5, "n-2": 8, "n-3": 9}
ROW_KINDS = [*BUILT["many"].values(), *ADDED.values()]
OLD, NEW = len(BUILT["many"]), len(ADDED)
ROWS = OLD + NEW


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    """Thirty rows of random directions; one of them replaced, one gone, three more."""
    built = publish(tmp_path_factory.mktemp("view"), rows_of(BUILT["many"], UNITS))
    return DeltaWriter(View.of(built)).apply(rows_of(ADDED, UNITS), {IDS[7]})


def test_a_condition_applies_to_each_part_and_an_absent_row_never_meets_it(
    view: View,
) -> None:
    asked: list[int] = []

    def condition(part: Snapshot | Delta) -> Bools:
        asked.append(len(part))
        withheld: Bools = part.columns["withheld"]
        return ~withheld

    found = view.where(condition)
    assert asked == [OLD, NEW]
    assert found.tolist() == [
        kind % 5 != 0 and row not in {2, 7} for row, kind in enumerate(ROW_KINDS)
    ]


@pytest.mark.parametrize("row", [-1, ROWS, ROWS + 5])
def test_an_absent_row_is_refused(view: View, row: int) -> None:
    for ask in (
        view.id_of,
        view.display_of,
        view.text_of,
        lambda at: view.label_of("language", at),
    ):
        with pytest.raises(BadQuery, match=f"row {row} of a view of {ROWS}"):
            ask(row)


@pytest.mark.parametrize(
    "allowed", [np.ones(OLD, bool), np.ones(ROWS + 1, bool), np.ones(ROWS, np.uint8)]
)
def test_a_filter_that_does_not_fit_both_parts_is_refused(view: View, allowed: Bools) -> None:
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest(VECTORS[0], 5, allowed)
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest_by_terms(view.text_of(0).terms, 5, allowed)


@pytest.mark.parametrize("rows", [[], [0, 5, 0], [ROWS - 1, 3, ROWS - 2], [ROWS - 1]])
def test_columns_that_are_read_together_are_those_read_one_by_one(
    view: View, rows: list[int]
) -> None:
    at, names = np.array(rows, np.int64), sorted(view.snapshot.columns)
    together = view.take_each(names, at)
    assert [*together] == names
    for name, found in together.items():
        alone = view.take(name, at)
        assert (found.dtype, found.tolist()) == (alone.dtype, alone.tolist())


def test_background_similarities_are_those_of_the_build(view: View) -> None:
    for word in ("tg", "ru", "fa", "en"):
        assert view.background_of(word) == view.snapshot.manifest.background[word]
    assert view.background_of("unheard of") == BackgroundSimilarity(0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("few", [0, 8])
def test_the_value_of_a_label_is_computed_once_in_each_part(
    view: View, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Of few labels all are asked for, of many only those of the rows."""
    monkeypatch.setattr("index.view._FEW", few)
    asked: list[str] = []

    def value_of(word: str) -> float:
        asked.append(word)
        return len(word) + ord(word[0]) / 1000

    rows = np.array([ROWS - 1, 3, 0, 3, ROWS - 2, 5])
    words = [view.label_of("language", row) for row in rows.tolist()]
    found = view.map_labels("language", rows, value_of)
    if few:
        wanted = [word for part in view.parts for word in part.labels["language"]]
    else:
        old, new = {words[at] for at in (1, 2, 3, 5)}, {words[0], words[4]}
        wanted = [*old, *new]
    assert sorted(asked) == sorted(wanted)
    assert found.dtype == np.float64
    assert found.tolist() == [value_of(word) for word in words]
    assert view.map_labels("language", rows[:0], value_of).shape == (0,)


# --- what lies around a row, and its passages ---


def unit_rows(vectors: Array) -> Array:
    units: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


rows_in_any_order = st.lists(st.integers(0, ROWS - 1), max_size=50).map(
    lambda rows: np.array(rows, np.int64)
)


@given(rows=rows_in_any_order, nearby=st.sampled_from([0.0, 0.3, 1.0, 2.0]))
@examples(60)
def test_a_smoothed_vector_is_drawn_towards_the_neighbours_of_its_row(
    view: View, rows: Longs, nearby: float
) -> None:
    everything = view.fetch(np.arange(ROWS)).astype(np.float64)
    parts = [view.snapshot.neighbours, view.delta.neighbours]
    neighbours = np.concatenate([part.rows for part in parts])[rows]
    shares = np.concatenate([part.weights for part in parts])[rows].astype(np.float64)
    near = np.where(neighbours[..., None] >= 0, everything[neighbours], 0)
    wanted = unit_rows(everything[rows] + nearby / 2 * (shares[..., None] * near).sum(axis=1))
    found = view.fetch_smoothed(rows, nearby)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    if not nearby:
        assert found.tobytes() == view.fetch(rows).tobytes()
    hubness = np.concatenate([part.hubness for part in parts])[rows]
    assert view.hubness(rows).tobytes() == hubness.tobytes()


@pytest.mark.parametrize("nearby", [0.0, 0.3, 1.0])
def test_the_vector_of_a_single_row_is_the_same_whenever_it_is_read(
    tmp_path: Path, nearby: float
) -> None:
    writer = DeltaWriter(View.of(publish(tmp_path, rows_of(BUILT["many"], UNITS))))
    view = writer.apply(rows_of(ADDED, UNITS), {IDS[7]})
    later = writer.apply(rows_of({"n-4": 7, IDS[3]: 6}, UNITS), {"n-2"})
    for row in (*range(ROWS), *range(ROWS)):
        wanted = view.fetch_smoothed(np.array([row]), nearby)[0]
        for one in (view, later):
            found = one.fetch_query(row, nearby)
            assert found.tobytes() == wanted.tobytes()
            assert not found.flags.writeable


def test_a_vector_that_is_kept_keeps_no_view(tmp_path: Path) -> None:
    view = View.of(publish(tmp_path, rows_of(BUILT["many"], UNITS)))
    snapshot, present = view.snapshot, weakref.ref(view.present)
    view.fetch_query(3, 0.5)
    del view
    assert present() is None
    stored = weakref.ref(snapshot.vectors.stored)
    del snapshot
    assert stored() is None


def test_a_row_without_neighbours_keeps_its_vector_among_others(tmp_path: Path) -> None:
    """Six of the rows mean something, of which one is replaced by one that does not."""
    built = publish(tmp_path, rows_of(BUILT["many"], UNITS), reliable_by="withheld")
    view = DeltaWriter(View.of(built)).apply(rows_of({"n-1": 5, "n-2": 8}, UNITS), ())
    kinds = np.array([*BUILT["many"].values(), 5, 8])
    drawn = np.concatenate([part.neighbours.weights.any(axis=1) for part in view.parts])
    assert drawn.any()
    assert not drawn[kinds % 5 != 0].any()
    rows = np.arange(len(view))
    found, before = view.fetch_smoothed(rows, 1.0), view.fetch(rows)
    assert found[~drawn].tobytes() == before[~drawn].tobytes()
    assert (np.abs(found - before).max(axis=1) > 1e-3)[drawn].all()


@given(seed=st.integers(0, 99), nearby=st.sampled_from([0.0, 0.4, 1.0]))
@examples(60)
def test_a_vector_from_outside_is_drawn_towards_the_rows_of_the_snapshot(
    view: View, seed: int, nearby: float
) -> None:
    asked = random_units(1, 8, seed)[0]
    stored = view.snapshot.vectors.fetch_stored(np.arange(OLD)).astype(np.float64)
    similarities = stored @ asked
    best = np.argsort(-similarities)[:2]
    for group in ("en", "unheard of"):
        background = max(0.0, view.background_of(group).similarity)
        shares = np.clip((similarities[best] - background) / (1 - background), 0, 1)
        drawn = asked + nearby / 2 * (shares[:, None] * unit_rows(stored[best])).sum(axis=0)
        found = view.smooth(asked, nearby, group)
        np.testing.assert_allclose(found, drawn / np.linalg.norm(drawn), atol=1e-6)
        assert (found.dtype.name, found.shape) == ("float32", (8,))


@given(rows=rows_in_any_order, own=st.integers(0, 3))
@examples(60)
def test_passages_match_across_both_parts(view: View, rows: Longs, own: int) -> None:
    query = random_units(own, 8, seed=50)
    found = view.match(query, rows)
    wanted = [brute_match(query, view.text_of(row).passages) for row in rows.tolist()]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert (found.dtype.name, found.shape) == ("float32", rows.shape)


def test_passages_are_those_that_were_given(view: View) -> None:
    for row, kind in enumerate(ROW_KINDS):
        codes = passages_of(kind, 8).astype(np.float64)
        np.testing.assert_allclose(view.text_of(row).passages, unit_rows(codes), atol=1e-6)
