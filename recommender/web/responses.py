"""Responses: the JSON of an answer, what caches may do with it, and which sites may read it."""

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from flask import Response, request

from recommender.api import Answer
from recommender.ranking.basis import Basis
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import DAY_SECONDS
from recommender.web.auth import is_public
from recommender.web.kept_answers import KeptAnswer, pack_answer
from recommender.web.state import Listing, state

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "MOST_KEYS_BYTES",
    "add_etag",
    "add_security_headers",
    "answer_condition",
    "cached",
    "fitting",
    "given_again",
    "lifetime",
    "respond",
    "to_keep",
    "uncached",
]

JSON: Final = "application/json"
FRESH_SECONDS: Final = 30
UNREAD_SECONDS: Final = 5
STALE_SECONDS: Final = 30  # while a cache fetches a fresh list
STALE_ON_ERROR_SECONDS: Final = DAY_SECONDS  # while the service is away
MOST_KEYS_BYTES: Final = 3_072
"""Of all purge keys. By default nginx reads 4 KiB of headers."""
SHARED: Final = frozenset({"lists.related", "fragment.related_html"})
"""Endpoints whose answers pages of other sites may read."""


def respond(answer: Answer, status: int = 200) -> Response:
    """An answer as a response: its JSON on one line."""
    return Response(answer.to_json() + "\n", status, content_type=JSON)


def uncached(answer: Answer) -> Response:
    """An answer that no cache may store."""
    response = respond(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def cached(response: Response, listing: Listing) -> Response:
    """Let caches store a list for seconds, know it by its hash, and purge it by article id.

    A list is stored at most until an article in it expires, or a pin, a block or a site rule begins
    or ends; that counts from now, as its making may have taken long. An embargo that ends does not
    count: it takes nothing away, and its end is nobody's business. A list with explanations is not
    stored. `Retry-After` of a text that was not read yet is as long as caches keep its list:
    whoever asks earlier may get the same.
    """
    if listing.related.short_because == "not_read_yet":
        response.headers["Retry-After"] = str(UNREAD_SECONDS)
    if listing.explained:
        response.headers["Cache-Control"] = "no-store"
        return response
    response.add_etag()
    keys, purgeable = _keys_of(listing)
    seconds_left = listing.changes_at - state().kept_answers.now()
    seconds = lifetime(seconds_left, up_to_date=listing.up_to_date, purgeable=purgeable)
    response.headers.update(_storing(keys, seconds, public=is_public()))
    return response


def to_keep(response: Response, listing: Listing, request: ListRequest, route: str) -> KeptAnswer:
    """What is kept of the response with a list that a request made, to give it again."""
    keys, purgeable = _keys_of(listing)
    basis = Basis.of(request, listing.related)
    body, times = response.get_data(), (listing.changes_at, listing.made_at)
    return KeptAnswer(
        pack_answer(response.headers["ETag"], keys, body),
        len(body),
        *(purgeable, *times, listing.article_id, route),
        basis=basis,
    )


def given_again(kept: KeptAnswer, now: float, *, public: bool) -> Response:
    """The response with a list that was kept; how long caches may store it counts from `now`."""
    seconds = lifetime(kept.changes_at - now, up_to_date=True, purgeable=kept.purgeable)
    etag, keys, body = kept.unpack()
    storing, security = _storing(keys, seconds, public=public), _security(public=public)
    return Response(body, headers={"Content-Type": JSON, "ETag": etag, **storing, **security})


def _keys_of(listing: Listing) -> tuple[str, bool]:
    """The keys by which caches purge a list, and whether there is one for each of its articles."""
    ids = [listing.article_id, *(item.id for item in listing.related.items)]
    keys = fitting(ids)
    return " ".join(keys), keys == ids


def _storing(keys: str, seconds: Mapping[str, int], *, public: bool) -> dict[str, str]:
    """The headers that say for how long caches may store a list, and by which keys to purge it."""
    # A request with a key may get more than the public, so no shared cache stores its answer.
    who = "public" if public else "private"
    allowed = [f"{name}={most}" for name, most in seconds.items()]
    return {
        "Cache-Control": ", ".join([who, *allowed]),
        "Surrogate-Key": keys,
        "Vary": "Authorization, X-API-Key",
    }


def fitting(ids: list[str]) -> list[str]:
    """The ids that fit into one header, from the first one on."""
    ends = accumulate(len(one) + 1 for one in ids)
    return [one for one, end in zip(ids, ends, strict=True) if end <= MOST_KEYS_BYTES]


def lifetime(seconds_left: float, *, up_to_date: bool, purgeable: bool) -> dict[str, int]:
    """How many seconds a list is fresh, and how many it may be shown stale after that.

    It is not shown after `seconds_left`. As nobody is to read from the seconds when that is, they
    have one value or another, and nothing between. A list of a text that is not up to date, or
    that cannot be purged by every id in it, is not shown stale at all.
    """
    fresh = FRESH_SECONDS if up_to_date else UNREAD_SECONDS
    if seconds_left < fresh:
        return {"max-age": 0}
    if seconds_left < fresh + STALE_ON_ERROR_SECONDS or not (up_to_date and purgeable):
        return {"max-age": fresh}
    return {
        "max-age": fresh,
        "stale-while-revalidate": STALE_SECONDS,
        "stale-if-error": STALE_ON_ERROR_SECONDS,
    }


def add_etag(response: Response) -> Response:
    """Send the hash of an answer, and 304 to a request that names it in `If-None-Match`.

    The other conditional headers are for writes and for parts of a file; they are ignored.
    """
    response.add_etag()
    return answer_condition(response, request.environ)


def answer_condition(response: Response, environ: "WSGIEnvironment") -> Response:
    """Send 304 instead of a response with an ETag to a request that names it."""
    if "HTTP_IF_NONE_MATCH" in environ and "ETag" in response.headers:
        names = ("REQUEST_METHOD", "HTTP_IF_NONE_MATCH")
        response.make_conditional({name: environ[name] for name in names})
    return response


def add_security_headers(response: Response) -> Response:
    """Let pages of other sites read public lists and their problems, and nothing else."""
    is_shared = request.endpoint in SHARED
    if is_shared and request.method == "OPTIONS" and state().settings.public_reads:
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD"
        response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
        response.headers["Access-Control-Max-Age"] = str(DAY_SECONDS)
        response.headers.update(_security(public=True))
    else:
        response.headers.update(_security(public=is_shared and is_public()))
    return response


def _security(*, public: bool) -> dict[str, str]:
    """The headers that say what pages of other sites may do with an answer.

    The answer to a request with a key is for a server, so pages in a browser may not read it. No
    browser treats JSON or text as a script or a page.
    """
    headers = {"X-Content-Type-Options": "nosniff"}
    return headers | {"Access-Control-Allow-Origin": "*"} if public else headers
