"""What the processes of `read-also serve` cost while nothing happens, and how soon a write shows.

    python -m benchmarks.idle [--program FOLDER] [--articles N] [--seconds 60] [--writes 100]
        [--database-url URL]

Serves a made-up archive, waits until it is quiet, and measures the CPU time of each process (all
threads, from /proc) and how often they woke up. Then it writes one article again and again, and
measures the time until every worker shows it. `--program` names another checkout to compare with;
its `.venv` is used.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
KEY: Final = "bench-0123456789abcdef"
PATIENCE_SECONDS: Final = 600
WORDS: Final = [f"word{number}" for number in range(2_000)]


def main() -> None:
    """Print a line a process, and the figures of freshness."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, default=ROOT)
    parser.add_argument("--database-url", help="of an empty store, instead of an SQLite file")
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--writes", type=int, default=100)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        url = options.database_url or f"sqlite:///{folder}/read-also.db"
        measure(options, Path(folder), url)


def measure(options: argparse.Namespace, folder: Path, url: str) -> None:
    """Serve an archive and print the figures."""
    with served(options.program, folder, url) as (process, port):
        fill(port, options.articles)
        time.sleep(5)
        shares = idle_shares(process.pid, options.seconds)
        for name, one in {**shares, "all together": sum(shares.values(), Share())}.items():
            print(f"{name:24} {100 * one.cores:6.3f} % of a core, {one.wakes:5.1f} wakes a second")
        seconds = sorted(time_writes(port, options.writes))
        if seconds:
            p99 = seconds[int(len(seconds) * 0.99)]
            print(
                f"visible in every worker: p50 {statistics.median(seconds):.3f} s, p99 {p99:.3f} s"
            )


@contextmanager
def served(program: Path, folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`read-also serve` of a checkout over a data folder and a store, and its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    python = program / ".venv" / "bin" / "python"
    environment = os.environ | {
        "PYTHONPATH": str(program),
        "READ_ALSO_DATA_DIR": str(folder),
        "READ_ALSO_DATABASE_URL": url,
        "READ_ALSO_API_KEYS": f"bench:read+write:{KEY}",
    }
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(python), "-m", "recommender", "serve", "--port", str(port), "--workers", "2"],
        cwd=program,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: ask(port, "GET", "/readyz")[0] == 200)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def fill(port: int, articles: int) -> None:
    """Write articles, and wait until all are read and compacted."""
    draw = random.Random(11)  # noqa: S311 - no secrets
    lines = [
        json.dumps({"id": f"a{n}", "title": f"T {n}", "body": " ".join(draw.choices(WORDS, k=60))})
        for n in range(articles)
    ]
    for at in range(0, articles, 500):
        status, _ = ask(port, "POST", "/v1/bulk", "\n".join(lines[at : at + 500]).encode())
        assert status == 200, status

    def is_quiet() -> bool:
        metrics = ask(port + 1, "GET", "/metrics")[1].decode()  # the operators' listener
        found = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
        waits = [float(value) for name, value in found.items() if "pending_articles" in name]
        built = float(found.get("read_also_generation_change", 0))  # there is none at first
        return built >= 2 * articles and not any(waits)  # written and read

    wait_until(is_quiet)


@dataclass(frozen=True, slots=True)
class Share:
    """What a process uses: the share of a core, and how often a second a thread of it wakes up."""

    cores: float = 0.0
    wakes: float = 0.0

    def __add__(self, other: "Share") -> "Share":
        """What both use."""
        return Share(self.cores + other.cores, self.wakes + other.wakes)


def idle_shares(supervisor: int, seconds: float) -> dict[str, Share]:
    """What each process used for some seconds, by a name."""
    names = {pid: name_of(pid, supervisor) for pid in descendants(supervisor)}
    before, begun = {pid: (cpu_seconds(pid), wakes(pid)) for pid in names}, time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begun
    assert descendants(supervisor) == list(names), "a process came or went: it was not idle"
    return {
        f"{name} {pid}": Share(
            (cpu_seconds(pid) - before[pid][0]) / passed, (wakes(pid) - before[pid][1]) / passed
        )
        for pid, name in names.items()
    }


def time_writes(port: int, writes: int) -> list[float]:
    """How long each of some writes took to show in every worker; each changes a section alone."""
    draw, seconds = random.Random(12), []  # noqa: S311 - no secrets
    article = json.loads(ask(port, "GET", "/v1/articles/a1")[1])
    fields = {name: article[name] for name in ("title", "body")}
    for number in range(writes):
        time.sleep(draw.uniform(0.05, 0.3))
        body = json.dumps(fields | {"section": f"s{number}"}).encode()
        begun = time.monotonic()
        status, _ = ask(port, "PUT", "/v1/articles/a1?wait=visible", body)
        assert status == 200, status
        seconds.append(time.monotonic() - begun)
    return seconds


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer; 0 where nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"X-API-Key": KEY})
        response = connection.getresponse()
        return response.status, response.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; give up after ten minutes."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            sys.exit("it takes too long")
        time.sleep(0.5)


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in descendants(int(child)))]


def cpu_seconds(pid: int) -> float:
    """The time that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def own_cpu_seconds() -> float:
    """What this process, its children, and those of them that have ended have used so far."""
    ended = os.times()
    _, *children = descendants(os.getpid())
    of_ended = ended.children_user + ended.children_system
    return time.process_time() + of_ended + sum(map(cpu_seconds, children))


def timed(work: Callable[[], object]) -> float:
    """Seconds of CPU of some work."""
    begun = own_cpu_seconds()
    work()
    return own_cpu_seconds() - begun


def wakes(pid: int) -> int:
    """How often a thread of a process has gone to sleep, and so has woken up."""
    lines = (
        line
        for task in Path(f"/proc/{pid}/task").iterdir()
        for line in (task / "status").read_text().splitlines()
    )
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def memory_of(pid: int, kind: str) -> int:
    """The bytes of the lines of a process's `smaps_rollup` that begin so: `Pss:`, `Private_`."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1_024 * sum(int(line.split()[1]) for line in lines if line.startswith(kind))


def name_of(pid: int, supervisor: int) -> str:
    """What a process is, by its command and parent."""
    command = Path(f"/proc/{pid}/cmdline").read_text()
    if pid == supervisor:
        return "supervisor"
    if "html.child" in command:
        return "reader of HTML"
    if "indexer" in command:
        return "indexer"
    parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return "web server" if parent == supervisor else "web worker"


if __name__ == "__main__":
    main()
