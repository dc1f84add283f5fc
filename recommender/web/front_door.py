"""What a request passes before the application: an answer that is kept is given here.

Flask finds the view of a path, and makes much ready that a view may want. A list that is kept needs
none of it. Its caller is checked and counted, and the request is logged and traced, by what does so
for all others.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, Response

from recommender.errors import NotReady
from recommender.web.auth import list_caller
from recommender.web.kept_answers import Question
from recommender.web.problems import Refused
from recommender.web.responses import answer_condition, given_again
from recommender.web.state import EXTENSION, State
from recommender.web.watch import (
    ID_HEADER,
    WATCH,
    Answered,
    Watch,
    begin_watch,
    end_watch,
    forget_watch,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["FrontDoor"]

READING: Final = frozenset({"GET", "HEAD"})
PLAIN: Final = frozenset({"", "0"})
"""The lengths of no body."""
NOT_PLAIN: Final = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE"})
_log = logging.getLogger(__name__)


class FrontDoor:
    """A WSGI application before that of Flask."""

    def __init__(self, app: Flask, inside: "WSGIApplication") -> None:
        """Stand before the WSGI application of `app`."""
        self._app, self._inside = app, inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Give an answer that is kept, or what the application answers."""
        try:
            response = _find_response(self._app.extensions[EXTENSION], environ)
            return (response or self._inside)(environ, start_response)
        finally:
            forget_watch()


def _find_response(shared: State, environ: "WSGIEnvironment") -> Response | None:
    """The response of an answer that is kept; None if the application has to make one.

    Whom the application is to refuse, it refuses by what was found out here.
    """
    try:
        found = _find_kept(shared, environ)
    except Exception:  # noqa: BLE001 - the application says what it is, as of any other request
        _log.exception("a kept answer could not be looked for")
        found = None
    if found is None:
        return None
    response, answered = found
    watch: Watch = environ[WATCH]
    response.headers[ID_HEADER] = watch.request_id
    end_watch(watch, answered)
    return response


def _find_kept(shared: State, environ: "WSGIEnvironment") -> tuple[Response, Answered] | None:
    """An answer that is kept, and what is reported of it; None if there is none.

    Here begins the watch of any request.
    """
    begin_watch(shared, environ)
    answers = shared.kept_answers
    if not (environ["REQUEST_METHOD"] in READING and answers.may_have(environ)):
        return None
    if not environ.keys().isdisjoint(NOT_PLAIN) or environ.get("CONTENT_LENGTH", "") not in PLAIN:
        return None  # a body, which the server still has to read, or another protocol
    try:
        caller, live = list_caller(environ), shared.follower.current()
    except (Refused, NotReady):
        return None
    now, public = answers.now(), caller.public
    question = Question.of(environ, public=public, sees_stored=caller.sees_stored)
    kept = answers.find(question, live, now)
    if kept is None:
        return None
    response = answer_condition(given_again(kept, now, public=public), environ)
    return response, Answered(
        method=environ["REQUEST_METHOD"],
        route=kept.route,
        status=response.status_code,
        article_id=kept.article_id,
        key=caller.key.name if caller.key else "",
        bytes_in=0,
        bytes_out=kept.length,
        traceparent=environ.get("HTTP_TRACEPARENT", ""),
    )
