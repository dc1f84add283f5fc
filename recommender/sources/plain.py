"""Small texts of other systems: HTML there, plain text here."""

import html
import re
from collections.abc import Iterable
from typing import Final

__all__ = [
    "adds_to",
    "names_of",
    "plain_text",
    "summary_of",
    "title_of",
    "without_controls",
]

MOST_NAMES: Final = 100  # that an article takes, and how long what it takes may be, in characters
LONGEST_NAME: Final = 300
LONGEST_TITLE: Final = 2_000
LONGEST_SUMMARY: Final = 20_000
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
_TAG: Final = re.compile(
    r"</?(abbr|b|bdi|bdo|big|br|cite|code|del|em|font|h[1-6]|i|img|ins|kbd|mark|p|q|s|samp|small|span"
    r"|strike|strong|sub|sup|tt|u|var|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
"""The tags that are met in headlines."""
_UNPAIRED: Final = frozenset({"br", "img", "wbr"})
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CUT: Final = ("[…]", "…", "[...]", "...")


def plain_text(markup: str) -> str:
    """Tags dropped first, then entities decoded, blanks made one.

    In that order, so that `&lt;b&gt;` stays the text `<b>`, which whoever shows it escapes.
    """
    return _decoded(_MARKUP.sub(lambda tag: _in_place_of(tag[0]), markup))


def title_of(text: str, *, is_html: bool) -> str:
    """A title as plain text, no longer than an article's may be.

    Args:
        text: the title as given.
        is_html: that is what it is; else it should be plain text, and is HTML often enough, so of
            what looks like a tag only that goes which has its end tag or needs none: `Vec<String>`
            and `the <b> tag` stay.
    """
    plain = plain_text(text) if is_html else _decoded(_without_pairs(text))
    return plain[:LONGEST_TITLE]


def summary_of(summary: str, body: str) -> str:
    """What a summary says that the body does not, as plain text and no longer than an article's.

    Args:
        summary: HTML or plain text.
        body: the same.
    """
    plain = plain_text(summary)
    return plain[:LONGEST_SUMMARY] if plain and adds_to(plain, plain_text(body)) else ""


def without_controls(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which databases let through."""
    return _CONTROLS.sub("", text)


def names_of(markups: Iterable[object]) -> list[str]:
    """Names as plain text, each once, as many and as long as an article takes.

    What is no text is no name.
    """
    names = (plain_text(one)[:LONGEST_NAME] for one in markups if isinstance(one, str))
    return list(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def adds_to(summary: str, body: str) -> bool:
    """Whether a summary says what the body does not: it was not cut from it.

    Args:
        summary: plain text.
        body: plain text.
    """
    return not summary.endswith(_CUT) and _letters(summary) not in _letters(body)


def _without_pairs(text: str) -> str:
    """Without the tags that have their end tags, or need none."""
    found = [(tag[1].lower(), tag[0].startswith("</")) for tag in _TAG.finditer(text)]
    paired = {name for name, is_end in found if is_end} & {name for name, end in found if not end}
    dropped = paired | _UNPAIRED
    return _TAG.sub(lambda tag: _in_place_of(tag[0]) if tag[1].lower() in dropped else tag[0], text)


def _in_place_of(tag: str) -> str:
    """A blank for what parts lines, nothing for what stands within one."""
    return " " if _BLOCKS.match(tag) else ""


def _decoded(text: str) -> str:
    """Character references decoded, blanks made one."""
    return " ".join(without_controls(html.unescape(text)).split())


def _letters(text: str) -> str:
    return "".join(text.split())
