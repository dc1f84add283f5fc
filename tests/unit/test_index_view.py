"""View: what is asked of a snapshot and of what came since, as if they were one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from index import BadQuery, Floor, Overlay, Query, Snapshot, View
from tests.unit.test_index_overlay import BUILT, IDS, VECTORS, publish, rows_of

if TYPE_CHECKING:
    from index.arrays import Bools
    from index.growth import Delta

OLD, NEW = len(BUILT["many"]), 4
ROWS = OLD + NEW


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(tmp_path_factory.mktemp("view"), rows_of(BUILT["many"]))


@pytest.fixture(scope="module")
def view(snapshot: Snapshot) -> View:
    """Thirty rows built; one of them replaced, one gone, three more."""
    return Overlay(snapshot, "language").apply(
        rows_of({IDS[2]: 5, "n-1": 5, "n-2": 8, "n-3": 9}), {IDS[7]}
    )


def test_a_snapshot_alone_is_a_view_of_all_its_rows(snapshot: Snapshot) -> None:
    alone = View.of(snapshot)
    assert (len(alone), len(alone.delta), int(alone.present.sum())) == (OLD, 0, OLD)
    assert alone.dim == snapshot.vectors.dim
    assert alone.generation == snapshot.generation
    hits = alone.nearest(VECTORS[5], 6, alone.present)
    own = snapshot.vectors.nearest(VECTORS[5], 6, alone.present)
    assert hits.rows.tolist() == own.rows.tolist()
    assert hits.similarities.tobytes() == own.similarities.tobytes()
    query = alone.query_of(3)
    assert alone.nearest_by_terms(query, 6, alone.present).rows.tolist() == (
        snapshot.lexicon.nearest(query, 6, alone.present).rows.tolist()
    )


def test_a_judge_is_asked_of_each_part_and_never_of_a_row_that_is_not_there(view: View) -> None:
    asked: list[int] = []

    def judge(part: Snapshot | Delta) -> Bools:
        asked.append(len(part))
        withheld: Bools = part.columns["withheld"]
        return ~withheld

    found = view.each(judge)
    assert asked == [OLD, NEW]
    assert not found[[2, 7]].any()
    kinds = [*BUILT["many"].values(), 5, 5, 8, 9]
    assert found.tolist() == [kind % 5 != 0 and row not in {2, 7} for row, kind in enumerate(kinds)]


@given(mask=arrays(bool, ROWS))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_a_row_may_be_asked_for_however_rows_lie(view: View, mask: Bools) -> None:
    """None, only old, only new or both; the order is kept."""
    rows = np.flatnonzero(mask)[::-1]
    kinds = np.array([*BUILT["many"].values(), 5, 5, 8, 9])[rows]
    np.testing.assert_array_equal(view.take("published", rows), kinds * 3600.0)
    np.testing.assert_array_equal(view.fetch(rows), VECTORS[kinds])
    found = view.similarities(view.query_of(OLD), rows)
    np.testing.assert_array_equal(found, [view.similarities(view.query_of(OLD), rows[[at]])[0]
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
    for ask in (view.id_of, view.card_of, view.query_of):
        with pytest.raises(BadQuery, match=f"row {row} of a view of {ROWS}"):
            ask(row)
    with pytest.raises(BadQuery):
        view.word_of("language", row)


@pytest.mark.parametrize(
    "allowed", [np.ones(OLD, bool), np.ones(ROWS + 1, bool), np.ones(ROWS, np.uint8)]
)
def test_a_filter_that_does_not_fit_both_parts_is_refused(view: View, allowed: Bools) -> None:
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest(VECTORS[0], 5, allowed)
    with pytest.raises(BadQuery, match=rf"need bool \({ROWS},\)"):
        view.nearest_by_terms(view.query_of(0), 5, allowed)


def test_floors_are_those_of_the_build(view: View, snapshot: Snapshot) -> None:
    for word in ("tg", "ru", "fa", "en"):
        assert view.floor_of(word) == snapshot.manifest.floors[word]
    assert view.floor_of("unheard of") == Floor(0, 0.0, 0.0)


def test_a_text_without_words_is_like_none(view: View) -> None:
    """Kind 9 has no words: it is in the delta as row n-3."""
    query = view.query_of(ROWS - 1)
    assert len(query.buckets) == len(query.weights) == 0
    assert not view.similarities(query, np.arange(ROWS)).any()
    assert len(view.nearest_by_terms(query, 5, view.present)) == 0
    nothing = Query(np.empty(0, np.int32), np.empty(0, np.float32))
    assert len(view.nearest_by_terms(nothing, 5, view.present)) == 0
