"""Connections to public addresses alone: what was checked is what is connected to.

A name is looked up once, here. Every address that it has is checked, and one of these very
addresses is connected to, so a name that changes its address in between (rebinding) gains nothing.
httpcore has its home here.
"""

import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import httpcore

from recommender.errors import BadSource, SourceAway
from recommender.sources.addresses import Address

__all__ = [
    "PASSING",
    "CheckedNetwork",
    "Pool",
    "is_distrust",
    "is_public",
    "is_timeout",
    "open_pool",
    "pass_on",
]

Pool = httpcore.ConnectionPool

PASSING: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)
"""Failures of a connection that may be over at the next try."""

_MOST_ADDRESSES: Final = 4  # of one name, that are tried
_NAT64: Final = ip_network("64:ff9b::/96")
_NOT_PUBLIC: Final = (
    ip_network("168.63.129.16/32"),  # the metadata of a cloud, at an address that looks public
    ip_network("192.88.99.0/24"),  # relays to 6to4
    ip_network("64:ff9b:1::/48"),  # NAT64 inside a network
    ip_network("3fff::/20"),  # documentation
    ip_network("5f00::/16"),  # segment routing
    ip_network("fec0::/10"),  # of a site, in former times
)


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet, and so is any IPv4 one inside it."""
    try:
        ip = ip_address(address)
    except ValueError:  # one with a scope, such as fe80::1%eth0, is not for all either
        return False
    if isinstance(ip, IPv6Address):
        inner = _embedded(ip)
        if inner is not None:
            return is_public(str(inner))
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local
    return ip.is_global and not special and not any(ip in network for network in _NOT_PUBLIC)


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would make of it."""
    if isinstance(_NAT64, IPv6Network) and ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class CheckedNetwork(httpcore.NetworkBackend):
    """Opens connections to checked addresses, and ends all that they do at one deadline.

    `deadline`, in the seconds of `time.monotonic`, is set anew for each request.
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
            BadSource: an address of it is not public, and the host is not named as private.
            SourceAway: no address is known for it.
            httpcore.ConnectError: none answers, or the name is not known just now.
        """
        fault: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port)[:_MOST_ADDRESSES]:
            try:
                stream = self._network.connect_tcp(
                    address, port, self.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
            else:
                return _TimedStream(stream, self.left)
        raise fault

    def left(self, timeout: float | None = None) -> float:
        """Seconds until the deadline, if that comes before a timeout.

        Raises:
            httpcore.ReadTimeout: it has passed.
        """
        seconds = min(self.deadline - time.monotonic(), math.inf if timeout is None else timeout)
        if seconds <= 0:
            raise httpcore.ReadTimeout("timed out")
        return seconds

    def _checked(self, host: str, port: int) -> list[str]:
        addresses = _look_up(host, port)
        if host not in self._private_hosts:
            for address in addresses:
                if not is_public(address):
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
    """A connection that a slow drip does not keep open: each step has what is left of the time."""

    def __init__(
        self, stream: httpcore.NetworkStream, left: Callable[[float | None], float]
    ) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _TimedStream(inner, self._left)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own type
        return self._stream.get_extra_info(info)


def open_pool(network: CheckedNetwork) -> Pool:
    """Connections that are used again; the system's authorities for certificates count too."""
    trusted = httpcore.default_ssl_context()
    trusted.load_default_certs()
    return httpcore.ConnectionPool(
        ssl_context=trusted,
        max_connections=4,
        keepalive_expiry=15,
        network_backend=network,
    )


@contextmanager
def pass_on(
    pool: Pool, address: Address, headers: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, str], Iterator[bytes]]]:
    """Send one GET: status, headers by lower-case name, and the body as it comes.

    Raises:
        BadSource: the host may not be connected to.
        httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: see `PASSING`.
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


def is_distrust(error: BaseException | None) -> bool:
    """Whether a connection failed over a certificate: another try would not help."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
