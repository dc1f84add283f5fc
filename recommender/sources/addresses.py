"""Addresses that may be asked for: http and https, without credentials, at a web server's port.

httpx has its home here: it reads them as the standard says, names in other scripts among them.
"""

from dataclasses import dataclass
from typing import Final

import httpx

from recommender.errors import BadSource

__all__ = ["Address", "ascii_host", "parse_address"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FIRST_FREE_PORT: Final = 1024  # below it only the web's own: mail servers understand HTTP lines
_LAST_PORT: Final = 65_535
_LONGEST: Final = 2_000  # characters; cursors are kept by addresses


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be asked for.

    Attributes:
        text: the whole of it, in ASCII, without the fragment.
        scheme: http or https.
        host: in ASCII and lower case, an IPv6 address without its brackets.
        port: never absent.
        authority: host and port, as they stand in the header Host.
        target: path and query, as they stand in a request.
    """

    text: str
    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What has one owner."""
        return self.scheme, self.host, self.port

    def shares_owner(self, other: "Address") -> bool:
        """Whether what may be sent to another address may be sent here too.

        It is of the same origin, or of the one that the other's plain http is moved to: https of
        the same host, both at the ports that need not be written.
        """
        moved = ("https", other.host, _DEFAULT_PORTS["https"])
        is_plain = other.origin == ("http", other.host, _DEFAULT_PORTS["http"])
        return self.origin == other.origin or (is_plain and self.origin == moved)

    def follow(self, location: str) -> "Address":
        """Where a redirect from here leads.

        Raises:
            BadSource: to what is no address that may be asked for.
        """
        try:
            return parse_address(str(httpx.URL(self.text).join(location)))
        except (BadSource, httpx.InvalidURL, ValueError) as error:
            raise BadSource(f"{self.text}: redirects elsewhere; {error}") from error


def parse_address(text: str) -> Address:
    """Read an absolute address.

    Raises:
        BadSource: it is none that may be asked for. A password in it is not repeated.
    """
    try:
        url = httpx.URL(text.strip()).copy_with(fragment=None)
        host, target = url.raw_host.decode("ascii").lower(), url.raw_path.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise BadSource(f"{_without_secrets(text)!r}: is no address ({error})") from error
    if url.scheme not in _DEFAULT_PORTS or not host:
        raise BadSource(f"{_without_secrets(text)!r}: only http:// and https:// are asked for")
    if url.userinfo:
        raise BadSource(f"{host}: a name or password in the address is not used; give --user")
    port = url.port or _DEFAULT_PORTS[url.scheme]
    if not _is_web_port(port) or url.port == 0:
        raise BadSource(f"{text}: port {url.port} is no web server's; use 80, 443 or 1024 and up")
    if len(str(url)) > _LONGEST:
        raise BadSource(f"{str(url)[:80]}...: an address of {len(str(url))} characters is too long")
    return Address(str(url), url.scheme, host, port, url.netloc.decode("ascii"), target)


def ascii_host(name: str) -> str:
    """A host's name as it stands in `Address.host`.

    Raises:
        BadSource: it is no name of a host.
    """
    try:
        return httpx.URL(scheme="http", host=name.strip("[]")).raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, ValueError) as error:
        raise BadSource(f"{name!r} is no name of a host, such as cms.example") from error


def _is_web_port(port: int) -> bool:
    return port in _DEFAULT_PORTS.values() or _FIRST_FREE_PORT <= port <= _LAST_PORT


def _without_secrets(text: str) -> str:
    """What stands behind a name and password that may be in an address."""
    return text.rpartition("@")[2][:200]
