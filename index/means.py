"""The mean vector of each group of rows, such as a language, and vectors without it.

Encoders of many languages put the texts of one language close together, whatever they say. What
all of them share is their mean; with it taken off, texts of different languages compare by what
they tell. A small group's mean is drawn towards that of all rows, as if PRIOR of its rows were it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import unit
from index.passages import Passages, Scaled, quantize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.arrays import Codes, Floats, Longs, Whole
    from index.rows import Rows

PRIOR: Final = 20
"""How many rows the mean of all weighs against those of a group."""

_LEAST: Final = 1e-3
"""What is left of a vector below this length is rounding; float16 alone moves it by 5e-4."""
_BATCH: Final = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """The means of some groups.

    Attributes:
        vectors: float32 [groups + 1, dim]; by position of the group, and last the mean of all
            rows, for a group that came later.
        places: by the label of a group, its position.
    """

    vectors: Floats
    places: Mapping[str, int]

    @classmethod
    def none(cls, labels: Sequence[str], dim: int) -> Means:
        """Zeros: nothing is taken off."""
        return cls(np.zeros((len(labels) + 1, dim), np.float32), _places(labels))

    @classmethod
    def over(cls, vectors: Floats, groups: Mapping[str, Longs]) -> Means:
        """Measure them.

        Args:
            vectors: float32 [n, dim].
            groups: by label, the rows of the group, n > 0 of them in all.
        """
        everything = vectors.mean(axis=0, dtype=np.float64)
        means = [
            (vectors[rows].sum(axis=0, dtype=np.float64) + PRIOR * everything) / (len(rows) + PRIOR)
            for rows in groups.values()
        ]
        return cls(np.array([*means, everything], np.float32), _places(list(groups)))

    def places_of(self, labels: Sequence[str]) -> Longs:
        """Tell where the mean of each of some groups stands: int64 [len(labels)]."""
        last = len(self.vectors) - 1
        return np.array([self.places.get(label, last) for label in labels], np.int64)

    def taken_off(self, vectors: Floats, places: Whole) -> Floats:
        """Take the means off some vectors.

        Args:
            vectors: float32 [k, dim], unit rows.
            places: whole numbers [k], of the mean of each row; or [1] for all of them.

        Returns:
            float32 [k, dim], unit rows; a vector that is no more than its mean stays as it came.
        """
        rest = vectors - self.vectors[places]
        lengths = np.linalg.norm(rest, axis=1, keepdims=True)
        return np.where(lengths > _LEAST, unit(rest), vectors).astype(np.float32)

    def taken_off_passages(self, passages: Passages, places: Whole) -> Passages:
        """Take the means off the passages of n rows.

        Args:
            passages: of n rows.
            places: whole numbers [n], of the mean of each row.
        """
        own = np.repeat(places, np.diff(passages.indptr))
        scaled = Scaled.of(passages)
        codes: Codes = np.empty_like(passages.codes)
        for start in range(0, len(codes), _BATCH):
            block = slice(start, start + _BATCH)
            vectors = scaled.codes[block].astype(np.float32) * scaled.scales[block, np.newaxis]
            codes[block] = quantize(self.taken_off(vectors, own[block]))
        return Passages(passages.indptr, codes)


def centre(rows: Rows, means: Means, by: str | None) -> tuple[Floats, Passages]:
    """Take the mean of each row's group off its vector and its passages.

    Args:
        rows: to be centred.
        means: of the groups.
        by: the column of codes that tells the groups; None takes all rows as one group, "".
    """
    places = np.full(len(rows), len(means.vectors) - 1, np.int64)
    for label, members in rows.groups(by).items():
        places[members] = means.places_of([label])
    vectors = means.taken_off(rows.vectors, places)
    return vectors, means.taken_off_passages(rows.passages, places)


def _places(labels: Sequence[str]) -> dict[str, int]:
    return {label: place for place, label in enumerate(labels)}
