"""The work of an actor on Ray that one text kills, for tests."""

import os
import signal

from recommender.analysis.features import Features
from recommender.articles import Article
from recommender.indexing.ray_work import ReadingWork

POISON = "guiyang-smart-city"
"""The id of the article that kills whoever reads it."""


class DyingReadingWork(ReadingWork):
    """Reads texts; the process is killed by one of them."""

    def analyze(self, article: Article) -> Features:
        """The features of one text."""
        if article.id == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().analyze(article)
