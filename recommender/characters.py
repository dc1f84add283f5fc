"""Characters that cannot be printed, or that may not stand in HTML or in a terminal."""

import re
import unicodedata
from typing import Final

__all__ = ["UNSEEN", "can_be_seen", "fit_for_html", "printable", "remove_controls"]

SEEN: Final = frozenset("LNPS")  # Unicode's letters, numbers, punctuation and symbols
BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol that print nothing: fillers of Hangul, and Braille without a dot."""
UNSEEN: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""Characters up to U+FFFF that print nothing, for a class of a regular expression."""
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_NOT_IN_HTML: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
    + "]"
)
"""Controls except tabs and line ends, halves of surrogate pairs, and what is not a character."""


def can_be_seen(text: str) -> bool:
    """Whether a text prints anything; blanks and marks of direction do not."""
    return any(unicodedata.category(letter)[0] in SEEN for letter in text if letter not in BLANKS)


def remove_controls(text: str) -> str:
    """Remove control characters, byte order marks and half surrogate pairs.

    Tabs, ends of lines and form feeds stay, as they are white space.
    """
    return _CONTROLS.sub("", text)


def fit_for_html(text: str) -> str:
    """A text as HTML may hold it. A control that separates words becomes a space."""
    return _NOT_IN_HTML.sub(lambda found: " " if found[0].isspace() else "", text)


def printable(text: str) -> str:
    """A text on one line, in which nothing steers a terminal."""
    marks = (mark if mark.isprintable() or mark.isspace() else "\ufffd" for mark in text)
    return " ".join("".join(marks).split())
