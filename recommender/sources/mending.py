"""XML of a channel and its items that is not well-formed: each item is read by itself.

A parser that goes on after a fault takes what follows for a part of the broken element, and loses
it. Here a broken item is read as far as it can be, and no other is the worse for it. One item after
the other is held, not the file. lxml has its home here, as far as sources go.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final, cast

from lxml import etree

from recommender.progress import Advance
from recommender.sources.elements import Element, in_utf8, without_forbidden

__all__ = ["read_mended"]

_LEVELS: Final = 8  # of an element's children that are kept
_ITEM: Final = re.compile(rb"<item[\s>]")
_ITEM_END: Final = b"</item>"
_ROOT: Final = re.compile(rb"<rss\b[^<>]*>")
_SPACE: Final = re.compile(
    rb"\s(xmlns(?::[\w.-]{1,60})?)\s*=\s*(\"[^\"<>\s]{1,200}\"|'[^'<>\s]{1,200}')"
)
_MOST_SPACES: Final = 40  # that a root declares; each item is read with all of them
_END: Final = b"</channel></rss>"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PIECE: Final = 2**16  # bytes, to which the rest of a line is added


def read_mended(file: BinaryIO, advance: Advance) -> Iterator[Element]:
    """What stands in the channel before the items, and then each item.

    Args:
        file: at its beginning.
        advance: told of bytes.
    """
    parts = _parts(in_utf8(file), advance)
    whole = next(parts)
    head = whole.removeprefix(_BYTE_ORDER_MARK).lstrip()
    yield from _read(head + _END, whole.count(b"\n") - head.count(b"\n"))
    before, line = _root(head) + b"<channel>", whole.count(b"\n")
    for item in parts:
        yield from _read(before + _whole(item) + _END, line)
        line += item.count(b"\n")


def _parts(file: BinaryIO, advance: Advance) -> Iterator[bytes]:
    """What stands before the first item, then each item up to the next; all of it is UTF-8.

    They are looked for in whole lines, which neither the beginning of an item nor a character
    goes beyond.
    """
    held: list[bytes] = []
    while lines := file.readlines(_PIECE):
        given = b"".join(lines)
        advance(len(given))
        piece, at = given.decode("utf-8", "replace").encode("utf-8"), 0
        for found in _ITEM.finditer(piece):
            yield b"".join([*held, piece[at : found.start()]])
            held, at = [], found.start()
        held.append(piece[at:])
    yield b"".join(held)


def _root(head: bytes) -> bytes:
    """The root with the namespaces that it declares and nothing else, on one line."""
    root = _ROOT.search(head)
    spaces = islice(_SPACE.finditer(root[0]), _MOST_SPACES) if root else ()
    return b"<rss" + b"".join(b" %s=%s" % found.groups() for found in spaces) + b">"


def _whole(item: bytes) -> bytes:
    """An item without what stands between its end and the next."""
    end = item.rfind(_ITEM_END)
    return item[: end + len(_ITEM_END)] if end >= 0 else item


def _read(document: bytes, lines: int) -> Iterator[Element]:
    """What stands in a channel, with lines to add to theirs; none where nothing can be made of it.

    What is broken so badly was reported with the file.
    """
    parser = etree.XMLParser(
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(without_forbidden(document), parser)
    except etree.XMLSyntaxError:
        return
    for channel in [] if root is None else root:
        yield from (_element(node, lines) for node in channel if isinstance(node.tag, str))


def _element(node: etree._Element, lines: int, below: int = _LEVELS) -> Element:
    space, name = _names(str(node.tag))
    inner = [child for child in node if isinstance(child.tag, str)]
    return Element(
        name=name,
        space=space,
        attributes={str(key): str(value) for key, value in node.attrib.items()},
        text="".join([node.text or "", *(child.tail or "" for child in node)]),
        children=tuple(_element(child, lines, below - 1) for child in inner) if below else (),
        line=lines + cast("int", node.sourceline or 1),
    )


def _names(tag: str) -> tuple[str, str]:
    """Namespace, or a prefix that stands for none, and name."""
    space, _, name = tag[1:].rpartition("}") if tag.startswith("{") else tag.rpartition(":")
    return space, name
