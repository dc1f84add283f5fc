"""A document that holds many records: a file, or what is at an address."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.progress import Advance, Meter
from recommender.sources.fetching import Fetcher, FetchResponse, collect
from recommender.sources.source import CheckpointJson, LeftOut, Mark, Pulled, Record

__all__ = ["DocumentReader", "FileDocument", "WebDocument", "read_whole"]

DocumentReader = Callable[[str, BinaryIO, Advance], Iterator[Record | LeftOut]]
"""Reads a document: its name, its bytes, and a function to call with the number of bytes read.

Raises BadSource if the document is not of the reader's format.
"""

MOST_DOCUMENT_BYTES: Final = 128 * 2**20
"""Of a document that is read whole; reading takes several times that memory."""
_PIECE: Final = 2**18  # bytes
_DIGEST: Final = 16  # hex digits: among a million records two are equal once in 10 million times
_ACCEPTED: Final = frozenset({HTTPStatus.OK, HTTPStatus.NOT_MODIFIED})


def read_whole(name: str, file: BinaryIO, advance: Advance) -> bytes:
    """Read a document of a format that cannot be read in pieces.

    Raises:
        BadSource: it is larger than MOST_DOCUMENT_BYTES.
    """
    try:
        data = collect(iter(partial(file.read, _PIECE), b""), MOST_DOCUMENT_BYTES)
    except BadSource as error:
        raise BadSource(
            f"{name}:1: {error}, and is of a format that is read whole; split it, or make JSON "
            "lines of it, which are read one by one"
        ) from error
    advance(len(data))
    return data


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A file. It has no checkpoint: the store finds out what of it is new.

    An archive may hold several versions of one story. The newest version counts, else the last; the
    others are left out, or no second import would find the story unchanged. So the file is read
    twice. The first time takes much less, as nothing is stored: each has a progress of its own.
    """

    path: Path
    read: DocumentReader

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:  # noqa: ARG002 - of the interface
        """Read all of it.

        Raises:
            BadSource: it cannot be read, or is not of the format.
        """
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                with meter(f"{self.path.name}: looking through it", size, "B") as advance:
                    superseded = _superseded(self.read(self.name, file, advance))
                file.seek(0)
                with meter(self.path.name, size, "B") as advance:
                    for number, one in enumerate(self.read(self.name, file, advance)):
                        yield LeftOut("repeated") if number in superseded else one
        except OSError as error:
            raise BadSource(f"{self.path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class WebDocument:
    """A document at an address. Its checkpoint holds its ETag, and a digest of each record.

    A record that is not in it any more is not gone: feeds hold only the newest entries.
    """

    name: str
    fetcher: Fetcher
    read: DocumentReader
    first: FetchResponse | None = None
    """The response of a request that was made already; else None."""

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Read what was not in the document at the time of the checkpoint.

        Raises:
            BadSource: it cannot be fetched, or is not of the format.
        """
        known = checkpoint or {}
        response = self.first or self.fetcher.get(self.name, _conditions(known), accept=_ACCEPTED)
        whole = hashlib.sha256(response.body).hexdigest()
        if response.status == HTTPStatus.NOT_MODIFIED or known.get("whole") == whole:
            return
        before, now = set(_texts(known.get("records"))), list[str]()
        with meter(self.name, len(response.body), "B") as advance:
            for record in self.read(self.name, BytesIO(response.body), advance):
                digest = _digest(record)
                if digest is None or digest not in before:
                    yield record
                now += [digest] if digest else []
        yield Mark(_checkpoint(response, whole, now))


def _superseded(records: Iterable[Record | LeftOut]) -> set[int]:
    """The numbers of the records that another record with the same id replaces."""
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


def _conditions(known: CheckpointJson) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    return {header: str(known[name]) for name, header in names.items() if known.get(name)}


def _checkpoint(response: FetchResponse, whole: str, records: list[str]) -> CheckpointJson:
    return {
        "etag": response.headers.get("etag", ""),
        "last_modified": response.headers.get("last-modified", ""),
        "whole": whole,
        "records": sorted(set(records)),
    }


def _digest(record: Record | LeftOut) -> str | None:
    """A digest of an article; under its former id, so that checkpoints of earlier versions hold."""
    if isinstance(record, LeftOut) or not isinstance(record.content, Article):
        return None
    former = {"id": record.former_id} if record.former_id else {}
    content = record.content.model_copy(update=former).to_json()
    return hashlib.sha256(content.encode()).hexdigest()[:_DIGEST]


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
