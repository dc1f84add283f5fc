"""View: what is asked of a snapshot and of what came since, as if they were one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index import BackgroundSimilarity, BadQuery, DeltaWriter, Query, Snapshot, View
from tests.support.index_rows import brute_match, random_units
from tests.support.properties import examples
from tests.unit.test_index_delta import (
    BUILT,
    IDS,
    UNITS,
    VECTORS,
    passages_of,
    publish,
    rows_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Array, Bools, Longs
    from index.delta import Delta

OLD, NEW = len(BUILT["many"]), 4
ROWS = OLD + NEW


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(tmp_path_factory.mktemp("view"), rows_of(BUILT["many"]))


@pytest.fixture(scope="module")
def view(snapshot: Snapshot) -> View:
    """Thirty rows built; one of them replaced, one gone, three more."""
    return DeltaWriter(View.of(snapshot)).apply(
        rows_of({IDS[2]: 5, "n-1": 5, "n-2": 8, "n-3": 9}), {IDS[7]}
    )


def test_a_snapshot_alone_is_a_view_of_all_its_rows(snapshot: Snapshot) -> None:
    alone = View.of(snapshot)
    assert (len(alone), len(alone.delta), int(alone.present.sum())) == (OLD, 0, OLD)
    assert alone.dim == snapshot.vectors.dim
    assert alone.snapshot.generation == snapshot.generation
    hits = alone.nearest(VECTORS[5], 6, alone.present)
    own = snapshot.vectors.nearest(VECTORS[5], 6, alone.present)
    assert hits.rows.tolist() == own.rows.tolist()
    assert hits.similarities.tobytes() == own.similarities.tobytes()
    query = alone.text_of(3).terms
    assert alone.nearest_by_terms(query, 6, alone.present).rows.tolist() == (
        snapshot.lexicon.nearest(query, 6, alone.present).rows.tolist()
    )


def test_a_judge_is_asked_of_each_part_and_never_of_a_row_that_is_not_there(view: View) -> None:
    asked: list[int] = []

    def judge(part: Snapshot | Delta) -> Bools:
        asked.append(len(part))
        withheld: Bools = part.columns["withheld"]
        return ~withheld

    found = view.where(judge)
    assert asked == [OLD, NEW]
    assert not found[[2, 7]].any()
    kinds = [*BUILT["many"].values(), 5, 5, 8, 9]
    assert found.tolist() == [kind % 5 != 0 and row not in {2, 7} for row, kind in enumerate(kinds)]


@given(mask=arrays(bool, ROWS))
@examples(50)
def test_a_row_may_be_asked_for_however_rows_lie(view: View, mask: Bools) -> None:
    """None, only old, only new or both; the order is kept."""
    rows = np.flatnonzero(mask)[::-1]
    kinds = np.array([*BUILT["many"].values(), 5, 5, 8, 9])[rows]
    np.testing.assert_array_equal(view.take("published", rows), kinds * 3600.0)
    np.testing.assert_array_equal(view.fetch(rows), VECTORS[kinds])
    found = view.similarities(view.text_of(OLD).terms, rows)
    np.testing.assert_array_equal(found, [view.similarities(view.text_of(OLD).terms, rows[[at]])[0]
                                          for at in range(len(rows))])  # fmt: skip
    assert found.dtype == np.float32


def test_of_equals_the_lower_row_comes_first_across_the_seam(view: View) -> None:
    """Rows of kind 5 stand on either side; their vectors' products are exact."""
    hits = view.nearest(VECTORS[5], ROWS, view.present)
    tied = hits.rows[hits.similarities == 1]
    assert tied.tolist() == sorted(tied.tolist())
    assert {OLD, OLD + 1} <= set(tied.tolist())
    assert view.nearest(VECTORS[5], len(tied), view.present).rows.tolist() == tied.tolist()


@pytest.mark.parametrize("row", [-1, ROWS, ROWS + 5])
def test_a_row_that_is_nowhere_is_refused(view: View, row: int) -> None:
    for ask in (view.id_of, view.display_of, view.text_of):
        with pytest.raises(BadQuery, match=f"row {row} of a view of {ROWS}"):
            ask(row)
    with pytest.raises(BadQuery):
        view.label_of("language", row)


@pytest.mark.parametrize(
    "allowed", [np.ones(OLD, bool), np.ones(ROWS + 1, bool), np.ones(ROWS, np.uint8)]
)
def test_a_filter_that_does_not_fit_both_parts_is_refused(view: View, allowed: Bools) -> None:
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest(VECTORS[0], 5, allowed)
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest_by_terms(view.text_of(0).terms, 5, allowed)


def test_background_similarities_are_those_of_the_build(view: View, snapshot: Snapshot) -> None:
    for word in ("tg", "ru", "fa", "en"):
        assert view.background_of(word) == snapshot.manifest.background[word]
    assert view.background_of("unheard of") == BackgroundSimilarity(0, 0.0, 0.0, 0.0)


def test_a_text_without_words_is_like_none(view: View) -> None:
    """Kind 9 has no words: it is in the delta as row n-3."""
    query = view.text_of(ROWS - 1).terms
    assert len(query.buckets) == len(query.weights) == 0
    assert not view.similarities(query, np.arange(ROWS)).any()
    assert len(view.nearest_by_terms(query, 5, view.present)) == 0
    nothing = Query(np.empty(0, np.int32), np.empty(0, np.float32))
    assert len(view.nearest_by_terms(nothing, 5, view.present)) == 0


# --- what lies around a row, and its passages ---


def unit_rows(vectors: Array) -> Array:
    units: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> View:
    """Thirty rows of random directions, and four more; a neighbour counts by its share."""
    built = publish(tmp_path_factory.mktemp("around"), rows_of(BUILT["many"], UNITS))
    return DeltaWriter(View.of(built)).apply(
        rows_of({IDS[2]: 5, "n-1": 5, "n-2": 8, "n-3": 9}, UNITS), {IDS[7]}
    )


rows_in_any_order = st.lists(st.integers(0, ROWS - 1), max_size=50).map(
    lambda rows: np.array(rows, np.int64)
)


@given(rows=rows_in_any_order, nearby=st.sampled_from([0.0, 0.3, 1.0, 2.0]))
@examples(60)
def test_a_context_is_a_row_drawn_towards_its_neighbours(
    around: View, rows: Longs, nearby: float
) -> None:
    everything = around.fetch(np.arange(ROWS)).astype(np.float64)
    parts = [around.snapshot.neighbours, around.delta.neighbours]
    neighbours = np.concatenate([part.rows for part in parts])[rows]
    shares = np.concatenate([part.weights for part in parts])[rows].astype(np.float64)
    near = np.where(neighbours[..., None] >= 0, everything[neighbours], 0)
    wanted = unit_rows(everything[rows] + nearby / 2 * (shares[..., None] * near).sum(axis=1))
    found = around.fetch_smoothed(rows, nearby)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    if not nearby:
        assert found.tobytes() == around.fetch(rows).tobytes()
    hubness = np.concatenate([part.hubness for part in parts])[rows]
    assert around.hubness(rows).tobytes() == hubness.tobytes()


def test_a_row_without_neighbours_stays_as_it_is_beside_others(tmp_path: Path) -> None:
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
    around: View, seed: int, nearby: float
) -> None:
    asked = random_units(1, 8, seed)[0]
    for group in ("en", "unheard of"):
        stored = around.snapshot.vectors.fetch_stored(np.arange(OLD)).astype(np.float64)
        similarities = stored @ asked
        best = np.argsort(-similarities)[:2]
        background = max(0.0, around.background_of(group).similarity)
        shares = np.clip((similarities[best] - background) / (1 - background), 0, 1)
        drawn = asked + nearby / 2 * (shares[:, None] * unit_rows(stored[best])).sum(axis=0)
        found = around.smooth(asked, nearby, group)
        np.testing.assert_allclose(found, drawn / np.linalg.norm(drawn), atol=1e-6)
        assert (found.dtype.name, found.shape) == ("float32", (8,))
    assert around.smooth(asked, 0.0, "en").tobytes() == asked.tobytes()


@given(rows=rows_in_any_order, own=st.integers(0, 3))
@examples(60)
def test_passages_match_across_the_seam(around: View, rows: Longs, own: int) -> None:
    query = random_units(own, 8, seed=50)
    found = around.match(query, rows)
    wanted = [brute_match(query, around.text_of(row).passages) for row in rows.tolist()]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert (found.dtype.name, found.shape) == ("float32", rows.shape)


def test_passages_are_those_that_were_given(around: View) -> None:
    kinds = [*BUILT["many"].values(), 5, 5, 8, 9]
    for row, kind in enumerate(kinds):
        codes = passages_of(kind, 8).astype(np.float64)
        np.testing.assert_allclose(
            around.text_of(row).passages, unit_rows(codes).reshape(-1, 8), atol=1e-6
        )
    for row in (-1, ROWS):
        with pytest.raises(BadQuery):
            around.text_of(row)


@given(rows=rows_in_any_order)
@examples(60)
def test_what_is_told_of_a_word_is_asked_once_for_each_part(view: View, rows: Longs) -> None:
    asked: list[str] = []

    def value_of(word: str) -> float:
        asked.append(word)
        return float(len(word)) + ord(word[0]) / 1000

    found = view.map_labels("language", rows, value_of)
    words = [view.label_of("language", row) for row in rows.tolist()]
    old, new = (Counter({w for w, r in zip(words, rows, strict=True) if (r < OLD) == own})
                for own in (True, False))  # fmt: skip
    told = Counter(word for part in view.parts for word in part.labels["language"])
    assert old + new <= Counter(asked) <= told  # of few words all may be asked for
    assert found.dtype == np.float64
    assert found.tolist() == [value_of(word) for word in words]
