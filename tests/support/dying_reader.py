"""A reader that some texts kill, for tests: `python -m tests.support.dying_reader PIPE`."""

import os
import signal
import sys
from multiprocessing.connection import Connection

from recommender.analysis import readers
from recommender.analysis.analyzer import analyze
from recommender.analysis.features import Features
from recommender.articles import Article

POISON = "poison"


def analyze_or_die(article: Article) -> Features:
    """The features of an article; the process is killed where its body has the poison."""
    if POISON in article.body:
        os.kill(os.getpid(), signal.SIGKILL)
    return analyze(article)


if __name__ == "__main__":
    vars(readers)["analyze"] = analyze_or_die
    readers.serve(Connection(int(sys.argv[1])))
