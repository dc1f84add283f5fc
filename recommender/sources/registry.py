"""All formats that can be imported, and the source that reads each. New sources are added here."""

import codecs
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from recommender.errors import BadSource
from recommender.progress import Advance, Meter
from recommender.sources.address_guard import parse_address
from recommender.sources.feeds import read_feed, read_json_feed
from recommender.sources.fetching import Fetcher, FetchResponse
from recommender.sources.format_detection import (
    HEAD,
    detect_format,
    explain_refusal,
    links_to_wordpress,
)
from recommender.sources.jsonl import read_lines
from recommender.sources.ninjs import read_ninjs
from recommender.sources.pages import PageFile
from recommender.sources.sitemaps import Sitemap
from recommender.sources.source import CheckpointJson, LeftOut, Mark, Pulled, Record, Source
from recommender.sources.source_documents import DocumentReader, FileDocument, WebDocument
from recommender.sources.spreadsheets import read_table
from recommender.sources.wordpress import EVERYTHING_NEW, PullScope, WordPress, WordPressFile
from recommender.sources.wordpress.posts import POSTS_ONLY
from recommender.sources.wxr import read_wxr

__all__ = ["FORMATS", "is_address", "open_source"]

_EMPTY: Final = "empty"
_BEFORE_JSON: Final = b" \t\r\n" + codecs.BOM_UTF8


def _read_any_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    head = file.read(HEAD).lstrip(_BEFORE_JSON)
    file.seek(0)
    read = read_json_feed if head.startswith((b"{", b"[")) else read_feed
    yield from read(name, file, advance)


_DOCUMENTS: Final[Mapping[str, DocumentReader]] = {
    "jsonl": read_lines,
    "wxr": read_wxr,
    "feed": _read_any_feed,
    "ninjs": read_ninjs,
    "csv": read_table,
}
_FILES: Final[Mapping[str, Callable[[Path], Source]]] = {
    "wordpress": WordPressFile,
    "page": PageFile,
}
_SITES: Final[Mapping[str, Callable[[str, Fetcher, PullScope], Source]]] = {
    "wordpress": WordPress,
    "sitemap": lambda address, fetcher, _scope: Sitemap(address, fetcher),
}
FORMATS: Final = ("auto", *dict.fromkeys([*_DOCUMENTS, *_SITES, *_FILES]))


def open_source(
    place: str, format_: str, fetcher: Fetcher, scope: PullScope = EVERYTHING_NEW
) -> Source:
    """The source at a place.

    Args:
        place: a path, or an http or https address.
        format_: one of FORMATS; `auto` detects it.
        fetcher: for addresses.
        scope: what is read of a WordPress site, or of an export of one.

    Raises:
        BadSource: there is no such file, or it is of no known format.
    """
    if is_address(place):
        return WebSource(parse_address(place).text, format_, fetcher, scope)
    path = Path(place)
    _refuse_unless_file(path)
    kind = _detect_file_format(path) if format_ == "auto" else format_
    if kind in _FILES:
        _refuse_scope(place, scope, kind)
        return _FILES[kind](path)
    if kind in _DOCUMENTS:
        return FileDocument(path, _reader(place, kind, scope))
    raise BadSource(f"{place}:1: {explain_refusal(kind)}")


def is_address(place: str) -> bool:
    """Whether a place is a web address and not a path."""
    return place.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class WebSource:
    """A source at an address. Its checkpoint holds the format that was detected last."""

    name: str
    format: str
    fetcher: Fetcher
    scope: PullScope = EVERYTHING_NEW

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Detect the format, if it is not known yet, and read what is new.

        Raises:
            BadSource: it cannot be fetched, or is of no known format.
        """
        kind, source = self._open(checkpoint or {})
        at = checkpoint["at"] if checkpoint and checkpoint.get("format") == kind else None
        for one in source.pull(at, meter):
            yield Mark({"format": kind, "at": one.checkpoint}) if isinstance(one, Mark) else one

    def _open(self, checkpoint: CheckpointJson) -> tuple[str, Source]:
        kind, response = str(checkpoint.get("format", "auto")), None
        if self.format != "auto":
            kind = self.format
        if kind not in _DOCUMENTS and kind not in _SITES:
            response = self.fetcher.get(self.name)
            kind = _detect_response_format(response)
        if kind in _SITES:
            if kind != "wordpress":
                _refuse_scope(self.name, self.scope, kind)
            return kind, _SITES[kind](self.name, self.fetcher, self.scope)
        if kind in _DOCUMENTS:
            read = _reader(self.name, kind, self.scope)
            return kind, WebDocument(self.name, self.fetcher, read, response)
        raise BadSource(f"{self.name}: {explain_refusal(kind)}")


def _reader(place: str, kind: str, scope: PullScope) -> DocumentReader:
    """The reader of a document; that of an export knows what is read."""
    if kind == "wxr":
        types = frozenset(scope.post_types) or POSTS_ONLY
        return partial(read_wxr, types=types, taxonomies=scope.taxonomies())
    _refuse_scope(place, scope, kind)
    return _DOCUMENTS[kind]


def _refuse_scope(place: str, scope: PullScope, kind: str) -> None:
    if scope.is_named:
        raise BadSource(
            f"{place}: is of the format {kind}; types and taxonomies are read of a WordPress site "
            "at an address and of an export of one, leave the options out"
        )


def _refuse_unless_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error
    if stat.S_ISDIR(mode):
        raise BadSource(f"{path}: is a folder; give the files in it, such as {path}/*.xml")
    if not stat.S_ISREG(mode):
        raise BadSource(
            f"{path}: is a pipe or a device, and files are read more than once; write what comes "
            "from there into a file, and import that"
        )


def _detect_file_format(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return detect_format(file.read(HEAD)) if path.stat().st_size else _EMPTY
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error


def _detect_response_format(response: FetchResponse) -> str:
    head = response.body[:HEAD]
    kind = detect_format(head) if head else _EMPTY
    if kind == "gzip":  # only sitemaps are stored packed on web servers
        return "sitemap"
    if kind != "page":
        return kind
    linked = "https://api.w.org/" in response.headers.get("link", "")
    return "wordpress" if linked or links_to_wordpress(head.decode("utf-8", "replace")) else kind
