"""What goes through the pipes between a reader and its child.

To the child goes one frame an article: four bytes of length, then UTF-8. Back come one byte when
the article was received, so that a death before it is not laid to the article, and then a frame
of JSON: the text, or the reason why there is none.
"""

import json
import re
import struct
from dataclasses import dataclass
from typing import Final

from recommender.analysis.html.limits import LONGEST_TEXT

__all__ = ["HEADER", "LONGEST_ANSWER", "RECEIVED", "Answer", "length_of", "pack"]

HEADER: Final = 4
RECEIVED: Final = b"\x06"
LONGEST_ANSWER: Final = 4 * LONGEST_TEXT + 1_024  # bytes; JSON doubles ASCII marks at most

# No text has them; a child that an article took over might send them on.
_FOREIGN: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def pack(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return struct.pack(">I", len(payload)) + payload


def length_of(header: bytes) -> int:
    """The length of the payload that follows a header."""
    (length,) = struct.unpack(">I", header)
    return int(length)


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of an article, or the reason why it has none."""

    text: str | None = None
    reason: str | None = None

    def encode(self) -> bytes:
        """As JSON in UTF-8."""
        return json.dumps([self.text, self.reason], ensure_ascii=False).encode()

    @classmethod
    def decode(cls, payload: bytes) -> "Answer":
        """The answer that was encoded; nothing of the payload is taken on trust.

        Raises:
            ValueError: it is none, is too long, or holds what no text holds.
        """
        try:
            read = json.loads(payload)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        match read:
            case [str(text), None] if _is_clean(text):
                return cls(text)
            case [None, str(reason)] if _is_clean(reason):
                return cls(reason=reason)
        raise ValueError("neither a text nor a reason")


def _is_clean(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and _FOREIGN.search(text) is None
