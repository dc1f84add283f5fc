"""The articles of a site by its sitemaps: each page is fetched and its main text read.

One request at a time. The second pull asks for what has changed alone: by the times in the
sitemap, else by the tags of the answers. What is not there any more is gone. Pages that fail are
asked for again at the next pull, behind all others, so that none of them stops an import for good.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from recommender.analysis.html.page import PageReader
from recommender.articles import Article
from recommender.errors import BadSource, SourceAway
from recommender.progress import Meter
from recommender.sources.addresses import parse_address
from recommender.sources.fetching import Answer, Fetcher
from recommender.sources.fields import refuse, web_address
from recommender.sources.pages import host_of
from recommender.sources.records import Cursor, Gone, LeftOut, Mark, Pulled, Record
from recommender.sources.sitemap_entries import Entry
from recommender.sources.sitemap_memory import Memory, Seen, validators
from recommender.sources.sitemap_pages import NOINDEX, id_after, read_answer, tell_gone
from recommender.sources.sitemap_walk import Walk

__all__ = ["Sitemap"]

_ANSWERED: Final = frozenset({200, 304, 404, 410})
_GONE: Final = frozenset({404, 410})
_SAME: Final = 304
_FIRST_MARK: Final = 25  # pages; later ones are further apart, since each mark tells of all pages
_MARK_AFTER: Final = 0.2
_MOST_FAILURES: Final = 5  # one after the other: the site is away
_MOST_FAILED: Final = 500  # pages that are asked for again, in one pull, since they failed
_MOST_UNLISTED: Final = 500  # pages that are looked for, in one pull, when no sitemap names them
_UNLISTED: Final = ""  # in the place of a sitemap's address


class Sitemap:
    """A sitemap, an index of sitemaps, a news sitemap, packed or not, or a list of addresses."""

    def __init__(
        self,
        address: str,
        fetcher: Fetcher,
        open_reader: Callable[[], PageReader] = PageReader,
    ) -> None:
        self._address = parse_address(address).text
        self._fetcher = fetcher
        self._open_reader = open_reader

    @property
    def name(self) -> str:
        """The address, in one form."""
        return self._address

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Read the pages that are new or have changed since a cursor.

        Raises:
            SourceAway: the site does not answer, or not any more.
            BadSource: the sitemap cannot be fetched or is none.
        """
        with self._open_reader() as reader:
            yield from _Pull(self._fetcher, reader, Memory.of(cursor)).run(self._address, meter)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A page to be fetched: which sitemap named it, and how it was the last time."""

    sitemap: str
    address: str
    entry: Entry
    seen: Seen


@dataclass(slots=True)
class _Pull:
    """One pull, from what was known before to what is known now."""

    fetcher: Fetcher
    reader: PageReader
    before: Memory
    now: Memory = field(default_factory=Memory)
    _ids: set[str] = field(default_factory=set)
    _failures: list[BadSource] = field(default_factory=list)  # one after the other

    def run(self, address: str, meter: Meter) -> Iterator[Pulled]:
        walk = Walk(self.fetcher, self.before)
        yield from walk.go(address)
        asks: list[_Ask] = []
        known = self.before.known()
        for sitemap in walk.same:
            self.now.pages[sitemap] = dict(self.before.pages.get(sitemap, {}))
        for sitemap, named in walk.named.items():
            yield from self._plan(sitemap, named.entries, walk.hosts, known, asks)
        self._ids.update(seen.id for seen in self.now.known().values())
        yield from self._fetch([ask for ask in asks if not ask.seen.failed], walk.hosts, meter)
        if self._is_away:
            yield Mark(self._halfway().cursor)
            raise SourceAway(
                f"{self._failures[-1]}; {_MOST_FAILURES} pages failed one after the other, so the "
                "import stops there; run it again, and it goes on"
            ) from self._failures[-1]
        yield from self._look_for_unlisted(walk)
        failed = sorted((ask for ask in asks if ask.seen.failed), key=lambda ask: ask.seen.failed)
        if failed:
            yield from self._fetch(failed[:_MOST_FAILED], walk.hosts, meter)
        self.now.maps = self._maps(walk)
        yield Mark(self.now.cursor)

    def _maps(self, walk: Walk) -> dict[str, Seen]:
        """The sitemaps as they are known from now on; one with pages that failed is read again."""
        same = {one: self.before.maps.get(one, Seen()) for one in walk.same}
        return same | {
            one: named.seen
            for one, named in walk.named.items()
            if not any(seen.failed for seen in self.now.pages[one].values())
        }

    def _plan(
        self,
        sitemap: str,
        entries: tuple[Entry, ...],
        hosts: set[str],
        known: dict[str, Seen],
        asks: list[_Ask],
    ) -> Iterator[LeftOut]:
        """Keep what is the same; the rest becomes asks."""
        kept = self.now.pages.setdefault(sitemap, {})
        asked: set[str] = set()
        for entry in entries:
            address = web_address(entry.address, sitemap)
            if address is None or host_of(address) not in hosts:
                yield LeftOut("of another host")
            elif address not in kept and address not in asked:
                seen = known.get(address, Seen())
                is_settled = address in known and seen.is_settled(entry.changed)
                if is_settled or seen.failed:
                    kept[address] = seen
                if seen.failed or not is_settled:
                    asked.add(address)
                    asks.append(_Ask(sitemap, address, entry, seen))

    def _fetch(self, asks: list[_Ask], hosts: set[str], meter: Meter) -> Iterator[Pulled]:
        """Fetch pages in their order, until the site is away."""
        marked, done = 0, 0
        self._failures = []
        with meter("pages", len(asks), "page") as advance:
            for ask in asks:
                if self._is_away:
                    return
                yield from self._fetch_one(ask, hosts)
                advance(1)
                done += 1
                if done - marked >= max(_FIRST_MARK, _MARK_AFTER * done):
                    marked = done
                    yield Mark(self._halfway().cursor)

    def _halfway(self) -> Memory:
        """What is known before all is read: no sitemap counts as read, so all are read again."""
        every = {*self.before.pages, *self.now.pages}
        pages = {
            one: {**self.before.pages.get(one, {}), **self.now.pages.get(one, {})} for one in every
        }
        return Memory(pages=pages)

    def _fetch_one(self, ask: _Ask, hosts: set[str]) -> Iterator[Record | LeftOut]:
        kept = self.now.pages[ask.sitemap]
        answer = self._ask(ask.address, ask.seen)
        if isinstance(answer, BadSource):
            kept[ask.address] = replace(ask.seen, failed=_now().isoformat())
            yield Record(ask.address, refuse("", str(answer)))
            return
        if answer.status == _SAME:
            kept[ask.address] = replace(
                ask.seen, changed=ask.entry.changed, day=_today(), failed=""
            )
            return
        told = self._told(ask, answer, hosts)
        kept[ask.address] = Seen(
            ask.entry.changed, **validators(answer), id=id_after(told, ask.seen.id), day=_today()
        )
        yield told

    def _ask(self, address: str, seen: Seen) -> Answer | BadSource:
        """The answer, or why there is none."""
        try:
            answer = self.fetcher.get(address, seen.conditions, accept=_ANSWERED)
        except BadSource as error:
            self._failures = [*self._failures, error] if isinstance(error, SourceAway) else []
            return error
        self._failures = []
        return answer

    @property
    def _is_away(self) -> bool:
        """Whether the site seems to be; one that refuses some pages is there."""
        return len(self._failures) >= _MOST_FAILURES

    def _told(self, ask: _Ask, answer: Answer, hosts: set[str]) -> Record | LeftOut:
        """What becomes of a page that was fetched."""
        if answer.status in _GONE:
            return tell_gone(ask.address, ask.seen.id)
        if host_of(answer.url) not in hosts:
            return LeftOut("of another host")
        content = read_answer(answer, ask.entry, self.reader)
        if isinstance(content, LeftOut):
            return content
        if isinstance(content, Gone):
            return Record(ask.address, content) if content.id == ask.seen.id else NOINDEX
        if isinstance(content, Article):
            if content.id in self._ids - {ask.seen.id}:
                return LeftOut("copy")
            self._ids.add(content.id)
        return Record(ask.address, content)

    def _look_for_unlisted(self, walk: Walk) -> Iterator[Pulled]:
        """Ask for known pages that no sitemap names any more; those that are there are forgotten.

        News sitemaps name a page for two days, so what they leave out is not looked for; nor is an
        article that another page shows by now.
        """
        partial = {one for one, named in walk.named.items() if not named.is_whole}
        known, listed = self.before.known(but=walk.same | partial), self.now.known()
        shown = {"", *(seen.id for seen in listed.values())}
        looked_for = [
            one for one, seen in known.items() if one not in listed and seen.id not in shown
        ]
        later = looked_for[_MOST_UNLISTED:]
        self._failures = []
        for address in looked_for[:_MOST_UNLISTED]:
            answer = None if self._is_away else self._ask(address, known[address])
            if answer is None or isinstance(answer, BadSource):
                later.append(address)
            elif answer.status in _GONE:
                yield Record(address, Gone(known[address].id))
        if later:
            self.now.pages[_UNLISTED] = {one: known[one] for one in later}


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _today() -> str:
    return _now().date().isoformat()
