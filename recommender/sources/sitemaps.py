"""The articles of a site by its sitemaps: each page is fetched, and its main text is read.

One request is made at a time. A second pull fetches only what has changed, by the times in the
sitemap or else by the ETags of the responses. A page that is not found any more is gone. Pages that
failed are fetched again at the next pull, after all others, so that none of them stops an import
for good.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from recommender.analysis.html.web_page import Page, PageReader
from recommender.articles import Article, host_of
from recommender.errors import BadSource, InvalidArticle, SourceAway, UnreadableMarkup
from recommender.progress import Meter
from recommender.sources.article_fields import complete_address, refusal
from recommender.sources.fetching import Fetcher, FetchResponse
from recommender.sources.pages import decode_page, is_article_list, page_article
from recommender.sources.sitemap_tree import (
    PageEntry,
    PageSeen,
    SitemapCheckpoint,
    SitemapWalk,
    validators,
)
from recommender.sources.source import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record

__all__ = ["Sitemap"]

_ACCEPTED: Final = frozenset({200, 304, 404, 410})
_NOT_FOUND: Final = frozenset({404, 410})
_NOT_MODIFIED: Final = 304
_FIRST_MARK: Final = 25  # pages; later marks are further apart, as each holds all pages
_MARK_SHARE: Final = 0.2
_MOST_FAILURES: Final = 5  # one after the other: the site is away
_MOST_RETRIED: Final = 500  # pages that failed and are fetched again in one pull
_MOST_UNLISTED: Final = 500  # pages without a sitemap that are fetched in one pull
_UNLISTED: Final = ""  # in place of a sitemap's address
_HTML: Final = frozenset({"text/html", "application/xhtml+xml", ""})
_NOINDEX: Final = LeftOut("noindex")


class Sitemap:
    """A sitemap, an index of sitemaps, a news sitemap, packed or not, or a list of addresses."""

    def __init__(
        self,
        address: str,
        fetcher: Fetcher,
        open_reader: Callable[[], PageReader] = PageReader,
    ) -> None:
        self._address = address
        self._fetcher = fetcher
        self._open_reader = open_reader

    @property
    def name(self) -> str:
        """The address as it was given."""
        return self._address

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Read the pages that are new or have changed since a checkpoint.

        Raises:
            SourceAway: the site does not answer, or stopped answering.
            BadSource: the sitemap cannot be fetched or is none.
        """
        before = SitemapCheckpoint.of(checkpoint)
        with self._open_reader() as reader:
            yield from _SitemapPull(self._fetcher, reader, before).run(self._address, meter)


@dataclass(frozen=True, slots=True)
class _PageRequest:
    """A page to be fetched: the sitemap that names it, and how it was the last time."""

    sitemap: str
    address: str
    entry: PageEntry
    seen: PageSeen


@dataclass(slots=True)
class _SitemapPull:
    """One pull, from the checkpoint before to the checkpoint now."""

    fetcher: Fetcher
    reader: PageReader
    before: SitemapCheckpoint
    now: SitemapCheckpoint = field(default_factory=SitemapCheckpoint)
    _ids: set[str] = field(default_factory=set)
    _failures: list[BadSource] = field(default_factory=list)  # one after the other

    def run(self, address: str, meter: Meter) -> Iterator[Pulled]:
        walk = SitemapWalk(self.fetcher, self.before)
        yield from walk.run(address)
        requests: list[_PageRequest] = []
        known = self.before.pages_by_address()
        for sitemap in walk.unchanged:
            self.now.pages[sitemap] = dict(self.before.pages.get(sitemap, {}))
        for sitemap, changed in walk.changed.items():
            yield from self._plan(sitemap, changed.entries, walk.hosts, known, requests)
        self._ids.update(seen.id for seen in self.now.pages_by_address().values())
        first = [one for one in requests if not one.seen.failed]
        yield from self._fetch_pages(first, walk.hosts, meter)
        if self._is_site_away:
            yield Mark(self._unfinished().to_json())
            raise SourceAway(
                f"{self._failures[-1]}; {_MOST_FAILURES} pages failed one after the other, so the "
                "import stops there; run it again, and it goes on"
            ) from self._failures[-1]
        yield from self._fetch_unlisted(walk)
        failed = sorted((one for one in requests if one.seen.failed), key=lambda r: r.seen.failed)
        if failed:
            yield from self._fetch_pages(failed[:_MOST_RETRIED], walk.hosts, meter)
        self.now.maps = self._maps(walk)
        yield Mark(self.now.to_json())

    def _maps(self, walk: SitemapWalk) -> dict[str, PageSeen]:
        """The sitemaps for the checkpoint, without those with failed pages: they are read again."""
        unchanged = {one: self.before.maps.get(one, PageSeen()) for one in walk.unchanged}
        return unchanged | {
            one: changed.seen
            for one, changed in walk.changed.items()
            if not any(seen.failed for seen in self.now.pages[one].values())
        }

    def _plan(
        self,
        sitemap: str,
        entries: tuple[PageEntry, ...],
        hosts: set[str],
        known: dict[str, PageSeen],
        requests: list[_PageRequest],
    ) -> Iterator[LeftOut]:
        """Note pages that are up to date; add a request for each of the others."""
        noted = self.now.pages.setdefault(sitemap, {})
        requested: set[str] = set()
        for entry in entries:
            address = complete_address(entry.address, sitemap)
            if address is None or host_of(address) not in hosts:
                yield LeftOut("of another host")
            elif address not in noted and address not in requested:
                seen = known.get(address, PageSeen())
                is_up_to_date = address in known and seen.is_up_to_date(entry.changed)
                if is_up_to_date or seen.failed:
                    noted[address] = seen
                if seen.failed or not is_up_to_date:
                    requested.add(address)
                    requests.append(_PageRequest(sitemap, address, entry, seen))

    def _fetch_pages(
        self, requests: list[_PageRequest], hosts: set[str], meter: Meter
    ) -> Iterator[Pulled]:
        """Fetch pages in order, until the site is away."""
        marked, done = 0, 0
        self._failures = []
        with meter("pages", len(requests), "page") as advance:
            for request in requests:
                if self._is_site_away:
                    return
                yield from self._fetch_page(request, hosts)
                advance(1)
                done += 1
                if done - marked >= max(_FIRST_MARK, _MARK_SHARE * done):
                    marked = done
                    yield Mark(self._unfinished().to_json())

    def _unfinished(self) -> SitemapCheckpoint:
        """The checkpoint before all pages are read: no sitemap counts as read."""
        every = {*self.before.pages, *self.now.pages}
        pages = {
            one: {**self.before.pages.get(one, {}), **self.now.pages.get(one, {})} for one in every
        }
        return SitemapCheckpoint(pages=pages)

    def _fetch_page(self, request: _PageRequest, hosts: set[str]) -> Iterator[Record | LeftOut]:
        noted, seen = self.now.pages[request.sitemap], request.seen
        changed = request.entry.changed
        response = self._fetch(request.address, seen)
        if isinstance(response, BadSource):
            noted[request.address] = replace(seen, failed=_now().isoformat())
            yield Record(request.address, refusal("", str(response)))
            return
        if response.status == _NOT_MODIFIED:
            noted[request.address] = replace(seen, changed=changed, day=_today(), failed="")
            return
        result = self._result(request, response, hosts)
        noted[request.address] = PageSeen(
            changed, **validators(response), id=_id_after(result, seen.id), day=_today()
        )
        yield result

    def _fetch(self, address: str, seen: PageSeen) -> FetchResponse | BadSource:
        """The response, or why there is none."""
        try:
            response = self.fetcher.get(address, seen.conditions, accept=_ACCEPTED)
        except BadSource as error:
            self._failures = [*self._failures, error] if isinstance(error, SourceAway) else []
            return error
        self._failures = []
        return response

    @property
    def _is_site_away(self) -> bool:
        """Whether the site seems to be away; a site that refuses some pages is not."""
        return len(self._failures) >= _MOST_FAILURES

    def _result(
        self, request: _PageRequest, response: FetchResponse, hosts: set[str]
    ) -> Record | LeftOut:
        """The records of a page that was fetched."""
        if response.status in _NOT_FOUND:
            stored = request.seen.id
            return Record(request.address, Gone(stored)) if stored else LeftOut("not found")
        if host_of(response.url) not in hosts:
            return LeftOut("of another host")
        content = _read_page(response, request.entry, self.reader)
        if isinstance(content, LeftOut):
            return content
        if isinstance(content, Gone):
            is_stored = content.id == request.seen.id
            return Record(request.address, content) if is_stored else _NOINDEX
        if isinstance(content, Article):
            if content.id in self._ids - {request.seen.id}:
                return LeftOut("copy")
            self._ids.add(content.id)
        return Record(request.address, content)

    def _fetch_unlisted(self, walk: SitemapWalk) -> Iterator[Pulled]:
        """Fetch known pages that no sitemap names any more; those that are there are forgotten.

        A news sitemap names a page only for two days, so its pages are not fetched. Nor is a page
        whose article another page shows by now.
        """
        partial = {one for one, changed in walk.changed.items() if not changed.is_whole}
        known = self.before.pages_by_address(but=walk.unchanged | partial)
        listed = self.now.pages_by_address()
        shown = {"", *(seen.id for seen in listed.values())}
        unlisted = [
            one for one, seen in known.items() if one not in listed and seen.id not in shown
        ]
        later = unlisted[_MOST_UNLISTED:]
        self._failures = []
        for address in unlisted[:_MOST_UNLISTED]:
            response = None if self._is_site_away else self._fetch(address, known[address])
            if response is None or isinstance(response, BadSource):
                later.append(address)
            elif response.status in _NOT_FOUND:
                yield Record(address, Gone(known[address].id))
        if later:
            self.now.pages[_UNLISTED] = {one: known[one] for one in later}


def _read_page(
    response: FetchResponse, entry: PageEntry, reader: PageReader
) -> Article | Gone | InvalidArticle | LeftOut:
    """The article of a page, what is wrong with it, or what it is instead of an article.

    An article whose page is not to be indexed (noindex) is gone. A page with noindex and without an
    article, such as a firewall's, says nothing about the article that was there.
    """
    content_type = response.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in _HTML:
        return LeftOut("no web page")
    try:
        page = reader.read(decode_page(response.body, content_type))
    except UnreadableMarkup as error:
        return refusal("/body", str(error))
    if page.is_hidden or "noindex" in response.headers.get("x-robots-tag", "").lower():
        hidden = page_article(page, response.url)
        return Gone(hidden.id) if isinstance(hidden, Article) else _NOINDEX
    if is_article_list(page, response.url):
        return LeftOut("list of articles")
    return page_article(_with_news(page, entry), response.url)


def _with_news(page: Page, entry: PageEntry) -> Page:
    """The page with what a news sitemap says about it."""
    return replace(
        page,
        title=entry.title or page.title,
        published=entry.published or page.published,
        language=entry.language or page.language,
        tags=entry.keywords or page.tags,
    )


def _id_after(result: Record | LeftOut, before: str) -> str:
    """The id of the article that is stored for a page after a result."""
    content = result.content if isinstance(result, Record) else None
    if isinstance(content, Article):
        return content.id
    return "" if isinstance(content, Gone) else before


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _today() -> str:
    return _now().date().isoformat()
