"""Values of other systems as fields of an article, and the article made of them."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urljoin

from recommender.articles import LANGUAGE_PATTERN, Article, is_web_address, parse_article
from recommender.errors import FieldFault, InvalidArticle

__all__ = ["language_tag", "make_article", "moment", "refuse", "web_address"]

_LONGEST_ADDRESS: Final = 2_000
_LONGEST_TAG: Final = 35
_LANGUAGE: Final = re.compile(LANGUAGE_PATTERN)


def make_article(fields: Mapping[str, object]) -> Article | InvalidArticle:
    """The article of some fields, those that hold nothing left out; or what is wrong with them."""
    try:
        return parse_article(json.dumps({name: value for name, value in fields.items() if value}))
    except InvalidArticle as refusal:
        return refusal


def refuse(pointer: str, detail: str) -> InvalidArticle:
    """A record that is no article, for one reason."""
    return InvalidArticle("the article is not acceptable", (FieldFault(pointer, detail),))


def web_address(value: object, base: str = "") -> str | None:
    """An absolute web address; a relative one is joined to a base. None if it is no web address."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_ADDRESS:
        return None
    try:
        whole = "".join(map(_printable, urljoin(base, value.strip())))
    except ValueError:  # brackets without an IPv6 address
        return None
    return whole if is_web_address(whole) and len(whole) <= _LONGEST_ADDRESS else None


def language_tag(value: object) -> str | None:
    """A BCP-47 tag; None for what is none, such as the name of a language in words."""
    if not isinstance(value, str):
        return None
    tag = value.strip().replace("_", "-")
    return tag if len(tag) <= _LONGEST_TAG and _LANGUAGE.match(tag) else None


def moment(value: object) -> str | None:
    """A date and time as RFC 3339 in UTC; None where there is none that a calendar has.

    One without an offset is taken for UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip().upper())
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None


def _printable(character: str) -> str:
    fits = character.isprintable() and character != " "
    return character if fits else quote(character, errors="replace")
