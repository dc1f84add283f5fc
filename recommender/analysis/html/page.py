"""A whole web page to its main text and what it says of itself. Only the guarded child asks this.

trafilatura has its home here. It finds the text; what of that is links to other articles is left
out as from an article's own HTML (see `trimming`). To know afterwards what was a
link, links are marked in the page by a pair of signs: kept as elements they part its paragraphs.
"""

import json
import re
from dataclasses import asdict, replace
from typing import Final

import trafilatura
from lxml import etree
from lxml import html as lxml_html

from recommender.analysis.html.head import read_head
from recommender.analysis.html.limits import LONGEST_TEXT
from recommender.analysis.html.sheet import Block, Line, Sheet, tidy, weigh
from recommender.analysis.html.text import PARSING, check_depth, set_out
from recommender.analysis.html.trimming import trim
from recommender.errors import UnreadableMarkup

__all__ = ["read_page"]

_OPEN: Final = "\u2e28"
_CLOSE: Final = "\u2e29"
_SIGNS: Final = str.maketrans({_OPEN: "((", _CLOSE: "))"})
_LINK: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}?")
_CONTROLS: Final = dict.fromkeys([*range(9), *range(14, 32), 11, 127, 0xFEFF])
_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]{0,200}>", re.IGNORECASE)


def read_page(html: str) -> str:
    """As a JSON object the fields of a `Head`, the `text` as of an article, and its links' share.

    Raises:
        UnreadableMarkup: nested deeper than the parser goes, or it is too long.
        MemoryError: the parser ran out of memory.
    """
    root = _parse(html)
    told = asdict(read_head(root))
    sheet = _main_text(root)
    weight = sum(block.weight for block in sheet.blocks)
    share = sum(block.linked for block in sheet.blocks) / max(1, weight)
    told |= {"text": "\n\n".join(trim(sheet)), "linked": round(min(share, 1.0), 3)}
    answer = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()
    if len(answer) > LONGEST_TEXT:
        raise UnreadableMarkup(f"its text and data are longer than {LONGEST_TEXT} characters")
    return answer


def _parse(html: str) -> lxml_html.HtmlElement:
    page = _DECLARATION.sub("", html.translate(_CONTROLS)).translate(_SIGNS)
    parser = lxml_html.HTMLParser(**PARSING)
    try:
        root = lxml_html.document_fromstring(page.encode("utf-8", "ignore"), parser)
    except etree.ParserError:  # there is no element in it
        return lxml_html.document_fromstring("<html><body></body></html>")
    except etree.XMLSyntaxError as error:  # a recovering parser takes any syntax
        raise MemoryError from error
    check_depth(parser)
    return root


def _main_text(root: lxml_html.HtmlElement) -> Sheet:
    """The blocks of the main text; the page is changed."""
    for link in root.iter("a"):
        if link.get("href") and "".join(link.itertext()).strip():
            _mark(link)
    found = trafilatura.extract(
        root,
        fast=True,
        favor_precision=True,
        include_comments=False,
        include_tables=True,
        output_format="html",
    )
    sheet = set_out(found or "")
    return Sheet(list(map(_unmarked, sheet.blocks)), sheet.spans)


def _mark(link: etree._Element) -> None:
    link.text = _OPEN + (link.text or "")
    if len(link):
        link[-1].tail = (link[-1].tail or "") + _CLOSE
    else:
        link.text += _CLOSE


def _unmarked(block: Block) -> Block:
    lines = map(_unmarked_line, block.lines)
    return replace(block, lines=tuple(line for line in lines if line.text))


def _unmarked_line(line: Line) -> Line:
    linked = sum(map(weigh, _LINK.findall(line.text)))
    return Line(tidy(_LINK.sub(r"\1", line.text).replace(_CLOSE, "")), linked)
