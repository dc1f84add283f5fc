"""Memory: what a large body took goes back to the system when its request is answered."""

import ctypes
import threading
from typing import Final

from flask import Response, after_this_request

__all__ = ["return_memory_afterwards", "share_one_arena"]

ARENA_MAX: Final = -8  # of glibc's <malloc.h>
_trimming = threading.Lock()


def share_one_arena() -> None:
    """Let all threads allocate from one arena: glibc keeps megabytes in those of other threads.

    The interpreter's lock keeps most threads apart anyhow.
    """
    _call("mallopt", ARENA_MAX, 1)


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
