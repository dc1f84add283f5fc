"""Memory: what a large body took goes back to the system when its request is answered."""

import ctypes
import threading
from typing import Final

from flask import Response, after_this_request

__all__ = ["bound_kept_memory", "return_memory_afterwards"]

TRIM_THRESHOLD: Final = -1  # of glibc's <malloc.h>
TOP_PAD: Final = -2
MMAP_THRESHOLD: Final = -3
ARENA_MAX: Final = -8
MAPPED: Final = 2**20
"""What is as large has pages of its own, which go back when it is freed. By default glibc raises
the bound with each such piece that is freed, so that an answer of megabytes stays for good."""
SPARE: Final = 2**22
"""Free memory that stays for the next list. Without it, what a list took went back to the system at
its end, and the next one got it page by page: 400 of them, a tenth of its time."""
_trimming = threading.Lock()


def bound_kept_memory() -> None:
    """Bound what glibc keeps of memory that was freed.

    All threads allocate from one arena, since it keeps megabytes in those of other threads; the
    interpreter's lock keeps most threads apart anyhow. What is large does not come from it.
    """
    _call("mallopt", ARENA_MAX, 1)
    _call("mallopt", MMAP_THRESHOLD, MAPPED)
    _call("mallopt", TRIM_THRESHOLD, MAPPED)
    _call("mallopt", TOP_PAD, SPARE)


def return_memory_afterwards() -> None:
    """Give free memory back to the system when this request is answered."""
    after_this_request(_trim)


def _trim(response: Response) -> Response:
    # While another thread gives memory back, this one need not.
    if _trimming.acquire(blocking=False):
        try:
            _call("malloc_trim", 0)
        finally:
            _trimming.release()
    return response


def _call(name: str, *arguments: int) -> None:
    """Call a function of glibc; other C libraries do without."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
