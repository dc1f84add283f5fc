"""Names of categories, tags and authors: WordPress renames them without touching a post."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from recommender.errors import BadSource
from recommender.sources.json_values import text
from recommender.sources.wordpress.answers import Page
from recommender.sources.wordpress.memory import Names
from recommender.sources.wordpress.posts import post_id
from recommender.sources.wordpress.site import Site

__all__ = ["COLLECTIONS", "Collection", "Renaming", "read_names"]

MOST_PAGES: Final = 1_000
_ASKED: Final = {
    "_fields": "id,name",
    "per_page": 100,
    "orderby": "id",
    "order": "asc",
    "hide_empty": "true",
}


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind of names, the parameter that filters posts by them, and the pages of one turn."""

    name: str
    filter: str
    turn: int


COLLECTIONS: Final = (
    Collection("categories", "categories", 1),
    Collection("tags", "tags", 2),
    Collection("users", "author", 1),
)


@dataclass(frozen=True, slots=True)
class Renaming:
    """Names of a collection before and after they were compared, and the numbers that differ."""

    collection: Collection
    before: Names
    after: Names
    changed: tuple[int, ...]

    @property
    def meanwhile(self) -> Names:
        """What holds until the articles have the new names: new ones known, changed ones not."""
        return Names({**self.after.checksums, **self.before.checksums}, self.before.page)


def read_names(site: Site, collection: Collection, known: Names | None) -> Renaming:
    """Compare names with those known: all of them the first time, then some pages in turn.

    A site that keeps them to itself, as many do with their users, has none that change.
    """
    before = known or Names()
    now, next_page = dict(before.checksums), before.page
    for number, page in _pages(site, collection, before.page, collection.turn if known else None):
        now |= {n: _checksum(row) for row in page.rows if (n := post_id(row)) is not None}
        next_page = 1 if _is_last(page, number) else number + 1
    changed = tuple(n for n, checksum in before.checksums.items() if now[n] != checksum)
    return Renaming(collection, before, Names(now, next_page), changed)


def _pages(
    site: Site, collection: Collection, begin: int, turn: int | None
) -> Iterator[tuple[int, Page]]:
    for number in range(begin, begin + (turn or MOST_PAGES)):
        try:
            page = site.page(collection.name, _ASKED | {"page": number})
        except BadSource:  # closed to this visitor; that the site is there, the posts show
            return
        yield number, page
        if _is_last(page, number):
            return


def _is_last(page: Page, number: int) -> bool:
    return not page.rows or number >= (page.pages or 1)


def _checksum(row: Mapping[str, object]) -> int:
    return zlib.crc32(text(row, "name").encode("utf-8", "replace"))
