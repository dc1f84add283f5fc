"""The main text of a web page, and its metadata, as JSON. It runs in the sandbox.

trafilatura is imported only here. It finds the main text; boilerplate is then removed as from an
article's HTML. To know afterwards which words were links, links are marked in the page by a pair of
signs: trafilatura would split paragraphs at link elements.
"""

import re
from dataclasses import asdict, replace
from typing import Final

import trafilatura
from lxml import etree
from lxml import html as lxml_html

from recommender.analysis.html.blocks import (
    Block,
    Layout,
    TextLine,
    tidy,
    visible_length,
)
from recommender.analysis.html.boilerplate import remove_boilerplate
from recommender.analysis.html.html_to_text import PARSER_OPTIONS, check_depth, lay_out
from recommender.analysis.html.metadata import read_metadata
from recommender.analysis.html.sandbox import PAGE
from recommender.analysis.html.web_page import Page
from recommender.characters import remove_controls
from recommender.errors import UnreadableMarkup

__all__ = ["read_web_page"]

_OPEN: Final = "\u2e28"
_CLOSE: Final = "\u2e29"
_SIGNS: Final = str.maketrans({_OPEN: "((", _CLOSE: "))"})
_LINK: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}?")
_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]{0,200}>", re.IGNORECASE)


def read_web_page(html: str) -> str:
    """The JSON of a `Page`.

    Raises:
        UnreadableMarkup: the page is nested deeper than the parser goes, or it is too long.
        MemoryError: the parser ran out of memory.
    """
    root = _parse(html)
    metadata = asdict(read_metadata(root))
    layout = _main_text(root)
    length = sum(block.length for block in layout.blocks)
    share = sum(block.linked for block in layout.blocks) / max(1, length)
    text = "\n\n".join(remove_boilerplate(layout))
    page = Page(**metadata, text=text, linked=round(min(share, 1.0), 3)).encode()
    if len(page) > PAGE.longest_text:
        raise UnreadableMarkup(f"its text and data are longer than {PAGE.longest_text} characters")
    return page


def _parse(html: str) -> lxml_html.HtmlElement:
    page = _DECLARATION.sub("", remove_controls(html)).translate(_SIGNS)
    parser = lxml_html.HTMLParser(**PARSER_OPTIONS)
    try:
        root = lxml_html.document_fromstring(page.encode(), parser)
    except etree.ParserError:  # it has no element
        return lxml_html.document_fromstring("<html><body></body></html>")
    except etree.XMLSyntaxError as error:  # a recovering parser accepts any syntax
        raise MemoryError from error
    check_depth(parser)
    return root


def _main_text(root: lxml_html.HtmlElement) -> Layout:
    """The blocks of the main text. The page is changed."""
    for link in root.iter("a"):
        if link.get("href") and "".join(link.itertext()).strip():
            _add_signs(link)
    found = trafilatura.extract(
        root,
        fast=True,
        favor_precision=True,
        include_comments=False,
        include_tables=True,
        output_format="html",
    )
    layout = lay_out(found or "")
    return Layout(list(map(_without_signs, layout.blocks)), layout.spans)


def _add_signs(link: etree._Element) -> None:
    link.text = _OPEN + (link.text or "")
    if len(link):
        link[-1].tail = (link[-1].tail or "") + _CLOSE
    else:
        link.text += _CLOSE


def _without_signs(block: Block) -> Block:
    lines = map(_without_signs_in_line, block.lines)
    return replace(block, lines=tuple(line for line in lines if line.text))


def _without_signs_in_line(line: TextLine) -> TextLine:
    linked = sum(map(visible_length, _LINK.findall(line.text)))
    return TextLine(tidy(_LINK.sub(r"\1", line.text).replace(_CLOSE, "")), linked)
