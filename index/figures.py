"""The small values a manifest is made of, and what each may be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
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
