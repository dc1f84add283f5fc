"""What caches may do with a list."""

from itertools import accumulate
from typing import Final

from flask import Response, request

from recommender.api import Answer
from recommender.web.keys import is_public
from recommender.web.state import Listing

__all__ = [
    "MOST_KEYS_BYTES",
    "cached",
    "fitting",
    "known_by_tag",
    "lifetime",
    "respond",
    "uncached",
]

SETTLED_SECONDS: Final = 30
UNSETTLED_SECONDS: Final = 5
STALE_SECONDS: Final = 30  # while a fresh one is fetched
STALE_ON_ERROR_SECONDS: Final = 86_400  # while the service is away
MOST_KEYS_BYTES: Final = 3_072
"""Of all purge keys. nginx reads an answer's headers into 4 KiB unless told otherwise."""


def respond(answer: Answer) -> Response:
    """An answer as a response: its JSON on one line."""
    return Response(answer.to_json() + "\n", content_type="application/json")


def uncached(answer: Answer) -> Response:
    """An answer that no cache may store."""
    response = respond(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def cached(response: Response, listing: Listing) -> Response:
    """Let caches keep a list for seconds, know it by its hash, and purge it by article id.

    It is kept no longer than until an embargo, an expiry or a scheduled publication comes due.
    """
    if listing.explained:
        response.headers["Cache-Control"] = "no-store"
        return response
    listed = listing.recommendations
    ids = [listing.article_id, *(item.id for item in listed.items)]
    keys = fitting(ids)
    seconds = lifetime(listing.seconds_left, settled=listing.settled, purgeable=keys == ids)
    # A key shows what the public may not see, so no cache of many keeps an answer to one.
    who = "public" if is_public() else "private"
    allowed = (f"{name}={most}" for name, most in seconds.items())
    response.headers["Cache-Control"] = ", ".join([who, *allowed])
    response.headers["Surrogate-Key"] = " ".join(keys)
    response.headers["Vary"] = "Authorization, X-API-Key"
    return known_by_tag(response)


def known_by_tag(response: Response) -> Response:
    """Tell the hash of an answer, and no more than that to who names it.

    Of the conditions of a request that alone is heeded: the others are made for writes and parts.
    """
    response.add_etag()
    names = request.environ.keys() & {"REQUEST_METHOD", "HTTP_IF_NONE_MATCH"}
    response.make_conditional({name: request.environ[name] for name in names})
    return response


def lifetime(seconds_left: float, *, settled: bool, purgeable: bool) -> dict[str, int]:
    """How many seconds a list is fresh, and how many it may be shown stale after that.

    Fresh or stale, it is not shown past the next turn of the clock, in `seconds_left`. What is a
    stopgap, or cannot be purged by every id in it, is not shown stale at all.
    """
    left = int(min(seconds_left, SETTLED_SECONDS + STALE_ON_ERROR_SECONDS))
    fresh = min(left, SETTLED_SECONDS if settled else UNSETTLED_SECONDS)
    stale = {
        "stale-while-revalidate": min(left - fresh, STALE_SECONDS),
        "stale-if-error": min(left - fresh, STALE_ON_ERROR_SECONDS),
    }
    shown_stale = left > fresh and settled and purgeable
    return {"max-age": fresh} | (stale if shown_stale else {})


def fitting(ids: list[str]) -> list[str]:
    """The ids that have room in one header, the first ones first."""
    ends = accumulate(len(one) + 1 for one in ids)
    return [one for one, end in zip(ids, ends, strict=True) if end <= MOST_KEYS_BYTES]
