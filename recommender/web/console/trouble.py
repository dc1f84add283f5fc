"""What the console says where it cannot answer: a page for people, a line for its scripts."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Response, g, make_response, redirect, request, url_for
from werkzeug.exceptions import HTTPException

from index import IndexFault
from recommender.characters import printable
from recommender.errors import (
    AlreadyAsked,
    BadInput,
    BadParameter,
    ConsoleAway,
    NotReady,
    ReadAlsoError,
    TooMuchAsked,
)
from recommender.web.console.access import console, current_session, opened
from recommender.web.console.page import render_page, shown_language, wants_part
from recommender.web.console.words import words_of
from recommender.web.problems import Refused, problem, public_detail, status_of

__all__: list[str] = []

KINDS: Final = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.GONE: "deleted",
    HTTPStatus.FORBIDDEN: "refused",
    HTTPStatus.CONFLICT: "meanwhile",
    HTTPStatus.TOO_MANY_REQUESTS: "often",
    HTTPStatus.SERVICE_UNAVAILABLE: "away",
}
REFUSALS: Final[Mapping[type[ReadAlsoError], str]] = {
    AlreadyAsked: "asked",
    TooMuchAsked: "queue_full",
}
"""What is refused so often that the console has words of its own for it."""
STARTING_SECONDS: Final = 3
"""After so long a page is asked for again, by itself, if the console was starting."""
FROM_ELSEWHERE: Final = "cross-site"
_log = logging.getLogger(__name__)


@console.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@opened("read")
def nothing_here(rest: str) -> Response:  # noqa: ARG001 - Flask's
    """Whatever no other view answers."""
    raise Refused(404, "there is no such page")


@console.errorhandler(ReadAlsoError)
def answer_error(error: ReadAlsoError) -> Response:
    """Say what is wrong; whoever is not signed in gets the form for a key."""
    status = status_of(error)
    if status == HTTPStatus.UNAUTHORIZED and not wants_part():
        return _ask_for_key()
    is_start = request.endpoint == "console.show_start"  # which would lead to itself for ever
    if isinstance(error, NotReady) and not (wants_part() or _is_framed() or is_start):
        return make_response(redirect(url_for("console.show_start")))
    told = REFUSALS.get(type(error))
    if wants_part():
        faults = error.faults if isinstance(error, BadInput) else ()
        detail = words_of("trouble", shown_language())[told] if told else public_detail(error)
        detail = "; ".join(fault.detail for fault in faults) or detail
        return problem(status, detail, faults)
    if isinstance(error, ConsoleAway):
        return _page_while_starting()
    is_plain = told is None and isinstance(error, BadParameter | Refused)
    return _page(status, str(error) if is_plain else "", told)


@console.errorhandler(HTTPException)
def answer_http(error: HTTPException) -> Response:
    """What Flask refuses by itself."""
    status = HTTPStatus(error.code or 500)
    if wants_part():
        return problem(status, error.description or error.name)
    return _page(status, "")


def _page(status: HTTPStatus, detail: str, told: str | None = None) -> Response:
    broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = told or KINDS.get(status, "broken" if broken else "wrong")
    template = "embed_trouble.html" if _is_framed() else "trouble.html"
    return render_page(template, "trouble", status, trouble=kind, detail=detail)


def _page_while_starting() -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response = render_page("trouble.html", "trouble", status, trouble="starting", detail="")
    response.headers["Retry-After"] = str(STARTING_SECONDS)
    if request.method == "GET":
        response.headers["Refresh"] = str(STARTING_SECONDS)
    return response


def _is_framed() -> bool:
    """Whether a site shows this page in a frame, by an address that it has signed."""
    return "framing_site" in g


def _ask_for_key() -> Response:
    """The form for a key, in place of the page.

    A link in a mail or on another site leads here without the cookie, which only this site sends.
    Loaded anew by itself, the page is asked for by this site, and the cookie comes.
    """
    if request.headers.get("Sec-Fetch-Site") == FROM_ELSEWHERE and request.method == "GET":
        response = Response('<!doctype html><meta charset="utf-8"><title>…</title>', 401)
        response.headers["Refresh"] = "0"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "default-src 'none'"
        return response
    if current_session() is None and request.method != "GET":
        return _page(HTTPStatus.FORBIDDEN, "")
    onward = request.full_path.rstrip("?")
    return render_page("sign_in.html", "sign_in", 401, fault=None, onward=onward)


@console.errorhandler(Exception)
def answer_unexpected(error: Exception) -> Response:
    """What nobody has foreseen, and what is wrong with the files of the archive."""
    if isinstance(error, IndexFault):
        _log.warning("%s: %s", printable(request.path), error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
    else:
        _log.exception("unexpected error at %s", printable(request.path), exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(status, "") if wants_part() else _page(status, "")
