"""Fetching from untrusted addresses: every violation of a limit ends in an error of one line."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadSource, SourceAway
from recommender.release import USER_AGENT
from recommender.sources.address_guard import is_public_address, parse_address
from recommender.sources.fetching import (
    LONGEST_WAIT_SECONDS,
    Fetcher,
    FetchLimits,
    collect,
    unpack,
)
from tests.support.websites import HOST, Answering, Site, open_site, reply

PUBLIC = "93.184.216.34"
SMALL = FetchLimits(seconds=5.0, bytes=100_000, redirects=3, retries=2)


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as opened:
        yield opened


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the fetcher would have waited."""
    return []


@pytest.fixture
def fetcher(waits: list[float]) -> Iterator[Fetcher]:
    with Fetcher(private_hosts=frozenset({HOST}), limits=SMALL, wait=waits.append) as opened:
        yield opened


def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(BadSource) as refused:
        fetcher.get(url)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def name_addresses(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Answer look-ups of names with lists of addresses, in order; returns the names looked up."""
    asked: list[str] = []
    real, left = socket.getaddrinfo, list(answers)

    def look_up(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        if host[0].isdigit():
            return real(host, port, *rest, **options)
        asked.append(host)
        now = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in now]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that are connected to; none of them answers."""
    tried: list[str] = []

    def connect(_self: object, host: str, *_: object) -> None:
        tried.append(host)
        raise httpcore.ConnectError("nobody is there")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return tried


def test_an_answer_is_what_was_sent(site: Site, fetcher: Fetcher) -> None:
    url = site.serve("/a?b=1", b"body", headers={"X-Total": "7"})
    answer = fetcher.get(url, {"If-None-Match": '"x"'})
    assert (answer.url, answer.status, answer.body) == (url, 200, b"body")
    assert answer.headers["x-total"] == "7"
    (asked,) = site.asked
    assert asked.path == "/a?b=1"
    assert asked.headers["user-agent"] == USER_AGENT
    assert asked.headers["host"] == f"{HOST}:{site.port}"
    assert asked.headers["if-none-match"] == '"x"'
    assert "authorization" not in asked.headers
    assert fetcher.requests == 1


@pytest.mark.parametrize("status", [304, 401, 404, 503])
def test_a_status_that_the_caller_knows_is_returned_at_once(
    site: Site, fetcher: Fetcher, status: int
) -> None:
    url = site.serve("/a", status=status)
    assert fetcher.get(url, accept=frozenset({200, status})).status == status
    assert fetcher.requests == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((204, BadSource), (304, BadSource), (401, BadSource), (404, BadSource)),
        *((429, SourceAway), (500, SourceAway), (599, SourceAway)),
    ],
)
def test_another_status_is_an_error_that_says_whether_the_site_cannot_answer_now(
    site: Site, fetcher: Fetcher, status: int, kind: type[BadSource]
) -> None:
    with pytest.raises(BadSource, match=f"^{site.url}/a: answers {status}") as refused:
        fetcher.get(site.serve("/a", status=status))
    assert type(refused.value) is kind


# --- addresses ---


@pytest.mark.parametrize(
    "url",
    [
        *("", "a", "//a.example/x", "http://", "http:///x", "http://[::1/", "http://0177.0.0.1/"),
        *("ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "javascript:alert(1)"),
        *("http://a.example:0/", "http://a.example:25/", "http://a.example:99999/"),
        *("http://a.example:6379x/", "http://a.example\n.b.example/", "http://a.example/\r\nX: y"),
        *("http://" + "a" * 5_000, "http://a.example/" + "é" * 400),
    ],
)
def test_an_address_that_is_no_web_address_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher, url: str
) -> None:
    looked_up = name_addresses(monkeypatch, [PUBLIC])
    refusal(fetcher, url)
    assert (looked_up, fetcher.requests) == ([], 0)


def test_a_password_in_an_address_is_refused_and_not_repeated(fetcher: Fetcher) -> None:
    said = refusal(fetcher, "http://desk:secret@a.example/x")
    assert "--user" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "host",
    [
        # This machine, in every way to write it, also inside an address of IPv6.
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0", "localhost", "[::1]", "[::]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        *("[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"),
        # Private networks, the link, and many at once.
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
        *("[fc00::1]", "[fec0::1]", "[fe80::1]", "224.0.0.1", "255.255.255.255", "[ff02::1]"),
    ],
)
def test_a_private_address_is_not_connected_to_in_any_spelling(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    tried = connections(monkeypatch)
    with Fetcher(limits=SMALL) as fetcher:
        assert "is no public address" in refusal(fetcher, f"http://{host}:8080/")
    assert tried == []


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::", "2001:4860:4860::8888"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public_address(address)


def test_one_private_address_among_the_public_ones_of_a_name_is_enough(
    monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher
) -> None:
    name_addresses(monkeypatch, [PUBLIC, "10.0.0.1"])
    tried = connections(monkeypatch)
    assert "a.example is at 10.0.0.1" in refusal(fetcher, "http://a.example/")
    assert tried == []


def test_a_name_is_looked_up_once_a_try_and_connected_to_where_it_was_checked(
    monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher
) -> None:
    """So a name that is bound anew does not lead into a private network."""
    looked_up = name_addresses(monkeypatch, [PUBLIC], [HOST])
    tried = connections(monkeypatch)
    assert f"a.example is at {HOST}" in refusal(fetcher, "http://a.example/")
    assert (looked_up, tried) == (["a.example"] * 2, [PUBLIC])


def test_a_host_is_allowed_by_the_name_it_is_asked_by(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    name_addresses(monkeypatch, [HOST])
    site.serve("/a", b"body")
    with Fetcher(private_hosts=frozenset({"CMS.example"}), limits=SMALL) as fetcher:
        assert fetcher.get(f"http://cms.example:{site.port}/a").body == b"body"
        assert site.asked[0].headers["host"] == f"cms.example:{site.port}"
        assert "is no public address" in refusal(fetcher, f"{site.url}/a")


def test_the_next_address_of_a_name_is_tried(
    monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher
) -> None:
    name_addresses(monkeypatch, [PUBLIC, "8.8.8.8"])
    tried = connections(monkeypatch)
    refusal(fetcher, "http://a.example/")
    assert tried[:2] == [PUBLIC, "8.8.8.8"]


def test_proxies_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, site: Site, fetcher: Fetcher
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetcher.get(site.serve("/a", b"body")).body == b"body"


# --- redirects ---


def test_a_redirect_is_followed_and_the_last_address_returned(site: Site, fetcher: Fetcher) -> None:
    site.serve("/b", b"body")
    answer = fetcher.get(site.serve("/a", status=302, headers={"Location": "/b"}))
    assert (answer.url, answer.body, fetcher.requests) == (f"{site.url}/b", b"body", 2)


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "ftp://a.example/", "http://[", "http://a.example:22/"),
        *("http://10.0.0.1/", "http://localhost:8080/", "http://[::1]:8080/"),
        "http://x:y@a.example/",
    ],
)
def test_a_redirect_to_a_forbidden_address_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, site: Site, fetcher: Fetcher, location: str
) -> None:
    url = site.serve("/a", status=301, headers={"Location": location})
    fetcher.get(site.serve("/warm"))  # the connection that is there stays in use
    tried = connections(monkeypatch)
    refusal(fetcher, url)
    assert tried == []


def test_a_loop_of_redirects_ends(site: Site, fetcher: Fetcher) -> None:
    url = site.serve("/a", status=302, headers={"Location": "/a"})
    assert "redirects more than 3 times" in refusal(fetcher, url)
    assert fetcher.requests == 4


# --- credentials ---


def test_credentials_go_to_the_first_origin_and_to_no_other_port_of_its_host(site: Site) -> None:
    """Not by a redirect, nor when it is asked by itself afterwards: another may serve there."""
    with (
        open_site() as other,
        Fetcher(private_hosts=frozenset({HOST}), auth=("desk", "pass word")) as fetcher,
    ):
        there = other.serve("/b", b"body")
        redirect = site.serve("/a", status=302, headers={"Location": there})
        assert fetcher.get(redirect, {"Cookie": "a=b"}).body == b"body"
        fetcher.get(there)
        fetcher.get(site.serve("/c"))
    assert [{"authorization", "cookie"} & set(one.headers) for one in other.asked] == [set()] * 2
    basic = "Basic ZGVzazpwYXNzIHdvcmQ="
    assert [one.headers["authorization"] for one in site.asked] == [basic, basic]
    assert site.asked[0].headers["cookie"] == "a=b"


@pytest.mark.parametrize(
    ("here", "other", "shared"),
    [
        ("https://a.example/x", "https://a.example:443/y", True),
        ("https://a.example/", "http://a.example/", True),
        ("http://a.example/", "https://a.example/", False),
        ("https://a.example/", "http://a.example:8080/", False),
        ("https://a.example:8443/", "http://a.example/", False),
        ("https://a.example:8443/", "https://a.example/", False),
        ("https://b.example/", "https://a.example/", False),
        ("https://www.a.example/", "https://a.example/", False),
    ],
)
def test_two_addresses_share_an_owner_by_origin_or_a_move_to_https(
    here: str, other: str, *, shared: bool
) -> None:
    assert parse_address(here).shares_owner(parse_address(other)) is shared


def test_credentials_are_not_sent_in_the_clear_over_the_internet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = connections(monkeypatch)
    with Fetcher(auth=("desk", "secret")) as fetcher:
        said = refusal(fetcher, f"http://{PUBLIC}/")
    assert "over https only" in said
    assert "secret" not in said
    assert tried == []


# --- size and time ---


def test_a_body_over_the_limit_is_refused(site: Site, fetcher: Fetcher) -> None:
    assert fetcher.get(site.serve("/a", b"x" * 100_000)).body == b"x" * 100_000
    assert "larger than 100000 bytes" in refusal(fetcher, site.serve("/b", b"x" * 100_001))


def test_a_body_without_a_stated_length_is_cut_at_the_limit(site: Site, fetcher: Fetcher) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.end_headers()
        for _ in range(10_000):
            request.wfile.write(b"x" * 10_000)

    assert "larger than 100000 bytes" in refusal(fetcher, site.add("/a", pour))


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        pytest.param(
            gzip.compress(bytes(50_000_000), mtime=0), "gzip", "larger than 100000", id="bomb"
        ),
        (gzip.compress(b"x" * 999, mtime=0)[:-9], "gzip", "ends too early"),
        (b"no gzip", "gzip", "cannot be unpacked"),
        (b"x", "br", "was not asked for"),
        (gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "gzip, gzip", "was not asked for"),
    ],
)
def test_a_packed_body_is_unpacked_and_a_badly_packed_one_refused(
    site: Site, fetcher: Fetcher, body: bytes, encoding: str, said: str
) -> None:
    packed = site.serve("/b", gzip.compress(b"body", mtime=0), headers={"Content-Encoding": "gzip"})
    assert fetcher.get(packed).body == b"body"
    assert said in refusal(fetcher, site.serve("/a", body, headers={"Content-Encoding": encoding}))


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_drip_ends_at_the_limit_of_time_and_is_tried_once_more(
    site: Site, waits: list[float], part: str
) -> None:
    released = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b"X-A: "))
        while not released.wait(0.02):
            request.wfile.write(b"x")

    limits = FetchLimits(seconds=0.3)
    with Fetcher(private_hosts=frozenset({HOST}), limits=limits, wait=waits.append) as fetcher:
        assert "timed out" in refusal(fetcher, site.add("/a", drip))
        assert fetcher.requests == 2
    assert waits == [0.5]
    released.set()


# --- once more ---


def fail(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)


def cut(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def busy(status: int, retry_after: str = "") -> Answering:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return lambda request: reply(request, status, headers, b"")


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        (fail, 0.5),
        (cut, 0.5),
        (busy(429), 0.5),
        (busy(502), 0.5),
        (busy(503, "7"), 7.0),
        (busy(503, "999999999999"), LONGEST_WAIT_SECONDS),
        (busy(503, "-1"), 0.5),
        (busy(503, "soon"), 0.5),
        (busy(504, "Wed, 21 Oct 2015 07:28:00 GMT"), 0.0),
        (busy(504, "Wed, 21 Oct 2115 07:28:00 GMT"), LONGEST_WAIT_SECONDS),
    ],
)
def test_a_temporary_failure_is_tried_again(
    site: Site, fetcher: Fetcher, waits: list[float], trouble: Answering, seconds: float
) -> None:
    site.add("/a", trouble)
    assert fetcher.get(site.serve("/a", b"body")).body == b"body"
    assert waits == [seconds]
    assert fetcher.requests == 2


def test_a_lasting_failure_is_reported_after_the_last_try(
    site: Site, fetcher: Fetcher, waits: list[float]
) -> None:
    assert "answers 503 (Service Unavailable)" in refusal(fetcher, site.add("/a", busy(503)))
    assert "no complete response comes" in refusal(fetcher, site.add("/b", fail))
    assert waits == [0.5, 1.0, 0.5, 1.0]
    assert fetcher.requests == 6


def test_an_address_without_a_server_is_away(fetcher: Fetcher) -> None:
    with open_site() as closed:
        pass
    with pytest.raises(SourceAway, match=f"{closed.url}/: no complete response comes"):
        fetcher.get(f"{closed.url}/")


def test_a_name_without_an_address_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher, waits: list[float]
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceAway, match="no address is known for a"):
        fetcher.get("http://a.example/")
    assert waits == []


def test_a_header_with_a_line_break_is_not_sent(site: Site, fetcher: Fetcher) -> None:
    url = site.serve("/a")
    with pytest.raises(BadSource):
        fetcher.get(url, {"X-A": "1\r\nX-B: 2"})
    assert site.asked == []


# --- bodies that were packed ---

MOST = 10**7


def unpacked(packed: bytes, width: int = 10**6) -> bytes:
    chunks = (packed[at : at + width] for at in range(0, len(packed), width))
    return collect(unpack(chunks, "gzip"), MOST)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.integers(1, 60))
def test_all_members_are_read_wherever_the_pieces_end(members: list[bytes], width: int) -> None:
    """The oracle is the standard library's own reader."""
    packed = b"".join(map(gzip.compress, members))
    assert unpacked(packed, width) == gzip.decompress(packed)


def test_members_may_be_longer_than_a_piece() -> None:
    members = [bytes([number]) * 700_000 for number in range(3)]
    assert unpacked(b"".join(map(gzip.compress, members))) == b"".join(members)


@pytest.mark.parametrize("behind", [b"\0" * 9_000, b"\n", b"\0\0junk", b"<!-- cached -->" * 900])
def test_bytes_after_the_last_gzip_member_are_ignored(behind: bytes) -> None:
    one, other = gzip.compress(b"a", mtime=0), gzip.compress(b"b", mtime=0)
    assert unpacked(one + behind) == b"a"
    assert unpacked(one + b"\0" * 9_000 + other + behind) == b"ab"


def test_the_limit_holds_over_all_members_together() -> None:
    with pytest.raises(BadSource, match=f"larger than {MOST} bytes"):
        unpacked(gzip.compress(b"x" * (MOST // 5), mtime=0) * 6)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (gzip.compress(b"x" * 99, mtime=0)[:-3], "ends too early"),
        (b"\x1f\x8bjunk", "cannot be unpacked"),
    ],
)
def test_a_later_member_that_is_broken_is_reported(second: bytes, said: str) -> None:
    with pytest.raises(BadSource, match=said):
        unpacked(gzip.compress(b"a", mtime=0) + second)
