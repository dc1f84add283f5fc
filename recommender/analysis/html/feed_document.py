"""An RSS or Atom feed, as feedparser reads it. It runs in the sandbox.

feedparser is imported only here. It needs hours for some hostile feeds, so it needs the limits of a
sandbox. It gets bytes and nothing else: given a path or an address, it would open that. Its HTML
sanitizer is switched off: the HTML of articles is read by a sandbox of its own and never shown.
"""

import json
import re
from io import BytesIO
from time import struct_time
from typing import Final
from xml.sax import SAXParseException

import feedparser

__all__ = ["parse_feed_document", "read_feed_document"]

_DEEPEST: Final = 12  # levels of dictionaries and lists
_MOMENT: Final = 6  # numbers of a time: year to second
_NO_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # what no reply may hold


def read_feed_document(data: bytes) -> str:
    """The feed as JSON; special characters are escaped."""
    found = json.dumps(parse_feed_document(data), ensure_ascii=False)
    return _NO_TEXT.sub(lambda character: f"\\u{ord(character[0]):04x}", found)


def parse_feed_document(data: bytes) -> dict[str, object]:
    """Parse a feed to plain JSON types.

    Returns:
        `version`: the format, such as `rss20`; empty if it is not a feed.
        `feed`: what is said of the whole feed.
        `entries`: the entries. Ids are as in the document. A time is six numbers in UTC.
        `fault`: line and reason if the feed is not well-formed, else None.
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


def _plain(value: object, depth: int = _DEEPEST) -> object:
    """A value in JSON types. `dict.items`, as feedparser's own method invents values."""
    if isinstance(value, struct_time):
        return list(value[:_MOMENT])
    if isinstance(value, dict):
        return {str(k): _plain(v, depth - 1) for k, v in dict.items(value)} if depth else None
    if isinstance(value, list):
        return [_plain(one, depth - 1) for one in value] if depth else None
    return value if isinstance(value, str | int | None) else str(value)
