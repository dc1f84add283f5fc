"""The sitemaps of a site: from a sitemap, or an index of sitemaps, to all pages that they name.

The format is https://www.sitemaps.org. Google's news sitemaps say more about a page: title, time,
language and keywords. A text file has one address on each line. `SitemapCheckpoint` is what is
remembered between two pulls, so that only what has changed is fetched.
"""

import codecs
import hashlib
from collections import deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from typing import Final

from recommender.articles import host_of
from recommender.errors import BadSource
from recommender.sources.article_fields import complete_address, refusal
from recommender.sources.fetching import Fetcher, FetchResponse, collect, unpack
from recommender.sources.format_detection import HEAD, detect_format
from recommender.sources.source import CheckpointJson, LeftOut, Record
from recommender.sources.xml_elements import NotWellFormed, XmlElement, read_elements

__all__ = [
    "PageEntry",
    "PageSeen",
    "SitemapCheckpoint",
    "SitemapEntry",
    "SitemapFault",
    "SitemapWalk",
    "read_sitemap",
    "validators",
]

_GZIP: Final = b"\x1f\x8b"
_MOST_SITEMAP_BYTES: Final = 64 * 2**20  # unpacked; the format allows 50 MB
_MOST_LINES: Final = 50_000  # of a text file, as in the format
_BEFORE_TEXT: Final = codecs.BOM_UTF8 + b" \t\r\n"
_DEEPEST: Final = 3  # indexes in indexes; the format allows none
_MOST_MAPS: Final = 5_000
_MOST_PAGES: Final = 500_000
_DIGEST: Final = 16  # hex digits
_NOT_MODIFIED: Final = 304
_ACCEPTED: Final = frozenset({200, _NOT_MODIFIED})
_FIELDS: Final = ("changed", "etag", "last_modified", "digest", "id", "day", "failed")
_DAY: Final = 10  # characters of a date without a time


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page that a sitemap names.

    Attributes:
        address: as written.
        changed: time of the last change, as written; else time of publication.
        title: of a news sitemap, like all below.
        published: time of publication.
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
class SitemapEntry:
    """A sitemap that an index names, and the time of its last change, as written."""

    address: str
    changed: str = ""


@dataclass(frozen=True, slots=True)
class SitemapFault:
    """Where a sitemap is not well-formed; what comes after is not read."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class PageSeen:
    """A page or sitemap as it was at its last response.

    Attributes:
        changed: time of its last change, as the sitemap that names it said.
        etag: of the response.
        last_modified: of the response.
        digest: of the bytes of a sitemap.
        id: of the article that is stored for a page; empty if there is none. It stays while the
            page shows something else, such as a firewall's notice, until another page has the
            article or the page is gone.
        day: when it was fetched, in UTC.
        failed: when fetching it failed since then, in UTC; empty if it did not.
    """

    changed: str = ""
    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    id: str = ""
    day: str = ""
    failed: str = ""

    def is_unchanged(self, changed: str) -> bool:
        """Whether a sitemap's time of the last change shows that it has not changed.

        A day without a time shows it only if the page was fetched after that day had ended in all
        time zones.
        """
        if not changed or changed != self.changed:
            return False
        return len(changed) > _DAY or self.day > _day_after(changed)

    def is_up_to_date(self, changed: str) -> bool:
        """Whether it need not be fetched.

        It is unchanged; or neither its sitemap nor its headers say when it changed.
        """
        return self.is_unchanged(changed) or not (changed or self.conditions)

    @property
    def conditions(self) -> dict[str, str]:
        """Headers of a request that is answered only if it has changed."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


def _day_after(day: str) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):  # only a year or a month, or no date
        return ""


def validators(response: FetchResponse) -> dict[str, str]:
    """The fields of a `PageSeen` that come from the headers of a response."""
    headers = response.headers
    return {"etag": headers.get("etag", ""), "last_modified": headers.get("last-modified", "")}


@dataclass(slots=True)
class SitemapCheckpoint:
    """Sitemaps by address, and for each the pages that it names, by address."""

    maps: dict[str, PageSeen] = field(default_factory=dict)
    pages: dict[str, dict[str, PageSeen]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: CheckpointJson | None) -> "SitemapCheckpoint":
        """Read what `to_json` wrote; parts of another form are ignored."""
        document = document or {}
        maps = {one: _seen(value) for one, value in _mapping(document.get("maps")).items()}
        pages = {
            one: {page: _seen(value) for page, value in _mapping(named).items()}
            for one, named in _mapping(document.get("pages")).items()
        }
        return cls(maps, pages)

    def pages_by_address(self, but: Container[str] = ()) -> dict[str, PageSeen]:
        """Every page, whichever sitemap names it, without those of the sitemaps in `but`."""
        return {
            page: seen
            for sitemap, named in self.pages.items()
            if sitemap not in but
            for page, seen in named.items()
        }

    def to_json(self) -> CheckpointJson:
        """In plain JSON types."""
        return {
            "maps": {one: _document(seen) for one, seen in self.maps.items()},
            "pages": {
                one: {page: _document(seen) for page, seen in named.items()}
                for one, named in self.pages.items()
            },
        }


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _seen(value: object) -> PageSeen:
    document = _mapping(value)
    return PageSeen(**{name: str(document.get(name, "")) for name in _FIELDS})


def _document(seen: PageSeen) -> dict[str, str]:
    """Without empty fields, as a site has many pages."""
    return {name: value for name in _FIELDS if (value := getattr(seen, name))}


def read_sitemap(body: bytes) -> Iterator[PageEntry | SitemapEntry | SitemapFault]:
    """What a sitemap names, in its order.

    Raises:
        BadSource: it is not a sitemap, or unpacks to too much.
    """
    plain = _unpacked(body)
    if not plain.strip(_BEFORE_TEXT):
        raise BadSource("is empty")
    if not plain.lstrip(_BEFORE_TEXT).startswith(b"<"):
        yield from _lines(plain)
        return
    if (kind := detect_format(plain[:HEAD])) != "sitemap":
        raise BadSource(f"is no sitemap but {kind}; give the address of the sitemap")
    try:
        for element in read_elements(BytesIO(plain), lambda _bytes: None, depth=1):
            yield from _entry(element)
    except NotWellFormed as error:
        yield SitemapFault(error.line, str(error))


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    return collect(unpack([body], "gzip"), _MOST_SITEMAP_BYTES)


def _lines(plain: bytes) -> Iterator[PageEntry]:
    lines = plain.decode("utf-8-sig", "replace").splitlines()
    found = [line.strip() for line in lines if line.strip()]
    if not all(line.lower().startswith(("http://", "https://")) for line in found[:1]):
        raise BadSource("is no sitemap: its first line is no address")
    yield from map(PageEntry, found[:_MOST_LINES])


def _entry(element: XmlElement) -> Iterator[PageEntry | SitemapEntry]:
    address, changed = _text(element, "loc"), _text(element, "lastmod")
    if address and element.name == "sitemap":
        yield SitemapEntry(address, changed)
    elif address and element.name == "url":
        news = next((child for child in element.children if child.name == "news"), None)
        yield PageEntry(address, changed) if news is None else _news(address, changed, news)


def _news(address: str, changed: str, news: XmlElement) -> PageEntry:
    publication = next((child for child in news.children if child.name == "publication"), news)
    published = _text(news, "publication_date")
    return PageEntry(
        address=address,
        changed=changed or published,
        title=_text(news, "title"),
        published=published,
        language=_text(publication, "language"),
        keywords=tuple(filter(None, map(str.strip, _text(news, "keywords").split(",")))),
    )


def _text(element: XmlElement, name: str) -> str:
    texts = (child.text for child in element.children if child.name == name)
    return " ".join(next(texts, "").split())


@dataclass(frozen=True, slots=True)
class _ChangedSitemap:
    """A sitemap of pages that has changed.

    Attributes:
        seen: how it is now.
        entries: the pages that it names.
        is_whole: it names all pages of its part of the site: it is well-formed, and not a news
            sitemap, which names only those of two days.
    """

    seen: PageSeen
    entries: tuple[PageEntry, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Step:
    address: str
    changed: str = ""
    depth: int = 0


@dataclass(slots=True)
class SitemapWalk:
    """One walk over a site's sitemaps. Afterwards each is in `changed` or in `unchanged`."""

    fetcher: Fetcher
    before: SitemapCheckpoint
    hosts: set[str] = field(default_factory=set)
    changed: dict[str, _ChangedSitemap] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    _indexes: set[str] = field(default_factory=set)

    def run(self, address: str) -> Iterator[Record | LeftOut]:
        """Walk from an address on; gives what is left out and what is wrong.

        Raises:
            BadSource: the first sitemap cannot be fetched or is none, or there are too many.
        """
        self.hosts.add(host_of(address))
        steps = deque([_Step(address)])
        while steps:
            step = steps.popleft()
            if step.address in self._indexes | self.changed.keys() | self.unchanged:
                continue
            try:
                found = self._read(step)
            except BadSource as error:
                if not step.depth:
                    raise
                self.unchanged.add(step.address)  # its pages stay known until it is back
                yield Record(step.address, refusal("", str(error)))
                continue
            yield from self._take(step, found, steps)

    def _read(self, step: _Step) -> list[PageEntry | SitemapEntry | SitemapFault] | None:
        """What a sitemap names; None if it is unchanged."""
        seen = self.before.maps.get(step.address, PageSeen())
        if seen.is_unchanged(step.changed):
            return None
        response = self.fetcher.get(step.address, seen.conditions, accept=_ACCEPTED)
        if not step.depth:
            self.hosts.add(host_of(response.url))
        digest = hashlib.sha256(response.body).hexdigest()[:_DIGEST]
        if response.status == _NOT_MODIFIED or digest == seen.digest:
            return None
        try:
            found = list(read_sitemap(response.body))
        except BadSource as error:
            raise BadSource(f"{step.address}: {error}") from error
        pages = tuple(one for one in found if isinstance(one, PageEntry))
        is_faulty = any(isinstance(one, SitemapFault) for one in found)
        is_news = any(page.title for page in pages)
        if not any(isinstance(one, SitemapEntry) for one in found):
            now = PageSeen(step.changed, **validators(response), digest=digest)
            self.changed[step.address] = _ChangedSitemap(now, pages, not (is_faulty or is_news))
        return found

    def _take(
        self,
        step: _Step,
        found: list[PageEntry | SitemapEntry | SitemapFault] | None,
        steps: deque[_Step],
    ) -> Iterator[Record | LeftOut]:
        if found is None:
            self.unchanged.add(step.address)
            return
        for one in found:
            if isinstance(one, SitemapFault):
                yield Record(f"{step.address}:{one.line}", refusal("", f"no XML: {one.reason}"))
            elif isinstance(one, SitemapEntry):
                yield from self._follow(step, one, steps)
        if step.address not in self.changed:
            self._indexes.add(step.address)
        self._check_size()

    def _follow(self, step: _Step, one: SitemapEntry, steps: deque[_Step]) -> Iterator[LeftOut]:
        there = complete_address(one.address, step.address)
        if there is None or host_of(there) not in self.hosts:
            yield LeftOut("of another host")
        elif step.depth >= _DEEPEST:
            yield LeftOut("nested too deep")
        else:
            steps.append(_Step(there, one.changed, step.depth + 1))

    def _check_size(self) -> None:
        pages = sum(len(one.entries) for one in self.changed.values())
        if pages > _MOST_PAGES or len(self.changed) + len(self.unchanged) > _MOST_MAPS:
            raise BadSource(
                f"names more than {_MOST_MAPS} sitemaps or {_MOST_PAGES} pages; import its "
                "sitemaps one by one"
            )
