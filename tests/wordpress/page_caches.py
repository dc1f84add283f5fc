"""What the stand-ins for caches of whole pages were told, and what a service says of pages."""

import json

from tests.wordpress.service import Answer
from tests.wordpress.site import Site

__all__ = ["CACHES", "all_caches", "forget_purges", "purged", "shown_on"]

CACHES = {
    *("rocket", "super-cache", "w3tc", "fastest", "nginx-helper", "litespeed", "enabler"),
}


def purged(newsroom: Site) -> dict[str, set[str]]:
    """By cache what was taken out of it."""
    found: dict[str, set[str]] = {}
    for line in (newsroom.folder / "caches.log").read_text().splitlines():
        cache, what = json.loads(line)
        found.setdefault(cache, set()).add(what)
    return found


def forget_purges(newsroom: Site) -> None:
    (newsroom.folder / "caches.log").write_text("")


def all_caches(*what: str) -> dict[str, set[str]]:
    return {cache: {*what} for cache in CACHES}


def shown_on(*articles: str, complete: bool = True) -> Answer:
    """What the service says of the lists that hold an article."""
    pages = {"article_id": "x", "appears_in": articles, "checked": 9, "complete": complete}
    return Answer(200, json.dumps(pages), {"Content-Type": "application/json"})
