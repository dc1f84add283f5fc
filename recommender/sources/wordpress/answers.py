"""What WordPress answers over REST, read with patience: pure functions over headers and bodies."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin

from recommender.errors import BadSource
from recommender.sources.fetching import Answer
from recommender.sources.json_values import text

__all__ = ["Page", "find_root", "moment_of", "page_of", "read_json", "root_in"]

CLOSED: Final = frozenset({401, 403})
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
        BadSource: there is none.
    """
    try:
        return json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        found = _after_notices(answer.body.decode("utf-8", "replace"))
    if found is None:
        raise BadSource(f"{answer.url}: answers {answer.status} with {_kind(answer)}, not JSON")
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
        BadSource: the site refuses, or answers something that is no collection.
    """
    found = read_json(answer)
    if answer.status == 200 and isinstance(found, list):  # noqa: PLR2004 - HTTP's OK
        rows = tuple(row for row in found if isinstance(row, Mapping))
        if len(rows) == len(found):
            total, pages = (_number(answer, f"x-wp-total{end}") for end in ("", "pages"))
            return Page(rows, total, pages)
    code, message = _refusal(found)
    if code.endswith("invalid_page_number"):
        return Page()
    remedy = "; if it is closed, give --user and --password-file" * (answer.status in CLOSED)
    raise BadSource(f"{answer.url}: answers {answer.status}{message}{remedy}")


def _refusal(found: object) -> tuple[str, str]:
    """The code of a refusal, and the site's own words for it."""
    if not isinstance(found, Mapping):
        return "", " with something that is no list of posts"
    code, message = text(found, "code"), text(found, "message")
    return code, f": {html.unescape(message)[:LONGEST_MESSAGE]} ({code[:60]})" if code else ""


def _number(answer: Answer, header: str) -> int | None:
    told = answer.headers.get(header, "").strip()
    return int(told) if _COUNT.fullmatch(told) else None


def moment_of(answer: Answer) -> datetime | None:
    """When an answer was made, by the clock of the site; None where it does not say."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
