"""A path or an address to the source that it is; a small table by format."""

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from recommender.errors import BadSource
from recommender.progress import Advance, Meter
from recommender.sources.addresses import parse_address
from recommender.sources.documents import FileDocument, Reader, WebDocument
from recommender.sources.feeds import read_feed
from recommender.sources.fetching import Answer, Fetcher
from recommender.sources.jsonfeed import read_json_feed
from recommender.sources.jsonl import read_lines
from recommender.sources.ninjs import read_ninjs
from recommender.sources.pages import PageFile
from recommender.sources.records import Cursor, LeftOut, Mark, Pulled, Record, Source
from recommender.sources.sitemaps import Sitemap
from recommender.sources.sniffing import HEAD, names_wordpress, sniff
from recommender.sources.wordpress import WordPress, WordPressFile
from recommender.sources.wxr import read_wxr

__all__ = ["FORMATS", "is_address", "open_source"]

_EMPTY: Final = "empty"
_ASIDE: Final = b" \t\r\n\xef\xbb\xbf"


def _read_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    head = file.read(HEAD).lstrip(_ASIDE)
    file.seek(0)
    read = read_json_feed if head.startswith((b"{", b"[")) else read_feed
    yield from read(name, file, advance)


_DOCUMENTS: Final[Mapping[str, Reader]] = {
    "jsonl": read_lines,
    "wxr": read_wxr,
    "feed": _read_feed,
    "ninjs": read_ninjs,
}
_FILES: Final[Mapping[str, Callable[[Path], Source]]] = {
    "wordpress": WordPressFile,
    "page": PageFile,
}
_SITES: Final[Mapping[str, Callable[[str, Fetcher], Source]]] = {
    "wordpress": WordPress,
    "sitemap": Sitemap,
}
FORMATS: Final = ("auto", *dict.fromkeys([*_DOCUMENTS, *_SITES, *_FILES]))


def open_source(place: str, format_: str, fetcher: Fetcher) -> Source:
    """The source at a place.

    Args:
        place: a path, or an http or https address.
        format_: one of FORMATS; `auto` looks at what is there.
        fetcher: asks for what is at addresses.

    Raises:
        BadSource: there is no such file, or nothing that is known is in it.
    """
    if is_address(place):
        return WebSource(parse_address(place).text, format_, fetcher)
    path = Path(place)
    _refuse_unless_file(path)
    kind = _sniff_file(path) if format_ == "auto" else format_
    if kind in _FILES:
        return _FILES[kind](path)
    if kind in _DOCUMENTS:
        return FileDocument(path, _DOCUMENTS[kind])
    raise BadSource(f"{place}:1: {_unknown(kind)}")


def is_address(place: str) -> bool:
    """Whether a place is on the web, and no path."""
    return place.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class WebSource:
    """What is at an address. The cursor keeps of which format it was when it was read last."""

    name: str
    format: str
    fetcher: Fetcher

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Find out what is there, if that is not known yet, and read what is new of it.

        Raises:
            BadSource: it cannot be fetched, or is of no known format.
        """
        kind, source = self._open(cursor or {})
        at = cursor["at"] if cursor and cursor.get("format") == kind else None
        for one in source.pull(at, meter):
            yield Mark({"format": kind, "at": one.cursor}) if isinstance(one, Mark) else one

    def _open(self, cursor: Cursor) -> tuple[str, Source]:
        kind, answer = str(cursor.get("format", "auto")), None
        if self.format != "auto":
            kind = self.format
        if kind not in _DOCUMENTS and kind not in _SITES:
            answer = self.fetcher.get(self.name)
            kind = _sniff_answer(answer)
        if kind in _SITES:
            return kind, _SITES[kind](self.name, self.fetcher)
        if kind in _DOCUMENTS:
            return kind, WebDocument(self.name, self.fetcher, _DOCUMENTS[kind], answer)
        raise BadSource(f"{self.name}: {_unknown(kind)}")


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


def _sniff_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD)) if path.stat().st_size else _EMPTY
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error


def _sniff_answer(answer: Answer) -> str:
    head = answer.body[:HEAD]
    kind = sniff(head) if head else _EMPTY
    if kind == "gzip":  # the one kind of document that lies packed on web servers
        return "sitemap"
    if kind != "page":
        return kind
    linked = "https://api.w.org/" in answer.headers.get("link", "")
    return "wordpress" if linked or names_wordpress(head.decode("utf-8", "replace")) else kind


def _unknown(kind: str) -> str:
    match kind:
        case "page":
            return "is a web page; give its site's feed, sitemap or export, or the page as a file"
        case "sitemap":
            return "is a sitemap; give its address, since what it names is fetched from there"
        case "gzip":
            return "is packed; unpack it first"
        case "empty":
            return "is empty; if it is meant to be, say so: --format jsonl"
        case "xml":
            return "is XML of a kind that is not known; known are RSS, Atom, sitemaps and WXR"
        case _:
            return f"{kind} is not read from there; leave --format out, and it is found out"
