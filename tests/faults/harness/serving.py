"""`read-also serve` as its operators run it: its processes, and how to find and end them.

What runs is the program that lies beside this file, from a data folder of its own, on 127.0.0.1.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self

# What /proc tells: whose child a process is, in which session, and who holds a connection.


PROC: Final = Path("/proc")
_GONE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


def children_of(process: int) -> set[int]:
    """The children of a process; none of one that is gone."""
    try:
        text = (PROC / str(process) / "task" / str(process) / "children").read_text()
    except _GONE:
        return set()
    return set(map(int, text.split()))


def words_of(process: int) -> list[str]:
    """The command line of a process; none of one that is gone."""
    try:
        return (PROC / str(process) / "cmdline").read_text("utf-8", "replace").split("\0")
    except _GONE:
        return []


def processes_of_session(session: int) -> set[int]:
    """All living processes of a session, zombies left out."""
    numbers = (int(path.name) for path in PROC.iterdir() if path.name.isdigit())
    return {number for number in numbers if _session_of(number) == session}


def holder_of(server_port: int, client_port: int, among: Iterable[int]) -> int | None:
    """Which process holds the server's end of a connection on this machine."""
    inode = _inode_of(server_port, client_port)
    return next((process for process in among if inode in _sockets_of(process)), None)


def _session_of(process: int) -> int | None:
    try:
        stat = (PROC / str(process) / "stat").read_text()
    except _GONE:
        return None
    fields = stat.rpartition(")")[2].split()  # state, parent, group, session, ...
    return None if fields[0] in "ZX" else int(fields[3])


def _inode_of(server_port: int, client_port: int) -> str | None:
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
        if (here, there) == (server_port, client_port):
            return fields[9]
    return None


def _sockets_of(process: int) -> set[str]:
    found = set()
    try:
        for path in (PROC / str(process) / "fd").iterdir():
            try:
                target = str(path.readlink())
            except _GONE:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except _GONE:
        return set()
    return found


KEY: Final = "abcdefgh12345678"
WORKERS: Final = 2
ROOT: Final = Path(__file__).parents[3]
STOPPING_SECONDS: Final = 25.0
STARTING_SECONDS: Final = 120.0


def end_when_told() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that its servers end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def until(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """An archive: its folder, where its store is, and what else its processes are told."""

    folder: Path
    database_url: str | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of this archive."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("READ_ALSO_")}
        return kept | {
            "READ_ALSO_DATA_DIR": str(self.folder),
            "READ_ALSO_DATABASE_URL": self.database_url or f"sqlite:///{self.store}",
            "READ_ALSO_API_KEYS": f"t:read+write:{KEY}",
            **self.more,
        }

    @property
    def store(self) -> Path:
        """The file of the store, where it is SQLite's."""
        return self.folder / "read-also.db"

    def command(self, *words: str) -> list[str]:
        """A command of `read-also`."""
        return [sys.executable, "-m", "recommender", *words]

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command beside everything else; its words go to a log."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - words of our own
                self.command(*words),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *words: str, seconds: float = 300.0) -> None:
        """Run a command to its end.

        Raises:
            RuntimeError: it failed, or did not end in time.
        """
        process = self.spawn(*words)
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code:
            raise RuntimeError(f"read-also {' '.join(words)} ended with {code}; {self.log()}")

    def log(self) -> str:
        """The last words of the commands."""
        return (self.folder / "commands.log").read_text("utf-8", "replace")[-2_000:]


class Server:
    """`serve` with two workers in a session of its own, so that Ctrl-C reaches only us."""

    def __init__(self, place: Place, workers: int = WORKERS, *, ready: bool = True) -> None:
        """Start nothing yet.

        Args:
            place: what is served.
            workers: how many web workers.
            ready: whether there is something to serve; an empty archive is alive, not ready.
        """
        self.place = place
        self.port = _free_port()
        self.log = place.folder / "serve.log"
        self._workers = workers
        self._probe = "/readyz" if ready else "/healthz"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - words of our own
                self.place.command(
                    "serve", "--port", str(self.port), "--workers", str(self._workers)
                ),
                env=self.place.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_whole()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def supervisor(self) -> int:
        """Its process id, which is that of the session too."""
        if self._process is None:
            raise RuntimeError("serve was not started")
        return self._process.pid

    @property
    def master(self) -> int | None:
        """The process that forks the workers."""
        return self._child("recommender.operations.web_server")

    @property
    def indexer(self) -> int | None:
        """The process that reads texts."""
        return self._child("indexer")

    @property
    def workers(self) -> list[int]:
        """The web workers that there are now."""
        master = self.master
        return [] if master is None else sorted(children_of(master))

    @property
    def processes(self) -> set[int]:
        """Everything that `serve` started and that still lives."""
        return processes_of_session(self.supervisor)

    def is_whole(self) -> bool:
        """Whether every process that there should be is there, and somebody answers."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"serve ended by itself: {self.words()[-2_000:]}")
        return len(self.workers) == self._workers and self.indexer is not None and self._answers()

    def words(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8", "replace")

    def ended_by(self, number: signal.Signals, seconds: float) -> bool:
        """Send a signal to the supervisor; whether every process was gone in time."""
        os.kill(self.supervisor, number)
        return until(lambda: not self._is_running() and not self.processes, seconds)

    def stop(self) -> None:
        """End it, politely first; no process is left."""
        if self._process is None:
            return
        if self._is_running():
            self._process.terminate()
            until(lambda: not self._is_running(), STOPPING_SECONDS)
        for process in self.processes:
            _kill(process)
        self._process.wait(STOPPING_SECONDS)

    def _await_whole(self) -> None:
        if not until(self.is_whole, STARTING_SECONDS):
            raise RuntimeError(f"serve did not start: {self.words()[-2_000:]}")

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _child(self, word: str) -> int | None:
        found = (child for child in children_of(self.supervisor) if word in words_of(child))
        return next(found, None)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._probe, headers={"X-API-Key": KEY})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


# Short articles made up for these measurements; no two are one text.


Document = dict[str, Any]


def _words(text: str) -> list[str]:
    return text.split(",")


TOWNS: Final = _words(
    "Ardmore,Belden,Corwick,Dunmere,Elsford,Farrow,Glenhurst,Hartwell,Inverlea,Juniper,Kelston,"
    "Larkfield,Marbury,Netherby,Oakridge"
)
THINGS: Final = _words(
    "bridge,library,tram line,swimming pool,power station,market hall,ferry pier,hospital wing,"
    "primary school,football ground,water tower,theatre,railway yard,greenhouse,fire station,"
    "observatory,brewery,windmill,harbour wall,cable car"
)
WORDS: Final = _words(
    "budget,vote,river,engineer,season,worker,plan,street,autumn,report,family,concrete,permit,"
    "festival,meeting,member,repair,contract,answer,delay,winter,visitor,price,morning,company,"
    "teacher,question,protest,neighbour,ticket,garden,signal,storm,evening,decision,court,traffic"
)


def seeds(count: int) -> list[Document]:
    """The archive's own stories, at most three hundred: one sentence on one subject each."""
    most = len(TOWNS) * len(THINGS)
    if count > most:
        raise ValueError(f"there are {most} subjects")
    return [
        {
            "id": f"seed-{number}",
            "title": f"{_town(number)} plans a new {_thing(number)}",
            "body": f"The council of {_town(number)} will pay for a {_thing(number)} next year.",
            "url": f"https://news.example/seed-{number}",
            "section": "city",
            "language": "en",
            "published_at": f"2026-10-{1 + number % 28:02}T08:00:00Z",
        }
        for number in range(count)
    ]


def fresh(number: int, subject: int, **more: object) -> Document:
    """A new story on the subject of a seed, with a tag of its own to ask for it alone."""
    return {
        "id": f"fresh-{number}",
        "title": f"Residents of {_town(subject)} argue over the {_thing(subject)}, part {number}",
        "body": f"A {_thing(subject)} for {_town(subject)}: meeting {number} ended in a quarrel.",
        "url": f"https://news.example/fresh-{number}",
        "section": "city",
        "tags": [f"fresh-{number}"],
        "language": "en",
        "published_at": "2026-11-20T08:00:00Z",
    } | more


def bulk(count: int, words: int, name: str = "bulk") -> Iterator[Document]:
    """Stories of so many words, as an archive that is moved to us has them."""
    for number in range(count):
        draw = Random(f"{name}-{number}")  # noqa: S311 - texts, not secrets
        body = " ".join(_sentence(draw) for _ in range(max(1, words // 10)))
        subject = draw.randrange(10**6)
        yield {
            "id": f"{name}-{number}",
            "title": f"{_town(subject)}: {_thing(subject)} and {draw.choice(WORDS)}, no. {number}",
            "body": body,
            "section": "archive",
            "language": "en",
            "published_at": f"2025-{1 + number % 12:02}-{1 + number % 28:02}T08:00:00Z",
        }


def write_lines(path: Path, documents: Iterator[Document] | list[Document]) -> Path:
    """A file as `read-also import` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(document)}\n" for document in documents)
    return path


def _sentence(draw: Random) -> str:
    return "The " + " ".join(draw.choices(WORDS, k=9)) + "."


def _town(number: int) -> str:
    return TOWNS[number % len(TOWNS)]


def _thing(number: int) -> str:
    return THINGS[number // len(TOWNS) % len(THINGS)]


# Single calls of a client to a server that is under test.


AWAY: Final = 0
PATIENCE_SECONDS: Final = 20.0


class Line:
    """One keep-alive connection; which worker holds its other end is known."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, bytes]:
        """Call once; the connection stays open.

        Raises:
            OSError: the connection broke.
            HTTPException: the answer is cut off.
        """
        body = None if document is None else json.dumps(document)
        self._connection.request(method, path, body, {"X-API-Key": KEY})
        response = self._connection.getresponse()
        return response.status, response.read()

    def holder(self, among: list[int]) -> int | None:
        """Which process answers here; it must have answered once."""
        if self._connection.sock is None:
            return None
        return holder_of(self._port, self._connection.sock.getsockname()[1], among)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def ask(port: int, method: str, path: str, document: object = None) -> tuple[int, bytes]:
    """Call once on a connection of its own; status 0 where there is no whole answer."""
    line = Line(port)
    try:
        return line.ask(method, path, document)
    except (OSError, HTTPException) as fault:
        return AWAY, repr(fault).encode()
    finally:
        line.close()


def put(port: int, document: dict[str, Any], *, visible: bool = False) -> int:
    """Write one article; the status of the answer."""
    wait = "?wait=visible" if visible else ""
    return ask(port, "PUT", f"/v1/articles/{document['id']}{wait}", document)[0]


def put_until_kept(port: int, document: dict[str, Any], seconds: float = 60.0) -> bool:
    """Write one article as a patient CMS does, until it is acknowledged and visible."""
    return until(lambda: put(port, document, visible=True) in {200, 201}, seconds, every=0.2)


def delete(port: int, article_id: str) -> int:
    """Delete one article; the status of the answer."""
    return ask(port, "DELETE", f"/v1/articles/{article_id}")[0]


def line_to(server: Server, worker: int, path: str = "/healthz", seconds: float = 30.0) -> Line:
    """A connection that a certain worker holds.

    Raises:
        TimeoutError: that worker took none of those that were opened.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = Line(server.port)
        with suppress(OSError, HTTPException):
            line.ask("GET", path)
            if line.holder([worker]) == worker:
                return line
        line.close()
        time.sleep(0.01)
    raise TimeoutError(f"worker {worker} answers nobody")


def listed(body: bytes) -> list[str]:
    """The ids of a list, in order."""
    return [item["id"] for item in json.loads(body)["items"]]


# Constant reads over keep-alive connections, each answer noted with its time.
#
# A read is due at its moment whether or not the ones before it were answered; its seconds count
# from then. A connection that is more than a second behind leaves out what it missed, which the
# reads a second tell. A connection that the server closed between two reads is opened anew, as
# every client does. One that breaks after a read was sent cuts that read off: it is counted, and
# asked once more over a new connection, as browsers and proxies do; it failed if that is in vain
# too.


FAILED: Final = 0
READ_PATIENCE_SECONDS: Final = 15.0
MOST_BEHIND_SECONDS: Final = 1.0
_GENERATION: Final = re.compile(rb'"generation": ?"([^"]*)"')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """When a read was due (monotonic), how long it took, and its status; 0 where it failed.

    `cut` tells that its first connection broke.
    """

    due_at: float
    seconds: float
    status: int
    cut: bool = False

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def is_closed(self) -> bool:
        return self.reader.at_eof() or self.reader.exception() is not None


class Load:
    """So many reads a second of some paths by turns, in a thread, while the block runs."""

    def __init__(self, port: int, paths: Sequence[str], rate: float, lines: int = 12) -> None:
        self.answers: list[Answer] = []
        self.generations: Counter[str] = Counter()
        self.reopened = 0
        self.faults: list[tuple[float, str]] = []
        self._port, self._rate, self._lines = port, rate, lines
        self._requests = [
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {KEY}\r\n\r\n".encode()
            for path in paths
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(READ_PATIENCE_SECONDS + 5)

    def between(self, begun: float, ended: float) -> list[Answer]:
        """The answers that came in a span of monotonic time."""
        return [a for a in list(self.answers) if begun <= a.due_at + a.seconds < ended]

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        begun = time.monotonic()
        await asyncio.gather(*(self._line(begun, number) for number in range(self._lines)))

    async def _line(self, begun: float, number: int) -> None:
        line: _Line | None = None
        for step in count(number, self._lines):
            due = begun + step / self._rate
            if time.monotonic() - due > MOST_BEHIND_SECONDS:
                continue
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._stopping.is_set():
                break
            line = await self._ask(line, due, self._requests[step % len(self._requests)])
        if line is not None:
            line.writer.close()

    async def _ask(self, line: _Line | None, due: float, request: bytes) -> _Line | None:
        """One read, noted; the connection to go on with, if there is one."""
        line, status = await self._try(line, request)
        cut = status == FAILED
        if cut:
            line, status = await self._try(None, request)
        self.answers.append(Answer(due, time.monotonic() - due, status, cut))
        return line

    async def _try(self, line: _Line | None, request: bytes) -> tuple[_Line | None, int]:
        """Ask once: the connection to go on with, and the status."""
        try:
            async with asyncio.timeout(READ_PATIENCE_SECONDS):
                line = await self._fit(line)
                line.writer.write(request)
                status, goes_on = await self._read(line.reader)
        except (OSError, EOFError, asyncio.LimitOverrunError) as fault:
            status, goes_on = FAILED, False
            self._blame(time.monotonic(), repr(fault))
        if line is not None and not goes_on:
            line.writer.close()
            line = None
        return line, status

    async def _fit(self, line: _Line | None) -> _Line:
        if line is not None and line.is_closed():
            line.writer.close()
            line = None
            self.reopened += 1
        return line or _Line(*await asyncio.open_connection("127.0.0.1", self._port))

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bool]:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        named = _GENERATION.search(body)
        if named:
            self.generations[named[1].decode()] += 1
        status = int(head[9:12])
        if not 200 <= status < 300:
            self._blame(time.monotonic(), f"{status} {body[:200].decode('utf-8', 'replace')}")
        return status, b"connection: close" not in head.lower()

    def _blame(self, at: float, words: str) -> None:
        if len(self.faults) < 1_000:
            self.faults.append((at, words))
