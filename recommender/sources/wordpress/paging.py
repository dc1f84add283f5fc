"""Reads a site's posts page by page: long lists without texts, and posts with their texts."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from recommender.errors import BadSource, SourceAway
from recommender.progress import Meter
from recommender.sources.wordpress.api import ApiPage, Parameters, WordPressSite
from recommender.sources.wordpress.checkpoint import ListedPost, listed_fields, listed_post
from recommender.sources.wordpress.posts import FIELDS, Post, post_number
from recommender.sources.wordpress.pull_scope import PostType

__all__ = ["list_posts", "listed_numbers", "read_posts", "read_single_posts"]

SIZES: Final = (100, 50, 10)
"""Posts on a page: if a page fails, the rest is read in smaller ones."""
MOST_PAGES: Final = 10_000
SWEEPS: Final = 2
MOST_FAILURES: Final = 5  # one after the other: the site is away
EMBEDDED: Final = "wp:term,author,wp:featuredmedia"
IN_ORDER: Final = {"orderby": "id", "order": "asc"}
"""By number. By time of change, posts of the same second could come twice or not at all."""


def list_posts(
    site: WordPressSite, kind: PostType, filters: Parameters, meter: Meter
) -> dict[int, ListedPost]:
    """Every post of a type that passes a filter, by number, without its text.

    A post that is withdrawn meanwhile moves others to other pages. So if the site's count fell, or
    fewer posts came than it counts, the pages are read once more.

    Raises:
        BadSource: a page cannot be read.
    """
    listed: dict[int, ListedPost] = {}
    for _ in range(SWEEPS):
        totals = _sweep_once(site, kind, filters, meter, listed)
        if totals == sorted(totals) and len(listed) >= max(totals, default=0):
            break
    return listed


def _sweep_once(
    site: WordPressSite,
    kind: PostType,
    filters: Parameters,
    meter: Meter,
    listed: dict[int, ListedPost],
) -> list[int]:
    """Add what is listed now; returns the site's total at each page."""
    fields = {"_fields": listed_fields(kind.terms), "status": "publish"}
    pages = _pages(site, kind.route, fields | IN_ORDER | dict(filters))
    totals, seen = list[int](), set[int]()
    first = next(pages, ApiPage())
    title = f"{site.host} ids of {kind.route}"
    with meter(title, first.total or len(first.rows), "posts") as advance:
        for page in chain([first], pages):
            rows = {n: row for row in page.rows if (n := post_number(row)) is not None}
            new = {number: listed_post(row, kind.terms) for number, row in rows.items()}
            if new.keys() <= seen:  # the end, or a site that gives the same page for every number
                break
            advance(len(new.keys() - seen))
            seen |= new.keys()
            listed |= new
            totals += [page.total] if page.total is not None else []
    return totals


def _pages(site: WordPressSite, route: str, parameters: Parameters) -> Iterator[ApiPage]:
    """The pages of the posts; smaller ones from where a large one fails.

    Raises:
        BadSource: the smallest fails too.
    """
    sizes = iter(SIZES)
    size, begin = next(sizes), 0
    while begin < MOST_PAGES * size:
        number = begin // size + 1
        try:
            page = site.page(route, dict(parameters) | {"per_page": size, "page": number})
        except BadSource:
            smaller = next(sizes, None)
            if smaller is None:
                raise
            size = smaller
            continue
        yield page
        begin += size
        if not page.rows or number >= (page.pages or MOST_PAGES):
            return


def listed_numbers(site: WordPressSite, route: str, numbers: Sequence[int]) -> set[int]:
    """Those of at most a hundred posts that the site lists under a route.

    Raises:
        BadSource: the list cannot be read.
    """
    page = site.page(route, _include(numbers) | {"_fields": "id"})
    return set(numbers) & {post_number(row) for row in page.rows}


def read_posts(
    site: WordPressSite, kind: PostType, numbers: Sequence[int]
) -> Iterator[tuple[int, Post | BadSource | None]]:
    """At most a hundred posts with their texts; None for one that is gone, or why one fails.

    A post that a list leaves out need not be gone: a site may give fewer than it was asked for, and
    a cache may give none. Such posts are asked for again, and then each by its own address.

    Raises:
        BadSource: the site answers nothing any more.
    """
    whole = {"_fields": ",".join((FIELDS, *kind.terms)), "_embed": EMBEDDED}
    try:
        page = site.page(kind.route, _include(numbers) | whole)
    except BadSource as fault:
        listed_numbers(site, kind.route, numbers)  # raises, unless the texts are the trouble
        if len(numbers) == 1:
            yield numbers[0], fault
            return
        middle = len(numbers) // 2
        yield from read_posts(site, kind, numbers[:middle])
        yield from read_posts(site, kind, numbers[middle:])
        return
    found = {post_number(post): post for post in page.rows}
    yield from ((number, found[number]) for number in numbers if number in found)
    missing = [number for number in numbers if number not in found]
    if len(missing) < len(numbers):
        yield from read_posts(site, kind, missing) if missing else ()
    else:
        yield from read_single_posts(site, kind.route, missing, whole)


def read_single_posts(
    site: WordPressSite, route: str, numbers: Sequence[int], parameters: Parameters
) -> Iterator[tuple[int, Post | BadSource | None]]:
    """Posts by their own addresses; None for one that is gone, a fault for one that fails.

    When the site is away, the rest is not fetched any more, and fails like the last one.
    """
    found: Post | BadSource | None = None
    failures = 0
    for number in numbers:
        if failures < MOST_FAILURES:
            try:
                found = site.post(route, number, parameters)
            except BadSource as fault:
                found = fault
            failures = failures + 1 if isinstance(found, SourceAway) else 0
        yield number, found


def _include(numbers: Sequence[int]) -> dict[str, object]:
    included = ",".join(map(str, numbers))
    return {"include": included, "per_page": len(numbers), "status": "publish"} | IN_ORDER
