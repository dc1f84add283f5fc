"""What a web page says of itself: its <html> and <head>, and schema.org data (JSON-LD)."""

# ruff: noqa: RUF001 - dashes and commas of many scripts

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from recommender.analysis.html.schema import (
    LISTS,
    STORIES,
    Data,
    address_of,
    kinds,
    listed,
    objects,
    words,
)
from recommender.analysis.html.sheet import tidy

__all__ = ["Head", "read_head"]

_REFRESH: Final = re.compile(r"\s*(\d{1,9})")
_SOON: Final = 30  # seconds; pages that stand longer before they reload are read meanwhile
_ROBOTS: Final = frozenset({"robots", "googlebot-news"})
_PARTED: Final = re.compile(r"\s+(?:[|»«·•›]|[-–—]{1,2})\s+")

_BETWEEN_NAMES: Final = re.compile(r"\s*[;,،、]\s*(?:and\s+)?|\s+and\s+|\s+&\s+")
_PUBLISHED_NAMES: Final = frozenset({"datepublished", "entry-date", "published", "dt-published"})


@dataclass(frozen=True, slots=True)
class Head:
    """What a page says of itself, as text, unchecked; empty where it says nothing.

    Attributes:
        title: without the name of the site.
        address: the canonical one, else Open Graph's.
        authors: each a name.
        published: when, as it stands there.
        modified: likewise.
        language: of the page.
        section: the first one named.
        image: its address.
        summary: the description.
        tags: keywords, each one.
        is_hidden: robots are asked not to keep it.
        is_story: it calls itself an article.
        is_list: it calls itself a list of articles.
        moves: it sends its reader to another page at once.
    """

    title: str = ""
    address: str = ""
    authors: tuple[str, ...] = ()
    published: str = ""
    modified: str = ""
    language: str = ""
    section: str = ""
    image: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    is_hidden: bool = False
    is_story: bool = False
    is_list: bool = False
    moves: bool = False


def read_head(root: etree._Element) -> Head:
    """What the parsed page says; data that is no JSON is passed over, as search engines do."""
    metas = _metas(root)
    data = [
        one for script in root.iter("script") if _is_data(script) for one in objects(script.text)
    ]
    story = next((one for one in data if kinds(one) & STORIES), {})
    kind = metas.get("og:type", "").lower()
    return Head(
        title=_title(root, metas, story),
        address=_address(root, metas),
        authors=_authors(metas, story),
        published=_first(story, metas, "datePublished", *_PUBLISHED) or _time(root),
        modified=_first(story, metas, "dateModified", *_MODIFIED),
        language=_language(root, metas, story),
        section=_first(story, metas, "articleSection", "article:section", "section"),
        image=_image(metas, story),
        summary=_first({}, metas, "", "og:description", "description", "twitter:description"),
        tags=_tags(root, metas, story),
        is_hidden=any("noindex" in metas.get(name, "").lower() for name in _ROBOTS),
        is_story=bool(story) or kind.startswith("article"),
        is_list=not story and any(kinds(one) & LISTS for one in data),
        moves=_moves(root),
    )


_PUBLISHED: Final = (
    *("article:published_time", "og:article:published_time", "datepublished", "date", "pubdate"),
    *("publishdate", "publish-date", "dc.date", "dc.date.issued", "dcterms.created"),
    *("parsely-pub-date", "sailthru.date", "article.published", "published_at", "publication_date"),
)
_MODIFIED: Final = (
    *("article:modified_time", "og:updated_time", "datemodified", "lastmod", "last-modified"),
    "dcterms.modified",
)


def _metas(root: etree._Element) -> dict[str, str]:
    """The first value of each name that has one; names are in lower case."""
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        value = tidy(meta.get("content") or meta.get("datetime") or "")
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            name = (meta.get(attribute) or "").strip().lower()
            if name and value:
                found.setdefault(name, value)
    return found


def _is_data(script: etree._Element) -> bool:
    kind = (script.get("type") or "").partition(";")[0].strip().lower()
    return kind == "application/ld+json"


def _first(story: Data, metas: Mapping[str, str], field: str, *names: str) -> str:
    """What the story's data say, else the first of the metas that is given."""
    found = words(story.get(field))
    return found or next((metas[name] for name in names if name in metas), "")


def _title(root: etree._Element, metas: Mapping[str, str], story: Data) -> str:
    page = tidy("".join(_texts(next(root.iter("title"), root.makeelement("title")))))
    site = metas.get("og:site_name", "")
    told = metas.get("og:title") or words(story.get("headline")) or metas.get("twitter:title")
    return _without_site(told or _heading(root, page) or page, site)


def _texts(element: etree._Element) -> list[str]:
    return [str(text) for text in element.itertext()]


def _heading(root: etree._Element, page: str) -> str:
    """The only <h1>, if the page's <title> begins or ends with it."""
    texts = [tidy(" ".join(_texts(h1))) for h1 in root.iter("h1")]
    found = [text for text in texts if text and text in page]
    return found[0] if len(found) == 1 else ""


def _without_site(title: str, site: str) -> str:
    """Without the name of the site, where it stands apart at the end."""
    *parts, last = _PARTED.split(title)
    if (
        parts
        and site
        and last.casefold() in {site.casefold(), site.casefold().removesuffix(".com")}
    ):
        return title[: title.rindex(last)].rstrip(" |»«·•›-–—")
    return title


def _authors(metas: Mapping[str, str], story: Data) -> tuple[str, ...]:
    found = [words(one) for one in listed(story.get("author"))]
    if not any(found):
        found = _BETWEEN_NAMES.split(metas.get("author") or metas.get("article:author") or "")
    names = (name.removeprefix("By ").removeprefix("by ") for name in found)
    return tuple(dict.fromkeys(name for name in names if name and "://" not in name))


def _time(root: etree._Element) -> str:
    """When the page was published, where it tells its readers."""
    for time in root.iter("time"):
        names = f"{time.get('itemprop', '')} {time.get('class', '')}".lower().split()
        if "pubdate" in time.attrib or not _PUBLISHED_NAMES.isdisjoint(names):
            return tidy(time.get("datetime") or "")
    return ""


def _language(root: etree._Element, metas: Mapping[str, str], story: Data) -> str:
    html = next(root.iter("html"), root)
    told = html.get("lang") or html.get("xml:lang") or words(story.get("inLanguage"))
    return tidy(told or metas.get("og:locale", "") or metas.get("content-language", ""))


def _image(metas: Mapping[str, str], story: Data) -> str:
    return metas.get("og:image") or metas.get("twitter:image") or address_of(story.get("image"))


def _tags(root: etree._Element, metas: Mapping[str, str], story: Data) -> tuple[str, ...]:
    tagged = [tidy(meta.get("content") or "") for meta in root.iter("meta") if _is_tag(meta)]
    told = [words(one) for one in listed(story.get("keywords"))]
    found = tagged or told if any(tagged or told) else [metas.get("news_keywords", "")]
    if not any(found):
        found = [metas.get("keywords", "")]
    split = re.split(r"[,;，、]", found[0]) if len(found) == 1 else found
    return tuple(dict.fromkeys(filter(None, map(tidy, split))))


def _is_tag(meta: etree._Element) -> bool:
    return (meta.get("property") or "").strip().lower() in {"article:tag", "og:article:tag"}


def _address(root: etree._Element, metas: Mapping[str, str]) -> str:
    """The canonical address, Open Graph's where that one is not whole."""
    links = (link for link in root.iter("link") if link.get("href"))
    named = (one for one in links if "canonical" in (one.get("rel") or "").lower().split())
    canonical = next((tidy(link.get("href") or "") for link in named), "")
    graph = metas.get("og:url", "")
    return graph if "://" in graph and "://" not in canonical else canonical


def _moves(root: etree._Element) -> bool:
    for meta in root.iter("meta"):
        if (meta.get("http-equiv") or "").strip().lower() == "refresh":
            content = meta.get("content") or ""
            wait = _REFRESH.match(content)
            if wait is not None and int(wait[1]) <= _SOON and "url" in content.lower():
                return True
    return False
