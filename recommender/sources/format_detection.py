"""Detects the format of a document from its first bytes. Its file name is not looked at."""

import codecs
import re
from typing import Final

from pydantic_core import from_json

from recommender.sources.spreadsheets import is_table

__all__ = ["HEAD", "NOT_IN_FILES", "detect_format", "explain_refusal", "links_to_wordpress"]

HEAD: Final = 2**16  # the number of bytes that are looked at
_REFUSALS: Final = {
    "page": "is a web page; give its site's feed, sitemap or export, or the page as a file",
    "sitemap": "is a sitemap; give its address, since its pages are fetched from there",
    "gzip": "is packed; unpack it first",
    "zip": "is packed, or a workbook; unpack it, or save the sheet of a workbook as CSV",
    "empty": "is empty; if it is meant to be, say so: --format jsonl",
    "xml": "is XML of an unknown kind; known are RSS, Atom, sitemaps and WXR",
}
NOT_IN_FILES: Final = frozenset({"gzip", "sitemap", "xml", "zip"})
"""What is never read of a file."""

_BEFORE_ROOT: Final = re.compile(
    r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(?:\[[^\]]*\]\s*)?>)*", re.IGNORECASE | re.DOTALL
)
_ROOT: Final = re.compile(r"<([A-Za-z_][\w.:-]*)")
_ROOTS: Final = {
    "rss": "feed",
    "rdf:rdf": "feed",
    "feed": "feed",
    "atom:feed": "feed",
    "urlset": "sitemap",
    "sitemapindex": "sitemap",
}
_WXR: Final = re.compile(r"xmlns:wp\s*=|<wp:")
_FEED_IN_PAGE: Final = re.compile(r"<(?:feed\s[^<>]*www\.w3\.org/2005/Atom|rss\s[^<>]*version)")
_WORDPRESS: Final = re.compile(
    r"<link\b[^<>]*\brel\s*=\s*[\"']?https://api\.w\.org/", re.IGNORECASE
)
_KEYS: Final = re.compile(r'(?<!\\)"([A-Za-z_][\w:]*)"\s*:')
_JSON_FEED: Final = re.compile(
    r'"version"\s*:\s*"(?:https?://jsonfeed\.org/version/|1(?:\.[01])?")'
)
_FEED_KEYS: Final = frozenset({"items", "feed_url", "home_page_url"})
_WORDPRESS_KEYS: Final = frozenset({"_links", "rendered", "date_gmt", "comment_status"})
_NINJS_KEYS: Final = frozenset(
    {"uri", "versioncreated", "pubstatus", "headlines", "body_text", "bodies", "representationtype"}
)
_ARTICLE_TEXTS: Final = frozenset({"title", "body", "body_html"})


def detect_format(head: bytes) -> str:
    """The format of a document: one that `--format` names, `xml` of another kind, `gzip` or `zip`.

    `wordpress` is a saved response of its REST interface. Anything else is taken for JSON lines,
    and their reader reports what is wrong.

    Args:
        head: the first bytes of a document.
    """
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    text = _decoded(head).lstrip("\ufeff").lstrip()
    if text.startswith("<"):
        return _detect_markup(text)
    if text.startswith(("{", "[")):
        return _detect_json(text)
    return "csv" if is_table(text.partition("\n")[0]) else "jsonl"


def explain_refusal(kind: str) -> str:
    """Why a document of a kind is not read, and what to do."""
    other = f"{kind} is not read from there; leave --format out to have it detected"
    return _REFUSALS.get(kind, other)


def links_to_wordpress(html: str) -> bool:
    """Whether a page has a link to WordPress's REST interface in its head."""
    return bool(_WORDPRESS.search(html))


def _decoded(head: bytes) -> str:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if wide else "utf-8", "replace")


def _detect_markup(text: str) -> str:
    before = _BEFORE_ROOT.match(text)
    root = _ROOT.match(text, before.end() if before else 0)
    kind = _ROOTS.get(root[1].lower()) if root else None
    if kind == "feed" and _WXR.search(text):
        return "wxr"
    if kind:
        return kind
    if _FEED_IN_PAGE.search(text):  # some systems put their feed inside a page
        return "feed"
    declared = text.startswith("<?xml") and (root is None or root[1].lower() != "html")
    return "xml" if declared else "page"


def _detect_json(text: str) -> str:
    if _is_article(text.partition("\n")[0]):
        return "jsonl"
    keys = set(_KEYS.findall(text))
    if _JSON_FEED.search(text) and keys & _FEED_KEYS:
        return "feed"
    if keys & _WORDPRESS_KEYS:
        return "wordpress"
    return "ninjs" if keys & _NINJS_KEYS else "jsonl"


def _is_article(line: str) -> bool:
    try:
        value = from_json(line)
    except ValueError:
        return False
    if not isinstance(value, dict) or "id" not in value:
        return False
    return any(isinstance(value.get(name), str) for name in _ARTICLE_TEXTS)
