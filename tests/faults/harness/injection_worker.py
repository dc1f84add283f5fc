"""Forks a child for each piece of work, so that none has to import anything.

    python -m tests.faults.harness.injection_worker

Reads one JSON array [work, folder] at a time from standard input. The child prepares, says
{"ready": pid}, waits for a byte on the same input, works, and reports on standard output how that
went; when it has ended, its status is written. FAISS is imported before, but used in children only:
a fork after its use hangs.
"""

import gc
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn

from index import IndexFault
from recommender.errors import StoreUnusable
from tests.faults.harness.injection import WORKS

__all__: list[str] = []

CLEAN: Final = (StoreUnusable, OSError, IndexFault)
MOST: Final = 65_536


def report(**fact: object) -> None:
    """Write one line; a pipe takes it whole."""
    os.write(1, json.dumps(fact).encode() + b"\n")


def attempt(name: str, step: Callable[[], object]) -> bool:
    """Do a step and report how it went; returns whether it succeeded."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        kind = type(error).__name__
        report(
            step=name, done=False, clean=isinstance(error, CLEAN), words=f"{kind}: {error}"[:300]
        )
        return False
    report(step=name, done=True)
    return True


def serve(work: str, folder: Path) -> None:
    """Be the child: prepare, wait, work; try again after a failure, since the fault is over."""
    gc.disable()  # a collection at another moment would move the calls that follow
    with ExitStack() as stack:
        step = stack.enter_context(WORKS[work].prepare(folder))
        report(ready=os.getpid())
        os.read(0, 1)
        if not attempt("work", step):
            attempt("again", step)
        attempt("tidy", stack.close)


def be_child(work: str, folder: Path) -> NoReturn:
    """Serve and end, whatever happens."""
    status = 70
    try:
        serve(work, folder)
        status = 0
    except Exception as error:  # noqa: BLE001 - reported to the injecting process
        report(step="prepare", done=False, clean=False, words=repr(error))
    finally:
        os._exit(status)


def main() -> None:
    """Serve until the input ends."""
    while line := os.read(0, MOST):
        work, folder = json.loads(line)
        child = os.fork()
        if child == 0:
            be_child(work, Path(folder))
        report(status=os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
