"""Fetching over HTTP from sites that are not trusted, with limits on where, how much and how long.

Only http and https, and only public addresses unless a host is allowed by name. Redirects are
followed here, and each address is checked like the first. Size and time are limited. Credentials go
to one origin only. The environment (proxies, netrc) is not used.
"""

import base64
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from recommender.errors import BadSource, SourceAway
from recommender.release import USER_AGENT
from recommender.sources.address_guard import (
    TEMPORARY_FAILURES,
    CheckedNetwork,
    FetchAddress,
    Pool,
    ascii_host,
    is_certificate_failure,
    is_timeout,
    open_pool,
    parse_address,
    send_get,
)
from recommender.sources.dates import parse_mail_date

__all__ = ["FetchLimits", "FetchResponse", "Fetcher", "collect", "unpack"]

LONGEST_WAIT_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.5
_OK: Final = frozenset({200})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 502, 503, 504})
_FIRST_SERVER_ERROR: Final = 500
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie"})

_GZIP: Final = 31  # zlib's window bits for gzip
_UNPACKED_PIECE: Final = 2**18  # bytes, at most, that are unpacked at once
_PACKED_PIECE: Final = 2**12  # bytes that are given to zlib at once
_MEMBER: Final = b"\x1f\x8b"  # how each member of a gzip file begins


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The limits of one request.

    Attributes:
        seconds: until the last byte.
        bytes: of the unpacked body.
        redirects: that are followed.
        retries: after a failure that may pass, such as a busy site.
        slow_retries: of these, the number after a time-out, each of which takes all the seconds.
    """

    seconds: float = 30.0
    bytes: int = 64 * 2**20
    redirects: int = 5
    retries: int = 4
    slow_retries: int = 1


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """A response: the last address after redirects; the names of headers are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_server_trouble(self) -> bool:
        """Whether the status says that the site cannot answer now, whatever the request was."""
        return self.status >= _FIRST_SERVER_ERROR or self.status == HTTPStatus.TOO_MANY_REQUESTS


class Fetcher:
    """Fetches one address after another, in one thread. As a context it closes its connections."""

    def __init__(
        self,
        *,
        private_hosts: frozenset[str] = frozenset(),
        auth: tuple[str, str] | None = None,
        limits: FetchLimits = FetchLimits(),
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare a fetcher.

        Args:
            private_hosts: names of hosts, as in addresses, that may be of a private network.
            auth: name and password, sent as Basic to the origin that is fetched first.
            limits: of each request.
            wait: called with the seconds before a retry.
        """
        self._private_hosts = frozenset(map(ascii_host, private_hosts))
        self._auth = auth
        self._owner: FetchAddress | None = None  # of the credentials: the first address
        self._limits = limits
        self._wait = wait
        self._network = CheckedNetwork(self._private_hosts)
        self._pool: Pool | None = None  # opened late, as reading certificates takes time
        self.requests = 0

    @property
    def has_credentials(self) -> bool:
        """Whether there are a name and password to send."""
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
    ) -> FetchResponse:
        """Fetch an address.

        Args:
            url: an absolute http or https address.
            headers: sent along; secret ones only to the address's own origin.
            accept: the statuses that the caller can handle.

        Raises:
            SourceAway: it cannot be reached, is too slow, or says that it cannot answer now.
            BadSource: it is not allowed, is too large, or answers another status.
        """
        first = here = parse_address(url)
        self._owner = self._owner or first
        for _ in range(self._limits.redirects + 1):
            sent = self._headers(first, here, headers or {})
            response = self._fetch_with_retries(here, sent, _BUSY - accept)
            if response.status in accept:
                return response
            if response.status not in _REDIRECTS or "location" not in response.headers:
                kind = SourceAway if response.is_server_trouble else BadSource
                raise kind(f"{here.text}: answers {_phrase(response.status)}")
            here = self._redirected(first, here, response.headers["location"])
        raise BadSource(f"{url}: redirects more than {self._limits.redirects} times")

    def _redirected(self, first: FetchAddress, here: FetchAddress, location: str) -> FetchAddress:
        """The address that a redirect leads to.

        Raises:
            BadSource: it may not be fetched.
        """
        there = here.follow(location)
        if self._gets_credentials(first) and (here.scheme, there.scheme) == ("https", "http"):
            raise BadSource(
                f"{here.text}: redirects to {there.text}, which is not encrypted, and a password "
                "is in use; import from the address where the redirects end"
            )
        return there

    def _headers(
        self, first: FetchAddress, here: FetchAddress, given: Mapping[str, str]
    ) -> dict[str, str]:
        is_same = first.origin == here.origin
        allowed = {
            name: v for name, v in given.items() if is_same or name.lower() not in _SECRET_HEADERS
        }
        with_credentials = is_same and self._gets_credentials(first)
        basic = {"Authorization": self._basic()} if with_credentials else {}
        fixed = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Accept": "*/*"}
        return fixed | basic | allowed

    def _gets_credentials(self, address: FetchAddress) -> bool:
        """Whether the credentials are sent to an address.

        Raises:
            BadSource: they would be sent unencrypted over the internet.
        """
        if self._auth is None or self._owner is None or address.host != self._owner.host:
            return False
        if address.scheme != "https" and address.host not in self._private_hosts:
            raise BadSource(f"{address.text}: a password is sent over https only; write https://")
        return address.shares_owner(self._owner)

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(":".join(self._auth or ()).encode()).decode("ascii")

    def _fetch_with_retries(
        self, address: FetchAddress, headers: Mapping[str, str], busy: frozenset[int]
    ) -> FetchResponse:
        """Fetch, and try again while the other side is busy or cannot be reached."""
        slow = 0
        for tries in range(self._limits.retries):
            seconds = _FIRST_WAIT_SECONDS * 2**tries
            try:
                response = self._fetch_once(address, headers)
            except TEMPORARY_FAILURES as error:
                slow += is_timeout(error)
                if is_certificate_failure(error) or slow > self._limits.slow_retries:
                    raise _no_response(address, error) from error
            else:
                if response.status not in busy:
                    return response
                seconds = _retry_after(response.headers.get("retry-after", ""), seconds)
            self._wait(min(seconds, LONGEST_WAIT_SECONDS))
        try:
            return self._fetch_once(address, headers)
        except TEMPORARY_FAILURES as error:
            raise _no_response(address, error) from error

    def _fetch_once(self, address: FetchAddress, headers: Mapping[str, str]) -> FetchResponse:
        self.requests += 1
        self._network.deadline = time.monotonic() + self._limits.seconds
        self._pool = self._pool or open_pool(self._network)
        try:
            with send_get(self._pool, address, headers) as (status, received, pieces):
                unpacked = unpack(pieces, received.get("content-encoding", ""))
                body = b"" if status in _REDIRECTS else collect(unpacked, self._limits.bytes)
                return FetchResponse(address.text, status, received, body)
        except BadSource as error:
            raise type(error)(f"{address.text}: {error}") from error


def collect(pieces: Iterable[bytes], most: int) -> bytes:
    """Join the pieces of a body, and count them: a small body may unpack to a huge one.

    Raises:
        BadSource: there are more than `most` bytes.
    """
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > most:
            raise BadSource(f"is larger than {most} bytes")
    return bytes(body)


def unpack(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a body's compression.

    Args:
        pieces: as received.
        encoding: the header Content-Encoding.

    Raises:
        BadSource: the encoding was not asked for, or the body is broken.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return iter(pieces)
        case "gzip" | "x-gzip":
            return _gunzip(pieces)
        case other:
            raise BadSource(f"is packed as {other[:40]!r}, which was not asked for")


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack all members of a gzip file; padding, and anything else behind them, is ignored."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for piece in _small_pieces(pieces):
            rest = piece
            while rest := rest.lstrip(b"\0") if unpacker.eof else rest:
                if unpacker.eof:
                    if not _MEMBER.startswith(rest[: len(_MEMBER)]):
                        return
                    unpacker = zlib.decompressobj(_GZIP)
                yield unpacker.decompress(rest, _UNPACKED_PIECE)
                rest = unpacker.unconsumed_tail or unpacker.unused_data
        yield unpacker.flush()
    except zlib.error as error:
        raise BadSource(f"cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise BadSource("cannot be unpacked (it ends too early)")


def _small_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces: zlib copies the rest after the end of a member, and there may be many members."""
    for piece in pieces:
        yield from (piece[at : at + _PACKED_PIECE] for at in range(0, len(piece), _PACKED_PIECE))


def _no_response(address: FetchAddress, error: Exception) -> SourceAway:
    return SourceAway(f"{address.text}: no complete response comes ({error})")


def _phrase(status: int) -> str:
    known = status in HTTPStatus._value2member_map_
    return f"{status} ({HTTPStatus(status).phrase})" if known else str(status)


def _retry_after(header: str, otherwise: float) -> float:
    """The seconds of a header Retry-After, which has seconds or a date; never negative."""
    text = header.strip()
    if text.isdecimal() and text.isascii():
        return float(text[:6])
    at = parse_mail_date(text)
    return otherwise if at is None else max(0.0, (at - datetime.now(tz=UTC)).total_seconds())
