"""What a page can print of a text."""

import re
import unicodedata
from typing import Final

__all__ = ["UNSEEN", "can_be_seen", "without_controls"]

SEEN: Final = frozenset("LNPS")  # Unicode's letters, numbers, punctuation and symbols
BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol that print nothing: fillers of Hangul, and Braille without a dot."""
UNSEEN: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""What of that a class of a pattern can tell: Unicode's default ignorables up to U+FFFF, too."""
_NOT_IN_HTML: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
    + "]"
)
"""Controls but for tabs and ends of lines, halves of surrogate pairs, and what is no character."""


def can_be_seen(text: str) -> bool:
    """Whether something of a text is printed: blanks and marks of direction are not."""
    return any(unicodedata.category(letter)[0] in SEEN for letter in text if letter not in BLANKS)


def without_controls(text: str) -> str:
    """A text as HTML may hold it; a space where a control parts words, as in a word processor."""
    return _NOT_IN_HTML.sub(lambda found: " " if found[0].isspace() else "", text)
