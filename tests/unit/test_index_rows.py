"""Rows: what a build accepts, and how it names what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BUCKETS, BadRows, Passages, Rows, RowSpool, TermCounts
from tests.support.index_rows import (
    one_row,
    part_of,
    random_passages,
    random_terms,
    random_units,
    sample_rows,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index.arrays import Floats


def test_terms_of_rows_are_stacked_in_order() -> None:
    terms = TermCounts.of([one_row([3, 9], [1, 2]), one_row([], []), one_row([4], [5])])
    arrays = (terms.indptr, terms.buckets, terms.counts)
    assert [array.tolist() for array in arrays] == [[0, 2, 2, 3], [3, 9, 4], [1, 2, 5]]
    assert [terms.row_of(entry) for entry in range(3)] == [0, 0, 2]
    for some in (terms, TermCounts.of([])):
        dtypes = [array.dtype.name for array in (some.indptr, some.buckets, some.counts)]
        assert dtypes == ["int64", "int32", "float32"]


def fault_of(rows: Rows) -> str | None:
    """The error of a build with these rows; None if it accepts them."""
    try:
        rows.check()
    except BadRows as fault:
        return str(fault)
    return None


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_good_rows_pass(rows: int) -> None:
    assert fault_of(sample_rows(rows)) is None


def vectors_with(row: int, value: float) -> Floats:
    vectors = random_units(3, 8)
    vectors[row] = value
    return vectors


def terms_with(row: int, buckets: Any, counts: Any) -> TermCounts:
    rows = [one_row([1, 2], [1, 1]) for _ in range(3)]
    rows[row] = one_row(buckets, counts)
    return TermCounts.of(rows)


NAMED: Mapping[str, dict[str, Any]] = {
    "NaN vector": {"vectors": vectors_with(1, np.nan)},
    "infinite vector": {"vectors": vectors_with(1, np.inf)},
    "overflowing vector": {"vectors": vectors_with(1, 3e38)},
    "vector of length 0": {"vectors": vectors_with(1, 0)},
    "vector off length 1": {"vectors": vectors_with(1, np.sqrt(1 / 8) * 1.002)},
    "doubled bucket": {"terms": terms_with(1, [5, 5], [1, 1])},
    "falling buckets": {"terms": terms_with(1, [6, 5], [1, 1])},
    "negative bucket": {"terms": terms_with(1, [-1, 5], [1, 1])},
    "bucket too high": {"terms": terms_with(1, [5, BUCKETS], [1, 1])},
    "count 0": {"terms": terms_with(1, [5], [0])},
    "count NaN": {"terms": terms_with(1, [5], [np.nan])},
    "count infinite": {"terms": terms_with(1, [5], [np.inf])},
    "display not bytes": {"display": [b"", "text", b""]},
    "doubled id": {"ids": ["a", "article-00001", "article-00001"]},
    "unsorted ids": {"ids": ["a", "c", "article-00001"]},
    "surrogate in id": {"ids": ["a", "article-00001\ud800", "c"]},
}


@pytest.mark.parametrize("parts", NAMED.values(), ids=NAMED.keys())
def test_a_bad_row_is_refused_by_its_id(parts: dict[str, Any]) -> None:
    assert "row 'article-00001" in (fault_of(sample_rows(3, **parts)) or "")


UNNAMED: Mapping[str, dict[str, Any]] = {
    "too few vectors": {"vectors": random_units(2, 8)},
    "flat vectors": {"vectors": np.ones(3, np.float32)},
    "vectors of no numbers": {"vectors": np.ones((3, 0), np.float32)},
    "vectors in float64": {"vectors": random_units(3, 8).astype(np.float64)},
    "too few terms": {"terms": random_terms(2)},
    "indptr past the end": {
        "terms": TermCounts(np.array([0, 1, 2, 9]), *one_row([1, 2, 3], [1, 1, 1])),
    },
    "falling indptr": {"terms": TermCounts(np.array([0, 2, 1, 3]), *one_row([1, 2, 3], [1, 1, 1]))},
    "too few counts": {"terms": TermCounts(np.array([0, 1, 2, 3]), *one_row([1, 2, 3], [1, 1]))},
    "too few display": {"display": [b""]},
    "id not a string": {"ids": ["a", 2, "c"]},
    "short column": {"columns": {"language": np.zeros(2, np.int8)}},
    "column of objects": {"columns": {"language": np.array([None] * 3)}},
    "column of strings": {"columns": {"language": np.array(["a"] * 3)}},
    "column of three axes": {"columns": {"language": np.zeros((3, 2, 2))}},
    "column of no axis": {"columns": {"language": np.zeros(())}},
    "name that climbs": {"columns": {"../x": np.zeros(3)}, "labels": {}},
    "name with newline": {"columns": {"a\n": np.zeros(3)}, "labels": {}},
    "name too long": {"columns": {"a" * 33: np.zeros(3)}, "labels": {}},
    "labels of no column": {"labels": {"section": ["a"]}},
    "labels in one string": {"labels": {"language": "tgru"}},
    "label not a string": {"labels": {"language": [1]}},
    "code without a word": {"labels": {"language": ["tg"]}},
    "code below 0": {"columns": {"language": np.array([0, -1, 1])}},
    "code that is no whole number": {"columns": {"language": np.array([0.0, 1.0, 1.0])}},
    "too few keywords": {"keywords": [[], []]},
    "a keyword not a string": {"keywords": [[], [1], []]},
    "keywords in one string": {"keywords": [[], "ab", []]},
    "a keyword with a lone surrogate": {"keywords": [[], ["\ud800"], []]},
    "too few numbers": {"numbers": [{}, {}]},
    "a number that is none": {"numbers": [{}, {"size": ["1"]}, {}]},
    "a number without end": {"numbers": [{}, {"size": [1, float("inf")]}, {}]},
    "numbers under a lone surrogate": {"numbers": [{}, {}, {"\ud800": [1]}]},
    "passages of no numbers": {"passages": Passages.of([np.empty((0, 0), np.int8)] * 3, 0)},
}


@pytest.mark.parametrize("parts", UNNAMED.values(), ids=UNNAMED.keys())
def test_parts_that_disagree_are_refused(parts: dict[str, Any]) -> None:
    assert fault_of(sample_rows(3, **parts)) is not None


@pytest.mark.parametrize(("buckets", "counts"), [([], []), ([0], [1])], ids=["none", "falling"])
def test_rows_may_have_no_terms_and_lower_ones_than_the_row_before(
    buckets: list[int], counts: list[float]
) -> None:
    assert fault_of(sample_rows(3, terms=terms_with(1, buckets, counts))) is None


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5))
@examples(50)
def test_rows_cut_in_parts_and_put_end_to_end_are_what_they_were(sizes: list[int]) -> None:
    """Every second part has its labels in another order, with matching codes."""
    whole = sample_rows(sum(sizes))
    with TemporaryDirectory() as folder:
        spool = RowSpool(Path(folder))
        for at, end in enumerate(np.cumsum(sizes)):
            part = part_of(whole, np.arange(end - sizes[at], end))
            if at % 2:
                columns = {**part.columns, "language": 1 - part.columns["language"]}
                part = replace(part, columns=columns, labels={"language": ["русӣ", "tg"]})
            spool.append(part)
        found = spool.rows()
    # What is mapped stays readable when its folder is removed.
    found.check()
    assert found.labels == whole.labels
    for name in ("ids", "display", "keywords"):
        assert [*getattr(found, name)] == getattr(whole, name)
        assert getattr(found, name)[1:-1] == getattr(whole, name)[1:-1]
    assert [*found.numbers] == [{k: [*v] for k, v in of.items()} for of in whole.numbers]
    for one, other in (
        (found.vectors, whole.vectors),
        (found.terms.indptr, whole.terms.indptr),
        (found.terms.buckets, whole.terms.buckets),
        (found.terms.counts, whole.terms.counts),
        (found.passages.indptr, whole.passages.indptr),
        (found.passages.codes, whole.passages.codes),
        *((found.columns[name], column) for name, column in whole.columns.items()),
    ):
        np.testing.assert_array_equal(one, other)


def test_a_part_without_vectors_is_widened_with_zeros(tmp_path: Path) -> None:
    narrow = sample_rows(2, vectors=np.ones((2, 1), np.float32), passages=random_passages(2, 1))
    spool = RowSpool(tmp_path)
    for part, first in ((narrow, 0), (sample_rows(2), 2), (narrow, 4)):
        spool.append(replace(part, ids=[f"article-{first:05}", f"article-{first + 1:05}"]))
    whole = spool.rows()
    whole.check()
    assert whole.vectors[[0, 1, 4, 5]].tolist() == [[1.0, *[0.0] * 7]] * 4
    np.testing.assert_array_equal(whole.vectors[2:4], sample_rows(2).vectors)


def test_numbers_that_a_column_cannot_hold_are_not_put_into_it(tmp_path: Path) -> None:
    spool, rows = RowSpool(tmp_path), sample_rows(2)
    spool.append(rows)
    with pytest.raises(TypeError):
        spool.append(replace(rows, vectors=rows.vectors.astype(np.float64)))


@pytest.mark.parametrize("name", ["ids", "keywords", "numbers"])
def test_what_utf8_cannot_carry_is_refused_from_a_file_too(tmp_path: Path, name: str) -> None:
    parts: dict[str, Any] = {
        "ids": {"ids": ["\ud800"]},
        "keywords": {"keywords": [["\ud800"]]},
        "numbers": {"numbers": [{"\ud800": [1]}]},
    }
    spool = RowSpool(tmp_path)
    spool.append(replace(sample_rows(1), **parts[name]))
    assert fault_of(spool.rows()) is not None
