"""What WordPress answers over REST, read with patience: pure functions over headers and bodies."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

from recommender.errors import BadSource, SourceAway
from recommender.sources.fetching import Answer
from recommender.sources.json_values import text
from recommender.sources.moments import mail_moment

__all__ = ["Page", "find_root", "moment_of", "page_of", "post_of", "read_json", "root_in"]

CLOSED: Final = frozenset({401, 403})
NOT_SHOWN: Final = frozenset({"rest_post_invalid_id", "rest_forbidden"})
"""WordPress's own words for a post that is not there, and for one that visitors may not read."""
MOST_TRIES: Final = 20
LONGEST_MESSAGE: Final = 200  # characters of a site's own words
_BEGINS: Final = re.compile(r'[\[{]\s*[\[{"\]}]')
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_LINK_HEADER: Final = re.compile(r'<([^<>]*)>\s*;[^<>,]*\brel="?https://api\.w\.org/"?')
_LINK_TAG: Final = re.compile(r"<link\b[^<>]*\bhttps://api\.w\.org/[^<>]*>", re.IGNORECASE)
_HREF: Final = re.compile(r"""\bhref\s*=\s*["']([^"'<>]*)["']""", re.IGNORECASE)
_ROUTE: Final = re.compile(r"([?&]rest_route=)(?:/|%2F)?.*", re.IGNORECASE | re.DOTALL)
_PRETTY: Final = re.compile(r"(/wp-json)(?:/.*|[?#].*)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a collection, and how much there is in all, where the site says so."""

    rows: tuple[Mapping[str, object], ...] = ()
    total: int | None = None
    pages: int | None = None


def root_in(address: str) -> str | None:
    """The root of the REST interface that an address itself names; None if it names none."""
    if _ROUTE.search(address):
        return _ROUTE.sub(r"\1/", address)
    found = _PRETTY.search(address)
    return f"{address[: found.start()]}/wp-json/" if found else None


def find_root(answer: Answer) -> str | None:
    """The root of the REST interface that a page of the site points to, in its head or header."""
    link = _LINK_HEADER.search(answer.headers.get("link", ""))
    if link:
        return _root(urljoin(answer.url, link[1]))
    tag = _LINK_TAG.search(answer.body.decode("latin-1"))
    href = _HREF.search(tag[0]) if tag else None
    return _root(urljoin(answer.url, html.unescape(href[1]))) if href else None


def _root(address: str) -> str:
    """A site may have its interface in a folder of another name."""
    return root_in(address) or address.rstrip("/") + "/"


def read_json(answer: Answer) -> object:
    """The JSON of an answer; notices that PHP printed before it are passed over.

    Raises:
        SourceAway: there is none, as the site has trouble.
        BadSource: there is none.
    """
    try:
        return json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        found = _after_notices(answer.body.decode("utf-8", "replace"))
    if found is None:
        raise _refuse(answer, f" with {_kind(answer)}, not JSON")
    return found


def _after_notices(body: str) -> object:
    """The first JSON text that goes on to the end; None if there is none."""
    decoder = json.JSONDecoder()
    for _, begin in zip(range(MOST_TRIES), _BEGINS.finditer(body), strict=False):
        try:
            found, end = decoder.raw_decode(body, begin.start())
        except (ValueError, RecursionError):  # a bracket in the notice: the next one may be it
            continue
        if not body[end:].strip():
            return found
    return None


def _kind(answer: Answer) -> str:
    looks_like = answer.body[:1000].lstrip().lower()
    is_page = looks_like.startswith((b"<!doctype html", b"<html")) or b"<body" in looks_like
    return "a web page" if is_page else "something else"


def page_of(answer: Answer) -> Page:
    """A page of a collection; one past the end is empty.

    Raises:
        SourceAway: the site has trouble.
        BadSource: it refuses, or answers something that is no collection.
    """
    found = read_json(answer)
    if answer.status == HTTPStatus.OK and isinstance(found, list):
        rows = tuple(row for row in found if isinstance(row, Mapping))
        if len(rows) == len(found):
            total, pages = (_number(answer, f"x-wp-total{end}") for end in ("", "pages"))
            return Page(rows, total, pages)
    code, message = _refusal(found, "list of posts")
    if code.endswith("invalid_page_number"):
        return Page()
    remedy = "; if it is closed, give --user and --password-file" * (answer.status in CLOSED)
    raise _refuse(answer, message + remedy)


def post_of(answer: Answer, number: int) -> Mapping[str, object] | None:
    """The post that was asked for by its number; None where the site does not show it.

    Only WordPress's own word counts for that. A firewall refuses with a page, a plugin that closes
    the interface with a code of its own: they say nothing of the post.

    Raises:
        SourceAway: the site has trouble.
        BadSource: it does not say.
    """
    found = read_json(answer)
    if answer.status == HTTPStatus.OK and isinstance(found, Mapping) and found.get("id") == number:
        return found
    code, message = _refusal(found, "post")
    if code in NOT_SHOWN:
        return None
    raise _refuse(answer, message)


def _refusal(found: object, wanted: str) -> tuple[str, str]:
    """The code of a refusal, and the site's own words for it."""
    code = text(found, "code") if isinstance(found, Mapping) else ""
    if not isinstance(found, Mapping) or not code:
        return "", f" with something that is no {wanted}"
    return code, f": {html.unescape(text(found, 'message'))[:LONGEST_MESSAGE]} ({code[:60]})"


def _refuse(answer: Answer, told: str) -> BadSource:
    kind = SourceAway if answer.is_trouble else BadSource
    return kind(f"{answer.url}: answers {answer.status}{told}")


def _number(answer: Answer, header: str) -> int | None:
    told = answer.headers.get(header, "").strip()
    return int(told) if _COUNT.fullmatch(told) else None


def moment_of(answer: Answer) -> datetime | None:
    """When an answer was made, by the clock of the site; None where it does not say."""
    return mail_moment(answer.headers.get("date", ""))
