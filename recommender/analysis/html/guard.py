"""Reads articles' HTML by a child process, and outlives whatever an article does to the child."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from recommender.analysis.html.frames import (
    HEADER,
    LONGEST_ANSWER,
    RECEIVED,
    Answer,
    length_of,
    pack,
)
from recommender.analysis.html.limits import CPU_SECONDS, LINKS, LONGEST_MARKUP, PAGE, WALL_SECONDS
from recommender.errors import UnreadableMarkup

__all__ = ["CHILD", "LINK_CHILD", "PAGE_CHILD", "MarkupReader"]

# -I: neither the folder it starts in nor the environment adds to what it imports.
CHILD: Final = (sys.executable, "-I", "-m", "recommender.analysis.html.child")
LINK_CHILD: Final = (*CHILD, LINKS)
"""Reads the addresses that an article links to, one a line, instead of its text."""
PAGE_CHILD: Final = (*CHILD, PAGE)
"""Reads whole web pages; `recommender.analysis.html.webpage` asks it."""

_COMPLAINT: Final = "body_html cannot be read: {}; send its text as body"
_GRACE_SECONDS: Final = 1.0  # between the end of a child's output and its own end
_ENDS: Final = {-signal.SIGXCPU: f"it needs more than {CPU_SECONDS} s of processor time"}


class _Broken(Exception):
    """The child is of no more use; the text says why."""


class _Unread(_Broken):
    """The child ended before it had received the article."""


class _Child:
    """One child process and its pipes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={},  # keys and passwords are none of its business
            start_new_session=True,  # ctrl-C is for the parent, who ends the child
        )
        assert self._process.stdin is not None  # noqa: S101 - for mypy
        assert self._process.stdout is not None  # noqa: S101
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)

    def is_idle(self) -> bool:
        """Whether it lives and says nothing unasked."""
        return self._process.poll() is None and not _is_ready(self._output, select.POLLIN, 0)

    def exchange(self, frame: bytes, deadline: float) -> Answer:
        """Ask for one article.

        Raises:
            _Broken: the child oversteps the deadline, ends, or answers nonsense.
        """
        self._send(frame, deadline)
        try:
            received = self._receive(1, deadline)
        except EOFError as error:
            raise _Unread(self._end()) from error
        try:
            length = length_of(self._receive(HEADER, deadline))
            if received != RECEIVED or length > LONGEST_ANSWER:
                raise _Broken("the child answers nonsense")
            return Answer.decode(self._receive(length, deadline))
        except EOFError as error:
            raise _Broken(self._end()) from error
        except ValueError as error:
            raise _Broken("the child answers nonsense") from error

    def end(self) -> int:
        """Kill it, if it lives: its exit status, negative for a signal."""
        with self._process as process:  # closes the pipes and waits
            process.kill()
        return process.returncode

    def _send(self, frame: bytes, deadline: float) -> None:
        rest = memoryview(frame)
        while rest:
            _wait(self._input, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._input, rest) :]
            except BrokenPipeError as error:
                raise _Unread(self._end()) from error

    def _receive(self, count: int, deadline: float) -> bytes:
        """Exactly so many bytes.

        Raises:
            EOFError: there are fewer.
        """
        got = bytearray()
        while len(got) < count:
            _wait(self._output, select.POLLIN, deadline)
            chunk = os.read(self._output, count - len(got))
            if not chunk:
                raise EOFError
            got += chunk
        return bytes(got)

    def _end(self) -> str:
        """How a child ended that closed its pipes."""
        try:
            status = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "the child answers nonsense"
        return _ENDS.get(status) or (
            f"the child died with signal {-status}"
            if status < 0
            else f"the child ended with status {status}; try: {' '.join(CHILD)}"
        )


class MarkupReader:
    """Reads one article after another, in one thread; close it, or use it as a context."""

    def __init__(
        self,
        command: Sequence[str] = CHILD,
        *,
        wall_seconds: float = WALL_SECONDS,
        complaint: str = _COMPLAINT,
    ) -> None:
        """Make one.

        Args:
            command: starts a child.
            wall_seconds: for one article, the start of a child included.
            complaint: the words of a refusal, with {} for the reason.
        """
        self._command = tuple(command)
        self._wall_seconds = wall_seconds
        self._complaint = complaint
        self._child: _Child | None = None

    def read(self, html: str) -> str:
        """The plain text of an article; its links, one a line, where the command reads those.

        Raises:
            UnreadableMarkup: there is none within the limits; the next article is none the worse.
            OSError: the machine starts no more processes.
        """
        markup = html.encode("utf-8", "replace")
        if len(markup) > LONGEST_MARKUP:
            raise self._unreadable(f"longer than {LONGEST_MARKUP} bytes")
        try:
            answer = self._ask(pack(markup), time.monotonic() + self._wall_seconds)
        except _Broken as error:
            raise self._unreadable(str(error)) from error
        except TimeoutError as error:
            raise self._unreadable(f"it takes more than {self._wall_seconds:g} s") from error
        if answer.text is None:
            raise self._unreadable(answer.reason or "")
        return answer.text

    def close(self) -> None:
        """End the child; another article would start another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _unreadable(self, reason: str) -> UnreadableMarkup:
        return UnreadableMarkup(self._complaint.format(reason))

    def _ask(self, frame: bytes, deadline: float) -> Answer:
        """Ask a child; ask a second one when the first was gone before it had the article."""
        try:
            return self._ask_once(frame, deadline)
        except _Unread:
            return self._ask_once(frame, deadline)

    def _ask_once(self, frame: bytes, deadline: float) -> Answer:
        child = self._fit_child()
        try:
            return child.exchange(frame, deadline)
        except BaseException:  # an interrupted exchange leaves half an answer in the pipe
            self.close()
            raise

    def _fit_child(self) -> _Child:
        if self._child is not None and not self._child.is_idle():
            self.close()
        if self._child is None:
            self._child = _Child(self._command)
        return self._child


def _wait(file: int, event: int, deadline: float) -> None:
    """Until a pipe can be read or written, or is broken.

    Raises:
        TimeoutError: the deadline has passed.
    """
    if not _is_ready(file, event, max(0.0, deadline - time.monotonic())):
        raise TimeoutError


def _is_ready(file: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(seconds * 1_000))
