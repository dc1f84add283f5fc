"""Feeds: RSS, Atom and JSON Feed 1 and 1.1. Each entry becomes one article."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

from recommender.analysis.html.sandbox import FEED, Sandbox
from recommender.articles import LONGEST_NAME, Article, is_web_address
from recommender.characters import remove_controls
from recommender.errors import BadSource, InvalidArticle, UnreadableMarkup
from recommender.progress import Advance
from recommender.sources.article_fields import (
    Fields,
    as_list,
    complete_address,
    first_objects,
    first_text,
    language_tag,
    make_article,
    parse_json_document,
    plain_names,
    plain_summary,
    plain_title,
    refusal,
)
from recommender.sources.article_ids import feed_entry_id, former_feed_entry_id
from recommender.sources.dates import to_rfc3339
from recommender.sources.source import Record
from recommender.sources.source_documents import read_whole

__all__ = ["read_feed", "read_json_feed"]

_ENTRY: Final = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s>]")
_TAG: Final = re.compile(r"</?[a-zA-Z]")
_MAIL: Final = re.compile(r"[^\s()<>]+@[^\s()<>]+")
_PLAIN: Final = "text/plain"
_IMAGE: Final = re.compile(r"image(?:/|$)")
_LARGEST_NUMBER: Final = 10**18
_JSON_VERSIONS: Final = frozenset(
    {
        *("https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"),
        *("http://jsonfeed.org/version/1", "http://jsonfeed.org/version/1.1"),
        *("1", "1.0", "1.1"),  # not by the standard, but in use
    }
)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What makes ids of entries unique: the feed's address, or the entries' own links.

    Attributes:
        feed: the address that the feed was fetched from or gives itself; else its site and file.
        links: of a feed without an address, the links that only one of its entries has.
    """

    feed: str
    links: frozenset[str] = frozenset()

    def id_of(self, key: str, link: str | None) -> str:
        """The id of the article that an entry with this id and this link becomes."""
        return feed_entry_id(self.feed, key, link if link and link in self.links else "")


@dataclass(frozen=True, slots=True)
class _Feed:
    """What feedparser found.

    Attributes:
        version: the format; empty if it is no feed.
        about: what is said of the whole feed.
        entries: in the order of the document.
        fault: `:line: reason` if the feed is not well-formed.
    """

    version: str
    about: Fields
    entries: tuple[Fields, ...]
    fault: str


def read_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read a feed of any version of RSS or Atom.

    Args:
        name: its address, which completes relative links, or its path.
        file: the bytes.
        advance: called with the number of bytes read.

    Raises:
        BadSource: it is no feed, or is too large.
    """
    data = read_whole(name, file, advance)
    feed = _parse(name, data)
    if not feed.version and not feed.entries:
        raise BadSource(f"{name}{feed.fault or ':1'}: holds no RSS or Atom feed")
    links = _many(feed.about, "links")
    addresses = [_text(link, "href") for link in links if link.get("rel") == "self"]
    scope = _scope_of(
        name,
        [*addresses, _text(feed.about, "id")],
        _text(feed.about, "link"),
        ((_key(entry), _link(entry, name)) for entry in feed.entries),
    )
    lines = list(_lines(data))
    for number, entry in enumerate(feed.entries):
        place = f"{name}:{lines[number] if len(lines) == len(feed.entries) else f'/{number}'}"
        if key := _key(entry):
            entry_id = scope.id_of(key, _link(entry, name))
            article = make_article({"id": entry_id, **_fields(entry, name, feed)})
            yield _record(place, article, key)
        else:
            missing = "the entry has neither a guid nor a link to be known by"
            yield Record(place, refusal("/id", missing))
    lost = len(lines) - len(feed.entries)
    if feed.fault and lost > 0:
        yield Record(f"{name}{feed.fault}", InvalidArticle(f"{lost} entries cannot be read"))


def read_json_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read a JSON Feed; the place of an item is its JSON pointer.

    Args:
        name: its address, which completes relative links, or its path.
        file: the bytes.
        advance: called with the number of bytes read.

    Raises:
        BadSource: it is no JSON Feed of a known version, or is too large.
    """
    feed = parse_json_document(name, read_whole(name, file, advance))
    items = feed.get("items") if isinstance(feed, Mapping) else None
    if not isinstance(feed, Mapping) or first_text(feed, "version") not in _JSON_VERSIONS:
        raise BadSource(f"{name}:1: is no JSON Feed; its `version` is none of 1 and 1.1")
    if not isinstance(items, list):
        raise BadSource(f"{name}:1: is no JSON Feed; it has no list of `items`")
    scope = _scope_of(
        name,
        [first_text(feed, "feed_url")],
        first_text(feed, "home_page_url"),
        (
            (_json_key(one), _json_link(one, feed, name))
            for one in items
            if isinstance(one, Mapping)
        ),
    )
    for number, item in enumerate(items):
        place = f"{name}:/items/{number}"
        if not isinstance(item, Mapping):
            yield Record(place, refusal("", "the item is no object"))
        elif key := _json_key(item):
            entry_id = scope.id_of(key, _json_link(item, feed, name))
            article = make_article({"id": entry_id, **_json_fields(item, feed, name)})
            yield _record(place, article, key)
        else:
            yield Record(place, refusal("/id", "the item has neither an id nor a url"))


def _record(place: str, content: Article | InvalidArticle, key: str) -> Record:
    former = former_feed_entry_id(key)
    is_renamed = isinstance(content, Article) and content.id != former
    return Record(place, content, former if is_renamed else "")


def _scope_of(
    name: str,
    own_addresses: Iterable[str],
    site: str,
    entries: Iterable[tuple[str, str | None]],
) -> _Scope:
    """Find what makes the ids of a feed's entries unique: first the address it was fetched from.

    A feed in a file is known by the address that it gives itself. If it gives none, its entries are
    known by their links, wherever the file lies. A link that several entries have, such as that of
    a podcast's page, or that leads to the site tells none of them; these entries are known by the
    address of the site and the name of the file.

    Args:
        name: the feed's address, or its path.
        own_addresses: those that the feed gives itself.
        site: the address of its site.
        entries: the own id and the link of each.
    """
    for address in (name, *own_addresses):
        if is_web_address(address):
            return _Scope(address)
    file, site = PurePath(name).name, site.rstrip("/")
    counts = Counter(link for _, link in set(entries) if link and link.rstrip("/") != site)
    links = frozenset(link for link, count in counts.items() if count == 1)
    return _Scope(f"{site}/{file}" if is_web_address(site) else file, links)


def _key(entry: Fields) -> str:
    return _text(entry, "id") or _text(entry, "link")


def _link(entry: Fields, name: str) -> str | None:
    return complete_address(entry.get("link"), name if is_web_address(name) else "")


def _lines(data: bytes) -> Iterator[int]:
    """The line of each tag that looks like the beginning of an entry."""
    line, at = 1, 0
    for found in _ENTRY.finditer(data):
        line += data.count(b"\n", at, found.start())
        at = found.start()
        yield line


def _parse(name: str, data: bytes) -> _Feed:
    bare = data.removeprefix(codecs.BOM_UTF8).lstrip()
    try:
        with Sandbox(FEED) as sandbox:
            parsed: Fields = json.loads(sandbox.read(bare))
    except UnreadableMarkup as error:
        raise BadSource(f"{name}:1: {error}") from error
    about = parsed.get("feed")
    return _Feed(
        version=_text(parsed, "version"),
        about=about if isinstance(about, Mapping) else {},
        entries=tuple(_many(parsed, "entries")),
        fault=_fault(parsed.get("fault"), data, bare),
    )


def _fault(fault: object, data: bytes, bare: bytes) -> str:
    """Line and reason if a feed is not well-formed. feedparser adds a line with a declaration."""
    match fault:
        case [int() as line, str() as reason]:
            whole = line + data.count(b"\n") - bare.count(b"\n") - (not bare.startswith(b"<?xml"))
            return f":{max(1, whole)}: not well-formed ({reason})"
        case _:
            return ""


def _fields(entry: Fields, name: str, feed: _Feed) -> dict[str, object]:
    """The fields of an article except its id, from an entry as feedparser gives it."""
    base = name if is_web_address(name) else ""
    content, kind = _content(entry)
    is_plain = kind == _PLAIN and not _TAG.search(content)
    tags = (tag.get("label") or tag.get("term") for tag in _many(entry, "tags"))
    return {
        "title": _title(entry),
        "body" if is_plain else "body_html": remove_controls(content) if content.strip() else "",
        "summary": plain_summary(_text(entry, "summary"), content),
        "url": _link(entry, name),
        "tags": plain_names(tags),
        "authors": _authors(entry),
        "language": language_tag(feed.about.get("language")),
        "image_url": _image(entry, base),
        "published_at": _moment(entry.get("published_parsed")),
        "updated_at": _moment(entry.get("updated_parsed")),
    }


def _content(entry: Fields) -> tuple[str, str]:
    """The longest text of an entry, and its media type."""
    parts = [*_many(entry, "content"), entry.get("summary_detail")]
    texts = [
        (_text(part, "value"), _text(part, "type")) for part in parts if isinstance(part, Mapping)
    ]
    return max(texts, key=lambda text: len(text[0]), default=(_text(entry, "summary"), "text/html"))


def _title(entry: Fields) -> str:
    """The title. Atom says whether it is HTML; RSS does not say, so it is taken for HTML."""
    detail = entry.get("title_detail")
    kind = _text(detail, "type") if isinstance(detail, Mapping) else ""
    return plain_title(_text(entry, "title"), is_html=kind != _PLAIN)


def _authors(entry: Fields) -> list[str]:
    """The names of the authors. RSS asks for a mail address, which is no name.

    feedparser cuts an address with a long top-level domain in its middle.
    """
    several = _many(entry, "authors")
    whole = _text(entry, "author")[:LONGEST_NAME]
    if len(several) > 1 or "@" not in whole:
        return plain_names([author.get("name") for author in several]) or plain_names([whole])
    return plain_names([_MAIL.sub("", whole).strip(" ()<>")])


def _image(entry: Fields, base: str) -> str | None:
    """The first image of an entry: its media, a thumbnail, an enclosure, its cover."""
    media = [
        *(one for one in _many(entry, "media_content") if _is_image(one)),
        *_many(entry, "media_thumbnail"),
        *(one for one in _many(entry, "links") if _is_image(one)),
    ]
    cover = entry.get("image")
    addresses = [one.get("url") or one.get("href") for one in media]
    if isinstance(cover, Mapping):
        addresses.append(cover.get("href"))
    found = (complete_address(address, base) for address in addresses)
    return next((address for address in found if address), None)


def _is_image(media: Fields) -> bool:
    return any(_IMAGE.match(_text(media, name)) for name in ("medium", "type"))


def _moment(value: object) -> str | None:
    """RFC 3339 of the six numbers year to second in UTC; None if there is no such time."""
    match value:
        case [
            int() as year,
            int() as month,
            int() as day,
            int() as hour,
            int() as minute,
            int() as s,
        ]:
            return to_rfc3339(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{s:02}")
        case _:
            return None


def _text(entry: Fields, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _many(entry: Fields, name: str) -> list[Fields]:
    values = entry.get(name)
    return [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []


def _json_key(item: Fields) -> str:
    """The id of a JSON Feed's item, which some feeds write as a number; else its link."""
    number = item.get("id")
    is_whole = type(number) is int and abs(number) < _LARGEST_NUMBER
    return str(number) if is_whole else first_text(item, "id", "url")


def _json_base(feed: Fields, name: str) -> str:
    own = name if is_web_address(name) else ""
    return first_text(feed, "home_page_url", "feed_url") or own


def _json_link(item: Fields, feed: Fields, name: str) -> str | None:
    """The address of an item. Its external address is no such: others may write about that too."""
    return complete_address(item.get("url"), _json_base(feed, name))


def _json_fields(item: Fields, feed: Fields, name: str) -> dict[str, object]:
    """The fields of an article except its id, from an item of a JSON Feed."""
    base = _json_base(feed, name)
    markup, plain = first_text(item, "content_html"), first_text(item, "content_text")
    return {
        "title": plain_title(first_text(item, "title"), is_html=False),
        "body_html": remove_controls(markup),
        "body": "" if markup else remove_controls(plain),
        "summary": plain_summary(first_text(item, "summary"), markup or plain),
        "url": _json_link(item, feed, name) or complete_address(item.get("external_url"), base),
        "tags": plain_names(as_list(item.get("tags"))),
        "authors": _json_authors(item) or _json_authors(feed),
        "language": language_tag(item.get("language")) or language_tag(feed.get("language")),
        "image_url": complete_address(item.get("image") or item.get("banner_image"), base),
        "published_at": to_rfc3339(item.get("date_published")),
        "updated_at": to_rfc3339(item.get("date_modified")),
    }


def _json_authors(thing: Fields) -> list[str]:
    return plain_names(author.get("name") for author in first_objects(thing, "authors", "author"))
