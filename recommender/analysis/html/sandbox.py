"""A sandbox for hostile documents: HTML, web pages and feeds are parsed in a child process.

This file holds the parent's side, the table of tasks with their limits, and the protocol.
`sandbox_child` is the child. Whatever a document does to the child, the parent goes on, and the
next document is read right.

To the child goes one frame for each document: four bytes of length, then the bytes. Back comes one
byte when the child has received the document, so that an earlier death is not blamed on it. Then
comes a frame of JSON: the text, or the reason why there is none.
"""

import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from recommender.errors import UnreadableMarkup

__all__ = [
    "FEED",
    "HEADER",
    "LINKS",
    "LONGEST_MARKUP",
    "PAGE",
    "RECEIVED",
    "TASKS",
    "TEXT",
    "Reply",
    "Sandbox",
    "Task",
    "command_of",
    "length_of",
    "pack",
]

LONGEST_MARKUP: Final = 4 * 2**20  # bytes of UTF-8
LONGEST_FEED: Final = 128 * 2**20  # bytes
HEADER: Final = 4
RECEIVED: Final = b"\x06"

_PACKAGE: Final = "recommender.analysis.html"
_FRAME: Final = 1_024  # bytes of JSON around a text
_GRACE_SECONDS: Final = 1.0  # between the end of a child's output and its exit
# No text has these characters. A child that was taken over might send them.
_FORBIDDEN: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a child does with each document, and the limits for it.

    Attributes:
        name: the argument of the child process.
        function: `module:name` in this package; takes the document, returns a text.
        complaint: the message of a refusal, with {} for the reason.
        longest_input: bytes of a document.
        longest_text: characters of the result.
        cpu_seconds: processor time for one document.
        wall_seconds: time for one document, the start of a child included.
        memory_bytes: address space of the child.
        open_files: files and pipes; three are the standard ones, the rest is for late imports.
        is_binary: the function takes bytes; else it takes the text that they are in UTF-8.
    """

    name: str
    function: str
    complaint: str
    longest_input: int = LONGEST_MARKUP
    longest_text: int = 1_000_000  # as many as the body of an article may have
    cpu_seconds: int = 2
    wall_seconds: float = 5.0
    memory_bytes: int = 256_000_000  # an idle child uses 24 million
    open_files: int = 8
    is_binary: bool = False


TEXT: Final = Task(
    name="text",
    function="html_to_text:html_to_text",
    complaint="body_html cannot be read: {}; send its text as body",
)
"""An article's HTML to plain text."""

LINKS: Final = Task(
    name="links",
    function="html_to_text:html_to_links",
    complaint=TEXT.complaint,
)
"""An article's HTML to the addresses that it links to, one on each line."""

PAGE: Final = Task(
    name="page",
    function="web_page_text:read_web_page",
    complaint="the page cannot be read: {}",
    wall_seconds=10.0,  # the first page waits until trafilatura is imported
    memory_bytes=512_000_000,  # an idle child uses 135 million, and 150 after large pages
    open_files=3,
)
"""A whole web page to JSON: its main text and its metadata (see `web_page`)."""

FEED: Final = Task(
    name="feed",
    function="feed_document:read_feed_document",
    complaint="cannot be read as a feed: {}",
    longest_input=LONGEST_FEED,
    longest_text=4 * LONGEST_FEED,
    cpu_seconds=20,  # the largest feeds in use take a tenth of it
    wall_seconds=60.0,
    memory_bytes=2 * 2**30,
    is_binary=True,
)
"""An RSS or Atom feed to JSON (see `feed_document`)."""

TASKS: Final = {task.name: task for task in (TEXT, LINKS, PAGE, FEED)}


def command_of(task: Task) -> tuple[str, ...]:
    """The command that starts a child; -I keeps the current folder and the environment out."""
    return (sys.executable, "-I", "-m", f"{_PACKAGE}.sandbox_child", task.name)


def pack(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return struct.pack(">I", len(payload)) + payload


def length_of(header: bytes) -> int:
    """The length of the payload that follows a header."""
    (length,) = struct.unpack(">I", header)
    return int(length)


@dataclass(frozen=True, slots=True)
class Reply:
    """The text that was made of a document, or the reason why there is none."""

    text: str | None = None
    reason: str | None = None

    def encode(self) -> bytes:
        """As JSON in UTF-8."""
        return json.dumps([self.text, self.reason], ensure_ascii=False).encode()

    @classmethod
    def decode(cls, payload: bytes, longest_text: int) -> "Reply":
        """Read what `encode` wrote. The child is not trusted, so everything is checked.

        Raises:
            ValueError: it is not a reply, is too long, or has characters that no text has.
        """
        try:
            found = json.loads(payload)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        match found:
            case [str(text), None] if _is_clean(text, longest_text):
                return cls(text)
            case [None, str(reason)] if _is_clean(reason, longest_text):
                return cls(reason=reason)
        raise ValueError("neither a text nor a reason")


def _is_clean(text: str, longest: int) -> bool:
    return len(text) <= longest and _FORBIDDEN.search(text) is None


class _Broken(Exception):
    """The child can be used no more; the message says why."""


class _NotReceived(_Broken):
    """The child ended before it had received the document."""


class _Child:
    """One child process and its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], task: Task) -> None:
        assert process.stdin is not None  # noqa: S101 - for mypy
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._task = task
        self._input = process.stdin.fileno()
        self._output = process.stdout.fileno()

    @classmethod
    def start(cls, command: Sequence[str], task: Task) -> "_Child":
        """Start a process without environment, in its own session, with pipes that never block.

        Raises:
            OSError: the machine starts no more processes.
        """
        process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={},  # the child must not see keys and passwords
            start_new_session=True,  # ctrl-C is for the parent, which ends the child
        )
        child = cls(process, task)
        os.set_blocking(child._input, False)
        os.set_blocking(child._output, False)
        return child

    def is_idle(self) -> bool:
        """Whether the child lives and has sent nothing that was not asked for."""
        return self._process.poll() is None and not _is_ready(self._output, select.POLLIN, 0)

    def exchange(self, frame: bytes, deadline: float) -> Reply:
        """Send one document and wait for the reply.

        Raises:
            _Broken: the child ends, or its reply is invalid.
            TimeoutError: the deadline has passed.
        """
        self._send(frame, deadline)
        try:
            received = self._receive(1, deadline)
        except EOFError as error:
            raise _NotReceived(self._describe_end()) from error
        try:
            length = length_of(self._receive(HEADER, deadline))
            # JSON doubles an ASCII character at most, and UTF-8 has at most four bytes for one
            if received != RECEIVED or length > 4 * self._task.longest_text + _FRAME:
                raise _Broken("the child answers nonsense")
            return Reply.decode(self._receive(length, deadline), self._task.longest_text)
        except EOFError as error:
            raise _Broken(self._describe_end()) from error
        except ValueError as error:
            raise _Broken("the child answers nonsense") from error

    def kill(self) -> None:
        """End the process, if it still runs, and close the pipes."""
        with self._process as process:  # leaving it closes the pipes and waits
            process.kill()

    def _send(self, frame: bytes, deadline: float) -> None:
        rest = memoryview(frame)
        while rest:
            _wait(self._input, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._input, rest) :]
            except BrokenPipeError as error:
                raise _NotReceived(self._describe_end()) from error

    def _receive(self, count: int, deadline: float) -> bytes:
        """Read exactly so many bytes.

        Raises:
            EOFError: there are fewer.
        """
        received = bytearray()
        while len(received) < count:
            _wait(self._output, select.POLLIN, deadline)
            chunk = os.read(self._output, count - len(received))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)

    def _describe_end(self) -> str:
        """How a child ended that closed its pipes."""
        try:
            status = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "the child answers nonsense"
        if status == -signal.SIGXCPU:
            return f"it needs more than {self._task.cpu_seconds} s of processor time"
        if status < 0:
            return f"the child died with signal {-status}"
        return f"the child ended with status {status}; try: {' '.join(command_of(self._task))}"


class Sandbox:
    """Reads one document after another for one task, in one thread. Close it after use.

    It is a context manager. The child starts with the first document, and again after a failure.
    """

    def __init__(self, task: Task = TEXT, command: Sequence[str] | None = None) -> None:
        """Prepare a sandbox; no process starts yet.

        Args:
            task: what is done with each document.
            command: starts a child; the task's own command if None.
        """
        self._task = task
        self._command = tuple(command or command_of(task))
        self._child: _Child | None = None

    def read(self, document: str | bytes) -> str:
        """The text that the task makes of a document.

        Raises:
            UnreadableMarkup: there is none within the limits; the next document is not affected.
            OSError: the machine starts no more processes.
        """
        data = document if isinstance(document, bytes) else document.encode("utf-8", "replace")
        if len(data) > self._task.longest_input:
            raise self._refusal(f"longer than {self._task.longest_input} bytes")
        try:
            reply = self._exchange(pack(data), time.monotonic() + self._task.wall_seconds)
        except _Broken as error:
            raise self._refusal(str(error)) from error
        except TimeoutError as error:
            raise self._refusal(f"it takes more than {self._task.wall_seconds:g} s") from error
        if reply.text is None:
            raise self._refusal(reply.reason or "")
        return reply.text

    def close(self) -> None:
        """End the child; another document would start another one."""
        if self._child is not None:
            self._child.kill()
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

    def _refusal(self, reason: str) -> UnreadableMarkup:
        return UnreadableMarkup(self._task.complaint.format(reason))

    def _exchange(self, frame: bytes, deadline: float) -> Reply:
        """Ask the child; ask a second one if the first ended before it had the document."""
        try:
            return self._exchange_once(frame, deadline)
        except _NotReceived:
            return self._exchange_once(frame, deadline)

    def _exchange_once(self, frame: bytes, deadline: float) -> Reply:
        child = self._usable_child()
        try:
            return child.exchange(frame, deadline)
        except BaseException:  # an interrupted exchange leaves half a reply in the pipe
            self.close()
            raise

    def _usable_child(self) -> _Child:
        if self._child is not None and not self._child.is_idle():
            self.close()
        if self._child is None:
            self._child = _Child.start(self._command, self._task)
        return self._child


def _wait(file: int, event: int, deadline: float) -> None:
    """Wait until a pipe can be read or written, or is broken.

    Raises:
        TimeoutError: the deadline has passed.
    """
    if not _is_ready(file, event, max(0.0, deadline - time.monotonic())):
        raise TimeoutError


def _is_ready(file: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(seconds * 1_000))
