"""The workers' own copy of what came after a snapshot, for a start while the store is away.

One worker of a machine writes it: a file of JSON lines for a generation, in batches that end with
their checksum, so that what a crash cut off is noticed and left out.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from index import GENERATION, Locked, locked, sync_folder
from recommender.analysis.features import Features
from recommender.articles import parse_outline
from recommender.ranking.overrides import StoredOverrides
from recommender.settings import JOURNAL_IN_WRITING, JOURNAL_SUFFIX
from recommender.store import LogPosition, StoredPolicy, Update

__all__ = ["ChangesCopy", "Copied"]

Policies = tuple[StoredPolicy, ...]
AllOverrides = tuple[StoredOverrides, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Copied:
    """What a copy holds: the store it came from, up to where, and the updates in order.

    And the policies, from the newest to the one in force, and what editors chose, in order.
    """

    epoch: str
    point: LogPosition
    updates: tuple[Update, ...]
    policies: tuple[StoredPolicy, ...] = ()
    overrides: tuple[StoredOverrides, ...] = ()


class ChangesCopy:
    """The copies under a folder; only the process that holds its lock writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = ExitStack()
        self._holding = False
        self._file: BinaryIO | None = None
        self._at: tuple[str, LogPosition] | None = None
        self._policies: Policies = ()
        self._newest_override = 0

    def stands_at(self, generation: str, point: LogPosition) -> bool:
        """Whether what comes next after a point of a generation may simply be added here."""
        return self._at == (generation, point)

    @property
    def is_ours(self) -> bool:
        """Whether this process is the one that writes."""
        return self._holding

    def take_over(self) -> bool:
        """Become the one who writes, if nobody else is."""
        if not self._holding:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.enter_context(locked(self._folder / "lock", "another worker writes it"))
            except Locked:
                return False
            self._holding = True
        return True

    def restart(
        self,
        generation: str,
        epoch: str,
        point: LogPosition,
        updates: Iterable[Update],
        policies: Policies = (),
        overrides: AllOverrides = (),
    ) -> None:
        """Write the copy of a generation anew, and drop those of others."""
        self._close_file()
        aside = self._folder / JOURNAL_IN_WRITING
        with aside.open("wb") as file:
            file.write(_line({"generation": generation, "epoch": epoch}))
            file.write(_batch(updates, point, policies, overrides))
            file.flush()
            os.fsync(file.fileno())
        path = self._path(generation)
        aside.replace(path)
        sync_folder(self._folder)
        for other in self._folder.glob(f"*{JOURNAL_SUFFIX}"):
            if other != path:
                other.unlink(missing_ok=True)
        self._file = path.open("ab")
        self._at, self._policies, self._newest_override = (
            (generation, point),
            policies,
            _newest(overrides),
        )

    def add(
        self,
        updates: Iterable[Update],
        point: LogPosition,
        policies: Policies = (),
        overrides: AllOverrides = (),
    ) -> None:
        """Append what came next, durably: of policies and overrides, what is other than before."""
        if self._file is None or self._at is None:
            raise ValueError("a copy is added to only after it was started")
        changed = None if policies == self._policies else policies
        new_overrides = tuple(one for one in overrides if one.change > self._newest_override)
        self._file.write(_batch(updates, point, changed, new_overrides))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._at, self._policies = (self._at[0], point), policies
        self._newest_override = max(self._newest_override, _newest(new_overrides))

    def load(self, generation: str) -> Copied | None:
        """Read the copy of a generation up to its last whole batch; None where there is none."""
        try:
            with self._path(generation).open("rb") as file:
                return _read(file, generation)
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Let another write."""
        self._close_file()
        self._lock.close()
        self._holding = False

    def _close_file(self) -> None:
        self._at = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _path(self, generation: str) -> Path:
        if not GENERATION.fullmatch(generation):
            raise ValueError(f"{generation!r} is no generation's name")
        return self._folder / f"{generation}{JOURNAL_SUFFIX}"


def _read(file: BinaryIO, generation: str) -> Copied | None:
    try:
        head = json.loads(file.readline())
        epoch = head["epoch"] if head["generation"] == generation else None
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(epoch, str):
        return None
    policies: Policies = ()
    point, updates = None, []
    overrides: list[StoredOverrides] = []
    for batch, end in _batches(file):
        updates += [_update(json.loads(line)) for line in batch]
        point = LogPosition(end["number"], end["mark"])
        policies = tuple(map(_policy, end["policies"])) if "policies" in end else policies
        overrides += map(_override, end.get("choices", ()))
    if point is None:
        return None
    return Copied(epoch, point, tuple(updates), policies, tuple(overrides))


def _batches(file: BinaryIO) -> Iterator[tuple[list[bytes], dict[str, Any]]]:
    """The batches whose checksum is right, up to the first that was cut off or altered."""
    batch: list[bytes] = []
    for line in file:
        if not line.startswith(b"= "):
            batch.append(line)
            continue
        try:
            end = json.loads(line[2:])
            told = end.pop("sha256")
            whole = told == _sum(b"".join(batch), end)
        except (ValueError, KeyError, TypeError):
            return
        if not whole:
            return
        yield batch, end
        batch = []


def _batch(
    updates: Iterable[Update],
    point: LogPosition,
    policies: Policies | None,
    overrides: AllOverrides,
) -> bytes:
    """Some updates, and what they lead to; policies only where they are others than before."""
    body = b"".join(_line(_document(update)) for update in updates)
    end: dict[str, Any] = {"number": point.number, "mark": point.mark}
    if policies is not None:
        end["policies"] = [[p.version, p.change, p.document, p.at.isoformat()] for p in policies]
    if overrides:
        end["choices"] = [
            [c.change, c.article_id, c.kind, c.document, c.by, c.at.isoformat()] for c in overrides
        ]
    return body + b"= " + _line(end | {"sha256": _sum(body, end)})


def _sum(body: bytes, end: Mapping[str, Any]) -> str:
    """The checksum of a batch. What releases before did not know is left out where it is absent."""
    told = f"{end['number']} {end['mark']}".encode()
    more = b"".join(_line(end[name]) for name in ("policies", "choices") if name in end)
    return hashlib.sha256(body + told + more).hexdigest()


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
    document |= {"settled": update.settled}
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
        settled=document["settled"],
    )
