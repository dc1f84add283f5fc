"""Pulls a WordPress site: all posts the first time, then what is new, changed, renamed or gone."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Meter, silent
from recommender.sources.article_fields import first_text
from recommender.sources.article_ids import wordpress_id
from recommender.sources.fetching import Fetcher
from recommender.sources.source import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record
from recommender.sources.wordpress.api import ApiPage, WordPressSite, find_site
from recommender.sources.wordpress.checkpoint import (
    KnownNames,
    KnownPost,
    ListedPost,
    WordPressCheckpoint,
    changed_after,
    is_full_sweep_due,
    listed_post,
    numbers_to_read,
    parse_moment,
)
from recommender.sources.wordpress.paging import (
    list_posts,
    listed_numbers,
    read_posts,
    read_single_posts,
)
from recommender.sources.wordpress.posts import Post, post_number, read_post

__all__ = ["NAME_COLLECTIONS", "NameCollection", "Renaming", "WordPress", "compare_names"]

CHUNK: Final = 100  # posts, or names, in one request
MARK_SHARE: Final = 50  # after a stop, at most a fiftieth of the posts is read again
MOST_NAME_PAGES: Final = 1_000
_NAME_PARAMETERS: Final = {
    "_fields": "id,name",
    "per_page": 100,
    "orderby": "id",
    "order": "asc",
    "hide_empty": "true",
}


class WordPress:
    """The published posts of a site, over its REST interface."""

    def __init__(self, address: str, fetcher: Fetcher) -> None:
        """Name the site.

        Args:
            address: of the front page or of the REST interface.
            fetcher: with a name and an application password, if there are any.
        """
        self._address = address
        self._fetcher = fetcher

    @property
    def name(self) -> str:
        """The address as it was given."""
        return self._address

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Compare the numbers of all posts with the checkpoint; read what differs, newest first.

        On a site of more than 5,000 posts all numbers are compared only from time to time; in
        between, what was changed or published since is read.

        Raises:
            BadSource: the site cannot be read, or has another home address than before.
        """
        site = find_site(self._address, self._fetcher)
        before = WordPressCheckpoint.of(checkpoint, site.home)
        if before.home != site.home:
            raise BadSource(
                f"{self._address}: the site's home address is {site.home} now and was "
                f"{before.home}, and ids of articles are made of it; to read it anew, import "
                "it with --again, and erase the articles of the old address"
            )
        yield from _WordPressPull(self._address, site, before, meter).run()


@dataclass(frozen=True, slots=True)
class NameCollection:
    """A kind of names: its route, the parameter that filters posts by it, pages for each pull."""

    name: str
    filter: str
    pages: int


NAME_COLLECTIONS: Final = (
    NameCollection("categories", "categories", 1),
    NameCollection("tags", "tags", 2),
    NameCollection("users", "author", 1),
)


@dataclass(frozen=True, slots=True)
class Renaming:
    """The names of a collection before and after they were compared, and the changed numbers.

    WordPress renames a category, tag or author without touching the posts.
    """

    collection: NameCollection
    before: KnownNames
    after: KnownNames
    changed: tuple[int, ...]

    @property
    def unfinished(self) -> KnownNames:
        """The names while the articles are read: new numbers added, changed names as before."""
        return KnownNames({**self.after.checksums, **self.before.checksums}, self.before.page)


def compare_names(
    site: WordPressSite, collection: NameCollection, known: KnownNames | None
) -> Renaming:
    """Compare names with the known ones: all of them the first time, then some pages at each pull.

    Many sites do not show their users; then no name of them changes.
    """
    before = known or KnownNames()
    now, next_page = dict(before.checksums), before.page
    count = collection.pages if known else MOST_NAME_PAGES
    for number, page in _name_pages(site, collection, before.page, count):
        now |= {n: _checksum(row) for row in page.rows if (n := post_number(row)) is not None}
        next_page = 1 if _is_last(page, number) else number + 1
    changed = tuple(n for n, checksum in before.checksums.items() if now[n] != checksum)
    return Renaming(collection, before, KnownNames(now, next_page), changed)


def _name_pages(
    site: WordPressSite, collection: NameCollection, begin: int, count: int
) -> Iterator[tuple[int, ApiPage]]:
    for number in range(begin, begin + count):
        try:
            page = site.page(collection.name, _NAME_PARAMETERS | {"page": number})
        except BadSource:  # not shown to this visitor; that the site is there, the posts show
            return
        yield number, page
        if _is_last(page, number):
            return


def _is_last(page: ApiPage, number: int) -> bool:
    return not page.rows or number >= (page.pages or 1)


def _checksum(row: Mapping[str, object]) -> int:
    return zlib.crc32(first_text(row, "name").encode("utf-8", "replace"))


class _WordPressPull:
    """One pull: the checkpoint that it began with, and the posts as they are known by now."""

    def __init__(
        self, name: str, site: WordPressSite, checkpoint: WordPressCheckpoint, meter: Meter
    ) -> None:
        self._name = name
        self._site = site
        self._checkpoint = checkpoint
        self._meter = meter
        self._posts = dict(checkpoint.posts)

    def run(self) -> Iterator[Pulled]:
        is_full = is_full_sweep_due(self._checkpoint, self._site.time)
        listed = list_posts(self._site, {}, self._meter) if is_full else self._list_recent()
        renamings = self._compare_all_names() if is_full else ()
        wanted = numbers_to_read(listed, self._checkpoint) | self._posts_with(renamings)
        self._checkpoint = self._unfinished(listed, renamings)
        if is_full:
            yield from self._remove_missing(sorted(self._posts.keys() - listed.keys()))
        yield from self._read(sorted(wanted, reverse=True))
        yield self._last_mark(renamings, is_full=is_full)

    def _list_recent(self) -> dict[int, ListedPost]:
        """Posts changed or published lately: publishing a scheduled post does not change it."""
        begin = changed_after(self._checkpoint)
        modified = list_posts(self._site, {"modified_after": begin}, silent)
        return modified | list_posts(self._site, {"after": begin}, silent)

    def _compare_all_names(self) -> tuple[Renaming, ...]:
        known = self._checkpoint.names
        return tuple(
            compare_names(self._site, one, known.get(one.name)) for one in NAME_COLLECTIONS
        )

    def _posts_with(self, renamings: Sequence[Renaming]) -> set[int]:
        """The posts whose articles have a name that changed."""
        found = set[int]()
        for renaming in renamings:
            for numbers in _chunks(renaming.changed):
                parameters = {renaming.collection.filter: ",".join(map(str, numbers))}
                found |= list_posts(self._site, parameters, silent).keys()
        return found

    def _unfinished(
        self, listed: Mapping[int, ListedPost], renamings: Sequence[Renaming]
    ) -> WordPressCheckpoint:
        """The checkpoint for marks before the end. A crawl that goes on from it misses nothing."""
        before = self._checkpoint
        newest = max([before.newest, *(post.modified for post in listed.values())])
        names = {one.collection.name: one.unfinished for one in renamings}
        since = before.since or self._site.time or parse_moment(newest)
        return replace(before, names={**before.names, **names}, since=since, newest=newest)

    def _last_mark(self, renamings: Sequence[Renaming], *, is_full: bool) -> Mark:
        names = {one.collection.name: one.after for one in renamings}
        now = self._site.time
        self._checkpoint = replace(
            self._checkpoint,
            names={**self._checkpoint.names, **names},
            since=now or parse_moment(self._checkpoint.newest),
            swept=now if is_full else self._checkpoint.swept,
        )
        return self._mark()

    def _mark(self) -> Mark:
        return Mark(replace(self._checkpoint, posts=self._posts).to_json())

    def _remove_missing(self, missing: Sequence[int]) -> Iterator[Pulled]:
        """Check each known post that was not listed by its own address; remove it if it is gone.

        A list alone is never enough, whatever the number of posts: a cache may keep an old one, and
        a plugin may hide posts from lists.
        """
        for numbers in _chunks(missing):
            listed = listed_numbers(self._site, numbers)
            unlisted = [one for one in numbers if one not in listed]
            for number, found in read_single_posts(self._site, unlisted, {"_fields": "id,status"}):
                if isinstance(found, Mapping) and found.get("status", "publish") == "publish":
                    yield LeftOut("unlisted")
                else:
                    fault = found if isinstance(found, BadSource) else None
                    yield from self._take(number, fault)

    def _read(self, numbers: Sequence[int]) -> Iterator[Pulled]:
        unmarked = 0
        with self._meter(f"{self._site.host} posts", len(numbers), "posts") as advance:
            for read, chunk in enumerate(_chunks(numbers), 1):
                for number, found in read_posts(self._site, chunk):
                    yield from self._take(number, found)
                advance(len(chunk))
                unmarked += 1
                if unmarked * MARK_SHARE >= read:
                    unmarked = 0
                    yield self._mark()

    def _take(self, number: int, found: Post | BadSource | None) -> Iterator[Pulled]:
        """The record of a post, if any: a post that never was an article cannot be gone."""
        place = f"{self._name} post {number}"
        if isinstance(found, BadSource):
            yield Record(place, InvalidArticle(f"the post cannot be read: {found}"))
            return
        home = self._site.home
        content = read_post(found, home) if found else Gone(wordpress_id(home, number))
        was_article = number in self._posts and self._posts[number].is_article
        self._note(number, found, content, was_article=was_article)
        if was_article or not isinstance(content, Gone):
            yield Record(place, content)
        elif found is not None:
            yield LeftOut("password")

    def _note(
        self,
        number: int,
        found: Post | None,
        content: Article | Gone | InvalidArticle,
        *,
        was_article: bool,
    ) -> None:
        """Note a post for the checkpoint. If it is refused now, its old article stays stored."""
        if found is None:
            self._posts.pop(number, None)
            return
        stays = isinstance(content, InvalidArticle) and was_article
        is_article = isinstance(content, Article) or stays
        self._posts[number] = KnownPost(listed_post(found).checksum, is_article)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    yield from (numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK))
