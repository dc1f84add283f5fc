"""Values of other systems to the fields of an article: plain texts, names, addresses, JSON.

The shape of foreign data is never trusted: what is of another type than expected counts as absent.
"""

import codecs
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, urljoin

from pydantic_core import from_json

from recommender.articles import (
    LANGUAGE_PATTERN,
    LONGEST_LANGUAGE,
    LONGEST_LINE,
    LONGEST_NAME,
    LONGEST_SUMMARY,
    MOST_NAMES,
    Article,
    is_web_address,
    parse_article,
)
from recommender.characters import remove_controls
from recommender.errors import BadSource, FieldFault, InvalidArticle

__all__ = [
    "Fields",
    "adds_to",
    "as_list",
    "complete_address",
    "first_objects",
    "first_text",
    "language_tag",
    "make_article",
    "parse_json_document",
    "plain_names",
    "plain_summary",
    "plain_text",
    "plain_title",
    "refusal",
]

Fields = Mapping[str, object]
"""A JSON object of another system."""

_LANGUAGE: Final = re.compile(LANGUAGE_PATTERN)
_JSON_LINE: Final = re.compile(r" at line (\d+) column \d+$")
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)"
    r"|</?[a-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
"""It reads each character a bounded number of times: what is not closed goes on to the end."""
_BLOCKS: Final = re.compile(
    r"</?(?:br|p|div|li|ul|ol|h[1-6]|blockquote|figure|table|tr|td)\b", re.IGNORECASE
)
_TITLE_TAG: Final = re.compile(
    r"</?(abbr|b|bdi|bdo|big|br|cite|code|del|em|font|h[1-6]|i|img|ins|kbd|mark|p|q|s|samp|small|span"
    r"|strike|strong|sub|sup|tt|u|var|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
"""The tags that are seen in headlines."""
_UNPAIRED: Final = frozenset({"br", "img", "wbr"})
PIECE: Final = 12  # letters; so many in a row are no chance
COPIED_SHARE: Final = 0.7
_CUT_MARKS: Final = ("[…]", "…", "[...]", "...")


def make_article(fields: Fields) -> Article | InvalidArticle:
    """The article of some fields, empty ones left out; or what is wrong with them."""
    try:
        return parse_article(json.dumps({name: value for name, value in fields.items() if value}))
    except InvalidArticle as error:
        return error


def refusal(pointer: str, detail: str) -> InvalidArticle:
    """What is wrong with a record, for one reason."""
    return InvalidArticle("the article is not acceptable", (FieldFault(pointer, detail),))


def complete_address(value: object, base: str = "") -> str | None:
    """An absolute web address; a relative one is completed by `base`. None for anything else."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_LINE:
        return None
    try:
        whole = "".join(map(_printable, urljoin(base, value.strip())))
    except ValueError:  # brackets without an IPv6 address
        return None
    return whole if is_web_address(whole) and len(whole) <= LONGEST_LINE else None


def language_tag(value: object) -> str | None:
    """A BCP-47 tag; None for anything else, such as the name of a language in words."""
    if not isinstance(value, str):
        return None
    tag = value.strip().replace("_", "-")
    return tag if len(tag) <= LONGEST_LANGUAGE and _LANGUAGE.match(tag) else None


def plain_text(markup: str) -> str:
    """Remove tags, then decode character references; white space becomes single spaces.

    In this order, so that `&lt;b&gt;` stays the text `<b>`.
    """
    return _decoded(_MARKUP.sub(lambda tag: _replacement(tag[0]), markup))


def plain_title(title: str, *, is_html: bool) -> str:
    """A title as plain text, not longer than an article's may be.

    Args:
        title: as given.
        is_html: the title is HTML. Else it should be plain text, but often is HTML: a tag is
            removed if its end tag is there too or is not needed, so `Vec<String>` and `the <b>
            tag` stay.
    """
    plain = plain_text(title) if is_html else _decoded(_without_paired_tags(title))
    return plain[:LONGEST_LINE]


def plain_summary(summary: str, body: str) -> str:
    """A summary as plain text, not longer than an article's may be; empty if the body says it too.

    Args:
        summary: HTML or plain text.
        body: likewise.
    """
    plain = plain_text(summary)
    return plain[:LONGEST_SUMMARY] if plain and adds_to(plain, plain_text(body)) else ""


def adds_to(summary: str, body: str) -> bool:
    """Whether a summary was written for itself, and not cut from the body. Both are plain text.

    An automatic excerpt may end with words of the theme (*Continue reading: the title*), and leave
    out what stands between two paragraphs. So it is enough that most of it stands in the body.
    """
    letters, all_letters = _letters(summary), _letters(body)
    if summary.endswith(_CUT_MARKS) or letters in all_letters:
        return False
    starts = range(0, len(letters) - PIECE + 1, PIECE)
    copied = sum(letters[start : start + PIECE] in all_letters for start in starts)
    return not starts or copied < COPIED_SHARE * len(starts)


def plain_names(markups: Iterable[object]) -> list[str]:
    """Names as plain text, each once, as many and as long as an article may have."""
    names = (plain_text(one)[:LONGEST_NAME] for one in markups if isinstance(one, str))
    return list(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def parse_json_document(name: str, data: bytes) -> object:
    """The value that a JSON document holds.

    Raises:
        BadSource: it is not JSON. Not allowed are NaN, deep nesting and encodings beside UTF-8.
    """
    try:
        value: object = from_json(data.removeprefix(codecs.BOM_UTF8), allow_inf_nan=False)
    except ValueError as error:
        line = _JSON_LINE.search(str(error))
        reason = _JSON_LINE.sub("", str(error))
        raise BadSource(f"{name}:{line[1] if line else 1}: is no JSON ({reason})") from error
    return value


def first_text(fields: Fields, *names: str) -> str:
    """The first of some fields that holds a text that is not blank; else the empty text."""
    found = (fields.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value.strip()), "")


def as_list(value: object) -> list[object]:
    """A value that may be one or several, as a list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def first_objects(fields: Fields, *names: str) -> list[Fields]:
    """The objects in the first of some fields that holds any, be it one object or a list."""
    for name in names:
        found = [one for one in as_list(fields.get(name)) if isinstance(one, Mapping)]
        if found:
            return found
    return []


def _printable(character: str) -> str:
    fits = character.isprintable() and character != " "
    return character if fits else quote(character, errors="replace")


def _without_paired_tags(title: str) -> str:
    """Remove the tags that have their end tags, or need none."""
    found = [(tag[1].lower(), tag[0].startswith("</")) for tag in _TITLE_TAG.finditer(title)]
    paired = {name for name, is_end in found if is_end} & {name for name, end in found if not end}
    removed = paired | _UNPAIRED
    return _TITLE_TAG.sub(
        lambda tag: _replacement(tag[0]) if tag[1].lower() in removed else tag[0], title
    )


def _replacement(tag: str) -> str:
    """A space for a tag that ends a line or block, nothing for one inside a line."""
    return " " if _BLOCKS.match(tag) else ""


def _decoded(text: str) -> str:
    return " ".join(remove_controls(html.unescape(text)).split())


def _letters(text: str) -> str:
    return "".join(text.split())
