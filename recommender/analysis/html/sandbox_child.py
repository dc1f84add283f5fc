"""The child process of a sandbox: it parses hostile documents for one task.

The only argument is the name of the task. The process limits its own processor time and memory,
opens and writes no files, and ends when its standard input ends, for example when the parent is
killed.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from resource import (
    RLIM_INFINITY,
    RLIMIT_AS,
    RLIMIT_CORE,
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_NOFILE,
    RUSAGE_SELF,
    getrlimit,
    getrusage,
    setrlimit,
)
from typing import Any, BinaryIO, Final

from recommender.analysis.html.blocks import tidy
from recommender.analysis.html.sandbox import HEADER, RECEIVED, TASKS, Reply, Task, length_of, pack
from recommender.errors import UnreadableMarkup

__all__ = ["main"]

Function = Callable[[Any], str]

_LONGEST_REASON: Final = 200  # characters


def load_function(task: Task) -> Function:
    """Import what the task needs, and nothing else: children start with little memory."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for numpy: each thread would take memory
    module, _, name = task.function.partition(":")
    function: Function = getattr(import_module(f"{__package__}.{module}"), name)
    return function


def limit_resources(task: Task) -> None:
    """Lower the limits of this process for good."""
    for kind, wanted in (
        (RLIMIT_AS, task.memory_bytes),
        (RLIMIT_NOFILE, task.open_files),
        (RLIMIT_FSIZE, 0),
        (RLIMIT_CORE, 0),
    ):
        limit = _not_above(wanted, getrlimit(kind)[1])
        setrlimit(kind, (limit, limit))


def limit_cpu(task: Task) -> None:
    """Allow the task's seconds for the next document, or up to one less: the kernel rounds.

    SIGXCPU ends the process that uses more.
    """
    used = getrusage(RUSAGE_SELF)
    hard = getrlimit(RLIMIT_CPU)[1]
    soft = _not_above(int(used.ru_utime + used.ru_stime) + task.cpu_seconds, hard)
    setrlimit(RLIMIT_CPU, (soft, hard))


def _not_above(wanted: int, hard: int) -> int:
    """The wanted limit, but never more than the machine allows already."""
    return wanted if hard == RLIM_INFINITY else min(wanted, hard)


def reply_to(document: bytes, function: Function, task: Task) -> tuple[Reply, bool]:
    """The reply for one document, and whether memory was enough."""
    try:
        return Reply(function(document if task.is_binary else document.decode())), True
    except UnreadableMarkup as error:
        return Reply(reason=str(error)), True
    except MemoryError:
        return Reply(reason=f"it needs more than {task.memory_bytes // 10**6} MB of memory"), False
    except Exception as error:  # noqa: BLE001 - the next document must not suffer from this one
        return Reply(reason=tidy(f"{type(error).__name__}: {error}")[:_LONGEST_REASON]), True


def serve(documents: BinaryIO, replies: BinaryIO, function: Function, task: Task) -> None:
    """Reply to documents until there are no more, or until memory ran out.

    After that the process may be damaged, so it ends.
    """
    is_sound = True
    while is_sound and len(header := documents.read(HEADER)) == HEADER:
        document = documents.read(length_of(header))
        replies.write(RECEIVED)
        replies.flush()
        limit_cpu(task)
        reply, is_sound = reply_to(document, function, task)
        replies.write(pack(reply.encode()))
        replies.flush()


def main() -> None:
    """Read the documents that come on standard input."""
    task = TASKS[sys.argv[1]]
    function = load_function(task)
    limit_resources(task)
    serve(sys.stdin.buffer, sys.stdout.buffer, function, task)


if __name__ == "__main__":
    main()
