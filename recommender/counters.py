"""Counters and histograms of all processes of a data folder together, for `/metrics`.

Each process counts in files of its own, which are memory-mapped: what it has counted is there also
if it is killed. When a process starts, it adds the files of those that ended to a total. So sums
never fall, not even over a restart. This is prometheus_client's multi-process mode, with names for
its files that are unique over containers, and with their disk space reserved: to write into a
mapped file on a full disk would kill the process.
"""

import fcntl
import json
import logging
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import Counter, Histogram, values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

__all__ = ["FIGURES", "METRIC_PREFIX", "Counters", "Figure"]

METRIC_PREFIX: Final = "read_also_"
KINDS: Final = ("counter", "histogram")
RESERVED_BYTES: Final = 2**18  # of each file; all labels together need less than half of it
TOTAL: Final = "total"
ANSWER_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
TEXT_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_UNREADABLE: Final = (RuntimeError, ValueError, struct.error, IndexError, TypeError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """A counter, or with bounds a histogram.

    Attributes:
        name: without METRIC_PREFIX; Prometheus appends `_total` to a counter's.
        meaning: one sentence.
        labels: their names.
        bounds: the upper bounds of a histogram's buckets; empty for a counter.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


REQUESTS: Final = Figure("requests", "Requests that were answered.", ("route", "method", "status"))
REQUEST_SECONDS: Final = Figure(
    "request_seconds", "Seconds until an answer was made.", ("route",), ANSWER_SECONDS
)
STEP_SECONDS: Final = Figure(
    "step_seconds",
    "Seconds in a step of a request: filters, search, scores, selection, draft, store, visible.",
    ("step",),
    ANSWER_SECONDS,
)
UNAVAILABLE: Final = Figure(
    "unavailable", "Requests that got 503, by the error behind it.", ("reason",)
)
CONNECTIONS_REFUSED: Final = Figure(
    "connections_refused",
    "Connections that the web server gave up, and requests that it refused by itself.",
    ("listener", "why"),
)
BULK_ITEMS: Final = Figure("bulk_items", "Lines of bulk loads, by their status.", ("status",))
TEXTS: Final = Figure(
    "texts", "Texts analyzed, with a new embedding or with a stored one.", ("embedding",)
)
TEXT_FAILURES: Final = Figure("text_failures", "Failures to analyze a text.")
EMBEDDING_SECONDS: Final = Figure(
    "embedding_seconds", "Seconds of analyzing some texts at once.", (), TEXT_SECONDS
)
WEBHOOK_MESSAGES: Final = Figure(
    "webhook_messages",
    "Attempts to send a message to a receiver of webhooks: accepted or failed.",
    ("receiver", "result"),
)
FIGURES: Final = (
    *(REQUESTS, REQUEST_SECONDS, STEP_SECONDS, UNAVAILABLE, CONNECTIONS_REFUSED),
    *(BULK_ITEMS, TEXTS, TEXT_FAILURES, EMBEDDING_SECONDS, WEBHOOK_MESSAGES),
)


class Counters(Collector):
    """The counters of this process. They are read as the sum over all processes of the folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Begin to count.

        Args:
            folder: shared by all processes; None to count in the memory of this one. Only one
                object in a process may share a folder. If the disk is full, it is not shared.
        """
        self._folder = folder if folder is not None and _share(folder) else None
        self.requests = _counter(REQUESTS)
        self.request_seconds = _histogram(REQUEST_SECONDS)
        self.step_seconds = _histogram(STEP_SECONDS)
        self.unavailable = _counter(UNAVAILABLE)
        self.connections_refused = _counter(CONNECTIONS_REFUSED)
        self.bulk_items = _counter(BULK_ITEMS)
        self.texts = _counter(TEXTS)
        self.text_failures = _counter(TEXT_FAILURES)
        self.embedding_seconds = _histogram(EMBEDDING_SECONDS)
        self.webhook_messages = _counter(WEBHOOK_MESSAGES)

    def collect(self) -> Iterable[Metric]:
        """The sums, as prometheus_client's registry takes them."""
        if self._folder is None:
            own = (one for one in vars(self).values() if isinstance(one, Counter | Histogram))
            return [metric for one in own for metric in one.collect()]
        return read_counters(self._folder)


def read_counters(folder: Path) -> Iterable[Metric]:
    """The sums over all processes of a folder, those that ended included."""
    if not folder.is_dir():
        return ()
    with _locked(folder, fcntl.LOCK_SH):
        files = [str(path) for path in folder.glob("*.db")]
        found: Iterable[Metric] = MultiProcessCollector.merge(files)
        return found


def _counter(figure: Figure) -> Counter:
    return Counter(METRIC_PREFIX + figure.name, figure.meaning, figure.labels, registry=None)


def _histogram(figure: Figure) -> Histogram:
    return Histogram(
        METRIC_PREFIX + figure.name,
        figure.meaning,
        figure.labels,
        registry=None,
        buckets=figure.bounds,
    )


# --- the files of a folder: KIND_PROCESS.db of each process, KIND_total.db of those that ended ---


def _share(folder: Path) -> bool:
    """Let metrics that are made from now on count in files; False if there is no room for them."""
    process = f"{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, fcntl.LOCK_EX):
            _add_ended(folder)
            for kind in KINDS:
                _reserve(_path(folder, kind, process))
            # Held until this process ends: without the lock its files would be added to the total.
            fcntl.flock(os.open(_path(folder, KINDS[0], process), os.O_RDONLY), fcntl.LOCK_EX)
    except OSError as fault:
        _log.warning("counting in this process only, not together with others: %s", fault)
        return False
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where prometheus_client puts its files
    values.ValueClass = values.MultiProcessValue(lambda: process)
    return True


def _path(folder: Path, kind: str, process: str) -> Path:
    return folder / f"{kind}_{process}.db"


def _reserve(path: Path) -> None:
    """Make a file of zeros, which prometheus_client takes for an empty one."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, RESERVED_BYTES)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(file)


def _add_ended(folder: Path) -> None:
    """Add the files of processes that ended to the total, and remove them."""
    names = {path.stem.partition("_")[2] for path in folder.glob("*.db")} - {TOTAL}
    for process in sorted(names):
        if _runs(_path(folder, KINDS[0], process)):
            continue
        for kind in KINDS:
            path = _path(folder, kind, process)
            if path.exists():
                _add(path, _path(folder, kind, TOTAL))
                path.unlink()


def _add(path: Path, total: Path) -> None:
    if not total.exists():
        _reserve(total)
    try:
        counted = list(_read(path))
    except _UNREADABLE as fault:  # torn by a loss of power
        _log.warning("what an earlier process has counted cannot be read: %s: %s", path, fault)
        return
    try:
        list(_read(total))
    except _UNREADABLE as fault:
        _log.warning("the total of the counters cannot be read; it starts anew: %s", fault)
        total.unlink()
        _reserve(total)
    sums = MmapedDict(str(total))
    for key, value in counted:
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    sums.close()


def _read(path: Path) -> Iterator[tuple[str, float]]:
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
        json.loads(key)
        yield key, value


def _runs(path: Path) -> bool:
    """Whether the process of a file still runs: then it holds a lock on it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, how)
        yield
    finally:
        os.close(file)
