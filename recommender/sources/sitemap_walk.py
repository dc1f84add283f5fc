"""From a sitemap, or an index of them, to all the pages that it names."""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from recommender.errors import BadSource
from recommender.sources.fetching import Fetcher
from recommender.sources.fields import refuse, web_address
from recommender.sources.pages import host_of
from recommender.sources.records import LeftOut, Record
from recommender.sources.sitemap_entries import Broken, Entry, MapEntry, read_sitemap
from recommender.sources.sitemap_memory import Memory, Seen, validators

__all__ = ["Named", "Walk"]

_DEEPEST: Final = 3  # indexes in indexes; the format allows none
_MOST_MAPS: Final = 5_000
_MOST_PAGES: Final = 500_000
_DIGEST: Final = 16  # hex digits
_SAME: Final = 304
_ANSWERED: Final = frozenset({200, 304})


@dataclass(frozen=True, slots=True)
class Named:
    """A sitemap that was read anew.

    Attributes:
        seen: how it was.
        entries: the pages that it names.
        is_whole: it names all pages of its part of the site: it is well-formed, and no news
            sitemap, which has those of two days.
    """

    seen: Seen
    entries: tuple[Entry, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Step:
    address: str
    changed: str = ""
    depth: int = 0


@dataclass(slots=True)
class Walk:
    """One walk over a site's sitemaps; afterwards each is in `named` or in `same`."""

    fetcher: Fetcher
    before: Memory
    hosts: set[str] = field(default_factory=set)
    named: dict[str, Named] = field(default_factory=dict)
    same: set[str] = field(default_factory=set)
    _indexes: set[str] = field(default_factory=set)

    def go(self, address: str) -> Iterator[Record | LeftOut]:
        """Walk from an address on, telling what was left out.

        Raises:
            BadSource: the first one cannot be fetched or is no sitemap, or there are too many.
        """
        self.hosts.add(host_of(address))
        steps = deque([_Step(address)])
        while steps:
            step = steps.popleft()
            if step.address in self._indexes | self.named.keys() | self.same:
                continue
            try:
                found = self._read(step)
            except BadSource as error:
                if not step.depth:
                    raise
                self.same.add(step.address)  # its pages stay known until it is there again
                yield Record(step.address, refuse("", str(error)))
                continue
            yield from self._take(step, found, steps)

    def _read(self, step: _Step) -> list[Entry | MapEntry | Broken] | None:
        """What a sitemap names; None if that is what it named before."""
        seen = self.before.maps.get(step.address, Seen())
        if seen.is_same(step.changed):
            return None
        answer = self.fetcher.get(step.address, seen.conditions, accept=_ANSWERED)
        if not step.depth:
            self.hosts.add(host_of(answer.url))
        digest = hashlib.sha256(answer.body).hexdigest()[:_DIGEST]
        if answer.status == _SAME or digest == seen.digest:
            return None
        try:
            found = list(read_sitemap(answer.body))
        except BadSource as error:
            raise BadSource(f"{step.address}: {error}") from error
        pages = tuple(one for one in found if isinstance(one, Entry))
        is_whole = not any(isinstance(one, Broken) or getattr(one, "title", "") for one in found)
        if not any(isinstance(one, MapEntry) for one in found):
            kept = Seen(step.changed, **validators(answer), digest=digest)
            self.named[step.address] = Named(kept, pages, is_whole)
        return found

    def _take(
        self, step: _Step, found: list[Entry | MapEntry | Broken] | None, steps: deque[_Step]
    ) -> Iterator[Record | LeftOut]:
        if found is None:
            self.same.add(step.address)
            return
        for one in found:
            if isinstance(one, Broken):
                yield Record(f"{step.address}:{one.line}", refuse("", f"no XML: {one.reason}"))
            elif isinstance(one, MapEntry):
                yield from self._follow(step, one, steps)
        if step.address not in self.named:
            self._indexes.add(step.address)
        self._check_size()

    def _follow(self, step: _Step, one: MapEntry, steps: deque[_Step]) -> Iterator[LeftOut]:
        there = web_address(one.address, step.address)
        if there is None or host_of(there) not in self.hosts:
            yield LeftOut("of another host")
        elif step.depth >= _DEEPEST:
            yield LeftOut("nested too deep")
        else:
            steps.append(_Step(there, one.changed, step.depth + 1))

    def _check_size(self) -> None:
        pages = sum(len(one.entries) for one in self.named.values())
        if pages > _MOST_PAGES or len(self.named) + len(self.same) > _MOST_MAPS:
            raise BadSource(
                f"names more than {_MOST_MAPS} sitemaps or {_MOST_PAGES} pages; import its "
                "sitemaps one by one"
            )
