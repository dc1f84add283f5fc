"""Pulling a WordPress site: all its posts the first time, then what is new, changed or gone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Meter, silent
from recommender.sources.fetching import Fetcher
from recommender.sources.records import Cursor, Gone, LeftOut, Mark, Pulled, Record
from recommender.sources.wordpress.listing import ask_alone, read_posts, remaining, sweep
from recommender.sources.wordpress.memory import (
    Listed,
    Memory,
    Seen,
    is_sweep_due,
    late_from,
    listed_in,
    parse_moment,
    recall,
    to_read,
)
from recommender.sources.wordpress.naming import COLLECTIONS, Renaming, read_names
from recommender.sources.wordpress.posts import Post, read_post, wordpress_id
from recommender.sources.wordpress.site import Site, find_site

__all__ = ["WordPress"]

CHUNK: Final = 100  # posts, or names, asked for at once
MARK_SHARE: Final = 50  # at most a fiftieth of what was read is read again after a stop


class WordPress:
    """The published posts of a site, over its REST interface."""

    def __init__(self, address: str, fetcher: Fetcher) -> None:
        """Make one.

        Args:
            address: of the front page or of the REST interface.
            fetcher: asks it, with a name and an application password if it has them.
        """
        self._address = address
        self._fetcher = fetcher

    @property
    def name(self) -> str:
        """The address as it was given."""
        return self._address

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Compare the site's ids with those known, and read what differs; the newest first.

        A site of more than 5,000 posts is compared whole only now and then, and between asked for
        what was modified or published since.

        Raises:
            BadSource: it cannot be read, or calls itself by another home address than before.
        """
        site = find_site(self._address, self._fetcher)
        memory = recall(cursor, site.home)
        if memory.home != site.home:
            raise BadSource(
                f"{self._address}: the site's home address is {site.home} now and was "
                f"{memory.home}, and ids of articles are made of it; to read it anew, import it "
                "with --again, and erase the articles of the old address"
            )
        yield from _Pull(self._address, site, memory, meter).run()


class _Pull:
    """One pull: the memory that it began with, and the posts as they are seen by now."""

    def __init__(self, name: str, site: Site, memory: Memory, meter: Meter) -> None:
        self._name = name
        self._site = site
        self._memory = memory
        self._meter = meter
        self._seen = dict(memory.posts)

    def run(self) -> Iterator[Pulled]:
        is_whole = is_sweep_due(self._memory, self._site.asked_at)
        listed = self._sweep_all() if is_whole else self._sweep_late()
        renamings = self._compare_names() if is_whole else ()
        wanted = to_read(listed, self._memory) | self._renamed(renamings)
        self._memory = self._between(listed, renamings)
        if is_whole:
            yield from self._dismiss(sorted(self._seen.keys() - listed.keys()))
        yield from self._read(sorted(wanted, reverse=True))
        yield self._last_mark(renamings, is_whole=is_whole)

    def _sweep_all(self) -> dict[int, Listed]:
        return sweep(self._site, {}, self._meter)

    def _sweep_late(self) -> dict[int, Listed]:
        """What was modified lately; and what was published, as the hour of a planned post came."""
        begin = late_from(self._memory)
        modified = sweep(self._site, {"modified_after": begin}, silent)
        return modified | sweep(self._site, {"after": begin}, silent)

    def _compare_names(self) -> tuple[Renaming, ...]:
        known = self._memory.names
        return tuple(read_names(self._site, one, known.get(one.name)) for one in COLLECTIONS)

    def _renamed(self, renamings: Sequence[Renaming]) -> set[int]:
        """The posts whose articles have a name that changed."""
        found = set[int]()
        for renaming in renamings:
            for numbers in _chunks(renaming.changed):
                having = {renaming.collection.filter: ",".join(map(str, numbers))}
                found |= sweep(self._site, having, silent).keys()
        return found

    def _between(self, listed: Mapping[int, Listed], renamings: Sequence[Renaming]) -> Memory:
        """The memory of the marks on the way: whoever goes on from them does again what is left."""
        memory = self._memory
        newest = max([memory.newest, *(post.modified for post in listed.values())])
        names = {one.collection.name: one.meanwhile for one in renamings}
        since = memory.since or self._site.asked_at or parse_moment(newest)
        return replace(memory, names={**memory.names, **names}, since=since, newest=newest)

    def _last_mark(self, renamings: Sequence[Renaming], *, is_whole: bool) -> Mark:
        names = {one.collection.name: one.after for one in renamings}
        now = self._site.asked_at
        self._memory = replace(
            self._memory,
            names={**self._memory.names, **names},
            since=now or parse_moment(self._memory.newest),
            swept=now if is_whole else self._memory.swept,
        )
        return self._mark()

    def _mark(self) -> Mark:
        return Mark(replace(self._memory, posts=self._seen).to_cursor())

    def _dismiss(self, missing: Sequence[int]) -> Iterator[Pulled]:
        """Posts that were not listed: each that is gone indeed, asked for by its own address.

        Lists may be out of date, as a cache keeps them, or a plugin may hide some from them. Of
        however many: nothing is gone by their word.
        """
        for numbers in _chunks(missing):
            listed = remaining(self._site, numbers)
            unlisted = [one for one in numbers if one not in listed]
            for number, found in ask_alone(self._site, unlisted, {"_fields": "id,status"}):
                if isinstance(found, Mapping) and found.get("status", "publish") == "publish":
                    yield LeftOut("unlisted")
                else:
                    fault = found if isinstance(found, BadSource) else None
                    yield from self._record(number, fault)

    def _read(self, numbers: Sequence[int]) -> Iterator[Pulled]:
        unmarked = 0
        with self._meter(f"{self._site.host} posts", len(numbers), "posts") as advance:
            for read, chunk in enumerate(_chunks(numbers), 1):
                for number, found in read_posts(self._site, chunk):
                    yield from self._record(number, found)
                advance(len(chunk))
                unmarked += 1
                if unmarked * MARK_SHARE >= read:
                    unmarked = 0
                    yield self._mark()

    def _record(self, number: int, found: Post | BadSource | None) -> Iterator[Pulled]:
        """What a post gives, if anything: one that never was an article takes no leave."""
        place = f"{self._name} post {number}"
        if isinstance(found, BadSource):
            yield Record(place, InvalidArticle(f"the post cannot be read: {found}"))
            return
        content = self._content(number, found)
        was_shown = number in self._seen and self._seen[number].shown
        self._remember(number, found, content, was_shown=was_shown)
        if was_shown or not isinstance(content, Gone):
            yield Record(place, content)
        elif found is not None:
            yield LeftOut("password")

    def _remember(
        self,
        number: int,
        found: Post | None,
        content: Article | Gone | InvalidArticle,
        *,
        was_shown: bool,
    ) -> None:
        """What was refused leaves the article as it was stored before, if it was."""
        if found is None:
            self._seen.pop(number, None)
            return
        is_kept = isinstance(content, InvalidArticle) and was_shown
        is_shown = isinstance(content, Article) or is_kept
        self._seen[number] = Seen(listed_in(found).checksum, is_shown)

    def _content(self, number: int, found: Post | None) -> Article | Gone | InvalidArticle:
        home = self._site.home
        return read_post(found, home) if found else Gone(wordpress_id(home, number))


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    yield from (numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK))
