"""A web page as an article: a file, or what was fetched from an address."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from recommender.analysis.html.page import Page, PageReader
from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle, UnreadableMarkup
from recommender.progress import Meter
from recommender.sources.charsets import decode_page
from recommender.sources.fields import language_tag, make_article, moment, refuse, web_address
from recommender.sources.ids import foreign_id
from recommender.sources.plain import adds_to, names_of
from recommender.sources.records import Cursor, Pulled, Record
from recommender.sources.sniffing import HEAD, sniff

__all__ = ["PageFile", "fault_of", "host_of", "is_listing", "page_article"]

_FEWEST: Final = 80  # characters of main text where a page does not call itself an article
_LINKS: Final = 0.5  # of the main text, where a page does not call itself an article
_LOCAL_TIME: Final = 19  # characters of 2026-03-01T09:30:00, before a zone that nobody knows
_LONGEST_LINE: Final = 2_000  # characters that an article's title may have
_LONGEST_NAME: Final = 300
_NOT_LATIN: Final = "\u0250"
_MOST_BYTES: Final = 64 * 2**20
_DAY: Final = re.compile(r"/(20\d\d|19[89]\d)[/-]([01]\d)[/-]([0-3]\d)(?=/|-|$)")
_REFRESH: Final = re.compile(r"http-equiv\s*=\s*[\"']?refresh", re.IGNORECASE)


def page_article(page: Page, address: str = "", name: str = "") -> Article | InvalidArticle:
    """The article that a page shows, or what is wrong with it.

    Args:
        page: as it was read.
        address: where it was fetched; empty if it is not known.
        name: stands for an address where the page has none.
    """
    fault = fault_of(page, address)
    if fault is not None:
        return refuse("/body", fault)
    url = _own_address(page, address)
    return make_article(
        {
            "id": foreign_id("page", url or name),
            "title": page.title[:_LONGEST_LINE],
            "body": page.text,
            "summary": page.summary[:_LONGEST_LINE] if adds_to(page.summary, page.text) else "",
            "url": url,
            "section": page.section[:_LONGEST_NAME],
            "tags": names_of(name[:_LONGEST_NAME] for name in page.tags),
            "authors": names_of(name[:_LONGEST_NAME] for name in page.authors),
            "language": _language_of(page),
            "image_url": web_address(page.image, url or ""),
            "published_at": _time_of(page.published) or _day_of(url or ""),
            "updated_at": _time_of(page.modified),
        }
    )


def fault_of(page: Page, address: str = "") -> str | None:
    """Why a page is not the page of one article; None if it may be."""
    if page.moves and len(page.text) < _FEWEST:
        return "the page only sends its reader on to another one; import that one"
    if is_listing(page, address):
        return "the page is a front page or a list of articles; import the site's feed or sitemap"
    if not page.text or (not page.is_story and len(page.text) < _FEWEST):
        return "the page has no main text"
    return None


def is_listing(page: Page, address: str = "") -> bool:
    """Whether a page shows many articles: the front page of a site, or a section's."""
    is_home = _is_home(_own_address(page, address) or "")
    return is_home or page.is_list or (not page.is_story and page.linked > _LINKS)


def _own_address(page: Page, address: str = "") -> str | None:
    """The address that a page has: the one it names, if that is of the host it came from."""
    named = web_address(page.address, address)
    if named and (not address or host_of(named) == host_of(address)):
        return named
    return web_address(address)


def host_of(address: str) -> str:
    """The host of a web address, in lower case, without www; empty if there is none."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return ""
    return (host or "").removeprefix("www.")


def _time_of(text: str) -> str | None:
    """RFC 3339 in UTC; a time without an offset, or of a zone in letters, is taken for UTC."""
    return moment(text) or moment(text[:_LOCAL_TIME])


def _language_of(page: Page) -> str | None:
    """The language that the page names, but English of a text that is not in Latin letters.

    Many a theme says English, whatever its site is written in.
    """
    named = language_tag(page.language)
    letters = [mark for mark in page.text if mark.isalpha()]
    latin = sum(mark < _NOT_LATIN for mark in letters)
    is_english = named is not None and named.lower().startswith("en")
    return None if is_english and 2 * latin < len(letters) else named


def _day_of(address: str) -> str | None:
    """The day in an address such as /2026/03/01/ferry."""
    found = _DAY.search(address)
    return moment("-".join(found.groups())) if found else None


def _is_home(address: str) -> bool:
    parts = urlsplit(address)
    return bool(address) and parts.path in {"", "/"} and not parts.query


class PageFile:
    """A file that holds one web page. It keeps no cursor: the store tells whether it is new."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def pull(self, _cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Read the page.

        Raises:
            BadSource: the file cannot be read, is too large, or is no HTML.
        """
        text = decode_page(self._body())
        with meter(self._path.name, 1, "page") as advance, PageReader() as reader:
            try:
                page = reader.read(text)
            except UnreadableMarkup as error:
                raise BadSource(f"{self._path}:1: {error}") from error
            advance(1)
        found = _REFRESH.search(text) if page.moves else None
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        yield Record(f"{self._path}:{line}", page_article(page, name=self._path.name))

    def _body(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                body = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise BadSource(f"{self._path}: cannot be read ({error.strerror})") from error
        if len(body) > _MOST_BYTES:
            raise BadSource(f"{self._path}:1: is larger than {_MOST_BYTES} bytes, as no page is")
        if (kind := sniff(body[:HEAD])) != "page":
            raise BadSource(f"{self._path}:1: is no web page but {kind}; leave --format out")
        return body
