"""Pulls a WordPress site: all posts the first time, then what is new, changed, renamed or gone."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Meter, silent
from recommender.sources.article_fields import first_text
from recommender.sources.article_ids import wordpress_id
from recommender.sources.fetching import Fetcher
from recommender.sources.source import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record
from recommender.sources.wordpress.api import ApiPage, Parameters, WordPressSite, find_site
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
from recommender.sources.wordpress.posts import LARGEST_NUMBER, Post, post_number, read_post
from recommender.sources.wordpress.pull_scope import (
    EVERYTHING_NEW,
    PullScope,
    SiteScope,
    find_scope,
)

__all__ = ["NameCollection", "Renaming", "WordPress", "compare_names", "name_collections"]

CHUNK: Final = 100  # posts, or names, in one request
MARK_SHARE: Final = 50  # after a stop, at most a fiftieth of the posts is read again
MOST_NAME_PAGES: Final = 1_000
TIME_FILTERS: Final = frozenset({"after", "modified_after"})
_NAME_PARAMETERS: Final = {
    "_fields": "id,name",
    "per_page": 100,
    "orderby": "id",
    "order": "asc",
    "hide_empty": "true",
}


class WordPress:
    """The published posts of a site, over its REST interface."""

    def __init__(self, address: str, fetcher: Fetcher, scope: PullScope = EVERYTHING_NEW) -> None:
        """Name the site.

        Args:
            address: of the front page or of the REST interface.
            fetcher: with a name and an application password, if there are any.
            scope: what is read, and what is stored of the site.
        """
        self._address = address
        self._fetcher = fetcher
        self._scope = scope

    @property
    def name(self) -> str:
        """The address as it was given."""
        return self._address

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Compare the numbers of all posts with the checkpoint; read what differs, newest first.

        On a site of more than 5,000 posts all numbers are compared only from time to time; in
        between, what was changed or published since is read. Whatever else is stored of the site,
        such as a post that its plugin pushed, is compared too.

        Raises:
            BadSource: the site cannot be read, has another home address than before, or shows no
                such post type or taxonomy.
        """
        site = find_site(self._address, self._fetcher)
        before = WordPressCheckpoint.of(checkpoint, site.home)
        if before.home != site.home:
            raise BadSource(
                f"{self._address}: the site's home address is {site.home} now and was "
                f"{before.home}, and ids of articles are made of it; to read it anew, import "
                "it with --again, and erase the articles of the old address"
            )
        taxonomies = self._scope.taxonomies(before.taxonomies)
        scope = find_scope(site, self._scope.post_types or before.types, taxonomies)
        before, stored_ids = before.reading(taxonomies), self._scope.stored_ids
        yield from _WordPressPull(self._address, site, before, meter, scope, stored_ids).run()


@dataclass(frozen=True, slots=True)
class NameCollection:
    """A kind of names: its route, the parameter that filters posts by it, pages for each pull."""

    name: str
    filter: str
    pages: int


def name_collections(scope: SiteScope) -> tuple[NameCollection, ...]:
    """Where the names of sections, tags and authors are. Of tags there are the most."""
    section, *tags = scope.terms
    more = (NameCollection(route, route, 2) for route in tags)
    return (NameCollection(section, section, 1), *more, NameCollection("users", "author", 1))


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
        self,
        name: str,
        site: WordPressSite,
        checkpoint: WordPressCheckpoint,
        meter: Meter,
        scope: SiteScope,
        stored_ids: Callable[[str], Iterable[str]] = lambda _prefix: (),
    ) -> None:
        self._name = name
        self._site = site
        self._checkpoint = checkpoint
        self._meter = meter
        self._scope = scope
        self._stored_ids = stored_ids
        self._posts = dict(checkpoint.posts)
        self._routes = dict[int, str]()

    def run(self) -> Iterator[Pulled]:
        is_other = self._scope.names != self._checkpoint.types
        is_full = is_other or is_full_sweep_due(self._checkpoint, self._site.time)
        listed = self._list({}, self._meter) if is_full else self._list_recent()
        renamings = self._compare_all_names() if is_full else ()
        wanted = numbers_to_read(listed, self._checkpoint) | self._posts_with(renamings)
        self._checkpoint = self._unfinished(listed, renamings)
        if is_full:
            yield from self._remove_missing(sorted(self._posts.keys() - listed.keys()))
            yield from self._remove_stored(listed.keys() | self._checkpoint.posts.keys())
        yield from self._read(sorted(wanted, reverse=True))
        yield self._last_mark(renamings, is_full=is_full)

    def _list(self, filters: Parameters, meter: Meter) -> dict[int, ListedPost]:
        """Posts of every type that is read; notes where each was listed."""
        listed = dict[int, ListedPost]()
        for one in self._scope.types:
            if filters.keys() - TIME_FILTERS <= one.filters:
                found = list_posts(self._site, one, filters, meter)
                self._routes |= dict.fromkeys(found, one.route)
                listed |= found
        return listed

    def _list_recent(self) -> dict[int, ListedPost]:
        """Posts changed or published lately: publishing a scheduled post does not change it."""
        begin = changed_after(self._checkpoint)
        return self._list({"modified_after": begin}, silent) | self._list({"after": begin}, silent)

    def _compare_all_names(self) -> tuple[Renaming, ...]:
        known = self._checkpoint.names
        collections = name_collections(self._scope)
        return tuple(compare_names(self._site, one, known.get(one.name)) for one in collections)

    def _posts_with(self, renamings: Sequence[Renaming]) -> set[int]:
        """The posts whose articles have a name that changed."""
        found = set[int]()
        for renaming in renamings:
            for numbers in _chunks(renaming.changed):
                filters = {renaming.collection.filter: ",".join(map(str, numbers))}
                found |= self._list(filters, silent).keys()
        return found

    def _unfinished(
        self, listed: Mapping[int, ListedPost], renamings: Sequence[Renaming]
    ) -> WordPressCheckpoint:
        """The checkpoint for marks before the end. A crawl that goes on from it misses nothing."""
        before = self._checkpoint
        newest = max([before.newest, *(post.modified for post in listed.values())])
        names = {one.collection.name: one.unfinished for one in renamings}
        since = before.since or self._site.time or parse_moment(newest)
        names = {**before.names, **names}
        types = self._scope.names
        return replace(before, types=types, names=names, since=since, newest=newest)

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
        for number, found in self._look_up(missing):
            if _is_shown(found):
                yield LeftOut("unlisted")
            else:
                fault = found if isinstance(found, BadSource) else None
                yield from self._take(number, fault)

    def _remove_stored(self, known: AbstractSet[int]) -> Iterator[Pulled]:
        """Remove stored articles of this site that no pull has read, if the site shows no post.

        They were pushed, or come from an export, and were deleted when nobody told the service. The
        REST interface knows a post of another type as little as a deleted one, so the site itself
        has to say so too.
        """
        home = self._site.home
        prefix = wordpress_id(home, 0).removesuffix("0")
        stored = {_number_in(one, prefix) for one in self._stored_ids(prefix)}
        for number, found in self._look_up(sorted(stored - known - {0})):
            if found is None and self._is_denied(number):
                yield Record(f"{self._name} post {number}", Gone(wordpress_id(home, number)))
            else:
                yield LeftOut("stored before")

    def _is_denied(self, number: int) -> bool:
        try:
            return self._site.denies(number)
        except BadSource:  # it does not say; the next pull asks again
            return False

    def _look_up(self, numbers: Sequence[int]) -> Iterator[tuple[int, Post | BadSource | None]]:
        """Posts that are not listed, by their own addresses; None if no type has such a post."""
        for chunk in _chunks(numbers):
            types = self._scope.types
            listed = [listed_numbers(self._site, one.route, chunk) for one in types]
            unlisted = [number for number in chunk if not any(number in one for one in listed)]
            found: dict[int, Post | BadSource | None] = dict.fromkeys(unlisted)
            for one in types:
                rest = [number for number in unlisted if not _is_shown(found[number])]
                parameters = {"_fields": "id,status"}
                for number, post in read_single_posts(self._site, one.route, rest, parameters):
                    found[number] = post or found[number]
            yield from found.items()

    def _read(self, numbers: Sequence[int]) -> Iterator[Pulled]:
        unmarked = 0
        with self._meter(f"{self._site.host} posts", len(numbers), "posts") as advance:
            for read, chunk in enumerate(_chunks(numbers), 1):
                for one in self._scope.types:
                    of_type = [number for number in chunk if self._routes[number] == one.route]
                    posts = read_posts(self._site, one, of_type) if of_type else ()
                    for number, found in posts:
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
        content = self._content_of(number, found)
        was_article = number in self._posts and self._posts[number].is_article
        self._note(number, found, content, was_article=was_article)
        if was_article or not isinstance(content, Gone):
            yield Record(place, content)
        elif found is not None:
            yield LeftOut("password")

    def _content_of(self, number: int, found: Post | None) -> Article | Gone | InvalidArticle:
        home, scope = self._site.home, self._scope
        if found is None:
            return Gone(wordpress_id(home, number))
        return read_post(found, home, frozenset(scope.names), scope.taxonomies)

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
        listed = listed_post(found, self._scope.terms)
        self._posts[number] = KnownPost(listed.checksum, is_article)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    yield from (numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK))


def _is_shown(found: Post | BadSource | None) -> bool:
    return isinstance(found, Mapping) and found.get("status", "publish") == "publish"


def _number_in(article_id: str, prefix: str) -> int:
    """The number of the post in an id that begins with a prefix; 0 if it holds none."""
    number = article_id.removeprefix(prefix)
    is_number = number.isascii() and number.isdigit() and len(number) < len(str(LARGEST_NUMBER))
    return int(number) if is_number else 0
