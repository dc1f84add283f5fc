"""RSS and Atom: one article an entry, as much of it as the feed gives."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from recommender.analysis.html.sandbox import FEED, Sandbox
from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle, UnreadableMarkup
from recommender.progress import Advance
from recommender.sources.bodies import read_whole
from recommender.sources.fields import language_tag, make_article, moment, refuse, web_address
from recommender.sources.ids import foreign_id
from recommender.sources.plain import names_of, summary_of, title_of, without_controls
from recommender.sources.records import Record

__all__ = ["read_feed"]

Entry = Mapping[str, object]

_ENTRY: Final = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s>]")
_TAG: Final = re.compile(r"</?[a-zA-Z]")
_MAIL: Final = re.compile(r"[^\s()<>]+@[^\s()<>]+")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LONGEST_NAME: Final = 300  # characters
_PLAIN: Final = "text/plain"
_IMAGE: Final = re.compile(r"image(?:/|$)")


@dataclass(frozen=True, slots=True)
class _Feed:
    """What a parser found, plain dictionaries all."""

    version: str
    language: str | None
    entries: tuple[Entry, ...]
    fault: str


def read_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read a feed of any kind of RSS or Atom, as far as one can be found in it.

    Args:
        name: its address, which relative links are completed by, or its path.
        file: the bytes.
        advance: told of bytes.

    Raises:
        BadSource: there is no feed in it, or it is too large.
    """
    data = read_whole(name, file, advance)
    feed = _parse(name, data)
    if not feed.version and not feed.entries:
        raise BadSource(f"{name}{feed.fault or ':1'}: holds no RSS or Atom feed")
    base = name if web_address(name) else ""
    lines = list(_lines(data))
    for number, entry in enumerate(feed.entries):
        place = f"{name}:{lines[number] if len(lines) == len(feed.entries) else f'/{number}'}"
        yield Record(place, _article(entry, base, feed.language))
    lost = len(lines) - len(feed.entries)
    if feed.fault and lost > 0:
        yield Record(f"{name}{feed.fault}", InvalidArticle(f"{lost} entries cannot be read"))


def _lines(data: bytes) -> Iterator[int]:
    """Where what looks like an entry begins, line by line."""
    line, at = 1, 0
    for found in _ENTRY.finditer(data):
        line += data.count(b"\n", at, found.start())
        at = found.start()
        yield line


def _parse(name: str, data: bytes) -> _Feed:
    bare = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
    try:
        with Sandbox(FEED) as sandbox:
            parsed = json.loads(sandbox.read(bare))
    except UnreadableMarkup as error:
        raise BadSource(f"{name}:1: {error}") from error
    about = parsed.get("feed")
    return _Feed(
        version=_text(parsed, "version"),
        language=language_tag(about.get("language")) if isinstance(about, Mapping) else None,
        entries=tuple(_many(parsed, "entries")),
        fault=_fault(parsed.get("fault"), data, bare),
    )


def _fault(fault: object, data: bytes, bare: bytes) -> str:
    """Line and reason, where a feed is not well-formed; feedparser puts a declaration before it."""
    match fault:
        case [int() as line, str() as reason]:
            whole = line + data.count(b"\n") - bare.count(b"\n") - (not bare.startswith(b"<?xml"))
            return f":{max(1, whole)}: not well-formed ({reason})"
        case _:
            return ""


def _article(entry: Entry, base: str, language: str | None) -> Article | InvalidArticle:
    key = _text(entry, "id") or _text(entry, "link")
    if not key:
        return refuse("/id", "the entry has neither a guid nor a link to be known by")
    content, kind = _content(entry)
    plain = kind == _PLAIN and not _TAG.search(content)
    return make_article(
        {
            "id": foreign_id("feed", key),
            "title": _title(entry),
            "body" if plain else "body_html": without_controls(content) if content.strip() else "",
            "summary": summary_of(_text(entry, "summary"), content),
            "url": web_address(entry.get("link"), base),
            "tags": names_of(tag.get("label") or tag.get("term") for tag in _many(entry, "tags")),
            "authors": _authors(entry),
            "language": language,
            "image_url": _image(entry, base),
            "published_at": _moment(entry.get("published_parsed")),
            "updated_at": _moment(entry.get("updated_parsed")),
        }
    )


def _content(entry: Entry) -> tuple[str, str]:
    """The longest text that the entry holds, and its media type."""
    parts = [*_many(entry, "content"), entry.get("summary_detail")]
    texts = [
        (_text(part, "value"), _text(part, "type")) for part in parts if isinstance(part, Mapping)
    ]
    return max(texts, key=lambda text: len(text[0]), default=(_text(entry, "summary"), "text/html"))


def _title(entry: Entry) -> str:
    """The title: plain text where Atom says so, or where RSS, which says nothing, shows no HTML."""
    detail = entry.get("title_detail")
    kind = _text(detail, "type") if isinstance(detail, Mapping) else ""
    return title_of(_text(entry, "title"), is_html=kind != _PLAIN)


def _authors(entry: Entry) -> list[str]:
    """Names; an address of mail, which RSS asks for, is none.

    feedparser takes one of a long top-level domain apart in its midst.
    """
    several = _many(entry, "authors")
    whole = _text(entry, "author")[:_LONGEST_NAME]
    if len(several) > 1 or "@" not in whole:
        return names_of([author.get("name") for author in several]) or names_of([whole])
    return names_of([_MAIL.sub("", whole).strip(" ()<>")])


def _image(entry: Entry, base: str) -> str | None:
    """The first image that comes with an entry: its media, a thumbnail, an enclosure, its cover."""
    media = [
        *(one for one in _many(entry, "media_content") if _is_image(one)),
        *_many(entry, "media_thumbnail"),
        *(one for one in _many(entry, "links") if _is_image(one)),
    ]
    cover = entry.get("image")
    addresses = [one.get("url") or one.get("href") for one in media]
    if isinstance(cover, Mapping):
        addresses.append(cover.get("href"))
    found = (web_address(address, base) for address in addresses)
    return next((address for address in found if address), None)


def _is_image(media: Entry) -> bool:
    return any(_IMAGE.match(_text(media, name)) for name in ("medium", "type"))


def _moment(value: object) -> str | None:
    """RFC 3339 of year to second in UTC; None where no calendar has that."""
    match value:
        case [
            int() as year,
            int() as month,
            int() as day,
            int() as hour,
            int() as minute,
            int() as s,
        ]:
            return moment(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{s:02}")
        case _:
            return None


def _text(entry: Entry, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _many(entry: Entry, name: str) -> list[Entry]:
    values = entry.get(name)
    return [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []
