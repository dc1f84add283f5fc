"""Reads long XML documents of other systems element by element, with little memory.

Python's own expat is used: it loads no external entity, and reports internal ones that grow too
large. If a document is not well-formed, lxml can recover what is after the fault; then the whole
document is in memory. (lxml's iterative parser loses track of its memory if the tree of a broken
document is cut back meanwhile.)
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO, Final, cast
from xml.parsers import expat

from lxml import etree

from recommender.progress import Advance

__all__ = ["NotWellFormed", "XmlElement", "read_elements", "recover_elements"]

_PIECE: Final = 2**16  # bytes, to which the rest of a line is added
_LEVELS: Final = 8  # of an element's descendants that are read
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
    """A document is not well-formed XML from some line on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class XmlElement:
    """One element.

    Attributes:
        name: without its namespace.
        space: the address of its namespace; a prefix that was never declared stays a prefix.
        attributes: by name, as given.
        text: all text directly in it.
        children: in their order.
        line: where it begins.
    """

    name: str
    space: str
    attributes: dict[str, str]
    text: str
    children: tuple["XmlElement", ...]
    line: int


def read_elements(file: BinaryIO, advance: Advance, *, depth: int = 2) -> Iterator[XmlElement]:
    """The elements of one depth, one by one.

    What XML forbids is removed: control characters, and white space before the declaration.

    Args:
        file: at its beginning.
        advance: called with the number of bytes read.
        depth: the number of elements around those that are given: 1 for the children of the root,
            2 for an RSS's channel.

    Raises:
        NotWellFormed: it is not well-formed; the elements before the fault were given.
    """
    builder = _Builder(depth)
    skipped = 0
    try:
        for dropped, piece in _pieces(_in_utf8(file)):
            skipped += dropped
            advance(len(piece))
            builder.parser.Parse(piece, False)  # noqa: FBT003 - expat's own
            yield from builder.take(skipped)
        builder.parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        yield from builder.take(skipped)
        raise NotWellFormed(error.lineno + skipped, expat.ErrorString(error.code)) from error


def recover_elements(data: bytes) -> list[XmlElement]:
    """The elements in the channel of an RSS that is not well-formed, as far as lxml recovers them.

    A broken element may take others after it with it.
    """
    plain = _in_utf8(BytesIO(data)).read()
    bare = plain.removeprefix(codecs.BOM_UTF8).lstrip()
    parser = etree.XMLParser(
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(_without_forbidden(bare), parser)
    except etree.XMLSyntaxError:  # nothing can be made of it
        return []
    lines = plain.count(b"\n") - bare.count(b"\n")
    channels = [] if root is None else [one for one in root if isinstance(one.tag, str)]
    return [
        _converted(node, lines) for one in channels for node in one if isinstance(node.tag, str)
    ]


@dataclass(slots=True)
class _OpenElement:
    """An element whose end is not read yet."""

    name: str
    attributes: dict[str, str]
    line: int
    texts: list[str] = field(default_factory=list)
    children: list[XmlElement] = field(default_factory=list)

    def close(self, skipped: int) -> XmlElement:
        space, _, name = self.name.rpartition(" ")
        text, children = "".join(self.texts), tuple(self.children)
        return XmlElement(name, space, self.attributes, text, children, self.line + skipped)


class _Builder:
    """Makes elements of the events of expat."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._open: list[_OpenElement] = []
        self._done: list[_OpenElement] = []

    def take(self, skipped: int) -> Iterator[XmlElement]:
        """The elements that ended since the last call; `skipped` is added to their lines."""
        done, self._done = self._done, []
        return (one.close(skipped) for one in done)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(_OpenElement(name, attributes, self.parser.CurrentLineNumber))

    def _text(self, text: str) -> None:
        if len(self._open) > self._depth:
            self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        closed = self._open.pop()
        if len(self._open) == self._depth:
            self._done.append(closed)
        elif self._depth < len(self._open) <= self._depth + _LEVELS:
            self._open[-1].children.append(closed.close(0))


def _converted(node: etree._Element, lines: int, levels: int = _LEVELS) -> XmlElement:
    """An element of lxml; `lines` is added to its line."""
    tag = str(node.tag)
    space, _, name = tag[1:].rpartition("}") if tag.startswith("{") else tag.rpartition(":")
    inner = [child for child in node if isinstance(child.tag, str)]
    return XmlElement(
        name=name,
        space=space,
        attributes={str(key): str(value) for key, value in node.attrib.items()},
        text="".join([node.text or "", *(child.tail or "" for child in node)]),
        children=tuple(_converted(one, lines, levels - 1) for one in inner) if levels else (),
        line=lines + cast("int", node.sourceline or 1),
    )


def _in_utf8(file: BinaryIO) -> BinaryIO:
    """The same document if it is of UTF-8; else a copy in UTF-8, whatever its declaration says."""
    begin = file.tell()
    head = file.read(_PIECE)
    file.seek(begin)
    encoding = _encoding(head)
    if encoding == "utf-8":
        return file
    return BytesIO(file.read().decode(encoding, "replace").encode("utf-8", "replace"))


def _without_forbidden(piece: bytes) -> bytes:
    """UTF-8 without the characters that XML forbids, and without references to them."""
    bare = _NONCHARACTERS.sub(b"", piece.translate(None, _FORBIDDEN))
    return _REFERENCES.sub(b"", bare)


def _encoding(head: bytes) -> str:
    """The declared encoding, if Python has it; else UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    found = _DECLARED.match(head)
    name = found[1].decode("ascii").lower() if found else "utf-8"
    try:
        return codecs.lookup(name).name if _ENCODINGS.match(name) else "utf-8"
    except LookupError:
        return "utf-8"


def _pieces(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Pieces of whole lines, each after the number of lines that were dropped before it."""
    begun = False
    while lines := file.readlines(_PIECE):
        piece, dropped = b"".join(lines), 0
        if not begun:
            whole, piece = piece, piece.removeprefix(codecs.BOM_UTF8).lstrip()
            dropped = whole.count(b"\n") - piece.count(b"\n")
            begun = bool(piece)
        yield dropped, _without_forbidden(piece)
