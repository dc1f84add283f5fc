"""Lists of a site's posts and names: long ones, read page by page, short of their texts."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from recommender.errors import BadSource, SourceAway
from recommender.progress import Meter
from recommender.sources.wordpress.answers import Page
from recommender.sources.wordpress.memory import LISTED_FIELDS, Listed, listed_in
from recommender.sources.wordpress.posts import FIELDS, Post, post_id
from recommender.sources.wordpress.site import Parameters, Site

__all__ = ["ask_alone", "read_posts", "remaining", "sweep"]

SIZES: Final = (100, 50, 10)
"""Posts a page: where one fails, the rest is asked for in smaller ones."""
MOST_PAGES: Final = 10_000
SWEEPS: Final = 2
MOST_FAILURES: Final = 5  # one after the other: the site is away
EMBEDDED: Final = "wp:term,author,wp:featuredmedia"
IN_ORDER: Final = {"orderby": "id", "order": "asc"}
"""By number: by time of modification, posts of the same second come twice or not at all."""


def sweep(site: Site, filters: Parameters, meter: Meter) -> dict[int, Listed]:
    """Every post that a filter lets through, without its text.

    A post that is withdrawn meanwhile moves others across the borders of pages: where the site's
    count fell, or fewer came than it counts, the pages are read once more.

    Raises:
        BadSource: a page is not to be had.
    """
    listed: dict[int, Listed] = {}
    for _ in range(SWEEPS):
        totals = _sweep_once(site, filters, meter, listed)
        if totals == sorted(totals) and len(listed) >= max(totals, default=0):
            break
    return listed


def _sweep_once(
    site: Site, filters: Parameters, meter: Meter, listed: dict[int, Listed]
) -> list[int]:
    """Add what is listed now; gives what the site counted at each page."""
    pages = _pages(site, {"_fields": LISTED_FIELDS, "status": "publish"} | IN_ORDER | dict(filters))
    totals, seen = list[int](), set[int]()
    first = next(pages, Page())
    with meter(f"{site.host} ids", first.total or len(first.rows), "posts") as advance:
        for page in chain([first], pages):
            new = {n: listed_in(row) for row in page.rows if (n := post_id(row)) is not None}
            if new.keys() <= seen:  # the end, or a site that answers the same to everything
                break
            advance(len(new.keys() - seen))
            seen |= new.keys()
            listed |= new
            totals += [page.total] if page.total is not None else []
    return totals


def _pages(site: Site, parameters: Parameters) -> Iterator[Page]:
    """The pages of the posts; smaller ones from where a large one is not to be had.

    Raises:
        BadSource: nor is the smallest.
    """
    sizes = iter(SIZES)
    size, begin = next(sizes), 0
    while begin < MOST_PAGES * size:
        number = begin // size + 1
        try:
            page = site.page("posts", dict(parameters) | {"per_page": size, "page": number})
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


def remaining(site: Site, numbers: Sequence[int]) -> set[int]:
    """Which of at most a hundred posts the site lists.

    Raises:
        BadSource: it does not answer that.
    """
    page = site.page("posts", _include(numbers) | {"_fields": "id"})
    return set(numbers) & {post_id(row) for row in page.rows}


def read_posts(site: Site, numbers: Sequence[int]) -> Iterator[tuple[int, Post | BadSource | None]]:
    """At most a hundred posts, whole; None for one that is gone, a fault for one that fails alone.

    A list that leaves some out says nothing of them: a site may answer with fewer than it was asked
    for, or a cache with none. They are asked for again, then each by its own address.

    Raises:
        BadSource: the site answers nothing any more.
    """
    try:
        page = site.page("posts", _include(numbers) | {"_fields": FIELDS, "_embed": EMBEDDED})
    except BadSource as fault:
        remaining(site, numbers)  # raises, unless it is the texts that are too much
        if len(numbers) == 1:
            yield numbers[0], fault
            return
        middle = len(numbers) // 2
        yield from read_posts(site, numbers[:middle])
        yield from read_posts(site, numbers[middle:])
        return
    found = {post_id(post): post for post in page.rows}
    yield from ((number, found[number]) for number in numbers if number in found)
    missing = [number for number in numbers if number not in found]
    if len(missing) < len(numbers):
        yield from read_posts(site, missing) if missing else ()
    else:
        yield from ask_alone(site, missing, {"_fields": FIELDS, "_embed": EMBEDDED})


def ask_alone(
    site: Site, numbers: Sequence[int], parameters: Parameters
) -> Iterator[tuple[int, Post | BadSource | None]]:
    """Posts by their own addresses; None for one that is gone, a fault where the site does not say.

    When the site is away, the rest of them is not asked for any more, and fails as the last did.
    """
    found: Post | BadSource | None = None
    failures = 0
    for number in numbers:
        if failures < MOST_FAILURES:
            try:
                found = site.post(number, parameters)
            except BadSource as fault:
                found = fault
            failures = failures + 1 if isinstance(found, SourceAway) else 0
        yield number, found


def _include(numbers: Sequence[int]) -> dict[str, object]:
    included = ",".join(map(str, numbers))
    return {"include": included, "per_page": len(numbers), "status": "publish"} | IN_ORDER
