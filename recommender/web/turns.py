"""How many requests of a worker may do the same slow thing at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from recommender.errors import StoreUnusable

__all__ = ["Turns"]


class Turns:
    """A few turns; whoever finds them taken is refused at once instead of holding a thread."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> bool:
        """Take a turn, if one is free."""
        return self._free.acquire(blocking=False)

    def give_back(self) -> None:
        """Give a turn back that was taken."""
        self._free.release()

    @contextmanager
    def one_of(self, what: str) -> Iterator[None]:
        """Hold a turn while the block runs.

        Raises:
            StoreUnusable: all are taken, so what they wait for is slow.
        """
        if not self.take():
            raise StoreUnusable(f"all who may wait for {what} are waiting; try again")
        try:
            yield
        finally:
            self.give_back()
