"""Requests to the service and what comes back: tried again where that is asked, else an error."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from recommender.api import Problem
from recommender.errors import ApiError

__all__ = ["AGAIN", "REST_SECONDS", "Wire", "path_of", "read_answer"]

T = TypeVar("T")

AGAIN: Final = frozenset({429, 503})
REST_SECONDS: Final = 5.0  # where a service that is to be asked again does not say when
_SECONDS: Final = re.compile(r"[0-9]{1,4}", re.ASCII)


class Wire:
    """Sends requests, and waits as long as the service asks before one is tried again."""

    def __init__(self, http: httpx.Client, attempts: int, sleep: Callable[[float], object]) -> None:
        self._http = http
        self.attempts = attempts
        self.sleep = sleep

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """Send a request, some times if need be.

        Args:
            method: of HTTP.
            path: of the address, from the root of the service.
            params: the query.
            json: the body, as JSON.
            content: or the body, as lines of NDJSON.
            seconds: how long each attempt may take, where that is longer than other calls.

        Raises:
            ApiError: the answer is an error, or none came.
        """
        sent: dict[str, Any] = {"params": params, "json": json}
        if content is not None:
            sent |= {"content": content, "headers": {"Content-Type": "application/x-ndjson"}}
        if seconds is not None:
            sent["timeout"] = seconds
        for attempt in range(1, self.attempts + 1):
            answer = self._send(method, path, sent)
            if answer.status_code not in AGAIN or attempt == self.attempts:
                break
            self.sleep(_rest(answer))
        if not answer.is_success:
            raise _error_of(answer)
        return answer

    def _send(self, method: str, path: str, sent: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._http.request(method, path, **sent)
        except httpx.RequestError as fault:
            raise ApiError(None, f"no answer from {self._http.base_url}: {fault}") from fault


def path_of(article_id: str, call: str = "") -> str:
    """The address of an article, or of one of its calls.

    Raises:
        ApiError: no address names such an id.
    """
    if article_id in {"", ".", ".."}:
        raise ApiError(None, f"{article_id!r} is no id of an article")
    return f"/v1/articles/{quote(article_id, safe='')}{call}"


def read_answer(model: type[T], answer: httpx.Response) -> T:
    """An answer as what it should be.

    Raises:
        ApiError: it is something else.
    """
    try:
        return TypeAdapter(model).validate_json(answer.content)
    except ValidationError as fault:
        told = f"the answer is not what it should be: {fault}"
        raise ApiError(answer.status_code, told) from fault


def _rest(answer: httpx.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return float(told) if _SECONDS.fullmatch(told) else REST_SECONDS


def _error_of(answer: httpx.Response) -> ApiError:
    try:
        problem = TypeAdapter(Problem).validate_json(answer.content)
    except ValidationError:  # from a proxy before the service, as a rule
        return ApiError(answer.status_code, answer.reason_phrase)
    return ApiError(answer.status_code, problem.detail, problem.errors)
