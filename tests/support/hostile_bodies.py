"""Hostile bodies: written by hand, and made from good ones by mutations of all kinds."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["BODIES", "TAKERS", "bodies"]

TAKERS: Final = (
    ("PUT", "/v1/articles/new"),
    ("PATCH", "/v1/articles/harbour-2"),
    ("POST", "/v1/bulk"),
    ("POST", "/v1/related"),
    ("PUT", "/v1/articles/harbour-2/pins"),
    ("PUT", "/v1/articles/harbour-2/blocks"),
)
"""Every call that takes a body."""

GOOD: Final = (
    b'{"title": "A harbour", "body": "One.\\n\\nTwo.", "tags": ["port"], "version": 3}',
    b'{"id": "a", "title": "\xd0\x93\xd0\xb0\xd0\xb2\xd0\xb0\xd0\xbd\xd1\x8c", "summary": null}',
    b'{"id": "a", "title": "A"}\n{"delete": {"id": "b"}}\n{"id": "c", "body_html": "<p>x</p>"}\n',
    b'{"requests": [{"article_id": "harbour-2", "limit": 3}, {"title": "A", "body": "B"}]}',
    b'{"pins": [{"id": "harbour-3", "why": "x", "starts_at": "2026-10-01T08:00:00Z"}], "by": "m"}',
    b'{"blocks": [{"id": "harbour-3"}]}',
)
BODIES: Final = (
    *(b"", b" ", b"\x00", b"null", b"[]", b"1", b'"a"', b"{}", b"[{}]", b"true", b"{", b"}", b'"'),
    *(b"[" * 200_000, b'{"a":' * 100_000, b"[" * 500 + b"]" * 500, b'{"tags":' + b"[" * 90_000),
    b'{"title": "A", "title": "B"}',
    b'{"title": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"title": "\xed\xa0\x80"}',
    b'{"title": "\xff\xfe"}',
    "{'title': 'A'}".encode("utf-16"),
    b'\xef\xbb\xbf{"title": "A"}',
    b'{"title": "A", "version": NaN}',
    b'{"title": "A", "version": -Infinity}',
    b'{"title": "A", "version": 9223372036854775808}',
    b'{"title": "A", "version": ' + b"9" * 100_000 + b"}",
    b'{"title": "A", "version": 1e400}',
    b'{"title": "A", "version": -0}',
    b'{"title": "A\\u0000"}',
    b'{"title": {"$gt": ""}}',
    b'{"title": ["A"], "body": {}, "tags": {}, "id": []}',
    b'{"title": "A", "published_at": "0000-00-00T00:00:00Z"}',
    b'{"title": "A", "published_at": "9999-12-31T23:59:59.9999999999-23:59"}',
    b'{"title": "A", "embargoed_until": "0001-01-01T00:00:00+23:59"}',
    b'{"title": "A", "url": "http://[::1%25"}',
    b'{"title": "A", "url": "http://\xd9\xa1@\xe2\x80\xae/"}',
    b'{"title": "A", "language": "' + b"a-" * 100_000 + b'"}',
    b'{"title": "A", "translation_of": "../../etc/passwd"}',
    b'{"id": "__proto__", "title": "{{7*7}}${7*7}<script>alert(1)</script>"}',
    b'{"title": "\' OR 1=1; DROP TABLE articles; --"}',
    b'{"title": "A", "tags": [' + b",".join([b"1"] * 200_000) + b"]}",
    b'{"title": "A", ' + b",".join(b'"k%d": 1' % n for n in range(20_000)) + b"}",
    b'{"' + b"k" * 1_000_000 + b'": 1}',
    b'{"title": "A", "body_html": "' + b"<div>" * 100_000 + b'"}',
    b'{"title": "A", "limit": 1e400}',
    b'{"title": "A", "limit": [1, [2]], "exclude": {"a": 1}, "explain": "all", "mode": null}',
    b'{"title": "A", "limit": true, "min_score": NaN}',
    b'{"requests": []}',
    b'{"requests": [1, null, [], "a", {}]}',
    b'{"requests": {"article_id": "a"}}',
    b'{"requests": [' + b",".join([b'{"article_id": "harbour-2"}'] * 21) + b"]}",
    b'{"article_id": 5}',
    b'{"article_id": "..", "limit": 0}',
    b'{"pins": null}',
    b'{"pins": [null, 1, [], {"id": 1}, {"id": ".."}]}',
    b'{"pins": [{"id": "a", "starts_at": "2026-10-02T00:00:00Z", "ends_at": "0001-01-01T00:00Z"}]}',
    b'{"blocks": [' + b",".join(b'{"id": "b%d"}' % n for n in range(3_000)) + b"]}",
    b'{"delete": {"id": "../.."}}\n{"delete": null}\n{"delete": {"id": "a\\u0000"}}\n[]\n',
    b"\n" * 100_000,
    b'{"id": "a", "title": "A"}\r\n' * 200,
    b"title=A&body=B",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
)


def bodies(count: int, seed: int = 1) -> Iterator[bytes]:
    """So many bodies, the same for the same seed: those made by hand first."""
    yield from BODIES[:count]
    draw = random.Random(seed)  # noqa: S311 - accidents, not secrets
    for _ in range(count - len(BODIES)):
        yield _broken(draw, draw.choice(GOOD))


def _broken(draw: random.Random, body: bytes) -> bytes:
    """A good body after one to four mutations."""
    for _ in range(draw.randint(1, 4)):
        at, to = sorted(draw.choices(range(len(body) + 1), k=2))
        accident = draw.randrange(6)
        if accident == 0 and body:
            body = body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :]
        elif accident == 1:
            body = body[:at]
        elif accident == 2:
            body = body[:at] + body[to:]
        elif accident == 3:
            body = body[:to] + body[at:]
        elif accident == 4:
            body = body[:at] + draw.choice(_PIECES) + body[at:]
        else:
            body = _with_another_value(draw, body)
    return body


def _with_another_value(draw: random.Random, body: bytes) -> bytes:
    """One member of an object is something else, if it is an object still."""
    try:
        fields = json.loads(body)
    except ValueError:
        return body
    if not isinstance(fields, dict) or not fields:
        return body
    fields[draw.choice(sorted(fields))] = draw.choice(_VALUES)
    return json.dumps(fields).encode()


_PIECES: Final[Sequence[bytes]] = (
    *(b"\x00", b"\n", b"\\", b'"', b"{", b"[", b"]", b"}", b",", b":", b"\\u0000", b"\\ud83d"),
    *(b"NaN", b"1e999", b"-", b"9" * 30, b"\xff", b"\xf0\x9f\x90\xa6", b'"id": "b", ', b"null"),
)
_VALUES: Final[Sequence[object]] = (
    *(None, True, 0, -1, 2**63 - 1, 1.5, "", " ", "\x00", "a" * 3_000, "\U0001f426", "\u202e"),
    *([], {}, [[]], [None], {"id": None}, [{"id": "a"}] * 3, ["a"] * 101),
)
