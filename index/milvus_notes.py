"""How a note is written as rows of text, so that a reader has it whole or the one before.

A short one is one row. A longer one is its pieces, under ids made of its digest, and after them the
head, which names them: only the last row that is written changes what is read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from index.conditions import HasId
from index.errors import NoSnapshot, SnapshotDamaged
from index.milvus_language import expression_of, to_bytes, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["NoteHead", "NoteRows", "read_note", "read_short_notes", "rows_of_note", "write_note"]

PIECE_BYTES: Final = 45_000
"""60,000 in base64; a field of text takes 65,535."""
_SHOWN_DIGITS: Final = 16
_AT_ONCE: Final = 50


class NoteRows(Protocol):
    """Rows of text by id; each is written at once, and seen from then on."""

    name: str

    def put(self, note_id: str, text: str, /) -> None:
        """Write a row, in the place of that of the same id."""

    def find(self, condition: str, /) -> dict[str, str]:
        """The texts of the rows that meet a condition in Milvus's language, by id."""

    def forget(self, condition: str, /) -> None:
        """Remove the rows that meet a condition."""


@dataclass(frozen=True, slots=True)
class NoteHead:
    """The row under the key of a note.

    Attributes:
        sha256: of the note.
        pieces: the ids of the rows with its parts, in order; none if it is short.
        text: the note in base64, if it is short.
    """

    sha256: str
    pieces: tuple[str, ...]
    text: str

    @classmethod
    def of(cls, written: str) -> NoteHead:
        """Read one.

        Raises:
            SnapshotDamaged: the text is anything else.
        """
        try:
            said = json.loads(written)
            return cls(str(said["sha256"]), tuple(map(str, said["pieces"])), str(said["text"]))
        except (ValueError, TypeError, KeyError) as fault:
            raise SnapshotDamaged(f"a note cannot be read ({fault}); rebuild") from fault

    def to_text(self) -> str:
        """Write it."""
        return json.dumps({"sha256": self.sha256, "pieces": self.pieces, "text": self.text})

    def join(self, texts: Mapping[str, str]) -> bytes:
        """The note, from the texts of its pieces by id.

        Raises:
            SnapshotDamaged: it is not what was written.
        """
        parts = [self.text, *(texts[one] for one in self.pieces)]
        try:
            data = b"".join(map(to_bytes, parts))
        except ValueError as fault:
            raise SnapshotDamaged(f"a note cannot be read ({fault}); rebuild") from fault
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise SnapshotDamaged("a note is not what was written; rebuild")
        return data


def rows_of_note(key: str, data: bytes) -> list[tuple[str, str]]:
    """The ids and texts of the rows of a note, in the order to write them: the head is the last."""
    digest = hashlib.sha256(data).hexdigest()
    if len(data) <= PIECE_BYTES:
        return [(key, NoteHead(digest, (), to_text(data)).to_text())]
    texts = [to_text(data[at : at + PIECE_BYTES]) for at in range(0, len(data), PIECE_BYTES)]
    ids = [f"{key}.{digest[:_SHOWN_DIGITS]}.{number}" for number in range(len(texts))]
    return [*zip(ids, texts, strict=True), (key, NoteHead(digest, tuple(ids), "").to_text())]


def write_note(rows: NoteRows, key: str, data: bytes) -> None:
    """Write a note; the pieces of the one before leave when nobody reads them any more.

    If this one is short, they stay: nothing names them.
    """
    *pieces, (_, head) = rows_of_note(key, data)
    before = _texts(rows, [key]).get(key) if pieces else None
    for note_id, text in (*pieces, (key, head)):
        rows.put(note_id, text)
    if before is not None:
        gone = {*NoteHead.of(before).pieces} - {note_id for note_id, _ in pieces}
        rows.forget(expression_of(HasId(frozenset(gone))))


def read_note(rows: NoteRows, key: str) -> bytes:
    """Read a note.

    Raises:
        NoSnapshot: there is none.
        SnapshotDamaged: it is not what was written.
    """
    seen = None
    while (written := _texts(rows, [key]).get(key)) is not None and written != seen:
        seen, head = written, NoteHead.of(written)
        texts = _texts(rows, head.pieces)
        if texts.keys() >= {*head.pieces}:  # else another one was written meanwhile
            return head.join(texts)
    if written is None:
        raise NoSnapshot(f"{rows.name}: there is no note {key}; run: read-also rebuild")
    raise SnapshotDamaged(f"{rows.name}: a part of the note {key} is missing; rebuild")


def read_short_notes(rows: NoteRows, prefix: str) -> dict[str, bytes]:
    """Read the short notes whose keys begin so, by the rest of the key."""
    found = rows.find(f"id like {json.dumps(prefix + '%')}")
    return {key[len(prefix) :]: NoteHead.of(text).join({}) for key, text in found.items()}


def _texts(rows: NoteRows, ids: Iterable[str]) -> dict[str, str]:
    wanted, found = [*ids], dict[str, str]()
    for at in range(0, len(wanted), _AT_ONCE):
        found |= rows.find(expression_of(HasId(frozenset(wanted[at : at + _AT_ONCE]))))
    return found
