"""Errors as problem documents (RFC 9457), and the one table from an error to its HTTP status."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g, json, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from index import IndexFault, NoSnapshot
from index.errors import EngineAway
from recommender.api import Problem
from recommender.characters import printable
from recommender.errors import (
    BadInput,
    BadJson,
    BadParameter,
    Busy,
    ChangedMeanwhile,
    ConsoleAway,
    DeletedArticle,
    FieldFault,
    IndexerAway,
    InvalidArticle,
    InvalidOverrides,
    InvalidPolicy,
    NotOffered,
    NotReady,
    ReadAlsoError,
    ServerStops,
    SlowBody,
    StaleVersion,
    StoreFull,
    StoreUnusable,
    UnknownArticle,
    UnreadableMarkup,
)
from recommender.id_grammar import find_id_fault
from recommender.logs import REQUEST_ID

__all__ = [
    "STATUSES",
    "Refused",
    "answer_problems",
    "explain_missing",
    "problem",
    "public_detail",
    "status_of",
]

STATUSES: Final[dict[type[Exception], HTTPStatus]] = {
    BadParameter: HTTPStatus.BAD_REQUEST,
    SlowBody: HTTPStatus.REQUEST_TIMEOUT,
    UnknownArticle: HTTPStatus.NOT_FOUND,
    StaleVersion: HTTPStatus.CONFLICT,
    ChangedMeanwhile: HTTPStatus.CONFLICT,
    DeletedArticle: HTTPStatus.GONE,
    BadJson: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidArticle: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidOverrides: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidPolicy: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnreadableMarkup: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotOffered: HTTPStatus.NOT_IMPLEMENTED,
    NoSnapshot: HTTPStatus.SERVICE_UNAVAILABLE,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    IndexerAway: HTTPStatus.SERVICE_UNAVAILABLE,
    ConsoleAway: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    ServerStops: HTTPStatus.SERVICE_UNAVAILABLE,
    IndexFault: HTTPStatus.SERVICE_UNAVAILABLE,
}
DETAILS: Final[dict[type[Exception], str]] = {
    NoSnapshot: "no snapshot is published yet; run: read-also rebuild",
    EngineAway: "the index server, which has the archive, is away or too slow; try again",
    NotReady: "there is nothing yet to answer from; the log says why",
    IndexerAway: "the indexer, which reads drafts, is not there, starting or busy; try again",
    StoreFull: "the disk of the article store is full; try again when there is room",
    IndexFault: "a part of the service is unavailable; the log says which",
    StoreUnusable: "a part of the service is unavailable; the log says which",
}
"""What callers are told in the place of a message that names paths or addresses."""
RETRY_AFTER_SECONDS: Final = 5
BUSY_SECONDS: Final = 1
"""The same where the worker has too much slow work at once: for so long no request waits there."""
_ARTICLES: Final = "/v1/articles/"
NO_ADDRESS: Final = "nothing is served at this address; /docs lists what is"
_log = logging.getLogger(__name__)


class Refused(ReadAlsoError):
    """A request that the web layer refuses, with its status.

    Attributes:
        status: the HTTP status.
        retry_after: the seconds after which to ask again; None where that does not help.
    """

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.retry_after = retry_after


def answer_problems(app: Flask) -> None:
    """Make every error of an application a problem document."""
    for kind, status in STATUSES.items():
        app.register_error_handler(kind, _handler(status))
    app.register_error_handler(Refused, _answer_refused)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def problem(status: HTTPStatus, detail: str, faults: tuple[FieldFault, ...] = ()) -> Response:
    """A problem document; `faults` become its `errors`."""
    document = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=request.path,
        request_id=REQUEST_ID.get(),
        errors=faults,
    )
    body = json.dumps(document.model_dump(mode="json", exclude_defaults=True))
    response = Response(body, status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="read-also"'
    return response


def explain_missing(path: str) -> str:
    """What to say where no call is at a path; that an id may be to blame, if one has a slash."""
    _, found, article_id = path.removesuffix("/related").partition(_ARTICLES)
    fault = find_id_fault(article_id)
    if not found or not article_id or fault is None:
        return NO_ADDRESS
    return f"{NO_ADDRESS}; if {article_id!r} is meant as an id, it {fault}"


def status_of(error: Exception) -> HTTPStatus:
    """The HTTP status of an error in the table."""
    if isinstance(error, Refused):
        return error.status
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _handler(status: HTTPStatus) -> Callable[[Exception], Response]:
    def handle(error: Exception) -> Response:
        if isinstance(error, BadInput):
            return problem(status, error.summary, error.faults)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            g.fault = type(error).__name__
            _log.warning("%s: %s", printable(request.path), error)
        response = problem(status, public_detail(error))
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(BUSY_SECONDS)
        return response

    return handle


def public_detail(error: Exception) -> str:
    """The message of an error without paths and addresses of the machine; the log has them."""
    return next((DETAILS[kind] for kind in type(error).__mro__ if kind in DETAILS), str(error))


def _answer_refused(refusal: Refused) -> Response:
    response = problem(refusal.status, str(refusal))
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _answer_http(error: HTTPException) -> Response:
    missing = isinstance(error, NotFound)
    detail = explain_missing(request.path) if missing else error.description or error.name
    response = problem(HTTPStatus(error.code or 500), detail)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def _answer_unexpected(error: Exception) -> Response:
    _log.exception("unexpected error at %s", printable(request.path), exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the log says which")
