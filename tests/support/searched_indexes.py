"""The indexes that lists can be made from, behind one face: a snapshot with a delta, and Milvus."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from index import View
from index.arrays import PackedTerms
from index.conditions import (
    Between,
    Compared,
    Condition,
    Every,
    Flag,
    HasId,
    HasKeyword,
    Labelled,
    Not,
    OneOf,
    Some,
)
from index.delta import DeltaBuilder
from index.lexical import gather
from index.milvus_language import SearchedColumns
from index.neighbours import Neighbours
from index.searchable import FoundRows
from index.statistics import statistics_of
from index.stored_rows import StoredRows, read_stored
from tests.support.index_rows import part_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from index import Query, Rows, Snapshot
    from index.arrays import Bools, Floats, Longs

SEARCHED = SearchedColumns(frozenset({"published", "shown", "until", "number"}), "until")


def row_meets(rows: Rows, at: int, condition: Condition) -> bool:
    """Whether a row meets a condition, looked at one by one."""
    match condition:
        case Not(negated):
            return not row_meets(rows, at, negated)
        case Every(conditions):
            return all(row_meets(rows, at, one) for one in conditions)
        case Some(conditions):
            return any(row_meets(rows, at, one) for one in conditions)
        case _:
            return _row_meets_one(rows, at, condition)


def _row_meets_one(
    rows: Rows,
    at: int,
    condition: Flag | Compared | Labelled | OneOf | HasId | HasKeyword | Between,
) -> bool:
    match condition:
        case Flag(column):
            found = bool(rows.columns[column][at])
        case Compared(column, comparison, value):
            compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
            found = compare[comparison](float(rows.columns[column][at]), value)
        case Labelled(column, labels):
            found = rows.labels[column][int(rows.columns[column][at])] in labels
        case OneOf(column, values):
            found = int(rows.columns[column][at]) in values
        case HasId(ids):
            found = rows.ids[at] in ids
        case HasKeyword(keywords):
            found = not keywords.isdisjoint(rows.keywords[at])
        case Between(name, least, most):
            found = any(least <= one <= most for one in rows.numbers[at].get(name, ()))
    return found


class LocalIndex:
    """A snapshot and a delta, searched by FAISS and numpy."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._builder, self._view = DeltaBuilder(), View.of(snapshot)
        self._layout = statistics_of(snapshot).layout
        self._rows = {one.rows.ids[0]: one for some in read_stored(snapshot) for one in each(some)}

    def _allowed(self, wanted: Condition) -> Bools:
        allowed = np.zeros(len(self._view), np.bool_)
        for row_id, stored in self._rows.items():
            row = self._view.row_of(row_id)
            assert row is not None
            allowed[row] = row_meets(stored.rows, 0, wanted)
        return allowed

    def _stored(self, rows: Longs) -> StoredRows:
        return self.fetch([self._view.id_of(row) for row in rows.tolist()])

    def nearest(self, vector: Floats, limit: int, wanted: Condition) -> FoundRows:
        hits = self._view.nearest(vector, limit, self._allowed(wanted))
        return FoundRows(self._stored(hits.rows), hits.similarities)

    def nearest_by_terms(self, query: Query, limit: int, wanted: Condition) -> FoundRows:
        hits = self._view.nearest_by_terms(query, limit, self._allowed(wanted))
        return FoundRows(self._stored(hits.rows), hits.similarities)

    def newest(self, limit: int, wanted: Condition) -> FoundRows:
        rows = np.flatnonzero(self._allowed(wanted))
        times = self._view.take(SEARCHED.ordered_by, rows)
        times = np.where(np.isfinite(times), times, -1e30)
        order = np.argsort(-times, kind="stable")[:limit]
        return FoundRows(self._stored(rows[order]), times[order].astype(np.float32))

    def matching(self, limit: int, wanted: Condition) -> StoredRows:
        return self._stored(np.flatnonzero(self._allowed(wanted))[:limit])

    def fetch(self, ids: Iterable[str]) -> StoredRows:
        found = [self._rows[one] for one in ids if one in self._rows]
        return self._layout.unpack([packed for one in found for packed in self._layout.pack(one)])

    def upsert(self, stored: StoredRows) -> None:
        rows = stored.rows
        none = Neighbours.none(len(stored))
        self._builder.append(rows, rows.vectors, rows.passages, stored.terms, none)
        delta = self._builder.build(self._view.snapshot)
        self._view = self._view.after(delta, rows.ids, ())
        self._rows |= {one.rows.ids[0]: one for one in each(stored)}

    def remove(self, ids: Iterable[str]) -> None:
        gone = [*ids]
        self._view = self._view.after(self._view.delta, (), gone)
        self._rows = {one: row for one, row in self._rows.items() if one not in gone}

    def count(self) -> int:
        return int(np.count_nonzero(self._view.present))


def each(stored: StoredRows) -> Iterator[StoredRows]:
    """The rows one by one."""
    for at in range(len(stored)):
        row = np.array([at])
        starts, words = gather(stored.terms, row)
        terms = PackedTerms(np.array([0, *starts]), words, stored.terms.scales[row])
        rows = part_of(stored.rows, row)
        yield StoredRows(rows, terms, stored.pulls[row], stored.hubness[row])
