"""An article's HTML to plain text, or to its links. It runs in the sandbox."""

import re
from collections.abc import Mapping
from typing import Any, Final, Self

from lxml import etree

from recommender.analysis.html.blocks import BlockKind, Layout, tidy, visible_length
from recommender.analysis.html.boilerplate import (
    UNSEEN_TAGS,
    is_boilerplate_element,
    remove_boilerplate,
)
from recommender.analysis.html.sandbox import TEXT
from recommender.characters import remove_controls
from recommender.errors import UnreadableMarkup

__all__ = ["PARSER_OPTIONS", "check_depth", "html_to_links", "html_to_text", "lay_out"]

PARSER_OPTIONS: Final[Mapping[str, Any]] = {
    "encoding": "utf-8",
    "recover": True,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""How lxml parses HTML that is not trusted."""

_BLOCKS: Final = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol
    optgroup option p pre search section summary table ul
    """.split()  # noqa: SIM905 - a list to read
)
_KINDS: Final[dict[str, BlockKind]] = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("li", "dd", "dt"), "item"),
    "blockquote": "quote",
}
_WRAPPER: Final = 0.8  # share of the text; an element with more is the wrapper of the article

# Text after </html> would be lost, and <body> may be in the middle of a pasted page.
_PAGE_TAG: Final = re.compile(r"</?(?:html|body)\b[^<>]*>", re.IGNORECASE)
_NEWLINE: Final = re.compile(r"\n")
_BREAKS: Final = dict.fromkeys(map(ord, "\t\n\r"))  # browsers ignore them in an address
_BLANK_LINE: Final = re.compile(r"\n\s*\n")


def html_to_text(html: str) -> str:
    r"""The text of an article that a reader sees, without boilerplate (see `boilerplate`).

    A blank line separates paragraphs, headings, list items and quotations; a newline separates
    lines. Rows of a table are lines, and a space separates their cells. If the HTML marks neither
    paragraphs nor lines, as WordPress stores it, a blank line in it ends a paragraph.

    Raises:
        UnreadableMarkup: it is nested deeper than the parser goes, or the text is too long.
        MemoryError: the parser ran out of memory.
    """
    text = "\n\n".join(remove_boilerplate(lay_out(html)))
    if len(text) > TEXT.longest_text:
        raise UnreadableMarkup(f"longer than {TEXT.longest_text} characters")
    return text


def lay_out(html: str) -> Layout:
    """The blocks that a reader sees, before boilerplate is removed by what it says.

    Raises:
        UnreadableMarkup: it is nested deeper than the parser goes.
        MemoryError: the parser ran out of memory.
    """
    return _LayoutReader.of(_parse(html)).read()


def html_to_links(html: str) -> str:
    """The addresses that an article links to, as written, each once, one on each line.

    Raises:
        UnreadableMarkup: it is nested deeper than the parser goes, or the links are too long.
        MemoryError: the parser ran out of memory.
    """
    linked = (tidy(str(a.get("href", "")).translate(_BREAKS)) for a in _parse(html).iter("a"))
    text = "\n".join(dict.fromkeys(filter(None, linked)))
    if len(text) > TEXT.longest_text:
        raise UnreadableMarkup(f"its links are longer than {TEXT.longest_text} characters")
    return text


def check_depth(parser: etree.HTMLParser) -> None:
    """Refuse a document that a parser gave up on.

    Raises:
        UnreadableMarkup: its elements are nested too deep.
    """
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise UnreadableMarkup("nested deeper than 255 elements")


def _parse(html: str) -> etree._Element:
    if ">" not in html:  # no tag ends, so every < is text
        html = html.replace("<", "&lt;")
    page = "<body>" + _PAGE_TAG.sub(" ", remove_controls(html))
    parser = etree.HTMLParser(**PARSER_OPTIONS)
    try:
        root = etree.fromstring(page.encode(), parser)
    except etree.XMLSyntaxError as error:  # a recovering parser accepts any syntax
        raise MemoryError from error
    check_depth(parser)
    etree.strip_elements(root, *UNSEEN_TAGS, with_tail=False)
    return root


def _text_length(element: etree._Element) -> int:
    return sum(len(run.strip()) for run in element.itertext())


class _LayoutReader:
    """One pass over a parsed article, in reading order. The parser limits how deep it goes."""

    def __init__(self, root: etree._Element, length: int, *, is_marked: bool) -> None:
        self._root = root
        self._length = length
        self._layout = Layout()
        self._open_links = 0
        # What ends a line or block inside a text, if no tags do.
        self._break = None if is_marked else _BLANK_LINE

    @classmethod
    def of(cls, root: etree._Element) -> Self:
        """A reader that has begun nothing; the tags of the whole text decide what ends a line."""
        is_marked = any(root.find(f".//{tag}") is not None for tag in ("p", "br"))
        return cls(root, _text_length(root), is_marked=is_marked)

    def read(self) -> Layout:
        self._read(self._root)
        self._layout.end_block()
        return self._layout

    def _read(self, element: etree._Element) -> None:
        tag = element.tag
        attributes = {str(name): str(value) for name, value in element.items()}
        if tag == "br":
            self._layout.break_line()
        elif is_boilerplate_element(tag, attributes) and not self._is_wrapper(element):
            self._end(tag)
        elif tag in {"td", "th"}:
            self._read_cell(element)
        elif tag == "pre":
            self._read_lines(element)
        elif tag in _BLOCKS:
            self._read_block(element, _KINDS.get(tag, self._layout.kind))
        else:
            self._read_run(element)

    def _read_block(self, element: etree._Element, kind: BlockKind) -> None:
        self._layout.end_block()
        outside, first = self._layout.kind, len(self._layout.blocks)
        self._layout.kind = kind
        self._read_inside(element)
        self._layout.end_block()
        self._layout.kind = outside
        self._layout.end_span(first)

    def _read_run(self, element: etree._Element) -> None:
        link = element.tag == "a" and "href" in element.attrib
        self._open_links += link
        self._end(element.tag)
        self._read_inside(element)
        self._end(element.tag)
        self._open_links -= link

    def _read_inside(self, element: etree._Element) -> None:
        self._write(element.text)
        for child in element:
            self._read(child)
            self._write(child.tail)

    def _read_cell(self, cell: etree._Element) -> None:
        row, self._layout = self._layout, Layout(kind=self._layout.kind)
        self._read_inside(cell)
        row.add_cell(self._layout)
        self._layout = row

    def _read_lines(self, element: etree._Element) -> None:
        self._layout.end_block()
        outside, self._break = self._break, _NEWLINE
        self._read_inside(element)
        self._break = outside
        self._layout.end_block()

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._layout.end_block()
        elif tag == "tr":
            self._layout.end_line()

    def _write(self, text: str | None) -> None:
        first, *others = self._break.split(text or "") if self._break else (text or "",)
        self._write_run(first)
        for run in others:
            if self._break is _NEWLINE:
                self._layout.break_line()
            else:
                self._layout.end_block()
            self._write_run(run)

    def _write_run(self, run: str) -> None:
        self._layout.write(run, visible_length(run) if self._open_links else 0)

    def _is_wrapper(self, element: etree._Element) -> bool:
        """Whether it holds the article after all: all of the text, or most, and few links."""
        length = _text_length(element)
        links = sum(map(_text_length, element.iter("a")))
        return length == self._length or (length > _WRAPPER * self._length and links <= length / 2)
