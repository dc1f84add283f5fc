"""Fetching from addresses that are not trusted: where, how much, how long and how often.

http and https alone; public addresses alone, unless a host is named; redirects are followed by hand
and checked like the first address; size and time have a cap; credentials go to one origin. Nothing
of the environment (proxies, netrc) plays a part.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self

from recommender.errors import BadSource, SourceAway
from recommender.sources.addresses import Address, ascii_host, parse_address
from recommender.sources.bodies import collect, unpack
from recommender.sources.connecting import (
    PASSING,
    CheckedNetwork,
    Pool,
    is_distrust,
    is_timeout,
    open_pool,
    pass_on,
)
from recommender.sources.moments import mail_moment

__all__ = ["Answer", "Fetcher", "Limits"]

USER_AGENT: Final = f"read-also/{version('read-also')}"
LONGEST_WAIT_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.5
_OK: Final = frozenset({200})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 502, 503, 504})
_ERRORS_BEGIN: Final = 500  # the first status that speaks of the other side, not of the request
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost at most: time until its last byte, and bytes when unpacked.

    `retries` counts what passes soon, such as a busy site; `slow_retries` those among them that
    followed on a time-out, each of which takes all the seconds.
    """

    seconds: float = 30.0
    bytes: int = 64 * 2**20
    redirects: int = 5
    retries: int = 4
    slow_retries: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: from which address in the end; names of headers are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_trouble(self) -> bool:
        """Whether the status says that the site cannot answer now, whatever was asked."""
        return self.status >= _ERRORS_BEGIN or self.status == HTTPStatus.TOO_MANY_REQUESTS


class Fetcher:
    """Asks one address after another, in one thread; a context, which closes its connections."""

    def __init__(
        self,
        *,
        private_hosts: frozenset[str] = frozenset(),
        auth: tuple[str, str] | None = None,
        limits: Limits = Limits(),
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        """Make one.

        Args:
            private_hosts: hosts by name, as addresses write them, that may be of a private network.
            auth: name and password, sent as Basic to the origin that is asked first.
            limits: of each request.
            wait: told the seconds before another try.
        """
        self._private_hosts = frozenset(map(ascii_host, private_hosts))
        self._auth = auth
        self._owner: Address | None = None  # of the credentials: what was asked first
        self._limits = limits
        self._wait = wait
        self._network = CheckedNetwork(self._private_hosts)
        self._pool: Pool | None = None  # certificates are read when they are needed
        self.requests = 0

    @property
    def has_credentials(self) -> bool:
        """Whether it was given a name and password to send."""
        return self._auth is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.close()

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, accept: frozenset[int] = _OK
    ) -> Answer:
        """Ask for what is at an address.

        Args:
            url: an absolute http or https address.
            headers: sent along; secret ones only to the address's own origin.
            accept: the statuses that the caller knows to handle.

        Raises:
            SourceAway: it cannot be reached, is too slow, or answers that it cannot answer now.
            BadSource: it is not allowed, too large, or has another status.
        """
        first = here = parse_address(url)
        self._owner = self._owner or first
        for _ in range(self._limits.redirects + 1):
            answer = self._persist(here, self._headers(first, here, headers or {}), _BUSY - accept)
            if answer.status in accept:
                return answer
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                kind = SourceAway if answer.is_trouble else BadSource
                raise kind(f"{here.text}: answers {_told(answer.status)}")
            here = self._next(first, here, answer.headers["location"])
        raise BadSource(f"{url}: redirects more than {self._limits.redirects} times")

    def _next(self, first: Address, here: Address, location: str) -> Address:
        """Where a redirect leads.

        Raises:
            BadSource: to where nothing may be asked.
        """
        there = here.follow(location)
        if self._is_trusted(first) and (here.scheme, there.scheme) == ("https", "http"):
            raise BadSource(
                f"{here.text}: redirects to {there.text}, which is not encrypted, and a password "
                "is in use; import from the address where the redirects end"
            )
        return there

    def _headers(self, first: Address, here: Address, given: Mapping[str, str]) -> dict[str, str]:
        own = first.origin == here.origin
        kept = {name: v for name, v in given.items() if own or name.lower() not in _SECRET_HEADERS}
        basic = {"Authorization": self._basic()} if own and self._is_trusted(first) else {}
        fixed = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Accept": "*/*"}
        return fixed | basic | kept

    def _is_trusted(self, address: Address) -> bool:
        """Whether an address gets the credentials.

        Raises:
            BadSource: it would, in the clear over the internet.
        """
        if self._auth is None or self._owner is None or address.host != self._owner.host:
            return False
        if address.scheme != "https" and address.host not in self._private_hosts:
            raise BadSource(f"{address.text}: a password is sent over https only; write https://")
        return address.shares_owner(self._owner)

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(":".join(self._auth or ()).encode()).decode("ascii")

    def _persist(
        self, address: Address, headers: Mapping[str, str], busy: frozenset[int]
    ) -> Answer:
        """Ask, and ask again while the other side is busy or out of reach."""
        slow = 0
        for tries in range(self._limits.retries):
            seconds = _FIRST_WAIT_SECONDS * 2**tries
            try:
                answer = self._ask(address, headers)
            except PASSING as error:
                slow += is_timeout(error)
                if is_distrust(error) or slow > self._limits.slow_retries:
                    raise _unreached(address, error) from error
            else:
                if answer.status not in busy:
                    return answer
                seconds = _asked_wait(answer.headers.get("retry-after", ""), seconds)
            self._wait(min(seconds, LONGEST_WAIT_SECONDS))
        try:
            return self._ask(address, headers)
        except PASSING as error:
            raise _unreached(address, error) from error

    def _opened(self) -> Pool:
        self._pool = self._pool or open_pool(self._network)
        return self._pool

    def _ask(self, address: Address, headers: Mapping[str, str]) -> Answer:
        self.requests += 1
        self._network.deadline = time.monotonic() + self._limits.seconds
        try:
            with pass_on(self._opened(), address, headers) as (status, received, chunks):
                packed = unpack(chunks, received.get("content-encoding", ""))
                body = b"" if status in _REDIRECTS else collect(packed, self._limits.bytes)
                return Answer(address.text, status, received, body)
        except BadSource as error:
            raise type(error)(f"{address.text}: {error}") from error


def _unreached(address: Address, error: Exception) -> SourceAway:
    return SourceAway(f"{address.text}: no whole answer comes ({error})")


def _told(status: int) -> str:
    known = status in HTTPStatus._value2member_map_
    return f"{status} ({HTTPStatus(status).phrase})" if known else str(status)


def _asked_wait(retry_after: str, otherwise: float) -> float:
    """Seconds that a header Retry-After asks for, in seconds or as a date; never a negative."""
    text = retry_after.strip()
    if text.isdecimal() and text.isascii():
        return float(text[:6])
    moment = mail_moment(text)
    return (
        otherwise if moment is None else max(0.0, (moment - datetime.now(tz=UTC)).total_seconds())
    )
