"""Reads one feed from standard input and writes what it holds to standard output, as JSON.

A process of its own under limits, since feedparser needs hours for some hostile feeds. feedparser
has its home here. It gets bytes and nothing else: given a path or an address, it would open that.
What it offers against scripts is left off: an article's HTML is read by another guarded child, and
nobody shows it. Started by its path, it imports nothing of this package.
"""

import json
import resource
import sys
from io import BytesIO
from time import struct_time
from typing import Final
from xml.sax import SAXParseException

import feedparser

__all__ = ["main", "read"]

_MEMORY_BYTES: Final = 2 * 2**30
_NOTHING: Final = (0, 0)
_DEEPEST: Final = 12
_MOMENT: Final = 6  # year to second


def read(data: bytes) -> dict[str, object]:
    """What feedparser makes of a feed, in plain JSON types: version, feed, entries, and the fault.

    Ids are as they stand, since it knows no address to complete them by. Of a time there are six
    numbers, in UTC. The fault is line and reason, where the feed is not well-formed.
    """
    parsed = feedparser.parse(BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    fault = parsed.get("bozo_exception")
    return {
        "version": parsed.get("version"),
        "feed": _plain(parsed.get("feed")),
        "entries": _plain(parsed.get("entries")),
        "fault": (fault.getLineNumber(), fault.getMessage())
        if isinstance(fault, SAXParseException)
        else None,
    }


def main() -> None:
    """Read a feed; the argument is how many seconds of processor time it may take."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, _NOTHING)
    json.dump(read(sys.stdin.buffer.read()), sys.stdout)


def _plain(value: object, depth: int = _DEEPEST) -> object:
    """Plain JSON types. feedparser's own dictionaries make values up, so theirs are taken raw."""
    if isinstance(value, struct_time):
        return list(value[:_MOMENT])
    if isinstance(value, dict):
        return {str(k): _plain(v, depth - 1) for k, v in dict.items(value)} if depth else None
    if isinstance(value, list):
        return [_plain(one, depth - 1) for one in value] if depth else None
    return value if isinstance(value, str | int | None) else str(value)


if __name__ == "__main__":
    main()
