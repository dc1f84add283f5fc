"""What a list is picked from, and by which rules."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mask", "Pool", "Rules"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Candidates, position by position.

    Attributes:
        values: float [m], the ranking values; of any sign, and finite.
        vectors: float32 [m, dim], unit rows.
        signatures: uint16 [m, size].
        times: float64 [m], when each was last published or revised; NaN unknown. None to come.
        authors: int64 [m], the number of the first author; 0 none.
        hosts: int64 [m], the number of the host of the address; 0 none.
        embedded: bool [m], whether the vector means something.
        own: int64 [m], the number of each, another for each.
        tells: int64 [m], the number of what each translates: of an article, or of a group; else
            its own.
    """

    values: NDArray[np.floating]
    vectors: NDArray[np.float32]
    signatures: NDArray[np.uint16]
    times: NDArray[np.float64]
    authors: NDArray[np.int64]
    hosts: NDArray[np.int64]
    embedded: Mask
    own: NDArray[np.int64]
    tells: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def at(self, positions: NDArray[np.int64]) -> "Pool":
        """Some of them, in the order given."""
        return Pool(*(getattr(self, each.name)[positions] for each in fields(self)))

    def under(self, above: "Pool") -> "Pool":
        """The candidates of another pool, and then these."""
        pairs = ((getattr(above, each.name), getattr(self, each.name)) for each in fields(self))
        return Pool(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a list must not be. A bound above 1 puts its rule out of force.

    Attributes:
        diversity: 0..1, the weight of being unlike what stands above, against the value.
        duplicate_overlap: texts that overlap so much are one story told twice.
        story_likeness: items whose cosine is so great belong to one story, and so does whoever
            is so near to any item of it.
        story_cap: how many items of one story a list holds at most, at least 1.
        copy_overlap: texts of one author that overlap so much are cut from one pattern, and so is
            what is like any item of it; of one host alone from `host_overlap` on.
        copy_cap: how many items of one pattern a list holds at most, at least 1.
    """

    diversity: float
    duplicate_overlap: float
    story_likeness: float
    story_cap: int
    copy_overlap: float
    copy_cap: int

    @property
    def host_overlap(self) -> float:
        """From where on texts of one host, but of several authors or none, are of one pattern.

        Midway from `copy_overlap` to `duplicate_overlap`: all that a newsroom publishes has one
        host, and its briefs share a footer, by which alone they overlap by 0.15 to 0.3.
        """
        return max(self.copy_overlap, (self.copy_overlap + min(self.duplicate_overlap, 1)) / 2)
