"""Places of many rows: a sample is placed first, the others amid it, and all move together after.

The sample depends on ids alone, so that most of it stays when other rows come and go. A round over
all rows of a large archive is dear, and from a good start some rounds do as well as 450
(decision 25).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from index.neighbours import nearest_rows_of
from index.plane import (
    FAR,
    FIRST,
    JOINT_ROUNDS,
    SEARCH_ROUNDS,
    Pairs,
    Round,
    in_parts,
    middle_of,
    mix,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.arrays import Advance, Floats, Hashes, Ints, Longs
    from index.plane import Placing

_FAR_AT_ONCE: Final = 8


def locate_amid_sample(placing: Placing, rows: Longs, keys: Hashes, advance: Advance) -> Floats:
    """Where rows lie, float32 [m, 2].

    Args:
        placing: what places them.
        rows: those that get a place, ascending by their keys.
        keys: hashes of their ids.
        advance: called after each round.
    """
    # Keys of a sample must be spread as those of all are, since pairs are drawn by them.
    sample = np.sort(np.argsort(mix(keys), kind="stable")[:FIRST])
    chosen = np.zeros(len(placing.ids), np.bool_)
    chosen[rows[sample]] = True
    places = np.full((len(rows), 2), np.nan, np.float32)
    alone = replace(placing, placed=chosen, nearest=np.full_like(placing.nearest, -1))
    searched = in_parts(advance, SEARCH_ROUNDS, len(sample))
    places[sample] = alone.locate(advance, searched)[1]
    near = placing.nearest_of(rows)
    lost = _begin_amid(near, places)
    if len(lost):
        places[lost] = _begin_amid_searched(placing, rows, places, lost)
    return settle(places, _joint_rounds(near), lambda one: advance(one * (len(rows) // FIRST)))


def _begin_amid(near: Ints, places: Floats) -> Longs:
    """Put others amid the nearest three that have a place, wave by wave; tell which have none left.

    Many copies of each other, say, are nearest to themselves alone.
    """
    while len(new := np.flatnonzero(np.isnan(places[:, 0]))):
        there = ~np.isnan(places[near[new], 0])
        found = there.any(axis=1)
        if not found.any():
            break
        places[new[found]] = middle_of(places, near[new[found]], there[found])
    return new


def _begin_amid_searched(placing: Placing, rows: Longs, places: Floats, lost: Longs) -> Floats:
    """The middle of the nearest three of all that have a place."""
    known = np.zeros(len(placing.ids), np.bool_)
    known[rows] = ~np.isnan(places[:, 0])
    by_row = np.zeros((len(known), 2), np.float32)
    by_row[rows] = places

    def fetch(positions: Longs) -> Floats:
        return placing.vectors.fetch_stored(rows[lost[positions]])

    near = nearest_rows_of(placing.vectors, fetch, known, np.full(len(lost), -1)).rows
    return middle_of(by_row, near, near >= 0).astype(np.float32)


def _joint_rounds(near: Ints) -> Iterator[Round]:
    """Rounds in which each row has its near rows, and each time other far ones.

    Rows are in the order of a hash, so the row so many further on may be any.
    """
    count, own = len(near), np.arange(len(near), dtype=np.int32)[:, np.newaxis]
    for at in range(JOINT_ROUNDS):
        numbers = np.arange(_FAR_AT_ONCE * at, _FAR_AT_ONCE * (at + 1), dtype=np.uint64)
        far = own + (1 + mix(numbers) % np.uint64(count - 1)).astype(np.int32)
        pairs = Pairs(near, near[:, :0], np.where(far < count, far, far - count))
        # Rows lie near where they belong: they move less and less.
        yield Round(pairs, (1, 0, FAR / _FAR_AT_ONCE), 1 - at / JOINT_ROUNDS)
