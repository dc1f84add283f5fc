"""The journal: a copy of the changes after a snapshot, to start from while the store is away.

One worker of a machine writes it, the others only read it. The journal of a generation is one file
of JSON lines. The lines come in batches, and each batch ends with its checksum, so that a batch
that a crash has cut off is noticed and left out.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from index import GENERATION, Locked, locked, replacing
from recommender.analysis.features import Features
from recommender.articles import parse_outline
from recommender.errors import StoreRestored, StoreUnusable
from recommender.live.replica import Replica
from recommender.logs import RepeatedFault
from recommender.ranking.overrides import StoredOverrides
from recommender.ranking.policy import StoredPolicy
from recommender.store import ArticleStore, LogPosition, Update

__all__ = ["Journal", "JournalContent", "JournalWriter"]

MOST_JOBS: Final = 20  # that wait for the disk
RETRY_SECONDS: Final = 1.0  # after the disk failed
_SUFFIX: Final = ".changes"
_log = logging.getLogger(__name__)
StoredPolicies = tuple[StoredPolicy, ...]
AllOverrides = tuple[StoredOverrides, ...]


@dataclass(frozen=True, slots=True, eq=False)
class JournalContent:
    """The content of a journal.

    Attributes:
        epoch: the store that it was copied from.
        point: the last change in it.
        updates: those after the snapshot, in order.
        policies: from the newest to the active one.
        overrides: what editors pinned and blocked, in order.
    """

    epoch: str
    point: LogPosition
    updates: tuple[Update, ...]
    policies: StoredPolicies = ()
    overrides: AllOverrides = ()


class Journal:
    """The journals of a folder. Only the process that holds the folder's lock writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = ExitStack()
        self._is_locked = False
        self._file: BinaryIO | None = None
        self._end: tuple[str, LogPosition] | None = None
        self._policies: StoredPolicies = ()
        self._newest_override = 0

    @property
    def is_writable(self) -> bool:
        """Whether this process is the one that writes."""
        return self._is_locked

    def ends_at(self, generation: str, point: LogPosition) -> bool:
        """Whether the journal ends at a point of a generation, so that the next changes fit."""
        return self._end == (generation, point)

    def acquire(self) -> bool:
        """Become the process that writes; False if there is another one."""
        if not self._is_locked:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.enter_context(locked(self._folder / "lock", "another worker writes it"))
            except Locked:
                return False
            self._is_locked = True
        return True

    def restart(
        self,
        generation: str,
        epoch: str,
        point: LogPosition,
        updates: Iterable[Update],
        policies: StoredPolicies = (),
        overrides: AllOverrides = (),
    ) -> None:
        """Write the journal of a generation anew, and remove those of other generations."""
        self._close_file()
        path = self._path(generation)
        with replacing(path, self.unfinished) as aside, aside.open("wb") as file:
            file.write(_line({"generation": generation, "epoch": epoch}))
            file.write(_batch(updates, point, policies, overrides))
        for other in self.paths().values():
            if other != path:
                other.unlink(missing_ok=True)
        self._file = path.open("ab")
        self._end, self._policies = (generation, point), policies
        self._newest_override = _newest(overrides)

    def append(
        self,
        updates: Iterable[Update],
        point: LogPosition,
        policies: StoredPolicies = (),
        overrides: AllOverrides = (),
    ) -> None:
        """Append the next updates durably; of policies and overrides, only what is new is written.

        Raises:
            ValueError: no journal was started.
        """
        if self._file is None or self._end is None:
            raise ValueError("start the journal before you append to it")
        changed = None if policies == self._policies else policies
        new_overrides = tuple(one for one in overrides if one.change > self._newest_override)
        self._file.write(_batch(updates, point, changed, new_overrides))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._end, self._policies = (self._end[0], point), policies
        self._newest_override = max(self._newest_override, _newest(new_overrides))

    def paths(self) -> dict[str, Path]:
        """The finished journals, by the generations whose names they have."""
        found = sorted(self._folder.glob(f"*{_SUFFIX}"))
        return {path.name.removesuffix(_SUFFIX): path for path in found}

    @property
    def unfinished(self) -> Path:
        """The journal that a worker is writing anew."""
        return self._folder / "writing"

    def files(self) -> list[tuple[str, int, int]]:
        """Name, size and time of each journal: they differ after one was written."""
        found = []
        for path in self.paths().values():
            with suppress(FileNotFoundError):  # its writer may replace it at any time
                stat = path.stat()
                found.append((path.name, stat.st_size, stat.st_mtime_ns))
        return found

    def load(self, generation: str) -> JournalContent | None:
        """Read the journal of a generation up to its last whole batch; None if there is none."""
        try:
            with self._path(generation).open("rb") as file:
                return _read(file, generation)
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Close the file, and let another process write."""
        self._close_file()
        self._lock.close()
        self._is_locked = False

    def _close_file(self) -> None:
        self._end = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _path(self, generation: str) -> Path:
        if not GENERATION.fullmatch(generation):
            raise ValueError(f"{generation!r} is no generation's name")
        return self._folder / f"{generation}{_SUFFIX}"


class JournalWriter:
    """Writes the journal of a replica, in a thread of its own so that a slow disk delays no view.

    In other processes than the one that writes, it does nothing.
    """

    def __init__(self, journal: Journal, store: Callable[[], ArticleStore]) -> None:
        """Write in the calling thread, until `start`.

        Args:
            journal: the journal.
            store: read again where the journal lacks something.
        """
        self._journal = journal
        self._store = store
        self._thread: ThreadPoolExecutor | None = None
        self._jobs = threading.BoundedSemaphore(MOST_JOBS)
        self._is_incomplete = False
        self._repair_at = 0.0
        self._fault = RepeatedFault(_log, "the journal of changes could not be written")

    def start(self) -> None:
        """Write in a thread from now on."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def stop(self) -> None:
        """Write what is left, and let another process write."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._journal.close()

    def restart(self, replica: Replica, updates: tuple[Update, ...] | None) -> None:
        """Start the journal of a replica; if `updates` is None, they are read from the store."""
        self._submit(partial(self._restart, replica, updates, replica.point))

    def append(self, replica: Replica, before: LogPosition, updates: tuple[Update, ...]) -> None:
        """Append the updates that the replica applied after `before`."""
        self._submit(partial(self._append, replica, before, updates, replica.point))

    def repair(self, replica: Replica) -> None:
        """Start the journal again from the store, if something was left out of it."""
        if self._is_incomplete and time.monotonic() >= self._repair_at:
            self._is_incomplete = False
            self.restart(replica, None)

    def _restart(
        self, replica: Replica, updates: tuple[Update, ...] | None, point: LogPosition
    ) -> None:
        if self._journal.acquire():
            history = replica.read_history(self._store(), point) if updates is None else updates
            generation, epoch = replica.view.snapshot.generation, replica.base.origin.epoch
            self._journal.restart(
                generation, epoch, point, history, *_policies_and_overrides(replica)
            )

    def _append(
        self, replica: Replica, before: LogPosition, updates: tuple[Update, ...], point: LogPosition
    ) -> None:
        if self._journal.ends_at(replica.view.snapshot.generation, before):
            self._journal.append(updates, point, *_policies_and_overrides(replica))
        else:
            # Another process has written it before, or a write failed: start it from the store.
            self._restart(replica, None, point)

    def _submit(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._attempt(job)
        elif self._jobs.acquire(blocking=False):
            self._thread.submit(self._run, job)
        else:
            self._is_incomplete = True  # the disk is slower than the changes come

    def _run(self, job: Callable[[], None]) -> None:
        try:
            self._attempt(job)
        finally:
            self._jobs.release()

    def _attempt(self, job: Callable[[], None]) -> None:
        """Do a job; if it fails, the journal is started again in a second."""
        try:
            job()
            self._fault.clear()
        except (OSError, StoreUnusable, StoreRestored) as fault:
            self._fault.note(fault)
            self._repair_at, self._is_incomplete = time.monotonic() + RETRY_SECONDS, True


def _policies_and_overrides(replica: Replica) -> tuple[StoredPolicies, AllOverrides]:
    return replica.active_policy.history, replica.overrides.in_order


def _read(file: BinaryIO, generation: str) -> JournalContent | None:
    try:
        head = json.loads(file.readline())
        epoch = head["epoch"] if head["generation"] == generation else None
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(epoch, str):
        return None
    policies: StoredPolicies = ()
    point, updates = None, []
    overrides: list[StoredOverrides] = []
    for batch, end in _batches(file):
        updates += [_update(json.loads(line)) for line in batch]
        point = LogPosition(end["number"], end["mark"])
        policies = tuple(map(_policy, end["policies"])) if "policies" in end else policies
        overrides += map(_override, end.get("choices", ()))
    if point is None:
        return None
    return JournalContent(epoch, point, tuple(updates), policies, tuple(overrides))


def _batches(file: BinaryIO) -> Iterator[tuple[list[bytes], dict[str, Any]]]:
    """The lines and the end of each batch, up to the first whose checksum is wrong."""
    batch: list[bytes] = []
    for line in file:
        if not line.startswith(b"= "):
            batch.append(line)
            continue
        try:
            end = json.loads(line[2:])
            is_whole = end.pop("sha256") == _checksum(b"".join(batch), end)
        except (ValueError, KeyError, TypeError):
            return
        if not is_whole:
            return
        yield batch, end
        batch = []


def _batch(
    updates: Iterable[Update],
    point: LogPosition,
    policies: StoredPolicies | None,
    overrides: AllOverrides,
) -> bytes:
    """The lines of some updates, then the end of the batch; None leaves the policies as before."""
    body = b"".join(_line(_document(update)) for update in updates)
    end: dict[str, Any] = {"number": point.number, "mark": point.mark}
    if policies is not None:
        end["policies"] = [[p.version, p.change, p.document, p.at.isoformat()] for p in policies]
    if overrides:
        end["choices"] = [
            [c.change, c.article_id, c.kind, c.document, c.by, c.at.isoformat()] for c in overrides
        ]
    return body + b"= " + _line(end | {"sha256": _checksum(body, end)})


def _checksum(body: bytes, end: Mapping[str, Any]) -> str:
    """The SHA-256 of a batch. Journals of earlier releases lack policies or overrides."""
    point = f"{end['number']} {end['mark']}".encode()
    more = b"".join(_line(end[name]) for name in ("policies", "choices") if name in end)
    return hashlib.sha256(body + point + more).hexdigest()


def _policy(row: list[Any]) -> StoredPolicy:
    version, change, document, at = row
    return StoredPolicy(version, change, document, datetime.fromisoformat(at))


def _override(row: list[Any]) -> StoredOverrides:
    change, article_id, kind, document, by, at = row
    return StoredOverrides(change, article_id, kind, document, by, datetime.fromisoformat(at))


def _newest(overrides: AllOverrides) -> int:
    return max((one.change for one in overrides), default=0)


def _line(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _document(update: Update) -> dict[str, Any]:
    document: dict[str, Any] = {"id": update.id, "change": update.change}
    document |= {"settled": update.up_to_date}
    if update.outline is not None:
        document["outline"] = update.outline.to_outline()
    if update.features is not None:
        document |= update.features.to_json()
    return document


def _update(document: dict[str, Any]) -> Update:
    outline = document.get("outline")
    return Update(
        id=document["id"],
        change=document["change"],
        outline=None if outline is None else parse_outline(outline),
        features=Features.from_json(document),
        up_to_date=document["settled"],
    )
