"""XML piece by piece, whoever wrote it: a long document needs no more room than a short one.

Python's own expat reads it: no outer entity is fetched, and inner ones that grow too large are a
fault. lxml loses track of its memory where the tree of a broken document is cut back meanwhile.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO, Final
from xml.parsers import expat

from recommender.progress import Advance

__all__ = ["Element", "NotWellFormed", "in_utf8", "read_elements", "without_forbidden"]

_PIECE: Final = 2**16  # bytes, to which the rest of a line is added
_LEVELS: Final = 8  # of its children that are kept
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DECLARED: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_ENCODINGS: Final = re.compile(
    r"(?:ascii|big5|cp|euc|gb|iso|koi8|latin|mac|shift|sjis|tis|us-|win)"
)
_FORBIDDEN: Final = bytes(range(32)).translate(None, b"\t\n\r")
_REFERENCES: Final = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]"
    rb"|[dD][89a-fA-F][0-9a-fA-F]{2}|[fF]{3}[efEF]));"
)
_NONCHARACTERS: Final = re.compile(rb"\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")


class NotWellFormed(Exception):
    """XML that is none, from some line on; caught by each reader that goes on with the rest."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Element:
    """One element that was read whole.

    Attributes:
        name: without its namespace.
        space: the address of its namespace, or the prefix of one that was never declared.
        attributes: by name, as given.
        text: all text directly in it.
        children: in their order.
        line: where it begins.
    """

    name: str
    space: str
    attributes: dict[str, str]
    text: str
    children: tuple["Element", ...]
    line: int


def read_elements(file: BinaryIO, advance: Advance, *, around: int = 2) -> Iterator[Element]:
    """The elements of one depth, one by one: as it stands those in an RSS's channel.

    What XML forbids is dropped: control characters, and blanks before the declaration.

    Args:
        file: at its beginning.
        advance: told of bytes.
        around: how many elements stand around those that are told of; 1 is those in the root.

    Raises:
        NotWellFormed: it is not; what came before that was given.
    """
    builder = _Builder(around)
    skipped = 0
    try:
        for dropped, piece in _pieces(in_utf8(file)):
            skipped += dropped
            advance(len(piece))
            builder.parser.Parse(piece, False)  # noqa: FBT003 - expat's own
            yield from builder.take(skipped)
        builder.parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        yield from builder.take(skipped)
        raise NotWellFormed(error.lineno + skipped, expat.ErrorString(error.code)) from error


@dataclass(slots=True)
class _Open:
    """An element that is not read to its end."""

    name: str
    attributes: dict[str, str]
    line: int
    texts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    def close(self, skipped: int) -> Element:
        space, _, name = self.name.rpartition(" ")
        text, children = "".join(self.texts), tuple(self.children)
        return Element(name, space, self.attributes, text, children, self.line + skipped)


class _Builder:
    """Makes elements of what expat tells."""

    def __init__(self, around: int) -> None:
        self._around = around
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._open: list[_Open] = []
        self._done: list[_Open] = []

    def take(self, skipped: int) -> Iterator[Element]:
        """The elements that were closed since; `skipped` is added to their lines."""
        done, self._done = self._done, []
        return (one.close(skipped) for one in done)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(_Open(name, attributes, self.parser.CurrentLineNumber))

    def _text(self, text: str) -> None:
        if len(self._open) > self._around:
            self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        closed = self._open.pop()
        if len(self._open) == self._around:
            self._done.append(closed)
        elif self._around < len(self._open) <= self._around + _LEVELS:
            self._open[-1].children.append(closed.close(0))


def in_utf8(file: BinaryIO) -> BinaryIO:
    """The same document, if it is of UTF-8; else another that is, whatever its declaration says."""
    begin = file.tell()
    head = file.read(_PIECE)
    file.seek(begin)
    encoding = _encoding(head)
    if encoding == "utf-8":
        return file
    return BytesIO(file.read().decode(encoding, "replace").encode("utf-8", "replace"))


def without_forbidden(piece: bytes) -> bytes:
    """UTF-8 without the characters that XML has no place for, nor for references to them."""
    bare = _NONCHARACTERS.sub(b"", piece.translate(None, _FORBIDDEN))
    return _REFERENCES.sub(b"", bare)


def _encoding(head: bytes) -> str:
    """The encoding that a document is of, if Python knows it; else it is taken for UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    found = _DECLARED.match(head)
    name = found[1].decode("ascii").lower() if found else "utf-8"
    try:
        return codecs.lookup(name).name if _ENCODINGS.match(name) else "utf-8"
    except LookupError:
        return "utf-8"


def _pieces(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Pieces of whole lines, and how many lines were dropped before each."""
    begun = False
    while lines := file.readlines(_PIECE):
        piece, dropped = b"".join(lines), 0
        if not begun:
            whole, piece = piece, piece.removeprefix(_BYTE_ORDER_MARK).lstrip()
            dropped = whole.count(b"\n") - piece.count(b"\n")
            begun = bool(piece)
        yield dropped, without_forbidden(piece)
