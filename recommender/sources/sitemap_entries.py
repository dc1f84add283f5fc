"""What a sitemap names: pages and other sitemaps, as https://www.sitemaps.org has them.

Google's news sitemaps say more of a page: title, time, language and keywords. A text file has an
address a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from recommender.errors import BadSource
from recommender.sources.bodies import collect, unpack
from recommender.sources.elements import Element, NotWellFormed, read_elements
from recommender.sources.sniffing import HEAD, sniff

__all__ = ["Broken", "Entry", "MapEntry", "read_sitemap"]

_GZIP: Final = b"\x1f\x8b"
_MOST_BYTES: Final = 64 * 2**20  # unpacked; the format allows 50 MB
_MOST_LINES: Final = 50_000  # of a text file, as the format has it
_ASIDE: Final = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that a sitemap names.

    Attributes:
        address: as it stands there.
        changed: when, as it stands there; the time of publication where nothing else is said.
        title: of a news sitemap, like all below.
        published: when.
        language: of the publication.
        keywords: of the article.
    """

    address: str
    changed: str = ""
    title: str = ""
    published: str = ""
    language: str = ""
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapEntry:
    """A sitemap that an index names, and when it changed, as it stands there."""

    address: str
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a sitemap is not well-formed; what comes after is not read."""

    line: int
    reason: str


def read_sitemap(body: bytes) -> Iterator[Entry | MapEntry | Broken]:
    """What it names, in its order.

    Raises:
        BadSource: it is no sitemap, or unpacks to too much.
    """
    plain = _unpacked(body)
    if not plain.strip(_ASIDE):
        raise BadSource("is empty")
    if not plain.lstrip(_ASIDE).startswith(b"<"):
        yield from _lines(plain)
        return
    if (kind := sniff(plain[:HEAD])) != "sitemap":
        raise BadSource(f"is no sitemap but {kind}; give the address of the sitemap")
    try:
        for element in read_elements(BytesIO(plain), lambda _bytes: None, around=1):
            yield from _entry(element)
    except NotWellFormed as error:
        yield Broken(error.line, str(error))


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    return collect(unpack([body], "gzip"), _MOST_BYTES)


def _lines(plain: bytes) -> Iterator[Entry]:
    lines = plain.decode("utf-8-sig", "replace").splitlines()
    found = [line.strip() for line in lines if line.strip()]
    if not all(line.lower().startswith(("http://", "https://")) for line in found[:1]):
        raise BadSource("is no sitemap: its first line is no address")
    yield from map(Entry, found[:_MOST_LINES])


def _entry(element: Element) -> Iterator[Entry | MapEntry]:
    address, changed = _text(element, "loc"), _text(element, "lastmod")
    if address and element.name == "sitemap":
        yield MapEntry(address, changed)
    elif address and element.name == "url":
        news = next((child for child in element.children if child.name == "news"), None)
        yield Entry(address, changed) if news is None else _news(address, changed, news)


def _news(address: str, changed: str, news: Element) -> Entry:
    publication = next((child for child in news.children if child.name == "publication"), news)
    published = _text(news, "publication_date")
    return Entry(
        address=address,
        changed=changed or published,
        title=_text(news, "title"),
        published=published,
        language=_text(publication, "language"),
        keywords=tuple(filter(None, map(str.strip, _text(news, "keywords").split(",")))),
    )


def _text(element: Element, name: str) -> str:
    texts = (child.text for child in element.children if child.name == name)
    return " ".join(next(texts, "").split())
