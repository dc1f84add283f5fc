"""Wait for other processes, and find a free port for them."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from itertools import cycle

__all__ = ["PATIENCE_SECONDS", "free_port", "until"]

PATIENCE_SECONDS = 120.0
FIRST_PORT, PORTS = 12_000, 20_000
"""From 32768 on, the system gives ports to whoever asks for any, and to those who connect."""


def until(
    condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS, every: float = 0.05
) -> bool:
    """Wait for a condition; return whether it became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def _own_ports() -> Iterator[int]:
    """By turns the ports that no other process of this run of pytest takes."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = PORTS // count
    own = FIRST_PORT + worker % count * share  # one that replaces a crashed worker counts on
    first = os.getpid() * 101  # of another run at the same time
    return cycle(own + (first + step) % share for step in range(share))


_ports = _own_ports()


def free_port() -> int:
    """A port of loopback at which nobody listens, and that nobody else is given meanwhile."""
    for port in _ports:
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("they are taken by turns, without an end")
