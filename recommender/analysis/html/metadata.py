"""What a web page says about itself: <html>, <head> and schema.org data (JSON-LD).

It runs in the sandbox. For schema.org see https://schema.org/NewsArticle.
"""

# ruff: noqa: RUF001 - dashes and commas of many scripts

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from recommender.analysis.html.blocks import tidy
from recommender.analysis.html.web_page import PageMetadata

__all__ = ["read_metadata"]

Data = Mapping[str, object]
"""One object of JSON-LD."""

_STORY_TYPES: Final = frozenset(
    """
    Article NewsArticle AnalysisNewsArticle AskPublicNewsArticle BackgroundNewsArticle
    OpinionNewsArticle ReportageNewsArticle ReviewNewsArticle BlogPosting LiveBlogPosting Report
    SatiricalArticle ScholarlyArticle TechArticle AdvertiserContentArticle
    """.split()  # noqa: SIM905 - a list to read
)
_LIST_TYPES: Final = frozenset(
    {"CollectionPage", "ItemList", "SearchResultsPage", "Blog", "ProfilePage"}
)
_LONGEST_DATA: Final = 500_000  # characters of JSON-LD
_DEEPEST_DATA: Final = 4  # lists and graphs in one another

_REFRESH: Final = re.compile(r"\s*(\d{1,9})")
_SOON: Final = 30  # seconds; a page that reloads later is read meanwhile
_ROBOTS: Final = frozenset({"robots", "googlebot-news"})
_SEPARATOR: Final = re.compile(r"\s+(?:[|»«·•›]|[-–—]{1,2})\s+")
_NAME_SEPARATOR: Final = re.compile(r"\s*[;,،、]\s*(?:and\s+)?|\s+and\s+|\s+&\s+")
_PUBLISHED_CLASSES: Final = frozenset({"datepublished", "entry-date", "published", "dt-published"})
_PUBLISHED: Final = (
    *("article:published_time", "og:article:published_time", "datepublished", "date", "pubdate"),
    *("publishdate", "publish-date", "dc.date", "dc.date.issued", "dcterms.created"),
    *("parsely-pub-date", "sailthru.date", "article.published", "published_at", "publication_date"),
)
_MODIFIED: Final = (
    *("article:modified_time", "og:updated_time", "datemodified", "lastmod", "last-modified"),
    "dcterms.modified",
)


def read_metadata(root: etree._Element) -> PageMetadata:
    """The metadata of a parsed page. JSON-LD that is not JSON is ignored, as search engines do."""
    metas = _metas(root)
    data = [
        one
        for script in root.iter("script")
        if _is_data(script)
        for one in _data_objects(script.text)
    ]
    story = next((one for one in data if _types(one) & _STORY_TYPES), {})
    kind = metas.get("og:type", "").lower()
    return PageMetadata(
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
        is_list=not story and any(_types(one) & _LIST_TYPES for one in data),
        moves=_moves(root),
    )


def _metas(root: etree._Element) -> dict[str, str]:
    """The first value of each <meta> name; names are in lower case."""
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        value = tidy(meta.get("content") or meta.get("datetime") or "")
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            name = (meta.get(attribute) or "").strip().lower()
            if name and value:
                found.setdefault(name, value)
    return found


def _first(story: Data, metas: Mapping[str, str], field: str, *names: str) -> str:
    """The story's own field, else the first of the <meta> names that has a value."""
    found = _words(story.get(field))
    return found or next((metas[name] for name in names if name in metas), "")


def _title(root: etree._Element, metas: Mapping[str, str], story: Data) -> str:
    page = tidy("".join(_texts(next(root.iter("title"), root.makeelement("title")))))
    site = metas.get("og:site_name", "")
    named = metas.get("og:title") or _words(story.get("headline")) or metas.get("twitter:title")
    return _without_site(named or _heading(root, page) or page, site)


def _texts(element: etree._Element) -> list[str]:
    return [str(text) for text in element.itertext()]


def _heading(root: etree._Element, title: str) -> str:
    """The only <h1> whose text is a part of the page's <title>; empty if there are several."""
    texts = [tidy(" ".join(_texts(h1))) for h1 in root.iter("h1")]
    found = [text for text in texts if text and text in title]
    return found[0] if len(found) == 1 else ""


def _without_site(title: str, site: str) -> str:
    """The title without the name of the site at its end."""
    *parts, last = _SEPARATOR.split(title)
    sites = {site.casefold(), site.casefold().removesuffix(".com")}
    if parts and site and last.casefold() in sites:
        return title[: title.rindex(last)].rstrip(" |»«·•›-–—")
    return title


def _authors(metas: Mapping[str, str], story: Data) -> tuple[str, ...]:
    found = [_words(one) for one in _listed(story.get("author"))]
    if not any(found):
        found = _NAME_SEPARATOR.split(metas.get("author") or metas.get("article:author") or "")
    names = (name.removeprefix("By ").removeprefix("by ") for name in found)
    return tuple(dict.fromkeys(name for name in names if name and "://" not in name))


def _time(root: etree._Element) -> str:
    """The time of publication that the page shows in a <time> element."""
    for time in root.iter("time"):
        names = f"{time.get('itemprop', '')} {time.get('class', '')}".lower().split()
        if "pubdate" in time.attrib or not _PUBLISHED_CLASSES.isdisjoint(names):
            return tidy(time.get("datetime") or "")
    return ""


def _language(root: etree._Element, metas: Mapping[str, str], story: Data) -> str:
    html = next(root.iter("html"), root)
    named = html.get("lang") or html.get("xml:lang") or _words(story.get("inLanguage"))
    return tidy(named or metas.get("og:locale", "") or metas.get("content-language", ""))


def _image(metas: Mapping[str, str], story: Data) -> str:
    return metas.get("og:image") or metas.get("twitter:image") or _data_address(story.get("image"))


def _tags(root: etree._Element, metas: Mapping[str, str], story: Data) -> tuple[str, ...]:
    tagged = [tidy(meta.get("content") or "") for meta in root.iter("meta") if _is_tag(meta)]
    keywords = [_words(one) for one in _listed(story.get("keywords"))]
    found = tagged or keywords if any(tagged or keywords) else [metas.get("news_keywords", "")]
    if not any(found):
        found = [metas.get("keywords", "")]
    split = re.split(r"[,;，、]", found[0]) if len(found) == 1 else found
    return tuple(dict.fromkeys(filter(None, map(tidy, split))))


def _is_tag(meta: etree._Element) -> bool:
    return (meta.get("property") or "").strip().lower() in {"article:tag", "og:article:tag"}


def _address(root: etree._Element, metas: Mapping[str, str]) -> str:
    """The canonical address; Open Graph's if the canonical one is relative or absent."""
    links = (link for link in root.iter("link") if link.get("href"))
    named = (one for one in links if "canonical" in (one.get("rel") or "").lower().split())
    canonical = next((tidy(link.get("href") or "") for link in named), "")
    graph = metas.get("og:url", "")
    return graph if "://" in graph and "://" not in canonical else canonical


def _moves(root: etree._Element) -> bool:
    """Whether a meta refresh to another address follows soon."""
    for meta in root.iter("meta"):
        if (meta.get("http-equiv") or "").strip().lower() == "refresh":
            content = meta.get("content") or ""
            wait = _REFRESH.match(content)
            if wait is not None and int(wait[1]) <= _SOON and "url" in content.lower():
                return True
    return False


def _is_data(script: etree._Element) -> bool:
    kind = (script.get("type") or "").partition(";")[0].strip().lower()
    return kind == "application/ld+json"


def _data_objects(text: str | None) -> Iterator[Data]:
    """Every object of a script, also those in lists and graphs; none if it is not JSON."""
    if text is None or len(text) > _LONGEST_DATA:
        return
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return
    yield from _flatten(found, _DEEPEST_DATA)


def _flatten(value: object, depth: int) -> Iterator[Data]:
    match value:
        case list() if depth:
            for one in value:
                yield from _flatten(one, depth - 1)
        case dict() if depth:
            yield value
            yield from _flatten(value.get("@graph"), depth - 1)


def _types(one: Data) -> frozenset[str]:
    return frozenset(kind for kind in _listed(one.get("@type")) if isinstance(kind, str))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _words(value: object) -> str:
    """A text, or the name of an object; of a list the first; else empty."""
    match value:
        case str():
            return tidy(value)
        case [first, *_] if not isinstance(first, list):
            return _words(first)
        case {"name": str(name)}:
            return tidy(name)
    return ""


def _data_address(value: object) -> str:
    """An address, or that of an image or page object; of a list the first; else empty."""
    match value:
        case str():
            return tidy(value)
        case [first, *_] if not isinstance(first, list):
            return _data_address(first)
        case {"url": str(address)} | {"contentUrl": str(address)}:
            return tidy(address)
    return ""
