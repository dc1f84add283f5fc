"""One call as a value, and the exchange of requests and answers that it takes.

An exchange is a generator: it yields what to send next, and is sent what came of it. It neither
sends nor sleeps, so that the client and the asynchronous client share it.
"""

import random
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Generic, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from read_also_client.errors import (
    KIND_BY_STATUS,
    NoAnswer,
    NotSendable,
    Problem,
    Refused,
    StrangeAnswer,
    TryLater,
)
from read_also_client.release import USER_AGENT

__all__ = [
    "Attempt",
    "Call",
    "Exchange",
    "Outcome",
    "Retries",
    "exchange",
    "opening_of",
    "problem_of",
    "reader_of",
    "request_of",
    "retry_after_of",
]

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Outcome = httpx.Response | httpx.RequestError
"""What came of a request: an answer, or the fault for which there is none."""

JSON: Final = "application/json"
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 8.0
KEPT_OPEN_SECONDS: Final = 3.0  # the service closes a connection after five without a request
_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the API.

    Attributes:
        method: of HTTP.
        path: of the address, from the root of the service.
        read: makes the result of the answer.
        query: the parameters.
        body: what is sent, of the type `media`; None for nothing.
        media: the media type of the body.
        headers: of this call alone.
        seconds: how long an attempt may take, where that is longer than for other calls.
        also: statuses of errors that `read` takes too; they are not tried again.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    also: frozenset[int] = frozenset()

    def reads(self, outcome: Outcome) -> bool:
        """Whether this outcome has the result of the call."""
        if isinstance(outcome, httpx.RequestError):
            return False
        return outcome.is_success or outcome.status_code in self.also


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call to send, after a pause."""

    call: Call[Any]
    pause_seconds: float = 0.0


Exchange = Generator[Attempt, Outcome, T]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is made that is not answered, or answered with 429, 502, 503 or 504.

    Every call may be made again: the second time it changes nothing more.

    Attributes:
        attempts: how often at most, the first time included.
        longest_pause: in seconds; a service that asks for a longer one is not asked again.
        draw: a random number from 0 to 1, so that many clients do not come back together.
    """

    attempts: int = 4
    longest_pause: float = 30.0
    draw: Callable[[], float] = random.random

    def pause_after(self, attempt: int, outcome: Outcome) -> float | None:
        """The pause before the next attempt, in seconds; None if there is none."""
        if isinstance(outcome, httpx.RequestError):
            return self.pause_before_next(attempt)
        if KIND_BY_STATUS.get(outcome.status_code) is not TryLater:
            return None
        return self.pause_before_next(attempt, retry_after_of(outcome) or 0.0)

    def pause_before_next(self, attempt: int, asked_seconds: float = 0.0) -> float | None:
        """The pause that was asked for, and some more: it doubles with each attempt."""
        backoff = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_BACKOFF_SECONDS)
        pause = asked_seconds + backoff * (1 + self.draw()) / 2
        may_try = attempt < self.attempts and asked_seconds <= self.longest_pause
        return pause if may_try else None


def exchange(call: Call[T], retries: Retries, first_pause: float = 0.0) -> Exchange[T]:
    """Make a call after a pause in seconds, some times if need be.

    Raises:
        ApiError: there is no answer, or it is an error.
    """
    pause: float | None = first_pause
    for attempt in count(1):
        outcome = yield Attempt(call, pause or 0.0)
        if call.reads(outcome):
            break
        pause = retries.pause_after(attempt, outcome)
        if pause is None:
            break
    return _result_of(call, outcome)


def _result_of(call: Call[T], outcome: Outcome) -> T:
    if isinstance(outcome, httpx.RequestError):
        place = outcome.request.url.copy_with(query=None)
        raise NoAnswer(
            f"no answer from {place}: {str(outcome) or type(outcome).__name__}"
        ) from outcome
    if not call.reads(outcome):
        raise _refusal_of(outcome)
    return call.read(outcome)


def _refusal_of(answer: httpx.Response) -> Refused | StrangeAnswer:
    if answer.is_redirect:
        place = answer.headers["Location"]
        return StrangeAnswer(answer.status_code, f"it leads to {place}; make that the base_url")
    kind = KIND_BY_STATUS.get(answer.status_code, Refused)
    return kind(problem_of(answer), retry_after_of(answer))


def problem_of(answer: httpx.Response) -> Problem:
    """What an error says; of a proxy's page nothing but the status."""
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        status, words = answer.status_code, answer.reason_phrase
        return Problem(type="about:blank", title=words, status=status, detail=words, instance="")


def retry_after_of(answer: httpx.Response) -> float | None:
    """How long an answer asks to wait, in seconds; None if it does not say, or gives a date."""
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if _SECONDS.fullmatch(seconds) else None


def reader_of(model: type[M]) -> Callable[[httpx.Response], M]:
    """What reads an answer as a model; it raises StrangeAnswer if the answer is something else."""

    def read(answer: httpx.Response) -> M:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as fault:
            detail = f"the answer is no {model.__name__}; is base_url that of the service? {fault}"
            raise StrangeAnswer(answer.status_code, detail) from fault

    return read


def request_of(call: Call[Any]) -> dict[str, Any]:
    """A call as `build_request` of both clients of httpx takes it."""
    request: dict[str, Any] = {"method": call.method, "url": call.path, "params": call.query}
    kind = {} if call.body is None else {"Content-Type": call.media}
    request |= {"content": call.body, "headers": {**kind, **call.headers}}
    if call.seconds is not None:
        request["timeout"] = call.seconds
    return request


def opening_of(base_url: str, key: str | None) -> dict[str, Any]:
    """The address, the headers and the connections, as both clients of httpx take them.

    Raises:
        NotSendable: the address is none of the web, or the key cannot be in a header.
    """
    if not re.match(r"https?://[^/\s]", base_url):
        raise NotSendable(f"{base_url!r} is no address such as https://read-also.example")
    headers = {"User-Agent": USER_AGENT}
    if key is not None:
        if not re.fullmatch(r"[!-~]+", key):
            raise NotSendable("the key has characters that no key has; is it read whole?")
        headers["Authorization"] = f"Bearer {key}"
    limits = httpx.Limits(
        max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_OPEN_SECONDS
    )
    return {"base_url": base_url, "headers": headers, "limits": limits}
