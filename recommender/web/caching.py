"""What caches may do with a list."""

from typing import Final

from flask import Response, request

from recommender.web.state import Listing

__all__ = ["cached"]

SETTLED_SECONDS: Final = 30
UNSETTLED_SECONDS: Final = 5


def cached(response: Response, listing: Listing) -> Response:
    """Let caches keep a list for seconds, know it by its hash, and purge it by article id."""
    items = listing.recommendations.items
    if any(item.explanation is not None for item in items):
        response.headers["Cache-Control"] = "no-store"
        return response
    seconds = SETTLED_SECONDS if listing.settled else UNSETTLED_SECONDS
    response.headers["Cache-Control"] = f"max-age={seconds}"
    keys = [listing.recommendations.article_id, *(item.id for item in items)]
    response.headers["Surrogate-Key"] = " ".join(keys)
    response.headers["Vary"] = "Authorization, X-API-Key"
    response.add_etag()
    response.make_conditional(request)
    return response
