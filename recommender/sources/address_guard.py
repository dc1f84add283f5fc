"""Connections to public addresses only, so that a source cannot reach into the private network.

A host's name is looked up once, here. Every address of the host is checked, and the connection goes
to one of the checked addresses. So a name that changes its address in between (DNS rebinding)
gains nothing. httpcore and httpx's reader of URLs are imported only here.
"""

import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import httpcore
import httpx

from recommender.errors import BadSource, SourceAway

__all__ = [
    "TEMPORARY_FAILURES",
    "CheckedNetwork",
    "FetchAddress",
    "Pool",
    "ascii_host",
    "is_certificate_failure",
    "is_public_address",
    "is_timeout",
    "open_pool",
    "parse_address",
    "send_get",
]

Pool = httpcore.ConnectionPool

TEMPORARY_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
)
"""Failures of a connection that may be over at the next try."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FIRST_FREE_PORT: Final = 1024  # no web servers at others below: mail servers accept HTTP
_LAST_PORT: Final = 65_535
_LONGEST_ADDRESS: Final = 2_000  # characters; checkpoints are stored under addresses
_MOST_ADDRESSES: Final = 4  # of one host that are tried
_NAT64: Final = ip_network("64:ff9b::/96")
_NOT_PUBLIC: Final = (
    ip_network("168.63.129.16/32"),  # a cloud's metadata service, at an address that looks public
    ip_network("192.88.99.0/24"),  # relays to 6to4
    ip_network("64:ff9b:1::/48"),  # NAT64 inside a network
    ip_network("3fff::/20"),  # documentation
    ip_network("5f00::/16"),  # segment routing
    ip_network("fec0::/10"),  # site-local addresses of former times
)


@dataclass(frozen=True, slots=True)
class FetchAddress:
    """An address that may be fetched: http or https, without credentials, at a web server's port.

    Attributes:
        text: the whole address in ASCII, without the fragment.
        scheme: http or https.
        host: in ASCII and lower case; an IPv6 address without brackets.
        port: always given.
        authority: host and port, as in the header Host.
        target: path and query, as in a request.
    """

    text: str
    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    def shares_owner(self, other: "FetchAddress") -> bool:
        """Whether credentials for another address may be sent here too.

        This is so for the same origin, and for https if the other is plain http of the same host,
        both at their default ports.
        """
        upgraded = ("https", other.host, _DEFAULT_PORTS["https"])
        is_plain = other.origin == ("http", other.host, _DEFAULT_PORTS["http"])
        return self.origin == other.origin or (is_plain and self.origin == upgraded)

    def follow(self, location: str) -> "FetchAddress":
        """The address that a redirect from here leads to.

        Raises:
            BadSource: it may not be fetched.
        """
        try:
            return parse_address(str(httpx.URL(self.text).join(location)))
        except (BadSource, httpx.InvalidURL, ValueError) as error:
            raise BadSource(f"{self.text}: redirects elsewhere; {error}") from error


def parse_address(text: str) -> FetchAddress:
    """Read an absolute address.

    Raises:
        BadSource: it may not be fetched. A password in it is not repeated.
    """
    try:
        url = httpx.URL(text.strip()).copy_with(fragment=None)
        host, target = url.raw_host.decode("ascii").lower(), url.raw_path.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise BadSource(f"{_without_secrets(text)!r}: is not an address ({error})") from error
    if url.scheme not in _DEFAULT_PORTS or not host:
        raise BadSource(f"{_without_secrets(text)!r}: only http:// and https:// are fetched")
    if url.userinfo:
        raise BadSource(f"{host}: a name or password in the address is not used; give --user")
    port = url.port or _DEFAULT_PORTS[url.scheme]
    if not _is_web_port(port) or url.port == 0:
        raise BadSource(
            f"{text}: port {url.port} is not for web servers; use 80, 443 or 1024 and up"
        )
    if len(str(url)) > _LONGEST_ADDRESS:
        raise BadSource(f"{str(url)[:80]}...: an address of {len(str(url))} characters is too long")
    return FetchAddress(str(url), url.scheme, host, port, url.netloc.decode("ascii"), target)


def ascii_host(name: str) -> str:
    """The name of a host in the form of `FetchAddress.host`.

    Raises:
        BadSource: it is not a name of a host.
    """
    try:
        return httpx.URL(scheme="http", host=name.strip("[]")).raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, ValueError) as error:
        raise BadSource(f"{name!r} is no name of a host, such as cms.example") from error


def _is_web_port(port: int) -> bool:
    return port in _DEFAULT_PORTS.values() or _FIRST_FREE_PORT <= port <= _LAST_PORT


def _without_secrets(text: str) -> str:
    """The part of an address after a name and password."""
    return text.rpartition("@")[2][:200]


def is_public_address(address: str) -> bool:
    """Whether a numeric address, and any IPv4 address inside it, is of the public internet."""
    try:
        ip = ip_address(address)
    except ValueError:  # with a scope, such as fe80::1%eth0
        return False
    if isinstance(ip, IPv6Address):
        inner = _embedded(ip)
        if inner is not None:
            return is_public_address(str(inner))
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local
    return ip.is_global and not special and not any(ip in network for network in _NOT_PUBLIC)


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would translate it to."""
    if isinstance(_NAT64, IPv6Network) and ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class CheckedNetwork(httpcore.NetworkBackend):
    """Opens connections to checked addresses, and stops them all at one deadline.

    `deadline`, in seconds of `time.monotonic`, is set before each request.
    """

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._private_hosts = private_hosts
        self._network = httpcore.SyncBackend()
        self.deadline = math.inf

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            BadSource: an address of the host is not public, and the host is not allowed as private.
            SourceAway: the host has no address.
            httpcore.ConnectError: no address answers, or the name service does not answer now.
        """
        fault: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port)[:_MOST_ADDRESSES]:
            try:
                stream = self._network.connect_tcp(
                    address, port, self.seconds_left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
            else:
                return _TimedStream(stream, self.seconds_left)
        raise fault

    def seconds_left(self, timeout: float | None = None) -> float:
        """Seconds until the deadline, or until the timeout if that is earlier.

        Raises:
            httpcore.ReadTimeout: the deadline has passed.
        """
        seconds = min(self.deadline - time.monotonic(), math.inf if timeout is None else timeout)
        if seconds <= 0:
            raise httpcore.ReadTimeout("timed out")
        return seconds

    def _checked(self, host: str, port: int) -> list[str]:
        addresses = _look_up(host, port)
        if host not in self._private_hosts:
            for address in addresses:
                if not is_public_address(address):
                    raise BadSource(
                        f"{host} is at {address}, which is no public address; if it is meant, "
                        f"allow it by its name: --allow-private {host}"
                    )
        return addresses


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise httpcore.ConnectError(f"{host} cannot be looked up now") from error
        raise SourceAway(f"no address is known for {host} ({error.strerror})") from error
    except UnicodeError as error:
        raise BadSource(f"{host[:80]!r} is no name of a host") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _TimedStream(httpcore.NetworkStream):
    """A connection with one deadline for all steps, so that a slow sender cannot keep it open."""

    def __init__(
        self, stream: httpcore.NetworkStream, left: Callable[[float | None], float]
    ) -> None:
        self._stream = stream
        self._seconds_left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._seconds_left(timeout))
        return _TimedStream(inner, self._seconds_left)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own type
        return self._stream.get_extra_info(info)


def open_pool(network: CheckedNetwork) -> Pool:
    """Open a pool of reusable connections; the system's certificate authorities are trusted too."""
    trusted = httpcore.default_ssl_context()
    trusted.load_default_certs()
    return httpcore.ConnectionPool(
        ssl_context=trusted,
        max_connections=4,
        keepalive_expiry=15,
        network_backend=network,
    )


@contextmanager
def send_get(
    pool: Pool, address: FetchAddress, headers: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, str], Iterator[bytes]]]:
    """Send one GET request: gives status, headers by lower-case name, and the body in pieces.

    Raises:
        BadSource: the host may not be connected to.
        httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: as in
            `TEMPORARY_FAILURES`.
    """
    url = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )
    named = {"Host": address.authority} | dict(headers)
    sent = [(name.encode(), value.encode()) for name, value in named.items()]
    with pool.stream("GET", url, headers=sent) as response:
        received = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        yield response.status, received, response.iter_stream()


def is_timeout(error: Exception) -> bool:
    """Whether a connection failed because its time was over."""
    return isinstance(error, httpcore.TimeoutException)


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether a certificate was not accepted: another try would not help."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
