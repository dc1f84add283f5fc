"""Passages: eight bits per number, and matching the passages of two texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index import BadRows, Passages, quantize
from index.arrays import ScaledPassages, scales_of
from tests.support.index_rows import brute_match, random_units, sample_rows
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.arrays import Codes, Floats

DIM = 16


def passages_of(counts: Sequence[int], dim: int = DIM) -> Passages:
    """So many random passages for each row."""
    return Passages.of(
        [quantize(random_units(k, dim, seed=at)) for at, k in enumerate(counts)], dim
    )


def decoded(codes: Codes) -> Floats:
    wide = codes.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), np.float32)


vectors = st.integers(1, 48).flatmap(
    lambda dim: arrays(np.float32, (3, dim), elements=st.floats(-1, 1, width=32))
)


@given(raw=vectors)
@examples(300)
def test_quantized_vectors_keep_their_direction(raw: Floats) -> None:
    raw = raw[np.linalg.norm(raw.astype(np.float64), axis=1) > 1e-3]
    wide = raw.astype(np.float64)
    units = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    codes = quantize(units)
    assert codes.dtype == np.int8
    assert (np.abs(codes.astype(int)).max(axis=1, initial=0) == 127).all() or not len(raw)
    largest = np.abs(units).max(axis=1, initial=0)
    cosines = np.einsum("ij,ij->i", decoded(codes).astype(np.float64), units.astype(np.float64))
    assert (cosines >= 1 - raw.shape[1] * largest**2 / 127_000 - 1e-6).all()


def test_quantizing_is_rounding_to_the_largest_number() -> None:
    codes = quantize(np.array([[0.6, -0.8, 0], [0, 0, -1], [0, 0, 0]], np.float32))
    assert codes.tolist() == [[95, -127, 0], [0, 0, -127], [0, 0, 0]]
    assert quantize(np.empty((0, 5), np.float32)).shape == (0, 5)


@given(counts=st.lists(st.integers(0, 5), max_size=9))
@examples(50)
def test_passages_are_stacked_in_the_order_of_the_rows(counts: list[int]) -> None:
    passages = passages_of(counts)
    assert len(passages) == len(counts)
    assert np.diff(passages.indptr).tolist() == counts
    assert (passages.indptr.dtype.name, passages.codes.dtype.name) == ("int64", "int8")
    assert passages.codes.shape == (sum(counts), DIM)
    passages.check(len(counts))
    scaled = ScaledPassages.of(passages)
    for row, count in enumerate(counts):
        own = quantize(random_units(count, DIM, seed=row))
        np.testing.assert_allclose(scaled.of_row(row), decoded(own), atol=1e-6)


def test_scales_make_codes_of_any_width_unit_vectors() -> None:
    for dim in (1, 3, 384, 4_096):
        codes = quantize(random_units(7, dim))
        lengths = np.linalg.norm(codes.astype(np.float64), axis=1)
        np.testing.assert_allclose(scales_of(codes) * lengths, 1, rtol=1e-6)
    assert scales_of(np.empty((0, 3), np.int8)).shape == (0,)


CODES = np.ones((3, 8), np.int8)
BAD_PASSAGES = {
    "too few rows": Passages(np.array([0, 3]), CODES),
    "no numbers": Passages(np.array([0, 0, 0]), np.ones((0, 0), np.int8)),
    "other type": Passages(np.array([0, 1, 3]), np.ones((3, 8), np.int16)),
    "flat": Passages(np.array([0, 1, 3]), np.ones(3, np.int8)),
    "falling": Passages(np.array([0, 4, 3]), CODES),
    "off zero": Passages(np.array([1, 2, 3]), CODES),
    "past the end": Passages(np.array([0, 1, 4]), CODES),
    "short of the end": Passages(np.array([0, 1, 2]), CODES),
    "of no length": Passages(np.array([0, 1, 3]), CODES * np.array([[1], [0], [1]], np.int8)),
    "starts that are no whole numbers": Passages(np.array([0.0, 1, 3]), CODES),
}


@pytest.mark.parametrize("passages", BAD_PASSAGES.values(), ids=BAD_PASSAGES.keys())
def test_passages_that_do_not_fit_are_refused(passages: Passages) -> None:
    with pytest.raises(BadRows):
        sample_rows(2, passages=passages).check()


# --- matching ---


@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=8),
    asked=st.lists(st.integers(0, 7), max_size=12),
    own=st.integers(0, 5),
)
@examples(200)
def test_a_match_equals_brute_force(counts: list[int], asked: list[int], own: int) -> None:
    passages = passages_of(counts)
    scaled, query = ScaledPassages.of(passages), random_units(own, DIM, seed=99)
    rows = np.array([at % len(counts) for at in asked], np.int64)
    found = scaled.match(query, rows)
    wanted = [brute_match(query, scaled.of_row(row)) for row in rows.tolist()]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.shape == rows.shape


def test_many_passages_are_matched_block_by_block() -> None:
    counts = [0, 300, 1, 0, 256, 255, 0]
    scaled, query = ScaledPassages.of(passages_of(counts)), random_units(4, DIM, seed=98)
    rows = np.array([6, 4, 1, 0, 5, 1, 2, 3])
    wanted = [brute_match(query, scaled.of_row(row)) for row in rows.tolist()]
    np.testing.assert_allclose(scaled.match(query, rows), wanted, atol=1e-6)


def test_a_text_matches_itself_and_its_opposite_as_far_as_can_be() -> None:
    """Passages at right angles, so that each has one that is its own."""
    axes = np.eye(DIM, dtype=np.float32)[:3]
    scaled = ScaledPassages.of(
        Passages.of([quantize(axes), quantize(-axes[:1]), quantize(axes[:1])], DIM)
    )
    rows = np.arange(3)
    np.testing.assert_allclose(scaled.match(axes, rows), [1, (0 - 1 / 3) / 2, (1 / 3 + 1) / 2])
    np.testing.assert_allclose(scaled.match(axes[:1], rows), [(1 + 1 / 3) / 2, -1, 1])
