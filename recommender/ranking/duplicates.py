"""Tellings of one story in several languages: articles that translate each other, or one group."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.ranking.attributes import Columns

__all__ = ["tellings"]


def tellings(view: View, names: Collection[int]) -> NDArray[np.bool_]:
    """Which rows tell the story that goes by any of some numbers: bool [n].

    `translation_of` may name an article or a group of the newsroom's own; links are followed both
    ways, so that chains and circles of translations are one story too.
    """
    found = np.zeros(len(view), np.bool_)
    known, fresh = set(names), set(names)
    while fresh:
        more = view.where(lambda part, fresh=fresh: _named(part, fresh)) & ~found  # type: ignore[misc]
        found |= more
        rows = np.flatnonzero(more)
        linked = {*view.take("own", rows).tolist(), *view.take("tells", rows).tolist()}
        fresh = linked - known
        known |= fresh
    return found


def _named(part: Columns, names: Collection[int]) -> NDArray[np.bool_]:
    own, tells = part.columns["own"], part.columns["tells"]
    found = np.zeros(len(own), np.bool_)
    for name in names:
        found |= own == name
        found |= tells == name
    return found
