"""XML of a channel and its items that is not well-formed: each item is read by itself.

A parser that goes on after a fault takes what follows for a part of the broken element, and loses
it. Here a broken item is read as far as it can be, and no other is the worse for it. lxml has its
home here, as far as sources go.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Final, cast

from lxml import etree

from recommender.sources.elements import Element, in_utf8, without_forbidden

__all__ = ["read_mended"]

_LEVELS: Final = 8  # of an element's children that are kept
_ITEM: Final = re.compile(rb"<item[\s>]")
_ITEM_END: Final = b"</item>"
_ROOT: Final = re.compile(rb"<rss\b[^<>]*>")
_END: Final = b"</channel></rss>"


def read_mended(file: BinaryIO) -> Iterator[Element]:
    """What stands in the channel before the items, and then each item."""
    whole = in_utf8(file).read().decode("utf-8", "replace").encode("utf-8")
    data = whole.removeprefix(b"\xef\xbb\xbf").lstrip()
    line = whole.count(b"\n") - data.count(b"\n")
    starts = [found.start() for found in _ITEM.finditer(data)]
    head = data[: starts[0]] if starts else data
    yield from _read(head + _END, line)
    root = _ROOT.search(head)
    before = (root[0] if root else b"<rss>") + b"<channel>"
    line += head.count(b"\n") - before.count(b"\n")
    for start, end in pairwise([*starts, len(data)]):
        yield from _read(before + _whole(data[start:end]) + _END, line)
        line += data.count(b"\n", start, end)


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
