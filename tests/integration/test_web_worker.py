"""No slow client of the real web server keeps it from answering others, and it stops in order."""

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from recommender.operations.web_worker import MOST_REQUESTS, MOST_WAITING
from tests.support.small_web import Small, every_thread_waits, small_server, tried_mark
from tests.support.waiting import PATIENCE_SECONDS, until

KIB = 1024
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK"


def post(length: int, sent: int) -> bytes:
    return b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + b"x" * sent


def connect(port: int, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    client.sendall(data)
    return client


def answer_of(client: socket.socket) -> bytes:
    """What the server sends until it closes, or until the next request is awaited."""
    with client:
        received = client.recv(64 * KIB)
        while received.endswith(b"\r\n\r\n"):
            received += client.recv(64 * KIB)
        return received


def ask(
    port: int, path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body; status 0 where there is no answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException) as fault:
            return 0, repr(fault).encode()


def held_until(file: Path) -> bytes:
    """A request that takes a thread until there is a file."""
    return b"GET /held%s HTTP/1.1\r\nHost: a\r\n\r\n" % bytes(file)


def refusals(server: Small) -> Counter[str]:
    """Whom the server has refused, by listener and cause."""
    return Counter(json.loads(ask(server.operators, "/metrics")[1]))


def is_up(server: Small) -> bool:
    return ask(server.port)[0] == 200


@pytest.fixture
def server() -> Iterator[Small]:
    with small_server() as started:
        assert until(lambda: is_up(started))
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[Small]:
    """One whose clients are waited for as long as ever."""
    with small_server(hurried=False, proxies=("127.0.0.0/8",)) as started:
        assert until(lambda: is_up(started))
        yield started


@pytest.fixture
def crowd() -> Iterator[list[socket.socket]]:
    """Clients that a test leaves open."""
    clients: list[socket.socket] = []
    yield clients
    for client in clients:
        client.close()


SLOW = {
    "silent": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost:",
    "half a small body": post(10 * KIB, 5 * KIB),
    "half a large body": post(900 * KIB, 100 * KIB),
    "an answer that is not read": b"GET /long/20000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "the end of a connection": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", SLOW)
def test_everybody_is_answered_beside_slow_clients(
    shared: Small, crowd: list[socket.socket], kind: str
) -> None:
    count = 20 if "read" in kind else 100
    crowd += [connect(shared.port, SLOW[kind]) for _ in range(count)]
    assert [ask(shared.port)[0] for _ in range(5)] == [200] * 5
    assert [ask(shared.operators, "/healthz")[0] for _ in range(5)] == [200] * 5
    assert ask(shared.port, "/read", b"x" * 50 * KIB) == (200, b"51200")


def test_answers_that_nobody_reads_take_a_bounded_memory(
    shared: Small, crowd: list[socket.socket]
) -> None:
    crowd += [connect(shared.port, SLOW["an answer that is not read"]) for _ in range(20)]
    assert until(lambda: all(map(is_answered, crowd)))
    cut = sum(length_of_answer(client) < 20_000_000 for client in crowd)
    assert 1 <= cut <= 10


def length_of_answer(client: socket.socket) -> int:
    """How many bytes come, until it is whole or cut off."""
    received = 0
    while received < 20_000_000 and (data := client.recv(KIB * KIB)):
        received += len(data)
    return received


def test_operators_are_answered_while_every_thread_works(
    shared: Small, crowd: list[socket.socket], tmp_path: Path
) -> None:
    crowd += [connect(shared.port, held_until(tmp_path / "end")) for _ in range(16)]
    assert until(lambda: every_thread_waits(tmp_path / "end"))
    status, body = ask(shared.operators, "/healthz")
    assert (status, json.loads(body)["listener"]) == (200, "operators")
    assert not any(is_answered(client) for client in crowd)
    (tmp_path / "end").touch()
    assert [answer_of(client)[:15] for client in crowd] == [ANSWERED] * 16


def is_answered(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.settimeout(PATIENCE_SECONDS)


def test_more_silent_clients_than_there_is_room_for_lose_their_places(
    shared: Small, crowd: list[socket.socket]
) -> None:
    before = refusals(shared)
    crowd += [connect(shared.port) for _ in range(600)]
    assert ask(shared.port)[0] == 200
    assert (refusals(shared) - before)["public/full"] >= 600 - MOST_WAITING
    assert answer_of(crowd[0]) == b""  # closed, not reset
    assert not is_answered(crowd[-1])
    assert ask(shared.port)[0] == 200


def test_requests_above_the_limit_are_refused_at_once(
    shared: Small, crowd: list[socket.socket], tmp_path: Path
) -> None:
    before, refused = refusals(shared), 200 - MOST_REQUESTS
    crowd += [connect(shared.port, held_until(tmp_path / "end")) for _ in range(200)]
    assert until(lambda: sum(map(is_answered, crowd)) >= refused)
    answers = [answer_of(client) for client in crowd if is_answered(client)]
    assert len(answers) == refused > 0
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
    assert all(b"\r\nRetry-After: 1\r\n" in answer for answer in answers)
    assert refusals(shared) - before == {"public/overloaded": refused}
    (tmp_path / "end").touch()
    served = [answer_of(client)[:15] for client in crowd if client.fileno() != -1]
    assert served == [ANSWERED] * MOST_REQUESTS
    assert ask(shared.port)[0] == 200


def test_metrics_are_for_operators_alone_and_probes_for_all(shared: Small) -> None:
    paths = ("/metrics", "/%6Detrics", "/healthz", "/readyz", "/")
    statuses = {
        port: [ask(port, path)[0] for path in paths] for port in (shared.port, shared.operators)
    }
    assert statuses[shared.port] == [404, 404, 200, 200, 200]
    assert statuses[shared.operators] == [200, 200, 200, 200, 404]
    assert ask(shared.port, "/metrics", b"")[0] == 404
    assert ask(shared.port, "/metrics", headers={"SCRIPT_NAME": "/metrics"})[0] == 404


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", b"400", ["unreadable"]),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70 * KIB, b"431", ["too_long"]),
        (b"GET /" + b"x" * 9 * KIB + b" HTTP/1.1\r\n\r\n", b"414", ["too_long"]),
        (b"\x16\x03\x01\r\n\r\n", b"400", ["unreadable"]),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", b"100", []),
        (GET + GET, b"200", []),
    ],
    ids=["lines without CR", "a long header", "a long line", "no HTTP", "100", "two requests"],
)
def test_what_is_no_request_is_answered_at_once(
    shared: Small, sent: bytes, status: bytes, why: list[str]
) -> None:
    before = refusals(shared)
    assert answer_of(connect(shared.port, sent))[9:12] == status
    assert refusals(shared) - before == Counter(f"public/{one}" for one in why)


def test_requests_sent_together_are_all_answered(shared: Small) -> None:
    with connect(
        shared.port, GET + post(3, 3) + GET.replace(b"Host", b"Connection: close\r\nHost")
    ) as client:
        received = b""
        while data := client.recv(64 * KIB):
            received += data
    assert received.count(ANSWERED) == 3
    assert b"\r\n\r\n3HTTP/1.1 200 OK" in received


@pytest.mark.parametrize(
    "headers", [{"SCRIPT_NAME": "/x"}, {"Script-Name": "/x"}, {"PATH_INFO": "/x"}]
)
def test_nobody_sets_the_path_of_a_request(shared: Small, headers: dict[str, str]) -> None:
    status, body = ask(shared.port, headers=headers)
    assert (status, json.loads(body)["script"]) == (200, "")


def test_a_trusted_proxy_says_who_the_client_is(shared: Small, server: Small) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 9.9.9.9", "X-Forwarded-Proto": "https"}
    through, direct = (json.loads(ask(one.port, headers=headers)[1]) for one in (shared, server))
    assert (through["client"], through["scheme"]) == ("9.9.9.9", "https")
    assert (direct["client"], direct["scheme"]) == ("127.0.0.1", "http")


@pytest.mark.long
def test_what_does_not_come_in_time_is_given_up(server: Small) -> None:
    """The deadlines of this server are short."""
    begun = {kind: connect(server.port, data) for kind, data in SLOW.items() if "half" in kind}
    silent, unread = connect(server.port), connect(server.port, SLOW["an answer that is not read"])
    answers = {kind: answer_of(client) for kind, client in begun.items()}
    assert answers["half a header"].startswith(b"HTTP/1.1 408 ")
    assert answers["half a small body"].startswith(b"HTTP/1.1 408 ")
    assert b"SlowBody" in answers["half a large body"]
    assert answer_of(silent) == b""
    assert until(lambda: refusals(server)["public/slow_reader"] == 1)
    with unread:
        received = 0
        while data := unread.recv(KIB * KIB):
            received += len(data)
    assert received < 20_000_000
    slow = ("silent", "slow_header", "slow_body", "slow_reader")
    assert refusals(server) == {f"public/{why}": 1 for why in slow}


# --- its end ---


def workers_of(server: Small) -> list[int]:
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return list(map(int, path.read_text().split()))


@pytest.fixture
def patient() -> Iterator[Small]:
    """A server of the test's own, whose clients are waited for as long as ever."""
    with small_server(hurried=False) as started:
        assert until(lambda: is_up(started))
        yield started


@pytest.mark.long
def test_a_server_that_stops_answers_who_has_connected_and_resets_nobody(patient: Small) -> None:
    server = patient
    (worker,) = workers_of(server)
    kept = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    kept.request("GET", "/")
    assert kept.getresponse().read()
    sleeper = connect(server.port, b"GET /sleep/0.8 HTTP/1.1\r\nHost: a\r\n\r\n")
    uploader = connect(server.port, SLOW["half a large body"])
    os.kill(worker, signal.SIGSTOP)
    waiting = [connect(server.port, GET) for _ in range(10)]
    silent = connect(server.port)
    server.stop()
    time.sleep(0.3)
    os.kill(worker, signal.SIGCONT)
    assert [answer_of(client)[:15] for client in waiting] == [ANSWERED] * 10
    assert answer_of(sleeper).endswith(b"slept")
    assert b"ServerStops" in answer_of(uploader)
    assert answer_of(silent) == b""
    assert server.process.wait(PATIENCE_SECONDS) == 0
    kept.close()


@pytest.mark.long
def test_a_new_server_listens_at_once_though_workers_of_a_killed_one_still_answer(
    tmp_path: Path,
) -> None:
    with small_server(ending_seconds=int(PATIENCE_SECONDS)) as server:
        assert until(lambda: is_up(server))
        sleeper = connect(server.port, held_until(tmp_path / "end"))
        server.process.kill()
        with small_server(port=server.port) as another:
            assert until(lambda: is_answering(another))
            assert not is_answered(sleeper)
            (tmp_path / "end").touch()
            assert answer_of(sleeper).endswith(b"let go")


def is_answering(server: Small) -> bool:
    """Whether a worker of this very server answers at its port."""
    status, body = ask(server.port)
    return status == 200 and json.loads(body)["process"] in workers_of(server)


@pytest.mark.long
def test_a_reload_fails_no_request(server: Small) -> None:
    old, statuses, ended = set(workers_of(server)), [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            statuses.append(ask(server.port)[0])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: not old & set(workers_of(server)))
    ended.set()
    for reader in readers:
        reader.join()
    assert set(statuses) == {200}


@pytest.mark.long
def test_a_reload_with_broken_code_changes_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    with small_server(broken_by=broken) as server:
        assert until(lambda: is_up(server))
        old = workers_of(server)
        broken.touch()
        server.process.send_signal(signal.SIGHUP)
        assert until(tried_mark(broken).exists)
        assert until(lambda: workers_of(server) == old)
        assert is_up(server)
        assert server.process.poll() is None
