"""One document that holds many records, on disk or at an address."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.progress import Advance, Meter, Rounds
from recommender.sources.fetching import Answer, Fetcher
from recommender.sources.records import Cursor, LeftOut, Mark, Pulled, Record

__all__ = ["FileDocument", "Reader", "WebDocument"]

Reader = Callable[[str, BinaryIO, Advance], Iterator[Record | LeftOut]]
"""Reads a document by its name; told of bytes. Raises BadSource where it is none of its kind."""

_DIGEST: Final = 16  # hex digits: of a million records two agree by chance once in 10 million times
_ANSWERED: Final = frozenset({HTTPStatus.OK, HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A file. It keeps no cursor: the store tells what of it is new.

    It is read twice, since an archive may tell one story several times: the newest version counts,
    else the last, and were the others stored too, no second import would ever find it unchanged.
    """

    path: Path
    read: Reader

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:  # noqa: ARG002 - of the port
        """Read all of it.

        Raises:
            BadSource: it cannot be read, or is not of the format.
        """
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file, meter(self.path.name, size, "B") as advance:
                rounds = Rounds(advance, 2)
                superseded = _superseded(self.read(self.name, file, rounds))
                file.seek(0)
                for number, one in enumerate(self.read(self.name, file, rounds)):
                    yield LeftOut("repeated") if number in superseded else one
        except OSError as error:
            raise BadSource(f"{self.path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class WebDocument:
    """What is at an address. Its cursor knows it by its tag, and each record by a digest.

    A record that is not in it any more is not gone: feeds hold the newest alone.
    """

    name: str
    fetcher: Fetcher
    read: Reader
    first: Answer | None = None
    """What was fetched already, in the place of the first request."""

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Read what was not in it at the time of the cursor.

        Raises:
            BadSource: it cannot be fetched, or is not of the format.
        """
        known = cursor or {}
        answer = self.first or self.fetcher.get(self.name, _conditions(known), accept=_ANSWERED)
        whole = hashlib.sha256(answer.body).hexdigest()
        if answer.status == HTTPStatus.NOT_MODIFIED or known.get("whole") == whole:
            return
        before, now = set(_texts(known.get("records"))), list[str]()
        with meter(self.name, len(answer.body), "B") as advance:
            for record in self.read(self.name, BytesIO(answer.body), advance):
                digest = _digest(record)
                if digest is None or digest not in before:
                    yield record
                now += [digest] if digest else []
        yield Mark(_cursor(answer, whole, now))


def _superseded(records: Iterable[Record | LeftOut]) -> set[int]:
    """The numbers of the records whose articles another record takes the place of."""
    found: set[int] = set()
    last: dict[str, tuple[int, int]] = {}
    for number, one in enumerate(records):
        if not isinstance(one, Record) or not isinstance(one.content, Article):
            continue
        article = one.content
        version, before = last.get(article.id, (0, None))
        if article.version is not None and article.version < version:
            found.add(number)
            continue
        if before is not None:
            found.add(before)
        last[article.id] = (article.version or version, number)
    return found


def _conditions(known: Cursor) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    return {header: str(known[name]) for name, header in names.items() if known.get(name)}


def _cursor(answer: Answer, whole: str, records: list[str]) -> Cursor:
    return {
        "etag": answer.headers.get("etag", ""),
        "last_modified": answer.headers.get("last-modified", ""),
        "whole": whole,
        "records": sorted(set(records)),
    }


def _digest(record: Record | LeftOut) -> str | None:
    if isinstance(record, LeftOut) or not isinstance(record.content, Article):
        return None
    return hashlib.sha256(record.content.to_json().encode()).hexdigest()[:_DIGEST]


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
