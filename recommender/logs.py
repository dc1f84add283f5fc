"""Logs: a line for each event, as JSON or as text, the same in every process.

Modules log by `logging`; structlog, which has its home here, makes the lines. No value can make a
line of its own: JSON escapes it, and text is printed without controls.
"""

import json
import logging
import os
import re
import sys
import threading
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

from recommender.characters import printable

__all__ = [
    "ACCESS",
    "REQUEST_ID",
    "RepeatedFault",
    "Repeats",
    "rename_process",
    "start_logging",
]

ACCESS: Final = "recommender.access"
"""The logger of requests. It says each of its lines, however alike they are."""

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""The id of the request that this thread answers; lines that are logged meanwhile have it."""

REPEAT_SECONDS: Final = 60.0
REPEATED: Final = "repeated"  # the field with how many equal messages were left out
MOST_KINDS: Final = 1_000  # of warnings and errors that are remembered
NEEDS_NO_QUOTES: Final = re.compile(r"[A-Za-z0-9_./:<>@+-]+")


class Repeats:
    """Which of many equal messages are logged: the first, then one a minute with how many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the hash of a message, since one may quote a whole line of a hostile request: when it
        # was logged last, and how many equal ones came since then.
        self._seen: dict[int, tuple[float, int]] = {}

    def admit(self, message: object, now: float) -> int | None:
        """How many equal messages were left out since the last one; None: leave this out too.

        Args:
            message: what equal messages have in common.
            now: seconds of a clock that never goes back.
        """
        kind = hash(message)
        with self._lock:
            logged_at, left_out = self._seen.pop(kind, (-REPEAT_SECONDS, 0))
            is_due = now - logged_at >= REPEAT_SECONDS
            self._seen[kind] = (now, 0) if is_due else (logged_at, left_out + 1)
            if len(self._seen) > MOST_KINDS:
                del self._seen[next(iter(self._seen))]
            return left_out if is_due else None


class RepeatedFault:
    """A fault of a loop that tries again and again: logged once a minute, and when it is over.

    Only one thread may use it.
    """

    def __init__(self, log: logging.Logger, meaning: str) -> None:
        """Remember nothing yet.

        Args:
            log: where its lines go.
            meaning: what does not work, as a sentence without its end.
        """
        self._log = log
        self._meaning = meaning
        self._repeats = Repeats()
        self._count = 0
        self._is_logged = False

    def note(self, fault: Exception, *, trace: bool = False) -> None:
        """Count a fault, and log it if a line is due.

        Args:
            fault: why it did not work this time.
            trace: whether the first line has the traceback: nobody foresaw this fault.
        """
        self._count += 1
        left_out = self._repeats.admit(self._meaning, time.monotonic())
        if left_out is None:
            return
        error = fault if trace and self._count == 1 else None
        more = {REPEATED: left_out}
        self._log.error("%s: %s", self._meaning, fault, exc_info=error, extra=more)
        self._is_logged = True

    def clear(self) -> None:
        """Note that it works; log that if the fault was logged."""
        if self._is_logged:
            self._log.warning("over, after %d times: %s", self._count, self._meaning)
        self._count, self._is_logged = 0, False


def start_logging(process: str, form: str, level: int = logging.INFO) -> None:
    """Log to standard error from now on, unless something else was set up already.

    Args:
        process: the name of this process in each line.
        form: `json` or `text`.
        level: what is less important is not logged.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.addFilter(_RepeatFilter())
    handler.setFormatter(_formatter(process, form))
    root.addHandler(handler)
    root.setLevel(level)
    for library in ("alembic", "faiss"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def rename_process(process: str, form: str) -> None:
    """Name this process otherwise in its lines than that which it was forked from."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_formatter(process, form))


class _RepeatFilter(logging.Filter):
    """Leaves out repeated warnings and errors; the next one has `repeated` and no traceback.

    Those of a `RepeatedFault` are counted already.
    """

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        if record.levelno < logging.WARNING or record.name == ACCESS:
            return True
        fields = vars(record)
        if REPEATED not in fields:
            left_out = self._repeats.admit(_common_part(record), time.monotonic())
            if left_out is None:
                return False
            fields[REPEATED] = left_out
        if not fields[REPEATED]:
            del fields[REPEATED]
        else:
            record.exc_info = record.exc_text = None
        return True


def _common_part(record: logging.LogRecord) -> object:
    """What a record has in common with its repetitions.

    Where it tells of an exception, that and the place in the code count: a full disk makes the same
    error for many articles.
    """
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    raised = record.exc_info[1] if record.exc_info else None
    faults = [repr(one) for one in (*arguments, raised) if isinstance(one, BaseException)]
    return record.name, record.lineno, *(faults or [record.getMessage()])


def _formatter(process: str, form: str) -> logging.Formatter:
    def add_process(_logger: object, _level: str, event: EventDict) -> EventDict:
        """Put first what every line has."""
        request_id = REQUEST_ID.get()
        return {
            "time": event.pop("time"),
            "level": event.pop("level"),
            "process": process,
            "pid": os.getpid(),
            "event": event.pop("event"),
            **({"request_id": request_id} if request_id else {}),
            **event,
        }

    before: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    render: Processor = structlog.processors.JSONRenderer() if form == "json" else _as_text
    without_record = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before, processors=[without_record, add_process, render]
    )


def _as_text(_logger: object, _level: str, event: EventDict) -> str:
    """`time level process[pid]: event name=value ...`; a traceback stands below, set in."""
    traceback = str(event.pop("exception", ""))
    time_, level, process, pid, said = (
        event.pop(name) for name in ("time", "level", "process", "pid", "event")
    )
    values = (f"{name}={_quoted(value)}" for name, value in event.items())
    head = f"{time_} {level} {process}[{pid}]: {printable(str(said))}"
    below = (f"    | {_without_controls(line)}" for line in traceback.splitlines())
    return "\n".join([" ".join([head, *values]), *below])


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    quotes = isinstance(value, str) and not NEEDS_NO_QUOTES.fullmatch(text)
    return json.dumps(text) if quotes else text


def _without_controls(line: str) -> str:
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in line)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("uncaught error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    error = failed.exc_value or failed.exc_type()
    logging.getLogger(__name__).critical(
        "uncaught error in a thread", exc_info=(failed.exc_type, error, failed.exc_traceback)
    )
