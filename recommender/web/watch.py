"""Every request gets an id, is counted, timed, logged and traced: by its route, never its path."""

import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, g, request

from recommender.counters import Counters
from recommender.id_grammar import LONGEST_ID
from recommender.logs import ACCESS, REQUEST_ID
from recommender.ranking.candidates import Step
from recommender.request_origin import METRICS, PROBES
from recommender.web.state import state

__all__ = ["watch_requests"]

ID_HEADER: Final = "X-Request-ID"
SAFE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_ROUTE: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FREQUENT: Final = PROBES | METRICS
"""Routes that are asked every few seconds; their good answers are not worth a line or a trace."""
_log = logging.getLogger(ACCESS)


def watch_requests(app: Flask) -> None:
    """Watch all requests of an application. What is registered later is watched too."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)


def _begin() -> None:
    """Note when the request began, and its id: the one that it came with, if that is plain."""
    sent = request.headers.get(ID_HEADER, "")
    g.request_id = sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16)
    g.watched_by, g.began = state(), time.perf_counter()
    REQUEST_ID.set(g.request_id)


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    response.headers[ID_HEADER] = g.request_id
    route = NO_ROUTE if request.url_rule is None else request.url_rule.rule
    steps = _seconds_of_steps()
    _count_request(response, route, seconds, steps)
    is_routine = route in FREQUENT and response.status_code < 400  # noqa: PLR2004 - HTTP
    trace_id = "" if is_routine else _trace_request(response, route)
    _log_request(response, route, seconds, steps, trace_id, is_routine=is_routine)
    return response


def _forget(_: BaseException | None) -> None:
    """The thread may log something else after this request."""
    REQUEST_ID.set("")


def _count_request(
    response: Response, route: str, seconds: float, steps: Mapping[str, float]
) -> None:
    counters: Counters = g.watched_by.counters
    counters.requests.labels(route, _method(), str(response.status_code)).inc()
    counters.request_seconds.labels(route).observe(seconds)
    if "fault" in g:
        counters.unavailable.labels(g.fault).inc()
    for step, spent in steps.items():
        counters.step_seconds.labels(step).observe(spent)


def _method() -> str:
    """The method of the request; a caller may send any word, but labels must stay few."""
    return request.method if request.method in METHODS else "other"


def _seconds_of_steps() -> dict[str, float]:
    """How long the steps of this request took, by name."""
    steps: list[Step] = g.get("steps", [])
    return {
        name: sum(one.ended - one.began for one in steps if one.name == name)
        for name in dict.fromkeys(one.name for one in steps)
    }


def _trace_request(response: Response, route: str) -> str:
    """Send a request as a span, where traces are set; return the id of its trace, or ""."""
    if g.watched_by.traces is None:
        return ""
    described = {
        "http.request.method": _method(),
        "http.route": "" if route == NO_ROUTE else route,
        "http.response.status_code": response.status_code,
        "error.type": g.get("fault", ""),
        "read_also.request_id": g.request_id,
        "read_also.key": g.key.name if "key" in g else "",
    }
    sent = request.headers.get("traceparent", "")
    trace_id: str = g.watched_by.traces.record(described, sent, g.began, g.get("steps", []))
    return trace_id


def _log_request(
    response: Response,
    route: str,
    seconds: float,
    steps: Mapping[str, float],
    trace_id: str,
    *,
    is_routine: bool,
) -> None:
    """Log a request; a slow one with what its steps took."""
    # Whoever asks to wait until a write is visible waits by choice.
    slow = seconds - steps.get("visible", 0.0) >= g.watched_by.slow_seconds
    level = logging.WARNING if slow else logging.INFO
    if is_routine and not slow:
        level = logging.DEBUG
    if not _log.isEnabledFor(level):
        return
    fields = {
        "method": _method(),
        "route": route,
        "article": (request.view_args or {}).get("article_id", "")[:LONGEST_ID],
        "key": g.key.name if "key" in g else "",
        "status": response.status_code,
        "fault": g.get("fault", ""),
        "ms": round(seconds * 1e3, 1),
        "bytes_in": request.content_length or 0,
        "bytes_out": response.calculate_content_length() or 0,
        "trace_id": trace_id,
    }
    if slow:
        fields["steps_ms"] = {name: round(spent * 1e3, 1) for name, spent in steps.items()}
    said = {name: value for name, value in fields.items() if value != ""}
    _log.log(level, "slow request" if slow else "request", extra=said)
