"""WordPress's export files (WXR): posts of the types asked for become articles.

Other items are counted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from recommender.analysis.html.shortcodes import render_stored_content
from recommender.articles import Article
from recommender.characters import remove_controls
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance, Rounds
from recommender.sources.article_fields import (
    complete_address,
    make_article,
    plain_names,
    plain_summary,
    plain_text,
    plain_title,
    refusal,
)
from recommender.sources.article_ids import wordpress_attributes, wordpress_id
from recommender.sources.dates import parse_mail_date, to_rfc3339
from recommender.sources.source import LeftOut, Record
from recommender.sources.source_documents import read_whole
from recommender.sources.wordpress.posts import POSTS_ONLY, UNSORTED
from recommender.sources.wordpress.taxonomies import USUAL, Taxonomies
from recommender.sources.xml_elements import (
    NotWellFormed,
    XmlElement,
    read_elements,
    recover_elements,
)

__all__ = ["read_wxr"]

_EXPORT: Final = "wordpress.org/export/"
_SPACES: Final = {
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
}
_DEFAULT_CATEGORY: Final = "uncategorized"
_OF_TERMS: Final = {
    "wp:category": ("wp:category_nicename", "category"),
    "wp:tag": ("wp:tag_slug", "post_tag"),
    "wp:term": ("wp:term_slug", ""),
}
"""By the element of a term: the name of its slug, and its taxonomy, if the element has none."""
_OLD_TAG: Final = "tag"  # the domain of tags in old exports
_DIGITS: Final = 18  # of a number
_ZERO: Final = "0000-00-00"
_NO_YEAR: Final = " -0001 "  # how WordPress writes an absent date
_ITEM: Final = re.compile(rb"<item[\s>]")


@dataclass(slots=True)
class _Site:
    """What is read of an export, and what it says about its site, before the items and among them.

    `terms` has the number of each term by its taxonomy and its slug.
    """

    types: frozenset[str]
    taxonomies: Taxonomies
    home: str = ""
    authors: dict[str, str] = field(default_factory=dict)
    terms: dict[tuple[str, str], int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)


def read_wxr(
    name: str,
    file: BinaryIO,
    advance: Advance,
    types: frozenset[str] = POSTS_ONLY,
    taxonomies: Taxonomies = USUAL,
) -> Iterator[Record | LeftOut]:
    """Read an export. If it is not well-formed, that is reported, and items are recovered.

    Args:
        name: of the file.
        file: it is read twice, as an attachment may come after the post that shows it.
        advance: called with the number of bytes read.
        types: the names of the types whose posts are articles.
        taxonomies: those of which section and tags are.

    Raises:
        BadSource: it is not well-formed and too large to be recovered, or changes meanwhile.
    """
    rounds = Rounds(advance, 2)
    site, before_fault = _Site(types, taxonomies), 0
    try:
        for element in read_elements(file, rounds):
            _note(element, site)
            before_fault += element.name == "item"
    except NotWellFormed as fault:
        file.seek(0)
        rounds.at = 0
        data = read_whole(name, file, rounds)
        yield from _recovered(name, data, _Site(types, taxonomies), fault, before_fault)
        rounds(len(data))
        return
    file.seek(0)
    try:
        for element in read_elements(file, rounds):
            if element.name == "item":
                yield _record(name, element, site)
    except NotWellFormed as error:
        raise BadSource(f"{name}:{error.line}: changed while it was read; try again") from error


def _recovered(
    name: str, data: bytes, site: _Site, fault: NotWellFormed, before_fault: int
) -> Iterator[Record | LeftOut]:
    """What lxml recovers of an export; the fault is reported after the items before it."""
    elements = recover_elements(data)
    for element in elements:
        _note(element, site)
    items = [element for element in elements if element.name == "item"]
    lost = max(0, len(_ITEM.findall(data)) - len(items))
    counts = f"items recovered: {len(items)}, lost: {lost}"
    report = InvalidArticle(f"the file is not well-formed: {fault}; {counts}")
    yield from (_record(name, item, site) for item in items[:before_fault])
    yield Record(f"{name}:{fault.line}", report)
    yield from (_record(name, item, site) for item in items[before_fault:])


def _note(element: XmlElement, site: _Site) -> None:
    values = _values(element)
    match _kind(element):
        case "link" | "wp:base_site_url":
            site.home = site.home or _address(element)
        case "wp:base_blog_url":
            site.home = _address(element) or site.home
        case "wp:author":
            shown = plain_text(values.get("wp:author_display_name", ""))
            site.authors[values.get("wp:author_login", "")] = shown
        case "wp:category" | "wp:tag" | "wp:term" as kind:
            slug, taxonomy = _OF_TERMS[kind]
            of = values.get("wp:term_taxonomy", taxonomy), values.get(slug, "")
            site.terms[of] = _whole(values.get("wp:term_id", ""))
        case "item" if values.get("wp:post_type") == "attachment":
            site.images[values.get("wp:post_id", "")] = values.get("wp:attachment_url", "")


def _address(element: XmlElement) -> str:
    """A home address; empty if it has no scheme, as no id can be made of it."""
    return element.text.strip() if complete_address(element.text) else ""


def _record(name: str, item: XmlElement, site: _Site) -> Record | LeftOut:
    values = _values(item)
    reason = _left_out(values, site.types)
    if reason:
        return LeftOut(reason)
    place = f"{name}:{item.line}"
    if not site.home:
        unknown = "the export names no site by an http or https address, so its posts have no ids"
        return Record(place, refusal("/id", unknown))
    return Record(place, _article(item, values, site))


def _left_out(values: Mapping[str, str], types: frozenset[str]) -> str | None:
    """Why an item is not an article, in a word; None if it is one."""
    kind, status = values.get("wp:post_type", "post"), values.get("wp:status", "publish")
    if kind not in types:
        return kind
    if status != "publish":
        return status
    return "password" if values.get("wp:post_password") else None


def _article(item: XmlElement, values: Mapping[str, str], site: _Site) -> Article | InvalidArticle:
    body = remove_controls(render_stored_content(values.get("content:encoded", "")))
    return make_article(
        {
            "id": _id(site.home, values.get("wp:post_id", "")),
            "title": plain_title(values.get("title", ""), is_html=True),
            "body_html": body if body.strip() else "",
            "summary": plain_summary(values.get("excerpt:encoded", ""), body),
            "url": complete_address(values.get("link")),
            "section": _section(item, site),
            "tags": _tags(item, site),
            "authors": _authors(values.get("dc:creator", ""), site),
            "image_url": _image(item, site),
            "published_at": _moment(values, "wp:post_date_gmt") or _published(values),
            "updated_at": _moment(values, "wp:post_modified_gmt"),
            "attributes": wordpress_attributes(site.home),
        }
    )


def _id(home: str, number: str) -> str | None:
    """The id by site and number; None without a number, and then the article is refused."""
    return wordpress_id(home, _whole(number)) if _whole(number) else None


def _section(item: XmlElement, site: _Site) -> str | None:
    """The term that was created first, without the category for unsorted posts."""
    taxonomy = site.taxonomies.section
    slugs = {term.attributes.get("nicename", term.text): term for term in _terms(item, taxonomy)}
    ordered = sorted(slugs, key=lambda slug: site.terms.get((taxonomy, slug), 0))
    names = plain_names(slugs[slug].text for slug in ordered if slug != _DEFAULT_CATEGORY)
    return next((name for name in names if name.casefold() not in UNSORTED), None)


def _tags(item: XmlElement, site: _Site) -> list[str]:
    return plain_names(term.text for one in site.taxonomies.tags for term in _terms(item, one))


def _terms(item: XmlElement, taxonomy: str) -> Iterator[XmlElement]:
    domains = {taxonomy} | ({_OLD_TAG} if taxonomy == "post_tag" else set())
    for child in item.children:
        if child.name == "category" and child.attributes.get("domain") in domains:
            yield child


def _authors(login: str, site: _Site) -> list[str]:
    return plain_names([site.authors.get(login) or login])


def _image(item: XmlElement, site: _Site) -> str | None:
    for child in item.children:
        if _kind(child) == "wp:postmeta":
            values = _values(child)
            if values.get("wp:meta_key") == "_thumbnail_id":
                return complete_address(site.images.get(values.get("wp:meta_value", "").strip()))
    return None


def _moment(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name, "")
    return None if text.startswith(_ZERO) else to_rfc3339(text)


def _published(values: Mapping[str, str]) -> str | None:
    """The date of the item; old exports have none in UTC."""
    text = values.get("pubDate", "")
    published = None if _NO_YEAR in text else parse_mail_date(text)
    return to_rfc3339(published.isoformat()) if published else None


def _values(element: XmlElement) -> dict[str, str]:
    """The texts of an element's children, by kind; the first of each kind."""
    found: dict[str, str] = {}
    for child in element.children:
        found.setdefault(_kind(child), child.text)
    return found


def _kind(element: XmlElement) -> str:
    """Prefix and name, such as `wp:post_id`, for any version of the format."""
    space = element.space
    if _EXPORT in space:
        space = "excerpt" if space.rstrip("/").endswith("excerpt") else "wp"
    prefix = _SPACES.get(space, space)
    return f"{prefix}:{element.name}" if prefix else element.name


def _whole(number: str) -> int:
    text = number.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
