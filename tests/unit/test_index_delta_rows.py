"""DeltaBuilder: memory that is only ever appended to, behind what was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Snapshot
from index.arrays import SparseMatrix
from index.delta import Buffer, DeltaBuilder
from index.neighbours import Neighbours
from tests.support.index_rows import sample_rows
from tests.support.properties import examples
from tests.unit.test_index_delta import BUILT, KINDS, VECTORS, publish, rows_of, terms_of

if TYPE_CHECKING:
    from index.arrays import Array, Floats

SHAPES: list[tuple[int, ...]] = [(), (1,), (3,)]


def numbers(start: int, count: int, shape: tuple[int, ...]) -> Array:
    """Row r holds r everywhere."""
    ones = np.ones((count, *shape), np.int64)
    return (np.arange(start, start + count).reshape(-1, *(1 for _ in shape)) * ones).astype(
        np.int64
    )


@given(shape=st.sampled_from(SHAPES), sizes=st.lists(st.integers(0, 90), max_size=8))
@examples(100)
def test_a_buffer_holds_what_it_was_given_in_order(
    shape: tuple[int, ...], sizes: list[int]
) -> None:
    buffer, total = Buffer(np.empty((0, *shape), np.int64)), 0
    for size in sizes:
        buffer.extend(numbers(total, size, shape))
        total += size
        assert len(buffer) == total
        np.testing.assert_array_equal(buffer.rows(), numbers(0, total, shape))
    assert buffer.rows().dtype == np.int64


@given(sizes=st.lists(st.integers(0, 150), min_size=1, max_size=8))
@examples(100)
def test_what_a_buffer_showed_stays_wherever_its_memory_moves(sizes: list[int]) -> None:
    buffer, shown = Buffer(np.empty((0, 2), np.int64)), []
    for at, size in enumerate(sizes):
        buffer.extend(np.full((size, 2), at, np.int64))
        shown.append((buffer.rows(), buffer.rows().tobytes()))
    assert all(rows.tobytes() == before for rows, before in shown)


def test_what_a_buffer_shows_cannot_be_written_to() -> None:
    buffer = Buffer(np.empty(0, np.int64))
    buffer.extend(np.arange(5))
    with pytest.raises(ValueError, match="read-only"):
        buffer.rows()[0] = 9


def test_memory_at_least_doubles_so_that_many_small_steps_stay_cheap() -> None:
    buffer, moves, place = Buffer(np.empty(0, np.int64)), 0, 0
    for number in range(10_000):
        buffer.extend(np.array([number]))
        here = buffer.rows().__array_interface__["data"][0]
        moves += here != place
        place = here
    assert moves <= 9  # 64, 128, ... 16,384


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(tmp_path_factory.mktemp("builder"), rows_of(BUILT["few"]))


def grown(batches: list[list[int]]) -> DeltaBuilder:
    """Take batches of kinds in; the weight of each term is its count."""
    builder, total = DeltaBuilder(), 0
    for batch in batches:
        rows = rows_of({f"{total + at:05d}": kind for at, kind in enumerate(batch)})
        total += len(batch)
        weights: Floats = rows.terms.counts
        terms = SparseMatrix(rows.terms.indptr, rows.terms.buckets, weights)
        builder.append(rows, rows.vectors, rows.passages, terms, Neighbours.none(len(rows)))
    return builder


@given(
    batches=st.lists(
        st.lists(st.integers(0, KINDS - 1), min_size=1, max_size=30), min_size=1, max_size=6
    )
)
@examples(60)
def test_a_delta_is_its_batches_end_to_end(snapshot: Snapshot, batches: list[list[int]]) -> None:
    delta = grown(batches).build(snapshot)
    kinds = [kind for batch in batches for kind in batch]
    alone = rows_of({f"{at:05d}": kind for at, kind in enumerate(kinds)})
    assert len(delta) == len(kinds)
    assert list(delta.ids) == alone.ids
    assert list(delta.display) == alone.display
    np.testing.assert_array_equal(delta.vectors, VECTORS[kinds])
    np.testing.assert_array_equal(delta.terms.indptr, alone.terms.indptr)
    for row, kind in enumerate(kinds):
        buckets, counts = terms_of(kind)
        place = delta.terms.place(row)
        np.testing.assert_array_equal(delta.terms.columns[place], buckets)
        np.testing.assert_array_equal(delta.terms.weights[place], counts)
    told = [delta.labels["language"][code] for code in delta.columns["language"]]
    assert told == [alone.labels["language"][code] for code in alone.columns["language"]]
    for name in ("published", "withheld", "sections"):
        np.testing.assert_array_equal(delta.columns[name], alone.columns[name])
        assert delta.columns[name].dtype == alone.columns[name].dtype


def test_passages_are_widened_with_the_vectors(snapshot: Snapshot) -> None:
    """What came before anything told the width keeps its passages, with zeros behind."""
    builder, shown = DeltaBuilder(), []
    for at, dim in enumerate([1, 8, 1, 3]):
        rows = sample_rows(3, dim, seed=at)
        terms = SparseMatrix(rows.terms.indptr, rows.terms.buckets, rows.terms.counts)
        builder.append(rows, rows.vectors, rows.passages, terms, Neighbours.none(3))
        shown.append((builder.build(snapshot), builder.build(snapshot).passages.codes.tobytes()))
    delta = shown[-1][0]
    assert delta.vectors.shape == (12, 8)
    assert len(delta.passages) == 12
    for at, dim in enumerate([1, 8, 1, 3]):
        own = sample_rows(3, dim, seed=at).passages
        for row in range(3):
            given_codes = own.codes[own.indptr[row] : own.indptr[row + 1]].astype(np.float64)
            units = given_codes / np.linalg.norm(given_codes, axis=1, keepdims=True)
            found = delta.passages.of_row(3 * at + row)
            np.testing.assert_allclose(found[:, :dim], units, atol=1e-6)
            assert not found[:, dim:].any()
    assert all(view.passages.codes.tobytes() == before for view, before in shown)


def test_what_lies_around_a_row_stays_with_it(snapshot: Snapshot) -> None:
    builder = DeltaBuilder()
    for at in range(40):
        rows = sample_rows(3, 8, seed=at)
        terms = SparseMatrix(rows.terms.indptr, rows.terms.buckets, rows.terms.counts)
        pairs = np.array([[at, -1], [at + 1, at], [-1, -1]], np.int32)
        shares = np.where(pairs >= 0, np.float32(0.5), np.float32(0))
        around = Neighbours(pairs, shares, np.full(3, at, np.float32))
        builder.append(rows, rows.vectors, rows.passages, terms, around)
    shown = builder.build(snapshot).neighbours
    assert shown.rows[3 * 33 : 3 * 34].tolist() == [[33, -1], [34, 33], [-1, -1]]
    assert shown.weights[3 * 33 : 3 * 34].tolist() == [[0.5, 0], [0.5, 0.5], [0, 0]]
    assert shown.hubness[3 * 33 : 3 * 34].tolist() == [33, 33, 33]
    for array in (shown.rows, shown.weights, shown.hubness):
        assert not array.flags.writeable


def test_a_delta_of_nothing_has_the_columns_of_its_snapshot(snapshot: Snapshot) -> None:
    delta = DeltaBuilder().build(snapshot)
    assert (len(delta), len(delta.terms), delta.vectors.shape) == (0, 0, (0, 8))
    assert delta.columns.keys() == snapshot.columns.keys()
    assert all(len(column) == 0 for column in delta.columns.values())
    assert {name: list(words) for name, words in delta.labels.items()} == {"language": []}


def test_a_word_keeps_its_code_once_it_has_one(snapshot: Snapshot) -> None:
    """So what an earlier delta shows is told by the words it showed with it."""
    builder = grown([[3], [4], [0]])
    early = builder.build(snapshot)
    rows = rows_of({"x": 1})
    terms = SparseMatrix(rows.terms.indptr, rows.terms.buckets, rows.terms.counts)
    builder.append(rows, rows.vectors, rows.passages, terms, Neighbours.none(len(rows)))
    late = builder.build(snapshot)
    assert list(early.labels["language"]) == ["en", "русӣ", "tg"]
    assert list(late.labels["language"]) == ["en", "русӣ", "tg", "ru"]
    assert early.columns["language"].tolist() == [0, 1, 2]
    assert late.columns["language"].tolist() == [0, 1, 2, 3]
