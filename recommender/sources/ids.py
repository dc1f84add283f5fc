"""Foreign ids as ids of articles, and back: a post's number, a feed's guid, an address.

The WordPress plugin makes the same ids, so what it pushes and what is pulled are one article.
"""

import hashlib
import re
from typing import Final

__all__ = ["foreign_id", "parts_of"]

LONGEST: Final = 200  # characters of an article's id
_FOREIGN = re.compile(rb"[^A-Za-z0-9._-]")
_ESCAPED = re.compile(rb"~([0-9A-F]{2})")
_DIGEST_MARK: Final = "~~"
_DIGEST: Final = 40  # hex digits


def foreign_id(kind: str, *parts: str) -> str:
    """The id of an article that another system knows by some parts.

    `kind:part:part`, with each byte of UTF-8 outside [A-Za-z0-9._-] as `~HH`. Where that is longer
    than an id may be, `~~` and the first 40 hex digits of the last part's SHA-256 stand for the
    last part, and nothing leads back.
    """
    whole = ":".join([kind, *map(_escape, parts)])
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(_bytes(parts[-1])).hexdigest()[:_DIGEST]
    return ":".join([kind, *map(_escape, parts[:-1]), _DIGEST_MARK + digest])


def parts_of(article_id: str) -> tuple[str, ...]:
    """Kind and parts of an id that `foreign_id` made; a digest comes as it stands.

    Nothing here asks for it. It is for who reads lists or an export, and has to find the post, the
    guid or the address that an id stands for.

    Raises:
        ValueError: it did not make this one.
    """
    kind, *parts = article_id.split(":")
    return kind, *(part if part.startswith(_DIGEST_MARK) else _plain(part) for part in parts)


def _escape(part: str) -> str:
    return _FOREIGN.sub(lambda found: b"~%02X" % found[0][0], _bytes(part)).decode("ascii")


def _plain(part: str) -> str:
    escaped = part.encode("utf-8")
    if b"~" in _ESCAPED.sub(b"", escaped):
        raise ValueError(f"{part!r} has a ~ that two hex digits do not follow")
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), escaped).decode("utf-8")


def _bytes(part: str) -> bytes:
    """UTF-8; half a surrogate pair, which no UTF-8 has, becomes a question mark."""
    return part.encode("utf-8", "replace")
