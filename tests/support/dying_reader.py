"""A reader that some texts kill, for tests: `python -m tests.support.dying_reader PIPE`."""

import os
import signal
import struct
import sys
from multiprocessing.connection import Connection

from recommender.analysis import readers
from recommender.analysis.analyzer import analyze
from recommender.analysis.features import Features
from recommender.articles import Article

POISON = "poison"
HALF_ANSWERED = "half-answered"
_LENGTH = struct.pack("!i", 1_000)
"""How `multiprocessing.connection` begins a message of 1,000 bytes."""


def analyze_or_die(article: Article) -> Features:
    """The features of an article; the process is killed where its body has a word for it."""
    if HALF_ANSWERED in article.body:
        os.write(int(sys.argv[1]), _LENGTH + b"the beginning")
        os.kill(os.getpid(), signal.SIGKILL)
    if POISON in article.body:
        os.kill(os.getpid(), signal.SIGKILL)
    return analyze(article)


if __name__ == "__main__":
    vars(readers)["analyze"] = analyze_or_die
    readers.serve(Connection(int(sys.argv[1])))
