"""The process that reads hostile HTML: `python -m recommender.markup.child`, asked through pipes.

With the argument `links` it answers with the addresses that an article links to, not with its text.
It may use little processor time and memory, opens and writes no files, and ends when its standard
input does, as when the process that asks is killed.
"""

import sys
from collections.abc import Callable
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

from recommender.errors import UnreadableMarkup
from recommender.markup.frames import HEADER, RECEIVED, Answer, length_of, pack
from recommender.markup.limits import CPU_SECONDS, LINKS, MEMORY_BYTES
from recommender.markup.sheet import tidy
from recommender.markup.text import read_links, read_markup

__all__ = ["main"]

_FILES: Final = 8  # three are open; the rest is for what an import opens late
_OUT_OF_MEMORY: Final = Answer(reason=f"it needs more than {MEMORY_BYTES // 10**6} MB of memory")


def confine() -> None:
    """Lower the limits of this process for good."""
    for kind, most in (
        (RLIMIT_AS, MEMORY_BYTES),
        (RLIMIT_NOFILE, _FILES),
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


def answer(html: bytes, read: Callable[[str], str]) -> Answer:
    """What is read of one article, or why nothing is, whatever goes wrong."""
    try:
        return Answer(read(html.decode()))
    except UnreadableMarkup as error:
        return Answer(reason=str(error))
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001 - one article's trouble is not the next one's
        return Answer(reason=tidy(f"{type(error).__name__}: {error}")[:200])


def serve(articles: BinaryIO, answers: BinaryIO, read: Callable[[str], str]) -> None:
    """Answer articles until there are no more, or until memory ran out: the rest may be harmed."""
    while len(header := articles.read(HEADER)) == HEADER:
        html = articles.read(length_of(header))
        answers.write(RECEIVED)
        answers.flush()
        allow_time()
        said = answer(html, read)
        answers.write(pack(said.encode()))
        answers.flush()
        if said is _OUT_OF_MEMORY:
            return


def main() -> None:
    """Read what comes on standard input."""
    confine()
    read = read_links if sys.argv[1:] == [LINKS] else read_markup
    serve(sys.stdin.buffer, sys.stdout.buffer, read)


if __name__ == "__main__":
    main()
