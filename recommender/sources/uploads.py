"""Files that a browser sends in pieces. They wait in the data folder until an import reads them.

A file lies under a random name of ours. The name that the browser gives is only shown.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from recommender.characters import printable
from recommender.errors import BadParameter, ChangedMeanwhile, StoreFull
from recommender.sources.format_detection import HEAD, NOT_IN_FILES, detect_format, explain_refusal

__all__ = ["PIECE", "FileRefused", "Upload", "Uploads"]

PIECE: Final = 2**20
"""Bytes that are sent at once."""
MOST_BYTES: Final = 4 * 2**30
MOST_OPEN: Final = 5
LONGEST_NAME: Final = 200
KEPT_SECONDS: Final = 86_400.0
"""So long a file waits for its next piece."""
ASKING_SECONDS: Final = 3_600.0
"""So long a whole file waits to be imported."""
SPARE_BYTES: Final = 2**30
TIMES_ITS_SIZE: Final = 2
"""A file needs its own room, and as much again for what is stored of it."""
_ID: Final = re.compile(r"[0-9a-f]{32}")
_FACTS: Final = "upload.json"
_CONTENT: Final = "content"


class FileRefused(BadParameter):
    """A file is not taken.

    Attributes:
        code: says why, to whoever words it anew.
        values: what the words have in them.
    """

    def __init__(self, code: str, message: str, **values: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is being sent, or was.

    Attributes:
        id: names it; 32 hex digits.
        owner: who sends it, by the name of the key and of the person.
        name: as the browser has it, in printable characters; only to be shown.
        size: of the whole file, in bytes.
        modified: when the file was changed last, as the browser says it: it tells a file from
            another one of the same name and size.
        received: how many bytes have arrived.
    """

    id: str
    owner: str
    name: str
    size: int
    modified: str
    received: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it has arrived."""
        return self.received == self.size


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files that are sent to a deployment. Several processes may use it at once."""

    folder: Path

    def begin(self, owner: str, name: str, size: int, modified: str) -> Upload:
        """Begin to take a file, or go on with one that the same owner has begun.

        Raises:
            FileRefused: it is empty or too large, there is no room, or too many are sent now.
        """
        if size <= 0:
            raise FileRefused("empty", "the file is empty")
        if size > MOST_BYTES:
            most = MOST_BYTES // 2**30
            raise FileRefused("large", f"the file has more than {most} GB; split it", most=most)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shown = printable(name)[:LONGEST_NAME].strip() or "file"
        with _locked(self.folder):
            known = self.all()
            for one in known:
                if (one.owner, one.name, one.size, one.modified) == (owner, shown, size, modified):
                    return one
            self._check_room(known, size)
            return self._make(Upload(secrets.token_hex(16), owner, shown, size, modified[:40]))

    def find(self, upload_id: str, owner: str) -> Upload | None:
        """The upload of an id; None if there is none, or if somebody else sends it."""
        found = self._read(upload_id) if _ID.fullmatch(upload_id) else None
        return found if found is not None and found.owner == owner else None

    def all(self) -> list[Upload]:
        """All files that are being sent or wait to be read."""
        found = (self._read(path.name) for path in self._folders())
        return [one for one in found if one is not None]

    def add(self, upload: Upload, at: int, piece: bytes) -> Upload:
        """Add the next piece of a file.

        Raises:
            ChangedMeanwhile: the file goes on at another place, since the piece has arrived before.
            BadParameter: the piece is empty or too large, or a first one is too small.
            FileRefused: the file is of no kind that is read.
            StoreFull: the disk is full. The piece can be sent again.
            FileNotFoundError: the file was removed meanwhile.
        """
        if not 0 < len(piece) <= min(PIECE, upload.size - at):
            raise BadParameter("the piece is empty, or goes beyond the end of the file")
        with self.path_of(upload.id).open("r+b", buffering=0) as file, _locked(file.fileno()):
            there = os.fstat(file.fileno()).st_size
            if there != at:
                raise ChangedMeanwhile(f"the file goes on at byte {there}")
            if at == 0:
                self._check_kind(upload, piece)
            file.seek(at)
            _append(file.fileno(), at, piece)
        return replace(upload, received=at + len(piece))

    def path_of(self, upload_id: str) -> Path:
        """Where the content of a file lies."""
        return self.folder / upload_id / _CONTENT

    def drop(self, upload_id: str) -> None:
        """Remove a file, whether all of it has arrived or not."""
        if _ID.fullmatch(upload_id):
            shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def drop_of_others(self, waiting: Collection[str], goes_on: Callable[[str], bool]) -> None:
        """Remove the files that no owner can go on with, but those that wait to be imported.

        Args:
            waiting: the ids of the files that are to be imported.
            goes_on: whether an owner may still send files.
        """
        for one in self.all():
            if one.id not in waiting and not goes_on(one.owner):
                self.drop(one.id)

    def sweep(self, waiting: Collection[str]) -> None:
        """Remove what nobody goes on with, also what a process has left that died meanwhile.

        Args:
            waiting: the ids of the files that are to be imported; they stay.
        """
        for path in self._folders():
            one = self._read(path.name)
            kept = ASKING_SECONDS if one is None or one.is_whole else KEPT_SECONDS
            try:
                touched = (path if one is None else self.path_of(one.id)).stat().st_mtime
            except FileNotFoundError:
                continue  # another process has removed it
            if path.name not in waiting and time.time() - touched > kept:
                self.drop(path.name)

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _ID.fullmatch(path.name))

    def _check_kind(self, upload: Upload, piece: bytes) -> None:
        if len(piece) < min(HEAD, upload.size):
            raise BadParameter(f"the first piece has less than {HEAD} bytes")
        kind = detect_format(piece[:HEAD])
        if kind in NOT_IN_FILES:
            self.drop(upload.id)
            why = f"{upload.name}: {explain_refusal(kind)}"
            raise FileRefused(kind, why, name=upload.name)

    def _check_room(self, known: Collection[Upload], size: int) -> None:
        if len(known) >= MOST_OPEN:
            why = f"{MOST_OPEN} other files are being sent or read; try again later"
            raise FileRefused("many", why, most=MOST_OPEN)
        to_come = sum(one.size - one.received for one in known)
        needed = to_come + TIMES_ITS_SIZE * size + SPARE_BYTES
        if shutil.disk_usage(self.folder).free < needed:
            why = "the disk of the service has too little room for this file"
            raise FileRefused("room", why)

    def _make(self, upload: Upload) -> Upload:
        folder = self.folder / upload.id
        folder.mkdir(mode=0o700)
        self.path_of(upload.id).touch(mode=0o600)
        facts = asdict(upload)
        del facts["received"]
        (folder / _FACTS).write_text(json.dumps(facts), "utf-8")
        return upload

    def _read(self, upload_id: str) -> Upload | None:
        try:
            facts = json.loads((self.folder / upload_id / _FACTS).read_text("utf-8"))
            received = self.path_of(upload_id).stat().st_size
        except (OSError, ValueError):  # not there, or not made yet
            return None
        return Upload(**facts, received=received)


def _append(file: int, at: int, piece: bytes) -> None:
    """Write a piece whole, or not at all."""
    try:
        while piece:
            piece = piece[os.write(file, piece) :]
    except OSError as error:
        os.truncate(file, at)
        raise StoreFull("the disk of the data folder is full") from error


@contextmanager
def _locked(place: Path | int) -> Iterator[None]:
    """Hold the lock of a folder or an open file while the block runs."""
    if isinstance(place, Path):
        folder = os.open(place, os.O_RDONLY)
        try:
            with _locked(folder):
                yield
        finally:
            os.close(folder)
        return
    fcntl.flock(place, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(place, fcntl.LOCK_UN)
