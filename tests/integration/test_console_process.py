"""The console has a process of its own: it answers its clients, and readers lose nothing by it."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from recommender.operations.console_process import NICENESS, ConsoleDoor
from tests.support.processes import console_among, niceness
from tests.support.small_web import Small, every_thread_waits, small_server
from tests.support.waiting import PATIENCE_SECONDS, until

KIB = 1024


def send(client: HTTPConnection, path: str, body: bytes | None = None, **headers: str) -> bytes:
    client.request("GET" if body is None else "POST", path, body, headers)
    answer = client.getresponse()
    assert answer.status == 200
    return answer.read()


def ask(server: Small, path: str, body: bytes | None = None, **headers: str) -> bytes:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as client:
        return send(client, path, body, **headers)


def told(server: Small, path: str, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(server, path, None, **headers))
    return found


def children_of(server: Small) -> list[int]:
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return list(map(int, path.read_text().split()))


def is_whole(server: Small) -> bool:
    try:
        return bool(told(server, "/console")["process"] != told(server, "/")["process"])
    except OSError:
        return False


def is_away(server: Small) -> bool:
    """Whether a worker answers that the console is away; who has asked before is refused."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as client:
        client.request("GET", "/console")
        answer = client.getresponse()
        assert answer.status in {200, 503}
        return bool(json.loads(answer.read()).get("away"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Small]:
    with small_server(hurried=False, proxies=("127.0.0.0/8",), console_apart=True) as started:
        assert until(lambda: is_whole(started))
        yield started


@pytest.fixture
def broken_by(tmp_path: Path) -> Path:
    return tmp_path / "broken"


@pytest.fixture
def server(broken_by: Path) -> Iterator[Small]:
    with small_server(hurried=False, broken_by=broken_by, console_apart=True) as started:
        assert until(lambda: is_whole(started))
        yield started


@pytest.mark.long
def test_one_process_answers_the_console_and_yields_to_the_others(shared: Small) -> None:
    worker = told(shared, "/")["process"]
    paths = ("/console", "/console/", "/console?q=1", "/console/story/a%20b?x=/")
    answers = {path: ask(shared, path) for path in paths[:3]}
    (console,) = {json.loads(body)["process"] for body in answers.values()}
    assert {worker, console} == set(children_of(shared))
    assert niceness(console) - niceness(worker) == NICENESS
    assert console_among(children_of(shared)) == console
    assert ask(shared, paths[3]) == b"0"
    for path in ("/", "/healthz"):
        assert told(shared, path)["process"] == worker


def test_an_answer_of_the_console_ends_its_connection_and_no_other_one_does(shared: Small) -> None:
    with closing(HTTPConnection("127.0.0.1", shared.port, timeout=PATIENCE_SECONDS)) as client:
        client.connect()
        first = client.sock
        assert send(client, "/")
        assert client.sock is first
        client.request("GET", "/console")
        answer = client.getresponse()
        assert answer.headers["Connection"] == "close"
        assert json.loads(answer.read())["process"] == console_among(children_of(shared))


def test_the_console_is_told_of_its_clients_what_the_workers_would_be(shared: Small) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 9.9.9.9", "X-Forwarded-Proto": "https"}
    alike = ("listener", "client", "scheme", "script", "stopping")
    seen = [told(shared, path, **headers) for path in ("/", "/console")]
    assert [seen[0][name] for name in alike] == [seen[1][name] for name in alike]
    assert (seen[1]["client"], seen[1]["scheme"]) == ("9.9.9.9", "https")
    assert told(shared, "/console")["client"] == "127.0.0.1"


@pytest.mark.parametrize("size", [0, 1, 50 * KIB, 64 * KIB, 900 * KIB])
def test_the_body_of_a_request_arrives_whole(shared: Small, size: int) -> None:
    assert ask(shared, "/console/read", b"x" * size) == str(size).encode()


def test_a_long_answer_arrives_whole(shared: Small) -> None:
    assert len(ask(shared, "/console/long/5000000")) == 5_000_000


def test_readers_are_answered_while_every_thread_of_the_console_works(
    shared: Small, tmp_path: Path
) -> None:
    held = b"GET /console/held%s HTTP/1.1\r\nHost: a\r\n\r\n" % bytes(tmp_path / "end")
    address = "127.0.0.1", shared.port
    crowd = [socket.create_connection(address, timeout=PATIENCE_SECONDS) for _ in range(16)]
    for one in crowd:
        one.sendall(held)
    assert until(lambda: every_thread_waits(tmp_path / "end"))
    worker = told(shared, "/")["process"]
    assert worker != console_among(children_of(shared))
    for one in crowd:
        one.settimeout(0)
        with pytest.raises(BlockingIOError):
            one.recv(1)
        one.settimeout(PATIENCE_SECONDS)
    (tmp_path / "end").touch()
    answers = [one.recv(KIB) for one in crowd]
    for one in crowd:
        one.close()
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


@pytest.mark.long
def test_while_the_console_cannot_start_a_worker_says_so_and_lists_go_on(
    server: Small, broken_by: Path
) -> None:
    worker, gone = told(server, "/")["process"], told(server, "/console")["process"]
    broken_by.touch()
    os.kill(gone, signal.SIGKILL)
    assert until(lambda: is_away(server))
    assert told(server, "/console")["process"] == worker
    assert not told(server, "/")["away"]
    broken_by.unlink()
    assert until(lambda: not told(server, "/console")["away"])
    assert told(server, "/console")["process"] not in {worker, gone}
    assert told(server, "/")["process"] == worker


@pytest.mark.long
def test_a_worker_that_dies_is_no_console_when_it_is_back(server: Small) -> None:
    worker, console = told(server, "/")["process"], console_among(children_of(server))
    os.kill(worker, signal.SIGKILL)
    assert until(lambda: is_whole(server))
    assert told(server, "/console")["process"] == console
    assert told(server, "/")["process"] not in {worker, console}


@pytest.mark.long
def test_who_waits_for_the_console_when_the_server_stops_is_answered(server: Small) -> None:
    console = told(server, "/console")["process"]
    os.kill(console, signal.SIGSTOP)
    address = "127.0.0.1", server.port
    waiting = [socket.create_connection(address, timeout=PATIENCE_SECONDS) for _ in range(5)]
    for one in waiting:
        one.sendall(b"GET /console HTTP/1.1\r\nHost: a\r\n\r\n")
    assert ask(server, "/")  # the worker has read them
    server.stop()
    os.kill(console, signal.SIGCONT)
    assert [one.recv(15) for one in waiting] == [b"HTTP/1.1 200 OK"] * 5
    for one in waiting:
        one.close()
    assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.long
def test_a_reload_fails_no_request_of_the_console(server: Small) -> None:
    old, seen, ended = set(children_of(server)), list[dict[str, Any]](), threading.Event()

    def work() -> None:
        while not ended.is_set():
            seen.append(told(server, "/console"))

    people = [threading.Thread(target=work) for _ in range(3)]
    for one in people:
        one.start()
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: not old & set(children_of(server)))
    ended.set()
    for one in people:
        one.join()
    assert not any(one["away"] for one in seen)
    assert console_among(children_of(server)) not in old
    assert len(children_of(server)) == 2


# --- the door between them ---


@pytest.fixture
def door() -> Iterator[ConsoleDoor]:
    made = ConsoleDoor()
    made.open()
    yield made
    made.close()


@pytest.fixture
def client() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
        with near, far:
            yield near, far


Pair = tuple[socket.socket, socket.socket]


@pytest.mark.parametrize(
    ("line", "goes"),
    [
        (b"GET /console HTTP/1.1\r\n", True),
        (b"POST /console?a=/b HTTP/1.1\r\n", True),
        (b"DELETE /console/x HTTP/1.1\r\n", True),
        (b"GET /%63onsole/%73tory HTTP/1.1\r\n", True),
        (b"GET http://news.example/console HTTP/1.1\r\n", True),
        (b"GET http://news.example/?/console HTTP/1.1\r\n", False),
        (b"GET /console/static/console.css HTTP/1.1\r\n", False),
        (b"GET /console/static HTTP/1.1\r\n", True),
        (b"GET /consoles HTTP/1.1\r\n", False),
        (b"GET //console HTTP/1.1\r\n", False),
        (b"GET /v1/articles/console/related HTTP/1.1\r\n", False),
        (b"GET /?/console HTTP/1.1\r\n", False),
        (b"GET /\xff\xfe HTTP/1.1\r\n", False),
        (b"/console", False),
        (b"", False),
    ],
)
def test_pages_of_the_console_go_through_the_door(
    door: ConsoleDoor, client: Pair, line: bytes, *, goes: bool
) -> None:
    near, far = client
    assert door.take(far, line) is goes
    if not goes:
        assert far.fileno() > 0
        return
    assert far.fileno() == -1
    handed, address = door.accept()
    with handed:
        assert (handed.received, address) == (line, near.getsockname())
        handed.sendall(b"answer")
        assert near.recv(6) == b"answer"


def test_nothing_goes_through_a_shut_door_and_only_who_opened_it_shuts_it(
    door: ConsoleDoor, client: Pair
) -> None:
    door.shut(os.getpid() + 1)
    assert door.is_open
    door.shut(os.getpid())
    assert not door.is_open
    assert not door.take(client[1], b"GET /console HTTP/1.1\r\n")


def test_who_left_before_being_let_in_holds_up_nobody(door: ConsoleDoor) -> None:
    line = b"GET /console HTTP/1.1\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for data in (b"left", b"stays"):
            near = socket.create_connection(listening.getsockname())
            far, _ = listening.accept()
            if data == b"left":
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                near.close()  # it resets the connection
                far.settimeout(PATIENCE_SECONDS)
                with pytest.raises(ConnectionResetError):
                    far.recv(1)
            assert door.take(far, line + data)
    handed, _ = door.accept()
    with handed, near:
        assert handed.received == line + b"stays"
    with pytest.raises(BlockingIOError):
        door.accept()


def test_a_full_door_takes_nothing(door: ConsoleDoor, client: Pair) -> None:
    """Many that wait with large forms fit into it."""
    line = b"GET /console HTTP/1.1\r\n\r\n" + b"x" * 60 * KIB
    copies = [client[1].dup() for _ in range(600)]
    taken = sum(door.take(one, line) for one in copies)
    assert 100 <= taken < len(copies)
    for one in copies:
        one.close()
    door.accept()[0].close()
    assert door.take(client[1], line)
    door.refuse_waiting()
    assert client[0].recv(12) == b"HTTP/1.1 503"
    with pytest.raises(BlockingIOError):
        door.accept()


def test_a_request_of_the_greatest_size_fits_through(door: ConsoleDoor, client: Pair) -> None:
    line = b"GET /console HTTP/1.1\r\n" + b"x" * 200 * KIB
    assert door.take(client[1], line)
    handed, _ = door.accept()
    with handed:
        assert handed.received == line
