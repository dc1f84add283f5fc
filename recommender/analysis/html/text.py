"""An article's HTML to plain text, or to its links. Only the guarded child asks this.

lxml has its home here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from recommender.analysis.html.furniture import UNSEEN_TAGS, is_furniture
from recommender.analysis.html.limits import LONGEST_TEXT
from recommender.analysis.html.sheet import Kind, Sheet, tidy, weigh
from recommender.analysis.html.trimming import trim
from recommender.errors import UnreadableMarkup

__all__ = ["PARSING", "check_depth", "read_links", "read_markup", "set_out"]

PARSING: Final[Mapping[str, Any]] = {
    "encoding": "utf-8",
    "recover": True,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""How HTML of strangers is parsed, whatever it is part of."""

_BLOCKS: Final = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol
    optgroup option p pre search section summary table ul
    """.split()  # noqa: SIM905 - a list to read
)
_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("li", "dd", "dt"), "item"),
    "blockquote": "quote",
}
_MOST: Final = 0.8  # of the text: what holds as much is its wrapper, whatever it is called

_CONTROLS: Final = dict.fromkeys([*range(9), *range(14, 32), 11, 127, 0xFEFF])
# Text after </html> would be lost, and <body> may stand in the middle of a pasted page.
_PAGE: Final = re.compile(r"</?(?:html|body)\b[^<>]*>", re.IGNORECASE)
_NEWLINE: Final = re.compile(r"\n")
_BREAKS: Final = dict.fromkeys(map(ord, "\t\n\r"))  # an address is read without them
_BLANK_LINE: Final = re.compile(r"\n\s*\n")


def read_markup(html: str) -> str:
    r"""The text that a reader of the article sees, without the furniture of its page.

    Nor are there links to other articles, pull-quotes and notices (see `trimming`).

    Paragraphs, headings, list items and quotations are parted by a blank line, lines by a newline;
    a table's rows are lines, its cells parted by a space. Text that marks neither paragraphs nor
    lines, as WordPress keeps it, has a paragraph wherever it has a blank line.

    Raises:
        UnreadableMarkup: nested deeper than the parser goes, or the text is too long.
        MemoryError: the parser ran out of memory.
    """
    text = "\n\n".join(trim(set_out(html)))
    if len(text) > LONGEST_TEXT:
        raise UnreadableMarkup(f"longer than {LONGEST_TEXT} characters")
    return text


def set_out(html: str) -> Sheet:
    """The blocks that a reader sees, before any is left out for what it says.

    Raises:
        UnreadableMarkup: nested deeper than the parser goes.
        MemoryError: the parser ran out of memory.
    """
    return _Reading(_parse(html)).sheet()


def read_links(html: str) -> str:
    """The addresses that an article links to, as they stand there, each once, one a line.

    Raises:
        UnreadableMarkup: nested deeper than the parser goes, or they are too long.
        MemoryError: the parser ran out of memory.
    """
    linked = (tidy(str(a.get("href", "")).translate(_BREAKS)) for a in _parse(html).iter("a"))
    text = "\n".join(dict.fromkeys(filter(None, linked)))
    if len(text) > LONGEST_TEXT:
        raise UnreadableMarkup(f"its links are longer than {LONGEST_TEXT} characters")
    return text


def check_depth(parser: etree.HTMLParser) -> None:
    """Refuse what a parser has read, if it gave up on the way.

    Raises:
        UnreadableMarkup: elements are nested too deep.
    """
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise UnreadableMarkup("nested deeper than 255 elements")


def _parse(html: str) -> etree._Element:
    if ">" not in html:  # so no tag ends, and every < is a mark of the text
        html = html.replace("<", "&lt;")
    page = "<body>" + _PAGE.sub(" ", html.translate(_CONTROLS))
    parser = etree.HTMLParser(**PARSING)
    try:
        root = etree.fromstring(page.encode("utf-8", "ignore"), parser)
    except etree.XMLSyntaxError as error:  # a recovering parser takes any syntax
        raise MemoryError from error
    check_depth(parser)
    etree.strip_elements(root, *UNSEEN_TAGS, with_tail=False)
    return root


def _weigh(element: etree._Element) -> int:
    return sum(len(run.strip()) for run in element.itertext())


class _Reading:
    """One pass over a parsed article, in reading order; as deep as the parser lets it nest."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self._weight = _weigh(root)
        self._sheet = Sheet()
        self._links = 0  # how many are open
        # What breaks a line of the text itself, where no tag does.
        marked = any(root.find(f".//{tag}") is not None for tag in ("p", "br"))
        self._break = None if marked else _BLANK_LINE

    def sheet(self) -> Sheet:
        self._read(self._root)
        self._sheet.end_paragraph()
        return self._sheet

    def _read(self, element: etree._Element) -> None:
        tag = element.tag
        attributes = {str(name): str(value) for name, value in element.items()}
        if tag == "br":
            self._sheet.break_line()
        elif is_furniture(tag, attributes) and not self._is_wrapper(element):
            self._end(tag)
        elif tag in {"td", "th"}:
            self._read_cell(element)
        elif tag == "pre":
            self._read_lines(element)
        elif tag in _BLOCKS:
            self._read_block(element, _KINDS.get(tag, self._sheet.kind))
        else:
            self._read_run(element)

    def _read_block(self, element: etree._Element, kind: Kind) -> None:
        self._sheet.end_paragraph()
        outside, first = self._sheet.kind, len(self._sheet.blocks)
        self._sheet.kind = kind
        self._read_inside(element)
        self._sheet.end_paragraph()
        self._sheet.kind = outside
        self._sheet.span(first)

    def _read_run(self, element: etree._Element) -> None:
        link = element.tag == "a" and "href" in element.attrib
        self._links += link
        self._end(element.tag)
        self._read_inside(element)
        self._end(element.tag)
        self._links -= link

    def _read_inside(self, element: etree._Element) -> None:
        self._write(element.text)
        for child in element:
            self._read(child)
            self._write(child.tail)

    def _read_cell(self, cell: etree._Element) -> None:
        row, self._sheet = self._sheet, Sheet(kind=self._sheet.kind)
        self._read_inside(cell)
        row.add_cell(self._sheet)
        self._sheet = row

    def _read_lines(self, element: etree._Element) -> None:
        self._sheet.end_paragraph()
        outside, self._break = self._break, _NEWLINE
        self._read_inside(element)
        self._break = outside
        self._sheet.end_paragraph()

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._sheet.end_paragraph()
        elif tag == "tr":
            self._sheet.end_line()

    def _write(self, text: str | None) -> None:
        first, *others = self._break.split(text or "") if self._break else (text or "",)
        self._write_run(first)
        for run in others:
            if self._break is _NEWLINE:
                self._sheet.break_line()
            else:
                self._sheet.end_paragraph()
            self._write_run(run)

    def _write_run(self, run: str) -> None:
        self._sheet.write(run, weigh(run) if self._links else 0)

    def _is_wrapper(self, element: etree._Element) -> bool:
        """Whether it holds the article after all: all of the text, or most and not as links."""
        weight = _weigh(element)
        links = sum(map(_weigh, element.iter("a")))
        return weight == self._weight or (weight > _MOST * self._weight and links <= weight / 2)
