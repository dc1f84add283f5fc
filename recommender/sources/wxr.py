"""WordPress's export files (WXR): its posts; pages, attachments, menus and blocks are counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, Final

from recommender.analysis.html.shortcodes import render_stored_content
from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance, Rounds
from recommender.sources.elements import Element, NotWellFormed, read_elements
from recommender.sources.fields import make_article, moment, refuse, web_address
from recommender.sources.mending import read_mended
from recommender.sources.moments import mail_moment
from recommender.sources.plain import names_of, plain_text, summary_of, title_of, without_controls
from recommender.sources.records import LeftOut, Record
from recommender.sources.wordpress.posts import UNSORTED, wordpress_id

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
    items: int = 0


def read_wxr(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    """Read an export; what is not well-formed is reported, and the rest read as far as it can be.

    Args:
        name: of the file.
        file: it is read twice, since an attachment may stand behind the post that shows it.
        advance: told of bytes.

    Raises:
        BadSource: it is being written while it is read.
    """
    rounds = Rounds(advance, 2)
    site, fault = _survey(file, rounds)
    file.seek(0)
    elements = read_mended(file, rounds) if fault else read_elements(file, rounds)
    items = (element for element in elements if element.name == "item")
    try:
        if fault:
            yield from (_record(name, item, site) for item in islice(items, fault.items))
            yield _report(name, fault)
        yield from (_record(name, item, site) for item in items)
    except NotWellFormed as error:
        raise BadSource(f"{name}:{error.line}: changed while it was read; try again") from error


@dataclass(frozen=True, slots=True)
class _Fault:
    """Where a file is not well-formed, why, and how many items stand whole before that."""

    line: int
    reason: str
    items: int


def _survey(file: BinaryIO, rounds: Rounds) -> tuple[_Site, _Fault | None]:
    """Who wrote, where the images are, and where the file is not well-formed."""
    site = _Site()
    try:
        for element in read_elements(file, rounds):
            _note(element, site)
    except NotWellFormed as error:
        fault = _Fault(error.line, str(error), site.items)
        file.seek(0)
        rounds.at = 0
        for element in read_mended(file, rounds):
            _note(element, site)
        return site, fault
    return site, None


def _report(name: str, fault: _Fault) -> Record:
    said = f"the file is not well-formed: {fault.reason}; the rest is read as far as it can be"
    return Record(f"{name}:{fault.line}", InvalidArticle(said))


def _note(element: Element, site: _Site) -> None:
    values = _values(element)
    site.items += element.name == "item"
    match _kind(element):
        case "link" | "wp:base_site_url":
            site.home = site.home or _address(element)
        case "wp:base_blog_url":
            site.home = _address(element) or site.home
        case "wp:author":
            shown = plain_text(values.get("wp:author_display_name", ""))
            site.authors[values.get("wp:author_login", "")] = shown
        case "wp:category":
            number = values.get("wp:term_id", "")
            site.categories[values.get("wp:category_nicename", "")] = _whole(number)
        case "item" if values.get("wp:post_type") == "attachment":
            site.images[values.get("wp:post_id", "")] = values.get("wp:attachment_url", "")


def _address(element: Element) -> str:
    """A home address; empty for one without a scheme, which no id can be made of."""
    return element.text.strip() if web_address(element.text) else ""


def _record(name: str, item: Element, site: _Site) -> Record | LeftOut:
    values = _values(item)
    reason = _left_out(values)
    if reason:
        return LeftOut(reason)
    place = f"{name}:{item.line}"
    if not site.home:
        unknown = "the export names no site by an http or https address, so its posts have no ids"
        return Record(place, refuse("/id", unknown))
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
    body = without_controls(render_stored_content(values.get("content:encoded", "")))
    return make_article(
        {
            "id": _id(site.home, values.get("wp:post_id", "")),
            "title": title_of(values.get("title", ""), is_html=True),
            "body_html": body if body.strip() else "",
            "summary": summary_of(values.get("excerpt:encoded", ""), body),
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
    return wordpress_id(home, _whole(number)) if _whole(number) else None


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
    published = None if _NO_YEAR in text else mail_moment(text)
    return moment(published.isoformat()) if published else None


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
