"""Forked processes: groups that are killed, and a fresh one that looks.

The process that forks imports the store and the index and uses neither, so that what it forks
starts at once, has opened nothing, and does not hang: a fork after FAISS's use would.
"""

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeVar

__all__ = ["Group", "ask"]

Answer = TypeVar("Answer")
MOST_SECONDS: Final = 120


class Group:
    """Processes that are killed together."""

    def __init__(self) -> None:
        self._members: list[int] = []

    def start(self, work: Callable[[], object], on_error: Callable[[str], object]) -> None:
        """Fork a process for some work; an error of it is told before it ends."""
        leader = self._members[0] if self._members else 0
        child = os.fork()
        if child == 0:
            os.setpgid(0, leader)
            _be_child(work, on_error)
        with suppress(PermissionError, ProcessLookupError):  # the child may have been quicker
            os.setpgid(child, leader or child)
        self._members.append(child)

    def kill(self) -> int:
        """SIGKILL the group and wait for it; returns how many had ended before, of themselves."""
        if not self._members:
            return 0
        with suppress(ProcessLookupError):
            os.killpg(self._members[0], signal.SIGKILL)
        statuses = [os.waitpid(member, 0)[1] for member in self._members]
        self._members.clear()
        return sum(not os.WIFSIGNALED(status) for status in statuses)


def ask(question: Callable[[], Answer]) -> Answer:
    """Answer a question in a fresh process.

    Raises:
        RuntimeError: it failed, with its traceback, or did not answer within two minutes.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(MOST_SECONDS)
        _be_child(
            lambda: _send(writing, (True, question())), lambda words: _send(writing, (False, words))
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    answer: tuple[bool, Any] = pickle.loads(data) if data else (False, "no answer")  # noqa: S301 - our own child
    if not answer[0]:
        raise RuntimeError(answer[1])
    result: Answer = answer[1]
    return result


def _send(handle: int, value: object) -> None:
    with os.fdopen(handle, "wb") as pipe:
        pipe.write(pickle.dumps(value))


def _be_child(work: Callable[[], object], on_error: Callable[[str], object]) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that forked it
    try:
        work()
    except BaseException:  # noqa: BLE001 - a child never runs on into its parent's code
        on_error(traceback.format_exc())
    finally:
        os._exit(0)
