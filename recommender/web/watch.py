"""Every request gets an id, is counted, timed, logged and traced: by its route, never its path."""

import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Flask, Response, g, request

from recommender.counters import Counters
from recommender.id_grammar import LONGEST_ID
from recommender.logs import ACCESS, REQUEST_ID
from recommender.ranking.candidates import Step
from recommender.request_origin import METRICS, PROBES
from recommender.web.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "ID_HEADER",
    "WATCH",
    "Answered",
    "Watch",
    "begin_watch",
    "end_watch",
    "forget_watch",
    "watch_requests",
]

ID_HEADER: Final = "X-Request-ID"
SAFE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_ROUTE: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FREQUENT: Final = PROBES | METRICS
"""Routes that are asked every few seconds; their good answers are not worth a line or a trace."""
WATCH: Final = "read_also.watch"
"""The key of the environment of a request with its `Watch`."""
_log = logging.getLogger(ACCESS)


class Watch(NamedTuple):
    """A request that is watched.

    Attributes:
        shared: what counts it, and sends its trace.
        request_id: the id that it came with, if that is plain.
        began: when it began, in seconds of `time.perf_counter`.
    """

    shared: State
    request_id: str
    began: float


class Answered(NamedTuple):
    """A request and its answer, as they are counted, logged and traced.

    Attributes:
        method: as it was sent, in capitals.
        route: the rule of its path; NO_ROUTE if there is none.
        status: of the answer.
        article_id: the one that its path names, or "".
        key: the name of its key, or "".
        bytes_in: of its body.
        bytes_out: of the body of the answer.
        traceparent: its header, or "".
        steps: what it did.
        fault: the error behind 503, or "".
    """

    method: str
    route: str
    status: int
    article_id: str
    key: str
    bytes_in: int
    bytes_out: int
    traceparent: str
    steps: Sequence[Step] = ()
    fault: str = ""


def watch_requests(app: Flask) -> None:
    """Report what an application answers, for which the front door begins the watch.

    What is registered later is watched too.
    """
    app.after_request(_finish)


def begin_watch(shared: State, environ: "WSGIEnvironment") -> Watch:
    """Watch a request from now on, until `forget_watch`."""
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    request_id = sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16)
    REQUEST_ID.set(request_id)
    watch = environ[WATCH] = Watch(shared, request_id, time.perf_counter())
    return watch


def end_watch(watch: Watch, answered: Answered) -> None:
    """Count, trace and log a request that was answered."""
    seconds = time.perf_counter() - watch.began
    spent = _seconds_of_steps(answered.steps) if answered.steps else {}
    answered = answered._replace(method=_known_method(answered.method))
    _count_request(watch.shared.counters, answered, seconds, spent)
    is_routine = answered.route in FREQUENT and answered.status < 400  # noqa: PLR2004 - HTTP
    trace_id = "" if is_routine else _trace_request(watch, answered)
    _log_request(watch, answered, seconds, spent, trace_id, is_routine=is_routine)


def forget_watch() -> None:
    """The thread may log something else after this request."""
    REQUEST_ID.set("")


def _finish(response: Response) -> Response:
    watch: Watch = request.environ[WATCH]
    response.headers[ID_HEADER] = watch.request_id
    answered = Answered(
        method=request.method,
        route=NO_ROUTE if request.url_rule is None else request.url_rule.rule,
        status=response.status_code,
        article_id=(request.view_args or {}).get("article_id", ""),
        key=g.key.name if "key" in g else "",
        bytes_in=request.content_length or 0,
        bytes_out=response.calculate_content_length() or 0,
        traceparent=request.headers.get("traceparent", ""),
        steps=g.get("steps", ()),
        fault=g.get("fault", ""),
    )
    end_watch(watch, answered)
    return response


def _count_request(
    counters: Counters, answered: Answered, seconds: float, spent: Mapping[str, float]
) -> None:
    route, status = answered.route, str(answered.status)
    counters.requests.labels(route, answered.method, status).inc()
    counters.request_seconds.labels(route).observe(seconds)
    if answered.fault:
        counters.unavailable.labels(answered.fault).inc()
    for step, took in spent.items():
        counters.step_seconds.labels(step).observe(took)


def _known_method(method: str) -> str:
    """A method; a caller may send any word, but labels must stay few."""
    return method if method in METHODS else "other"


def _seconds_of_steps(steps: Sequence[Step]) -> dict[str, float]:
    """How long the steps of a request took, by name."""
    return {
        name: sum(one.ended - one.began for one in steps if one.name == name)
        for name in dict.fromkeys(one.name for one in steps)
    }


def _trace_request(watch: Watch, answered: Answered) -> str:
    """Send a request as a span, where traces are set; return the id of its trace, or ""."""
    if watch.shared.traces is None:
        return ""
    described: dict[str, str | int] = {
        "http.request.method": answered.method,
        "http.route": "" if answered.route == NO_ROUTE else answered.route,
        "http.response.status_code": answered.status,
        "error.type": answered.fault,
        "read_also.request_id": watch.request_id,
        "read_also.key": answered.key,
    }
    return watch.shared.traces.record(described, answered.traceparent, watch.began, answered.steps)


def _log_request(
    watch: Watch,
    answered: Answered,
    seconds: float,
    spent: Mapping[str, float],
    trace_id: str,
    *,
    is_routine: bool,
) -> None:
    """Log a request; a slow one with what its steps took."""
    # Whoever asks to wait until a write is visible waits by choice.
    slow = seconds - spent.get("visible", 0.0) >= watch.shared.slow_seconds
    level = logging.WARNING if slow else logging.INFO
    if is_routine and not slow:
        level = logging.DEBUG
    if not _log.isEnabledFor(level):
        return
    fields = {
        "method": answered.method,
        "route": answered.route,
        "article": answered.article_id[:LONGEST_ID],
        "key": answered.key,
        "status": answered.status,
        "fault": answered.fault,
        "ms": round(seconds * 1e3, 1),
        "bytes_in": answered.bytes_in,
        "bytes_out": answered.bytes_out,
        "trace_id": trace_id,
    }
    if slow:
        fields["steps_ms"] = {name: round(took * 1e3, 1) for name, took in spent.items()}
    said = {name: value for name, value in fields.items() if value != ""}
    _log.log(level, "slow request" if slow else "request", extra=said)
