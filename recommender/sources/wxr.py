"""WordPress's export files (WXR): its posts; pages, attachments, menus and blocks are counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance
from recommender.sources.elements import Element, NotWellFormed, read_elements
from recommender.sources.fields import make_article, moment, refuse, web_address
from recommender.sources.mending import read_mended
from recommender.sources.plain import adds_to, names_of, plain_text, without_controls
from recommender.sources.records import LeftOut, Record
from recommender.sources.stored_markup import render
from recommender.sources.wordpress.posts import (
    LONGEST_SUMMARY,
    LONGEST_TITLE,
    UNSORTED,
    wordpress_id,
)

__all__ = ["read_wxr"]

_EXPORT: Final = "wordpress.org/export/"
_SPACES: Final = {
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
}
_DEFAULT_CATEGORY: Final = "uncategorized"
_DIGITS: Final = 18  # of a number at most
_ZERO: Final = "0000-00-00"
_NO_YEAR: Final = " -0001 "  # what WordPress makes of no date


@dataclass(slots=True)
class _Site:
    """What an export tells of its site, before the items and among them."""

    home: str = ""
    authors: dict[str, str] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)


def read_wxr(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    """Read an export; what is not well-formed is reported, and the rest read as far as it can be.

    Args:
        name: of the file.
        file: it is read twice, since an attachment may stand behind the post that shows it.
        advance: told of bytes.

    Raises:
        BadSource: it is being written while it is read.
    """
    site, fault = _survey(file)
    if fault:
        yield _report(name, fault)
    file.seek(0)
    try:
        for element in read_mended(file) if fault else read_elements(file, advance):
            if element.name == "item":
                yield _record(name, element, site)
    except NotWellFormed as error:
        raise BadSource(f"{name}:{error.line}: changed while it was read; try again") from error


def _survey(file: BinaryIO) -> tuple[_Site, NotWellFormed | None]:
    """Who wrote, where the images are, and where the file is not well-formed."""
    site, fault = _Site(), None
    try:
        for element in read_elements(file, lambda _: None):
            _note(element, site)
    except NotWellFormed as error:
        fault = error
        file.seek(0)
        for element in read_mended(file):
            _note(element, site)
    return site, fault


def _report(name: str, fault: NotWellFormed) -> Record:
    said = f"the file is not well-formed: {fault}; the rest is read as far as it can be"
    return Record(f"{name}:{fault.line}", InvalidArticle(said))


def _note(element: Element, site: _Site) -> None:
    values = _values(element)
    match _kind(element):
        case "link":
            site.home = site.home or element.text
        case "wp:base_blog_url":
            site.home = element.text or site.home
        case "wp:base_site_url":
            site.home = site.home or element.text
        case "wp:author":
            shown = plain_text(values.get("wp:author_display_name", ""))
            site.authors[values.get("wp:author_login", "")] = shown
        case "wp:category":
            number = values.get("wp:term_id", "")
            site.categories[values.get("wp:category_nicename", "")] = _whole(number)
        case "item" if values.get("wp:post_type") == "attachment":
            site.images[values.get("wp:post_id", "")] = values.get("wp:attachment_url", "")


def _record(name: str, item: Element, site: _Site) -> Record | LeftOut:
    values = _values(item)
    reason = _left_out(values)
    if reason:
        return LeftOut(reason)
    place = f"{name}:{item.line}"
    if not site.home.strip():
        return Record(place, refuse("/id", "the export names no site, so its posts have no ids"))
    return Record(place, _article(item, values, site))


def _left_out(values: Mapping[str, str]) -> str | None:
    """In a word why an item is no article."""
    kind, status = values.get("wp:post_type", "post"), values.get("wp:status", "publish")
    if kind != "post":
        return kind
    if status != "publish":
        return status
    return "password" if values.get("wp:post_password") else None


def _article(item: Element, values: Mapping[str, str], site: _Site) -> Article | InvalidArticle:
    body = without_controls(render(values.get("content:encoded", "")))
    summary = plain_text(values.get("excerpt:encoded", ""))
    return make_article(
        {
            "id": _id(site.home, values.get("wp:post_id", "")),
            "title": plain_text(values.get("title", ""))[:LONGEST_TITLE],
            "body_html": body if body.strip() else "",
            "summary": summary[:LONGEST_SUMMARY] if adds_to(summary, plain_text(body)) else "",
            "url": web_address(values.get("link")),
            "section": _section(item, site),
            "tags": names_of(term.text for term in _terms(item, "post_tag", "tag")),
            "authors": _authors(values.get("dc:creator", ""), site),
            "image_url": _image(item, site),
            "published_at": _moment(values, "wp:post_date_gmt") or _published(values),
            "updated_at": _moment(values, "wp:post_modified_gmt"),
        }
    )


def _id(home: str, number: str) -> str | None:
    """By site and number; none where there is no number, which the article is refused for."""
    return wordpress_id(home.strip(), _whole(number)) if _whole(number) else None


def _section(item: Element, site: _Site) -> str | None:
    """The first category in the order in which they were made, but the one for posts without."""
    slugs = {term.attributes.get("nicename", term.text): term for term in _terms(item, "category")}
    ordered = sorted(slugs, key=lambda slug: site.categories.get(slug, 0))
    names = names_of(slugs[slug].text for slug in ordered if slug != _DEFAULT_CATEGORY)
    return next((name for name in names if name.casefold() not in UNSORTED), None)


def _terms(item: Element, *domains: str) -> Iterator[Element]:
    for child in item.children:
        if child.name == "category" and child.attributes.get("domain") in domains:
            yield child


def _authors(login: str, site: _Site) -> list[str]:
    return names_of([site.authors.get(login) or login])


def _image(item: Element, site: _Site) -> str | None:
    for child in item.children:
        if _kind(child) == "wp:postmeta":
            values = _values(child)
            if values.get("wp:meta_key") == "_thumbnail_id":
                return web_address(site.images.get(values.get("wp:meta_value", "").strip()))
    return None


def _moment(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name, "")
    return None if text.startswith(_ZERO) else moment(text)


def _published(values: Mapping[str, str]) -> str | None:
    """The date of the item, for exports of before there was one in UTC."""
    text = values.get("pubDate", "")
    try:
        return None if _NO_YEAR in text else moment(parsedate_to_datetime(text).isoformat())
    except ValueError:
        return None


def _values(element: Element) -> dict[str, str]:
    """Texts of what stands in an element, by kind; the first of each."""
    found: dict[str, str] = {}
    for child in element.children:
        found.setdefault(_kind(child), child.text)
    return found


def _kind(element: Element) -> str:
    """`wp:post_id`, whichever version of the format its namespace is of."""
    space = element.space
    if _EXPORT in space:
        space = "excerpt" if space.rstrip("/").endswith("excerpt") else "wp"
    prefix = _SPACES.get(space, space)
    return f"{prefix}:{element.name}" if prefix else element.name


def _whole(number: str) -> int:
    text = number.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
