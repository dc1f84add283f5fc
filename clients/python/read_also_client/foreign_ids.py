"""Ids of articles that a CMS knows by something else, such as `post/12` or `Ä 7`.

An id of the service has 1 to 200 characters of `A-Z a-z 0-9 . _ : ~ -`. The importers of the
service and its WordPress plugin make their ids by the same rule.
"""

import hashlib
import re
from typing import Final

__all__ = ["foreign_id", "parts_of"]

LONGEST: Final = 200  # characters of an article's id
_FOREIGN: Final = re.compile(rb"[^A-Za-z0-9._-]")
_ESCAPED: Final = re.compile(rb"~([0-9A-F]{2})")
_DIGEST_MARK: Final = "~~"
_DIGEST: Final = 40  # hex digits


def foreign_id(kind: str, *parts: str) -> str:
    """The id of an article that another system knows by some parts.

    `kind:part:part`, with each byte of UTF-8 outside [A-Za-z0-9._-] as `~HH`: the post `12 ä` of
    `kind` "post" is `post:12~20~C3~A4`. If that is longer than an id may be, the last part is
    replaced by `~~` and the first 40 hex digits of its SHA-256, and cannot be read back.

    Args:
        kind: a word for the system that knows the article, such as `cms` or `post`.
        parts: what it is known by there; different parts make different ids.

    Raises:
        ValueError: `kind` is not a word of `A-Z a-z 0-9 . _ -`, or the parts before the last one
            are too long for any id.
    """
    if not kind or _FOREIGN.search(_bytes(kind)):
        raise ValueError(f"{kind!r} is not a word of A-Z a-z 0-9 . _ -")
    whole = ":".join([kind, *map(_escape, parts)])
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(_bytes(parts[-1])).hexdigest()[:_DIGEST] if parts else ""
    short = ":".join([kind, *map(_escape, parts[:-1]), _DIGEST_MARK + digest])
    if not parts or len(short) > LONGEST:
        raise ValueError("the parts before the last one are too long for an id; shorten them")
    return short


def parts_of(article_id: str) -> tuple[str, ...]:
    """The kind and the parts of an id that `foreign_id` made; a digest stays as it is.

    Raises:
        ValueError: `foreign_id` did not make this id.
    """
    kind, *parts = article_id.split(":")
    return kind, *(part if part.startswith(_DIGEST_MARK) else _unescape(part) for part in parts)


def _escape(part: str) -> str:
    return _FOREIGN.sub(lambda found: b"~%02X" % found[0][0], _bytes(part)).decode("ascii")


def _unescape(part: str) -> str:
    escaped = part.encode("utf-8")
    if b"~" in _ESCAPED.sub(b"", escaped):
        raise ValueError(f"{part!r} has a ~ that two hex digits do not follow")
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), escaped).decode("utf-8")


def _bytes(part: str) -> bytes:
    """UTF-8; half a surrogate pair, which UTF-8 cannot encode, becomes a question mark."""
    return part.encode("utf-8", "replace")
