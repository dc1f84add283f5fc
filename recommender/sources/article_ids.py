"""Ids of imported articles: made of what other systems know them by.

The WordPress plugin makes the same ids, so a post that it pushes and that is imported is one
article.
"""

import hashlib
import re
from typing import Final

from recommender.articles import is_web_address
from recommender.attributes import LONGEST_TEXT
from recommender.id_grammar import LONGEST_ID, escape_bytes

__all__ = [
    "feed_entry_id",
    "foreign_id",
    "former_feed_entry_id",
    "parts_of",
    "wordpress_attributes",
    "wordpress_id",
]

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]")
_ESCAPED = re.compile(rb"~([0-9A-F]{2})")
_DIGEST_MARK: Final = "~~"
_DIGEST: Final = 40  # hex digits
_GLOBAL_NAME: Final = re.compile(
    r"urn:[a-z0-9][a-z0-9-]{1,31}:\S+|tag:[^\s,:/]+,\d{4}(?:-\d\d){0,2}:\S+", re.IGNORECASE
)


def foreign_id(kind: str, *parts: str) -> str:
    """The id of an article that another system knows by some parts.

    `kind:part:part`, with each byte of UTF-8 outside [A-Za-z0-9._-] as `~HH`. If that is longer
    than an id may be, the last part is replaced by `~~` and the first 40 hex digits of its SHA-256,
    and cannot be read back.
    """
    whole = ":".join([kind, *map(_escape, parts)])
    if len(whole) <= LONGEST_ID:
        return whole
    digest = hashlib.sha256(_bytes(parts[-1])).hexdigest()[:_DIGEST]
    return ":".join([kind, *map(_escape, parts[:-1]), _DIGEST_MARK + digest])


def parts_of(article_id: str) -> tuple[str, ...]:
    """The kind and parts of an id that `foreign_id` made; a digest stays as it is.

    It is for scripts that read lists or an export and look for the post, entry or page behind an
    id.

    Raises:
        ValueError: `foreign_id` did not make this id.
    """
    kind, *parts = article_id.split(":")
    return kind, *(part if part.startswith(_DIGEST_MARK) else _unescape(part) for part in parts)


def wordpress_id(home: str, number: int) -> str:
    """The id of a post: the site's home address without the scheme, and the post's number."""
    return foreign_id("wp", _without_scheme(home), str(number))


def wordpress_attributes(home: str) -> dict[str, str]:
    """The attributes of a post: its site, by which the lists of a network are limited to one."""
    site = _without_scheme(home)[:LONGEST_TEXT]
    return {"site": site} if site else {}


def feed_entry_id(feed: str, entry: str, link: str = "") -> str:
    """The id of a feed's entry.

    An entry id that is an address, a `tag:` or a `urn:` is unique in the world and stands alone.
    Any other, such as `1`, is unique only in its feed, so the feed is a part of the article's id.

    Args:
        feed: the address of the feed, or another text that tells it from other feeds.
        entry: the entry's own id: an RSS guid, an Atom or JSON Feed id; else its link.
        link: a web address that only this entry has, for a feed whose address is not known; the id
            is made of it unless the entry's own is unique in the world.
    """
    if is_web_address(entry) or _GLOBAL_NAME.fullmatch(entry):
        return foreign_id("feed", entry)
    if link:
        return foreign_id("feed", link)
    name = _without_scheme(feed) if is_web_address(feed) else feed
    if len(_escape(name)) > _LONGEST_FEED:
        name = hashlib.sha256(_bytes(name)).hexdigest()[:_DIGEST]
    return foreign_id("feed", name, entry)


def former_feed_entry_id(entry: str) -> str:
    """The id that earlier versions gave to an entry; it does not name the feed."""
    return foreign_id("feed", entry)


_LONGEST_FEED: Final = LONGEST_ID - len("feed::") - len(_DIGEST_MARK) - _DIGEST


def _without_scheme(address: str) -> str:
    """An address without scheme and a slash at its end, with the host in lower case."""
    host, slash, path = address.partition("://")[2].rstrip("/").partition("/")
    return host.lower() + slash + path


def _escape(part: str) -> str:
    return _FOREIGN.sub(lambda found: escape_bytes(found[0]), part)


def _unescape(part: str) -> str:
    escaped = part.encode("utf-8")
    if b"~" in _ESCAPED.sub(b"", escaped):
        raise ValueError(f"{part!r} has a ~ that two hex digits do not follow")
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), escaped).decode("utf-8")


def _bytes(part: str) -> bytes:
    """UTF-8; half a surrogate pair, which UTF-8 cannot encode, becomes a question mark."""
    return part.encode("utf-8", "replace")
