"""Which answers a page of another site may read: the lists that anybody may."""

from typing import Final

from flask import Response, request

from recommender.web.keys import is_public
from recommender.web.state import state

__all__ = ["share_lists"]

LISTS: Final = frozenset({"api.related", "fragment.related_html"})
DAY_SECONDS: Final = 86_400


def share_lists(response: Response) -> Response:
    """Let every page read a list that was answered without a key, and its problems.

    What is answered to a key is for the servers that hold it; a browser is told nothing of it.
    """
    if request.endpoint not in LISTS:
        return response
    if request.method == "OPTIONS" and state().settings.public_reads:
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD"
        response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
        response.headers["Access-Control-Max-Age"] = str(DAY_SECONDS)
        response.headers["Access-Control-Allow-Origin"] = "*"
    elif is_public():
        response.headers["Access-Control-Allow-Origin"] = "*"
    return response
