"""How the texts of settings are read as values. Each function names the setting that it refuses.

All raise BadSettings for a text that is not as it should be.
"""

import logging
import re
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from recommender.data_folder import DataFolder
from recommender.encoding_settings import PREFIX
from recommender.errors import BadSettings, PartMissing
from recommender.time_zones import find_time_zone

__all__ = [
    "MOST_PORT",
    "NO_LISTENER",
    "check_index_driver",
    "look_for_old_store",
    "read_choice",
    "read_collector",
    "read_count",
    "read_index_server",
    "read_listening_address",
    "read_networks",
    "read_public_address",
    "read_rate",
    "read_switch",
    "read_text",
    "read_time_zone",
]

MOST_PORT: Final = 65_535
NO_LISTENER: Final = "off"
OLD_DATABASE: Final = DataFolder(Path("var")).database
"""The default store up to version 0.1, wherever DATA_DIR was."""

_log = logging.getLogger(__name__)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9:/._~%\[\]-]+")
_TRACES_CALL: Final = "/v1/traces"
_PUBLIC_PREFIX: Final = "/v1"
_SWITCH: Final = {
    **dict.fromkeys(("1", "true", "yes"), True),
    **dict.fromkeys(("0", "false", "no", ""), False),
}


def read_text(name: str, text: str) -> str:
    """Take a text that is not empty."""
    if not text:
        raise BadSettings(f"{PREFIX}{name}: is empty; leave it unset for its default")
    return text


def read_choice(name: str, text: str, values: tuple[str, ...]) -> str:
    """Take one of some values."""
    if text not in values:
        raise BadSettings(f"{PREFIX}{name}: {text!r} is none of {', '.join(values)}")
    return text


def read_switch(name: str, text: str) -> bool:
    """Read 1 or 0, or a word for them; an empty text is 0."""
    if text.lower() not in _SWITCH:
        raise BadSettings(f"{PREFIX}{name}: {text!r} is neither 1 nor 0")
    return _SWITCH[text.lower()]


def read_count(name: str, text: str, most: int) -> int:
    """Read a whole number from 1 to the most."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text) or int(text) > most:
        raise BadSettings(f"{PREFIX}{name}: {text!r} is not a whole number from 1 to {most}")
    return int(text)


def read_rate(name: str, text: str) -> int | None:
    """Requests a minute; None for any number."""
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
        raise BadSettings(
            f"{PREFIX}{name}: {text!r} is not a whole number of requests a minute, 1 to 9999999"
        )
    return int(text)


def read_listening_address(name: str, text: str) -> str:
    """Take `host:port`, NO_LISTENER, or an empty text."""
    host, _, port = text.rpartition(":")
    if text in {"", NO_LISTENER} or (host and port.isdecimal() and int(port) <= MOST_PORT):
        return text
    raise BadSettings(f"{PREFIX}{name}: {text!r} is neither host:port nor {NO_LISTENER}")


def read_collector(name: str, text: str) -> str:
    """Read the address of an OTLP/HTTP collector: that of its call for traces, or an empty text.

    A text that is refused is not quoted: it may hold a secret.
    """
    if not text:
        return ""
    if not _is_plain_address(text):
        raise BadSettings(
            f"{PREFIX}{name}: is no address such as http://127.0.0.1:4318; a name, a password or a "
            "query is not used: give a key in OTEL_EXPORTER_OTLP_HEADERS"
        )
    address = text.rstrip("/")
    return address if address.endswith(_TRACES_CALL) else address + _TRACES_CALL


def read_public_address(name: str, text: str) -> str:
    """Take the address where browsers find the service, without a slash at its end; or none."""
    address = text.rstrip("/")
    if text and (not _is_plain_address(text) or address.endswith(_PUBLIC_PREFIX)):
        raise BadSettings(
            f"{PREFIX}{name}: {text!r} is no address such as https://related.example; it has no "
            f"name, password or query, and {_PUBLIC_PREFIX} is added to it"
        )
    return address


def _is_plain_address(text: str) -> bool:
    """Whether it is an http or https address of ASCII letters, without user, query or fragment."""
    try:
        url = urlsplit(text)
        is_good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return is_good and _ADDRESS.fullmatch(text) is not None


def read_networks(name: str, text: str) -> tuple[str, ...]:
    """Read addresses and networks that are joined by commas."""
    networks = tuple(filter(None, map(str.strip, text.split(","))))
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise BadSettings(
                f"{PREFIX}{name}: {network!r} is no IP address and no network such as 10.0.0.0/8"
            ) from None
    return networks


def read_time_zone(name: str, text: str) -> str:
    """Take the name of a time zone."""
    try:
        find_time_zone(text)
    except ValueError as refusal:
        raise BadSettings(f"{PREFIX}{name}: {refusal}") from None
    return text


def read_index_server(name: str, text: str) -> str:
    """Take the address of a Milvus server, which may have a user, a password and a database.

    A text that is refused is not quoted: it may hold a secret.
    """
    if text and not _is_server_address(text):
        raise BadSettings(
            f"{PREFIX}{name}: is no address such as http://127.0.0.1:19530; for milvus-lite start "
            "its server: milvus-lite server --data-dir DIR --host 127.0.0.1 --port 19530"
        )
    return text.rstrip("/")


def _is_server_address(text: str) -> bool:
    """Whether it is an http or https address without a query or a fragment."""
    try:
        url = urlsplit(text)
        is_good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return is_good and not (url.query or url.fragment) and text.isascii() and text.isprintable()


def check_index_driver(address: str) -> None:
    """Check that what reaches a Milvus server is installed, if there is the address of one.

    Raises:
        PartMissing: it is not.
    """
    if address and find_spec("pymilvus") is None:
        raise PartMissing(
            f"{PREFIX}MILVUS needs an extra; unset it, or run in the checkout: "
            "pip install '.[milvus]'"
        )


def look_for_old_store(data: DataFolder) -> None:
    """Refuse to start an empty store beside snapshots of the store at the old place."""
    if data.database.exists() or not OLD_DATABASE.exists():
        return
    where = (
        f"the article store of this data folder would be {data.database}, which does not exist; "
        f"{OLD_DATABASE.absolute()} does, where earlier versions put it. To use it, stop all that "
        f"does, and move it with its -wal and -shm files; or set "
        f"{PREFIX}DATABASE_URL=sqlite:///{OLD_DATABASE.absolute()}"
    )
    if data.snapshots.is_dir():
        raise BadSettings(where)
    _log.warning("%s", where)
