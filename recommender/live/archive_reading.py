"""Whether a large part of the archive still waits to be read, and how far its reading is."""

from dataclasses import dataclass
from typing import Final, Self

from recommender.store import LOG_START, ArticleStore

__all__ = ["ADVICE", "ArchiveReading"]

FEW: Final = 50  # texts; they are read within seconds
SHARE: Final = 0.2  # of the archive; so much changes its lists
ADVICE: Final = "to read it in one go, run: read-also rebuild"


@dataclass(frozen=True, slots=True)
class ArchiveReading:
    """How far a large part of the archive, such as a first import, is read.

    Attributes:
        read: how many articles do not wait.
        stored: how many articles there are.
    """

    read: int
    stored: int

    @classmethod
    def of(cls, store: ArticleStore) -> Self | None:
        """Count what waits; None if it is only a few texts, or a small part of the archive.

        Raises:
            StoreUnusable: the store cannot be read.
        """
        queue = store.queue.length()
        waiting = queue.single + queue.bulk
        if waiting < FEW:  # most of the time; then the articles are not counted
            return None
        stored = store.backlog(LOG_START, "").drift
        return None if waiting < SHARE * stored else cls(stored - waiting, stored)

    def __str__(self) -> str:
        done = f"{self.read:,} of {self.stored:,} articles so far"
        return f"the archive is still being read, {done}; lists are incomplete; {ADVICE}"
