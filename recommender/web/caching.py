"""What caches may do with a list."""

from typing import Final

from flask import Response, request

from recommender.web.state import Listing

__all__ = ["cached"]

SETTLED_SECONDS: Final = 30
UNSETTLED_SECONDS: Final = 5


def cached(response: Response, listing: Listing) -> Response:
    """Let caches keep a list for seconds, know it by its hash, and purge it by article id.

    It is kept no longer than until an embargo, an expiry or a scheduled publication comes due.
    """
    items = listing.recommendations.items
    if listing.explained:
        response.headers["Cache-Control"] = "no-store"
        return response
    response.headers["Cache-Control"] = f"max-age={_max_age(listing)}"
    keys = [listing.recommendations.article_id, *(item.id for item in items)]
    response.headers["Surrogate-Key"] = " ".join(keys)
    response.headers["Vary"] = "Authorization, X-API-Key"
    response.add_etag()
    response.make_conditional(request)
    return response


def _max_age(listing: Listing) -> int:
    most = SETTLED_SECONDS if listing.settled else UNSETTLED_SECONDS
    return int(min(most, listing.seconds_left))
