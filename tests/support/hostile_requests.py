"""Hostile requests as bytes: bodies, sizes, Unicode, ids, numbers, headers and framings."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tests.support.hostile_bodies import TAKERS, bodies

__all__ = ["KINDS", "HostileRequest", "hostile_requests"]

HOST: Final = b"related.example"
BODIES: Final = 4_000
"""Different bodies; after those they come again."""
LIST: Final = b"/v1/articles/harbour-2/related"
CALLS: Final = (
    *(b"related", b"related.html", b"appears-in", b"pins", b"blocks", b"pins/history", b"", b".."),
)
IDS: Final = (
    *(b"harbour-2", b"..", b".", b"%2e%2e", b"..%2f..%2fetc%2fpasswd", b"%00", b"a%00b", b"%"),
    *(b"%zz",),
    *(b"%c0%ae", b"%ff%fe", b"%ed%a0%80", b"%F0%9F%90%A6", b"\xd0\xb3", b"\xff", b"a" * 201),
    *(b"a" * 7_000, b"a%20b", b"a;b", b"a//b", b"a%2Fb", b"__proto__", b"<script>", b"'--"),
    *(b"{{7}}",),
    *("\u202e".encode(), "\u0000e".encode(), "é".encode(), "ﬀ".encode(), b"-1", b"%0d%0aX: y"),
)
NUMBERS: Final = (
    *(b"1_000", b"%D9%A1", b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-0", b"0x10", b"9" * 400),
    *(b"1.5", b"", b"%20", b"+5", b"2147483648", b"9223372036854775808", b"-1", b"0", b"101"),
    *(b"1;2",),
)
TEXTS: Final = (
    *(b"%00", b"%ED%A0%80", b"%FF", b"a" * 5_000, b"a," * 3_000, b"%F0%9F%90%A6", b"'%20OR%201=1"),
    *(b"../../etc/passwd", b"%E2%80%AE", b"en,ru,xx-" + b"a-" * 300, b"any", b"mixed", b"%0D%0A"),
)
PARAMETERS: Final = (
    *(b"limit", b"mode", b"section", b"tag", b"language", b"exclude", b"max_age", b"diversity"),
    *(b"min_score", b"explain", b"wait", b"cursor", b"heading", b"heading_level", b"images", b"x"),
)
HEADERS: Final = (
    *(b"SCRIPT_NAME: /x", b"Script-Name: /x", b"X-Forwarded-Prefix: /x", b"Forwarded: for=1"),
    *(b"X-Forwarded-For: " + b"1.2.3.4, " * 300, b"X-Forwarded-For: %0A", b"X-Forwarded-Proto: js"),
    *(b"X-Forwarded-Host: evil", b"X-Request-ID: " + b"\xff" * 40, b"X-Request-ID: a%0Ab"),
    *(b"Via: x",),
    *(b"If-None-Match: " + b'"' * 4_000, b"If-None-Match: *", b"If-Modified-Since: 0000"),
    *(b"Range: x",),
    *(b"Accept: " + b"a/b," * 1_500, b"Accept-Encoding: \xff", b"Accept-Language: -"),
    *(b"Cookie: =;=;",),
    *(b"X-HTTP-Method-Override: DELETE", b"Content-Encoding: gzip", b"Content-Type: \x01"),
    *(b"Expect: x",),
    *(b"Expect: 100-continue", b"Upgrade: h2c", b"Upgrade: websocket", b"Connection: a, b, close"),
    *(b"Authorization: Bearer", b"Authorization: Basic ////", b"Authorization: Bearer \xff\xfe"),
    *(b"Origin: null", b"Referer: \xd0\x93", b"TE: trailers", b"Max-Forwards: -1"),
    *(b"Proxy: http://x",),
    *(b"X: " + b"y" * 8_000, b"X" * 9_000 + b": y", b"\xd0\x93: y", b"X : y", b": y", b"X"),
    *(b"X:\x00",),
)
METHODS: Final = (
    *(b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"PUT", b"POST", b"DELETE"),
    *(b"get",),
    *(b"PROPFIND", b"G\x00T", b"\xff", b"A" * 300, b"", b"GET\t", b"QUERY"),
)
TARGETS: Final = (
    *(b"//v1/articles/harbour-2/related", b"/%76%31/articles/a/related", b"http://evil/v1/", b"*"),
    *(b"/v1/../readyz", b"/v1//articles", b"/%2e%2e/metrics", b"/metrics;x", b"/Metrics", b"?"),
    *(b"",),
    *(b"/v1/articles/harbour-2/related#x", b"/\\v1", b"/v1/articles/harbour-2/related?%", b"/\x00"),
    *(b"/" + b"a/" * 4_000, b"/v1/articles/" + b"a" * 9_000, b"/docs/../v1", b"/openapi.json/"),
    *(b"//",),
)
Draw = random.Random


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """The bytes of a request, and of which kind it is."""

    kind: str
    data: bytes

    @property
    def may_be_unfinished(self) -> bool:
        """Whether it may announce more than it has, so that a server may wait for the rest."""
        return self.kind in {"size", "framing"}


def _request(
    method: bytes, target: bytes, key: bytes, headers: tuple[bytes, ...] = (), body: bytes = b""
) -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + HOST, b"X-API-Key: " + key]
    return b"\r\n".join([*lines, *headers, b"Connection: close", b"", body])


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


def _chunked(draw: Draw, body: bytes) -> bytes:
    """A body in chunks of a drawn size."""
    size = draw.choice((1, 7, 4_096, 10**6)) if len(body) < 5_000 else 65_536
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _with_body(draw: Draw, key: bytes, body: bytes) -> bytes:
    """A hostile body for one of the calls that take one, framed well."""
    method, path = draw.choice(TAKERS)
    kinds = (b"application/json", b"application/x-ndjson", b"text/plain", b"a/b; charset=utf-99")
    kind = b"Content-Type: " + draw.choices(kinds, (6, 2, 1, 1))[0]
    if draw.random() < 0.3:
        headers = (kind, b"Transfer-Encoding: chunked")
        return _request(method.encode(), path.encode(), key, headers, _chunked(draw, body))
    return _request(method.encode(), path.encode(), key, (kind, _length(body)), body)


def _with_id(draw: Draw, key: bytes, _: bytes) -> bytes:
    target = b"/v1/articles/%b/%b" % (draw.choice(IDS), draw.choice(CALLS))
    return _request(draw.choice((b"GET", b"GET", b"DELETE", b"PUT", b"PATCH")), target, key)


def _with_parameters(draw: Draw, key: bytes, _: bytes) -> bytes:
    """Options of a list with numbers and texts of every kind, some of them twice."""
    names = draw.choices(PARAMETERS, k=draw.randint(1, 4))
    values = (draw.choice(NUMBERS if draw.random() < 0.5 else TEXTS) for _ in names)
    query = b"&".join(b"%b=%b" % pair for pair in zip(names, values, strict=False))
    target = draw.choice((LIST, LIST + b".html", b"/v1/articles")) + b"?" + query
    return _request(b"GET", target, key)


def _with_headers(draw: Draw, key: bytes, _: bytes) -> bytes:
    return _request(b"GET", LIST, key, tuple(draw.choices(HEADERS, k=draw.randint(1, 5))))


def _with_method_or_target(draw: Draw, key: bytes, _: bytes) -> bytes:
    target = draw.choice((LIST, *TARGETS, *TARGETS))
    return _request(draw.choice((b"GET", *METHODS)), target, key)


def _of_odd_size(draw: Draw, key: bytes, _: bytes) -> bytes:
    """A body that is announced larger, smaller or longer than it is, or is really large."""
    method, path = draw.choice(TAKERS)
    body = b'{"title": "A"}'
    lengths = (b"0", b"1", b"15", b"99999999999", b"18446744073709551616", b"-1", b"+14", b"1e3")
    if draw.random() < 0.02:
        body = b'{"title": "' + b"x" * (4 * 2**20) + b'"}'
        return _request(method.encode(), path.encode(), key, (_length(body),), body)
    told = b"Content-Length: " + draw.choice(lengths)
    return _request(method.encode(), path.encode(), key, (told,), body)


def _framed_badly(draw: Draw, key: bytes, body: bytes) -> bytes:
    """Framings that two parsers may read differently, and requests that break off."""
    body = body[:2_000]
    chunks = _chunked(draw, body)
    framings: tuple[tuple[tuple[bytes, ...], bytes], ...] = (
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), chunks),
        ((b"Content-Length: 5", b"Content-Length: 6"), b"abcdef"),
        ((b"Content-Length: 5, 5",), b"abcde"),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), chunks),
        ((b"Transfer-Encoding: xchunked",), chunks),
        ((b"Transfer-Encoding: gzip, chunked",), chunks),
        ((b"Transfer-Encoding : chunked",), chunks),
        ((b"Transfer-Encoding:\x0bchunked",), chunks),
        ((b"X: y\r\n Transfer-Encoding: chunked",), chunks),
        ((b"Transfer-Encoding: chunked",), b"-1\r\nabc\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"3;x=" + b"y" * 9_000 + b"\r\nabc\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"3\r\nabcd\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"0x3\r\nabc\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"3\nabc\n0\n\n"),
        ((b"Transfer-Encoding: chunked",), b"0\r\nX-API-Key: y\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), chunks[: len(chunks) // 2]),
        ((_length(body + b"more"),), body),
        ((_length(body),), body + b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
    )
    whole = _request(b"PUT", b"/v1/articles/framed", key, *draw.choice(framings))
    if draw.random() < 0.2:
        return whole[: draw.randrange(len(whole))]
    return whole.replace(b"HTTP/1.1", draw.choices(_VERSIONS, _VERSION_WEIGHTS)[0], 1)


_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9", b"http/1.1", b"")
_VERSION_WEIGHTS: Final = (12, 2, 1, 1, 1, 1, 1)
KINDS: Final[dict[str, tuple[int, Callable[[Draw, bytes, bytes], bytes]]]] = {
    "body": (30, _with_body),
    "id": (15, _with_id),
    "parameter": (20, _with_parameters),
    "header": (12, _with_headers),
    "method or target": (8, _with_method_or_target),
    "size": (5, _of_odd_size),
    "framing": (10, _framed_badly),
}
"""By kind, how often of a hundred requests, and what makes one."""


def hostile_requests(count: int, key: str, seed: int = 1) -> Iterator[HostileRequest]:
    """So many requests, the same for the same seed; nearly all carry the key."""
    draw = random.Random(seed)  # noqa: S311 - accidents, not secrets
    drawn = list(bodies(min(count, BODIES), seed))
    names, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    for kind in islice(iter(lambda: draw.choices(names, weights)[0], None), count):
        secret = key.encode() if draw.random() < 0.99 else b"wrong-wrong-wrong-1"
        yield HostileRequest(kind, KINDS[kind][1](draw, secret, draw.choice(drawn)))
