"""Where the web server listens for operators, and whom it believes about its clients."""

from ipaddress import ip_network
from typing import Final

from recommender.encoding_settings import PREFIX
from recommender.errors import BadSettings

__all__ = ["operators_address", "read_listening_address", "read_networks"]

MOST_PORT: Final = 65_535
NO_LISTENER: Final = "off"
LOOPBACK: Final = "127.0.0.1"


def read_listening_address(name: str, text: str) -> str:
    """Check the text of a setting: empty, NO_LISTENER, or `host:port`.

    Raises:
        BadSettings: it is none of these.
    """
    host, _, port = text.rpartition(":")
    if text in {"", NO_LISTENER} or (host and port.isdecimal() and int(port) <= MOST_PORT):
        return text
    raise BadSettings(f"{PREFIX}{name}: {text!r} is neither host:port nor {NO_LISTENER}")


def operators_address(text: str, public_port: int) -> str | None:
    """The address of the operators' listener; None for no such listener.

    By default it has the port after the public one, or any free one if that one may be any.
    """
    if text == NO_LISTENER:
        return None
    port = public_port + 1 if 0 < public_port < MOST_PORT else 0
    return text or f"{LOOPBACK}:{port}"


def read_networks(name: str, text: str) -> tuple[str, ...]:
    """The addresses and networks of a setting, which are joined by commas.

    Raises:
        BadSettings: one of them is neither.
    """
    networks = tuple(filter(None, map(str.strip, text.split(","))))
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise BadSettings(
                f"{PREFIX}{name}: {network!r} is no IP address and no network such as 10.0.0.0/8"
            ) from None
    return networks
