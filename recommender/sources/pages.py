"""A web page to an article: a page in a file, or one that was fetched."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom

from recommender.analysis.html.web_page import Page, PageReader
from recommender.articles import LONGEST_LINE, LONGEST_NAME, Article, host_of
from recommender.errors import BadSource, InvalidArticle, UnreadableMarkup
from recommender.progress import Meter
from recommender.sources.article_fields import (
    adds_to,
    complete_address,
    language_tag,
    make_article,
    plain_names,
    refusal,
)
from recommender.sources.article_ids import foreign_id
from recommender.sources.dates import to_rfc3339
from recommender.sources.format_detection import HEAD, detect_format
from recommender.sources.source import CheckpointJson, Pulled, Record

__all__ = ["PageFile", "decode_page", "is_article_list", "page_article"]

_SHORTEST: Final = 80  # characters of main text, if a page does not say that it is an article
_MOST_LINKS: Final = 0.5  # share of the main text, likewise
_LOCAL_TIME: Final = 19  # characters of 2026-03-01T09:30:00, before an unknown time zone
_NOT_LATIN: Final = "\u0250"
_MOST_PAGE_BYTES: Final = 64 * 2**20
_DAY: Final = re.compile(r"/(20\d\d|19[89]\d)[/-]([01]\d)[/-]([0-3]\d)(?=/|-|$)")
_REFRESH: Final = re.compile(r"http-equiv\s*=\s*[\"']?refresh", re.IGNORECASE)
_ENCODINGS: Final = frozenset(
    """
    utf-8 utf-16-le utf-16-be cp866 cp874 cp932 cp949 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255
    cp1256 cp1257 cp1258 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8
    iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u koi8-t kz1048 mac-cyrillic
    gb18030 big5hkscs euc_jp iso2022_jp
    """.split()  # noqa: SIM905 - a list to read
)
"""What browsers read. Other codecs of Python fail, or need very long (punycode), on some pages."""


def decode_page(body: bytes, content_type: str = "") -> str:
    """The text of a page; bytes that are not in the encoding become U+FFFD.

    The encoding is that of the byte order mark, else the server's, else the page's own. Without
    any it is UTF-8, or windows-1252 if the page is not UTF-8.

    Args:
        body: of the page.
        content_type: the server's header.
    """
    named, mark = read_bom(body)
    if named in _ENCODINGS and mark is not None:
        return body[len(mark) :].decode(named, "replace")
    declared = (http_content_type_encoding(content_type), html_body_declared_encoding(body))
    encoding = next((one for one in declared if one in _ENCODINGS), None) or _guess_encoding(body)
    return body.decode(encoding, "replace")


def _guess_encoding(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def page_article(page: Page, address: str = "", name: str = "") -> Article | InvalidArticle:
    """The article of a page, or what is wrong with the page.

    Args:
        page: as it was read.
        address: where it was fetched; empty if that is not known.
        name: replaces the address if the page has none.
    """
    fault = _page_fault(page, address)
    if fault is not None:
        return refusal("/body", fault)
    url = _own_address(page, address)
    return make_article(
        {
            "id": foreign_id("page", url or name),
            "title": page.title[:LONGEST_LINE],
            "body": page.text,
            "summary": page.summary[:LONGEST_LINE] if adds_to(page.summary, page.text) else "",
            "url": url,
            "section": page.section[:LONGEST_NAME],
            "tags": plain_names(name[:LONGEST_NAME] for name in page.tags),
            "authors": plain_names(name[:LONGEST_NAME] for name in page.authors),
            "language": _language_of(page),
            "image_url": complete_address(page.image, url or ""),
            "published_at": _time_of(page.published) or _day_of(url or ""),
            "updated_at": _time_of(page.modified),
        }
    )


def _page_fault(page: Page, address: str = "") -> str | None:
    """Why a page is not the page of one article; None if it is."""
    if page.moves and len(page.text) < _SHORTEST:
        return "the page only sends its reader on to another one; import that one"
    if is_article_list(page, address):
        return "the page is a front page or a list of articles; import the site's feed or sitemap"
    if not page.text or (not page.is_story and len(page.text) < _SHORTEST):
        return "the page has no main text"
    return None


def is_article_list(page: Page, address: str = "") -> bool:
    """Whether a page shows many articles: the front page of a site or of a section."""
    is_home = _is_home(_own_address(page, address) or "")
    return is_home or page.is_list or (not page.is_story and page.linked > _MOST_LINKS)


def _own_address(page: Page, address: str = "") -> str | None:
    """The address that a page gives itself, if it is of the host that the page came from."""
    named = complete_address(page.address, address)
    if named and (not address or host_of(named) == host_of(address)):
        return named
    return complete_address(address)


def _time_of(text: str) -> str | None:
    """A time in RFC 3339; without an offset, or with a zone in letters, it is taken for UTC."""
    return to_rfc3339(text) or to_rfc3339(text[:_LOCAL_TIME])


def _language_of(page: Page) -> str | None:
    """The language that the page names; but not English if the text is not in Latin letters.

    Many themes say English, whatever the language of the site.
    """
    named = language_tag(page.language)
    letters = [mark for mark in page.text if mark.isalpha()]
    latin = sum(mark < _NOT_LATIN for mark in letters)
    is_english = named is not None and named.lower().startswith("en")
    return None if is_english and 2 * latin < len(letters) else named


def _day_of(address: str) -> str | None:
    """The day in an address such as /2026/03/01/ferry."""
    found = _DAY.search(address)
    return to_rfc3339("-".join(found.groups())) if found else None


def _is_home(address: str) -> bool:
    parts = urlsplit(address)
    return bool(address) and parts.path in {"", "/"} and not parts.query


class PageFile:
    """A file that holds one web page. It has no checkpoint: the store finds out if it is new."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def pull(self, _checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Read the page.

        Raises:
            BadSource: the file cannot be read, is too large, or is not HTML.
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
                body = file.read(_MOST_PAGE_BYTES + 1)
        except OSError as error:
            raise BadSource(f"{self._path}: cannot be read ({error.strerror})") from error
        if len(body) > _MOST_PAGE_BYTES:
            raise BadSource(
                f"{self._path}:1: is larger than {_MOST_PAGE_BYTES} bytes, as no page is"
            )
        if (kind := detect_format(body[:HEAD])) != "page":
            raise BadSource(f"{self._path}:1: is no web page but {kind}; leave --format out")
        return body
