"""Hints for misspelt names: which known name is near."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

__all__ = ["explain_unknown", "nearest_name"]

LONGEST: Final = 60  # characters; the time to compare grows with the square of the length
LIKENESS: Final = 0.6


def nearest_name(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The known name that is most like a name; None if none is like it.

    Args:
        name: whatever somebody has sent; its letter case does not count.
        known: the names that exist, in lower case.
        likeness: the least one, 0 to 1, by difflib's ratio.
    """
    if len(name) > LONGEST:
        return None
    return next(iter(get_close_matches(name.lower(), known, n=1, cutoff=likeness)), None)


def explain_unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a name that does not exist, with the known name that is near."""
    near = nearest_name(name, known)
    return "unknown" if near is None else f"unknown; did you mean {near!r}?"
