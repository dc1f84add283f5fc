"""The small values a manifest is made of, and what each may be."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ROWS: Final = 2**31 - 1
"""Row numbers are int32 in the postings."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def whole(least: int, most: int) -> Callable[[object], bool]:
    """Make the check of an int in a range."""
    # `type is` and not isinstance: True is an int to Python, but not in a manifest.
    return lambda value: type(value) is int and least <= value <= most


def real(least: float, most: float) -> Callable[[object], bool]:
    """Make the check of a finite float in a range."""
    # NaN compares false with everything; isfinite says so aloud.
    return lambda value: type(value) is float and math.isfinite(value) and least <= value <= most


def text(value: object) -> bool:
    """Check that a value is a string."""
    return isinstance(value, str)


def truth(value: object) -> bool:
    """Check that a value is true or false, and not 1 or 0."""
    return type(value) is bool


@dataclass(frozen=True, slots=True)
class FileSum:
    """A file's size and SHA-256 (64 lowercase hex digits).

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not whole(0, 1 << 62)(self.bytes):
            raise ValueError(f"a file of {self.bytes!r} bytes")
        if not (isinstance(self.sha256, str) and _SHA256.fullmatch(self.sha256)):
            raise ValueError(f"{self.sha256!r} is no SHA-256")


@dataclass(frozen=True, slots=True)
class Floor:
    """The medians over random pairs of a group of rows; 0.0 with fewer than two rows.

    Attributes:
        rows: how many rows the group has.
        similarity: median cosine, -1..1.
        lexical: median lexical similarity of the same pairs, 0..1.
        passages: median passage matching of those pairs of which both have passages, -1..1;
            0.0 without such a pair.

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    rows: int
    similarity: float
    lexical: float
    passages: float

    def __post_init__(self) -> None:
        good = whole(0, MOST_ROWS)(self.rows) and real(0, 1)(self.lexical)
        if not good or not all(map(real(-1, 1), (self.similarity, self.passages))):
            raise ValueError(f"a floor of {asdict(self)!r:.80}")
