"""What is told of the words behind a column of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from index.arrays import Array, Doubles, Whole


_FEW: Final = 8
"""To ask for so many words takes no longer than to find out which of them occur."""


class Labelled(Protocol):
    """Whatever carries columns of codes and their words, such as a snapshot or a delta."""

    @property
    def columns(self) -> Mapping[str, Array]:
        """By name, an array of n rows."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By the name of a column of codes, what the codes stand for."""


def told_of(part: Labelled, column: str, rows: Whole, value_of: Callable[[str], float]) -> Doubles:
    """Give each of some rows what is told of its word.

    Args:
        part: whose rows they are.
        column: of codes, [n].
        rows: whole numbers [m].
        value_of: asked once a word; where there are many, only for those that occur among the rows.

    Returns:
        float64 [m].
    """
    words = part.labels[column]
    if len(words) <= _FEW:
        told: Doubles = np.array([*map(value_of, words)], np.float64)[part.columns[column][rows]]
        return told
    codes, places = np.unique(part.columns[column][rows], return_inverse=True)
    values = np.array([value_of(words[code]) for code in codes.tolist()], np.float64)
    return values[places]
