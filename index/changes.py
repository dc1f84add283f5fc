"""Changes of rows that are kept elsewhere: weighed here, with neighbours searched there.

What a delta does for the rows of a snapshot: see `DeltaWriter`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from index.conditions import Every, Flag, HasId, Labelled, Not
from index.lexical import Query
from index.neighbours import NEAREST, SMOOTHING, scale
from index.statistics import store_rows
from index.stored_rows import pull_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from index.arrays import Floats
    from index.conditions import Condition
    from index.rows import Rows
    from index.searchable import SearchableIndex
    from index.statistics import Statistics
    from index.stored_rows import StoredRows

__all__ = ["write_changes"]


def write_changes(
    index: SearchableIndex, statistics: Statistics, rows: Rows, removed: Collection[str]
) -> None:
    """Replace or add rows, and remove ids, present or not.

    Neighbours of a row are searched among all that the index has, but not among these rows.

    Raises:
        BadRows: the rows are not valid, or have other columns or dimensions than the statistics.
        EngineAway: the index does not answer; some of it may be done.
    """
    if removed:
        index.remove(removed)
    if len(rows):
        index.upsert(_with_neighbours(index, statistics, store_rows(statistics, rows)))


def _with_neighbours(
    index: SearchableIndex, statistics: Statistics, stored: StoredRows
) -> StoredRows:
    manifest, rows = statistics.manifest, stored.rows
    reliable = rows.reliable(manifest.reliable_by or None)
    pulls, hubness = stored.pulls.copy(), stored.hubness.copy()
    for label, members in rows.groups(manifest.grouped_by or None).items():
        for row in members.tolist():
            others = Not(HasId(frozenset({rows.ids[row]})))
            if reliable[row]:
                background = statistics.manifest.background.get(label)
                zero = 0.0 if background is None else background.similarity
                vector = rows.vectors[row]
                pulls[row], hubness[row] = _near_by_vector(index, statistics, vector, others, zero)
            else:
                by = manifest.grouped_by
                own = Every((others, Labelled(by, frozenset({label})))) if by else others
                terms = Query.of_row(stored.terms, row)
                found = index.nearest_by_terms(terms, NEAREST, own).similarities
                hubness[row] = np.minimum(found, 1).mean() if len(found) else 0.0
    return replace(stored, pulls=pulls, hubness=hubness)


def _near_by_vector(
    index: SearchableIndex,
    statistics: Statistics,
    vector: Floats,
    others: Condition,
    background: float,
) -> tuple[Floats, float]:
    """What its neighbours add to a vector, and its hubness."""
    by = statistics.manifest.reliable_by
    found = index.nearest(vector, NEAREST, Every((Flag(by), others)) if by else others)
    near = found.stored.rows.vectors[:SMOOTHING]
    if not len(near):
        return np.zeros_like(vector), 0.0
    similarities = found.similarities.astype(np.float64)
    weights = scale(similarities[: len(near)], np.array(background))
    pull: Floats = pull_of(near[np.newaxis], weights[np.newaxis])[0]
    return pull, float(similarities.mean())
