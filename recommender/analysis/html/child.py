"""The process that reads hostile HTML; `guard` starts it and asks it through pipes.

With the argument `links` it answers with the addresses that an article links to, not with its text;
with `page` it takes whole web pages. It may use little processor time and memory, opens and writes
no files, and ends when its standard input does, as when the process that asks is killed.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from typing import BinaryIO, Final

from recommender.analysis.html.frames import HEADER, RECEIVED, Answer, length_of, pack
from recommender.analysis.html.limits import (
    CPU_SECONDS,
    LINKS,
    MEMORY_BYTES,
    PAGE,
    PAGE_MEMORY_BYTES,
)
from recommender.analysis.html.sheet import tidy
from recommender.analysis.html.text import read_links, read_markup
from recommender.errors import UnreadableMarkup

__all__ = ["main"]

_OPEN: Final = 3  # the standard ones
_FILES: Final = 8  # those, and the rest is for what an import opens late


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is for, and what it may take: bytes of address space, open files or sockets."""

    read: Callable[[str], str]
    memory: int = MEMORY_BYTES
    files: int = _FILES


def task_of(arguments: Sequence[str]) -> Task:
    """The task that the arguments name; what it needs is imported."""
    match arguments:
        case [name] if name == LINKS:
            return Task(read_links)
        case [name] if name == PAGE:
            return Task(_page_reader(), PAGE_MEMORY_BYTES, _OPEN)
    return Task(read_markup)


def _page_reader() -> Callable[[str], str]:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy comes along, and each thread takes memory
    from recommender.analysis.html.page import read_page  # noqa: PLC0415 - the other tasks start small

    return read_page


def confine(task: Task) -> None:
    """Lower the limits of this process for good."""
    for kind, most in (
        (RLIMIT_AS, task.memory),
        (RLIMIT_NOFILE, task.files),
        (RLIMIT_FSIZE, 0),
        (RLIMIT_CORE, 0),
    ):
        limit = _at_most(most, getrlimit(kind)[1])
        setrlimit(kind, (limit, limit))


def allow_time() -> None:
    """Let the next article have CPU_SECONDS, or up to a second less: the kernel counts whole ones.

    SIGXCPU ends the process that uses more.
    """
    used = getrusage(RUSAGE_SELF)
    hard = getrlimit(RLIMIT_CPU)[1]
    soft = _at_most(int(used.ru_utime + used.ru_stime) + CPU_SECONDS, hard)
    setrlimit(RLIMIT_CPU, (soft, hard))


def _at_most(wanted: int, hard: int) -> int:
    """A limit is never raised above one that the machine has set already."""
    return wanted if hard == RLIM_INFINITY else min(wanted, hard)


def answer(html: bytes, task: Task) -> tuple[Answer, bool]:
    """What is read of one article, or why nothing is, and whether memory lasted."""
    try:
        return Answer(task.read(html.decode())), True
    except UnreadableMarkup as error:
        return Answer(reason=str(error)), True
    except MemoryError:
        return Answer(reason=f"it needs more than {task.memory // 10**6} MB of memory"), False
    except Exception as error:  # noqa: BLE001 - one article's trouble is not the next one's
        return Answer(reason=tidy(f"{type(error).__name__}: {error}")[:200]), True


def serve(articles: BinaryIO, answers: BinaryIO, task: Task) -> None:
    """Answer articles until there are no more, or until memory ran out: the rest may be harmed."""
    lasts = True
    while lasts and len(header := articles.read(HEADER)) == HEADER:
        html = articles.read(length_of(header))
        answers.write(RECEIVED)
        answers.flush()
        allow_time()
        said, lasts = answer(html, task)
        answers.write(pack(said.encode()))
        answers.flush()


def main() -> None:
    """Read what comes on standard input."""
    task = task_of(sys.argv[1:])
    confine(task)
    serve(sys.stdin.buffer, sys.stdout.buffer, task)


if __name__ == "__main__":
    main()
