"""Small texts of other systems: HTML there, plain text here."""

import html
import re
from collections.abc import Iterable
from typing import Final

__all__ = ["adds_to", "names_of", "plain_text", "without_controls"]

MOST_NAMES: Final = 100  # that an article takes
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)"
    r"|</?[a-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
"""Reads each character a bounded number of times: what is not closed goes on to the end."""
_BLOCKS: Final = re.compile(
    r"</?(?:br|p|div|li|ul|ol|h[1-6]|blockquote|figure|table|tr|td)\b", re.IGNORECASE
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CUT: Final = ("[…]", "…", "[...]", "...")


def plain_text(markup: str) -> str:
    """Tags dropped first, then entities decoded, blanks made one.

    In that order, so that `&lt;b&gt;` stays the text `<b>`, which whoever shows it escapes.
    """
    bare = _MARKUP.sub(lambda tag: " " if _BLOCKS.match(tag[0]) else "", markup)
    return " ".join(without_controls(html.unescape(bare)).split())


def without_controls(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which databases let through."""
    return _CONTROLS.sub("", text)


def names_of(markups: Iterable[object]) -> list[str]:
    """Names as plain text, each once, as many as an article takes; what is no text is no name."""
    names = (plain_text(one) for one in markups if isinstance(one, str))
    return list(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def adds_to(summary: str, body: str) -> bool:
    """Whether a summary says what the body does not: it was not cut from it.

    Args:
        summary: plain text.
        body: plain text.
    """
    return not summary.endswith(_CUT) and _letters(summary) not in _letters(body)


def _letters(text: str) -> str:
    return "".join(text.split())
