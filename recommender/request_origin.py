"""What the web server says of a request in its WSGI environment, and whose request it is.

The web server sets the keys. An application that another server runs sees none of them: it then
serves the public only.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

__all__ = [
    "CONSOLE_AWAY",
    "LISTENER",
    "METRICS",
    "OPERATORS",
    "PROBES",
    "PUBLIC",
    "STOPPING",
    "client_address",
    "is_of_console",
    "is_served",
    "read_address",
]

Address = IPv4Address | IPv6Address
LISTENER: Final = "read_also.listener"
"""The key of the listener that the request came to: PUBLIC or OPERATORS."""
PUBLIC: Final = "public"
OPERATORS: Final = "operators"
STOPPING: Final = "read_also.is_stopping"
"""The key of a function that says whether the server stops, so that long work should end."""
CONSOLE_AWAY: Final = "read_also.console_is_away"
"""The key that is set where the console's own process should answer, and does not."""
CONSOLE: Final = "/console"
PROBES: Final = frozenset({"/healthz", "/readyz"})
METRICS: Final = frozenset({"/metrics"})


def is_served(listener: str, path: str) -> bool:
    """Whether a listener serves a path: operators' the probes and the metrics, public all else.

    The probes are on both, for load balancers.
    """
    return path in PROBES or (listener == OPERATORS) == (path in METRICS)


def is_of_console(path: str) -> bool:
    """Whether a path is one of the console's pages; the files that those name are not."""
    within = path.startswith(f"{CONSOLE}/") and not path.startswith(f"{CONSOLE}/static/")
    return within or path == CONSOLE


def client_address(peer: str, forwarded_for: str, proxies: Sequence[str]) -> str:
    """The address of the client that a request comes from.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the header `X-Forwarded-For`; each proxy appends the address that it sees.
        proxies: the addresses and networks of the trusted proxies.

    Returns:
        The last address that no trusted proxy has, or the first of all if each has one. What stands
        before it, anybody may have written.
    """
    hops = forwarded_for.split(",")
    address = read_address(peer)
    while hops and address is not None and _is_among(address, proxies):
        before = read_address(hops.pop().strip())
        if before is None:
            break
        address = before
    return peer if address is None else str(address)


def _is_among(address: Address, proxies: Sequence[str]) -> bool:
    return any(address in ip_network(proxy) for proxy in proxies)


def read_address(text: str) -> Address | None:
    """An address; one of IPv4 that is written as one of IPv6 is of IPv4. None for no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
