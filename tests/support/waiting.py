"""Wait for other processes, and find a free port for them."""

import socket
import time
from collections.abc import Callable

__all__ = ["PATIENCE_SECONDS", "free_port", "until"]

PATIENCE_SECONDS = 120.0


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


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
