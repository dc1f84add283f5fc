"""Reads a feed by a child process, and outlives whatever the feed does to it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from recommender.errors import BadSource

__all__ = ["CPU_SECONDS", "parse_guarded"]

CPU_SECONDS: Final = 20  # the largest feeds in use take a tenth of it
WALL_SECONDS: Final = 60.0
# -I: neither the folder it starts in nor the environment adds to what it imports.
_CHILD: Final = (sys.executable, "-I", str(Path(__file__).with_name("feed_child.py")))


def parse_guarded(data: bytes, cpu_seconds: int = CPU_SECONDS) -> Mapping[str, object]:
    """What a feed holds, as `feed_child.read` tells it.

    Raises:
        BadSource: nothing can be made of it within the limits; the name of the feed is not told.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own program, and no shell
            [*_CHILD, str(cpu_seconds)],
            input=data,
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
            cwd="/",
            env={},  # keys and passwords are none of its business
        )
    except subprocess.TimeoutExpired as error:
        raise BadSource("cannot be read as a feed (it takes too long)") from error
    if done.returncode != 0:
        raise BadSource(f"cannot be read as a feed ({_why(done)})")
    found = json.loads(done.stdout)
    return found if isinstance(found, dict) else {}


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    """How the child ended: the last line of a Python error, or the signal."""
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"it needs too much, signal {-done.returncode}"
    return said[-1][:200] if said else f"status {done.returncode}"
