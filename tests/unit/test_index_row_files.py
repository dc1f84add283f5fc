"""A build of rows that lie in files, and what it writes of their names, beside plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index import RowSpool, Snapshot
from index.build import build
from tests.support.index_rows import STAMP, part_of, random_passages, sample_rows

if TYPE_CHECKING:
    from pathlib import Path

    from index import Rows


def random_rows(count: int, seed: int) -> Rows:
    """Rows with many keywords and numbers, some of them doubled, and with empty ones."""
    draw = np.random.default_rng(seed)
    words = ["", "a", "tag:ё", "tag:𐍈", "\uffff", "Z"]
    return replace(
        sample_rows(count, seed=seed),
        passages=random_passages(count, 5, seed),
        keywords=[draw.choice(words, draw.integers(9)).tolist() for _ in range(count)],
        numbers=[
            {
                name: draw.integers(-2, 3, draw.integers(4)).tolist()
                for name in draw.choice(words, 2)
            }
            for _ in range(count)
        ],
    )


@pytest.mark.parametrize(
    ("rows", "stamp"),
    [
        (sample_rows(40), {}),
        (sample_rows(0), {"centred": True}),
        (random_rows(60, 1), {"grouped_by": "language", "centred": True, "ivf_above": 0}),
        (random_rows(61, 2), {"reliable_by": "withheld"}),
    ],
    ids=["made by hand", "none", "random with all there is", "random"],
)
def test_rows_in_files_give_the_same_bytes_as_rows_in_memory(
    tmp_path: Path, rows: Rows, stamp: dict[str, Any]
) -> None:
    for name in ("spool", "file", "memory"):
        (tmp_path / name).mkdir()
    spool = RowSpool(tmp_path / "spool")
    for part in np.array_split(np.arange(len(rows)), 7):
        spool.append(part_of(rows, part))
    in_files = build(spool.rows(), tmp_path / "file", **STAMP, **stamp)
    # Codes have 32 bits in a file, whatever they had in a part.
    columns = {**rows.columns, "language": rows.columns["language"].astype(np.int32)}
    rows = replace(rows, columns=columns)
    in_memory = build(rows, tmp_path / "memory", **STAMP, **stamp)
    assert in_files.files == in_memory.files


def test_names_are_listed_with_their_rows_as_by_hand(tmp_path: Path) -> None:
    rows = random_rows(60, 3)
    build(rows, tmp_path, **STAMP)
    snapshot = Snapshot.open(tmp_path)
    pairs = {(word.encode(), row) for row, words in enumerate(rows.keywords) for word in words}
    found = snapshot.keywords
    owners = np.repeat(np.arange(len(found.names)), np.diff(found.indptr)).tolist()
    names = [found.names[at] for at in owners]
    assert [*zip(names, found.rows.tolist(), strict=True)] == sorted(pairs)
    entries = [
        (name.encode(), float(value), row)
        for row, numbers in enumerate(rows.numbers)
        for name, values in numbers.items()
        for value in values
    ]
    told = snapshot.numbers
    owners = np.repeat(np.arange(len(told.names)), np.diff(told.indptr)).tolist()
    columns = ([told.names[at] for at in owners], told.values.tolist(), told.rows.tolist())
    assert [*zip(*columns, strict=True)] == sorted(entries)
    used = {name.encode() for numbers in rows.numbers for name in numbers}
    assert [told.names[at] for at in range(len(told.names))] == sorted(used)
