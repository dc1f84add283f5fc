"""IPTC ninjs 1.x and 2.x, the JSON of news agencies: an object, an array, or an object a line."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance
from recommender.sources.bodies import read_whole
from recommender.sources.fields import language_tag, make_article, moment, refuse, web_address
from recommender.sources.ids import foreign_id
from recommender.sources.json_values import Fields, entries, listed, read_json, text
from recommender.sources.plain import names_of, summary_of, title_of, without_controls
from recommender.sources.records import LeftOut, Record

__all__ = ["read_ninjs"]

_STATUS: Final = {
    "usable": "published",
    "withheld": "withheld",
    "canceled": "canceled",
    "cancelled": "canceled",
}
_EMBARGO: Final = ("embargoeduntil", "embargoed_until", "embargoed")
_EXPIRY: Final = ("expires",)
_DIGITS: Final = 18  # of a version at most
_NO_TEXT: Final = frozenset({"audio", "component", "graphic", "picture", "planning", "video"})
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_MAIN_ROLES: Final = ("main", "headline", "hl1", "")


def read_ninjs(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    """Read news items; pictures and the like, which have no text of their own, are left out.

    Args:
        name: of the file.
        file: the bytes.
        advance: told of bytes.

    Raises:
        BadSource: it is no JSON at all, or too large.
    """
    for place, item in _items(name, read_whole(name, file, advance)):
        if isinstance(item, Mapping) and text(item, "type") in _NO_TEXT:
            yield LeftOut(text(item, "type"))
        else:
            yield Record(place, _content(item))


def _items(name: str, data: bytes) -> Iterator[tuple[str, object]]:
    """Each item with its place, a line or a JSON pointer; a line that is no JSON is a refusal."""
    lines = [(f"{name}:{n}", line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    try:
        whole = read_json(name, data)
    except BadSource:
        if len(lines) <= 1 or isinstance(_value(lines[0][1]), InvalidArticle):
            raise
        yield from ((place, _value(line)) for place, line in lines)
        return
    if isinstance(whole, list):
        yield from ((f"{name}:/{number}", item) for number, item in enumerate(whole))
    else:
        yield f"{name}:1", whole


def _value(line: bytes) -> object:
    try:
        return read_json("the line", line)
    except BadSource as fault:
        return InvalidArticle(str(fault))


def _content(item: object) -> Article | InvalidArticle:
    if isinstance(item, InvalidArticle):
        return item
    if not isinstance(item, Mapping):
        return refuse("", "the item is no object")
    return _unusable(item) or make_article(_fields(item))


def _unusable(item: Fields) -> InvalidArticle | None:
    """What must not be guessed at: who it is, and from when until when it may be shown."""
    if not _key(item):
        return refuse("/uri", "the item has no uri to be known by")
    if _status(item) is None:
        known = ", ".join(_STATUS)
        return refuse("/pubstatus", f"is {text(item, 'pubstatus')[:60]!r}; known are {known}")
    for names in (_EMBARGO, _EXPIRY):
        for name in names:
            if item.get(name) and not moment(item[name]):
                return refuse(f"/{name}", "is no date and time")
    return None


def _fields(item: Fields) -> dict[str, object]:
    markup, plain = _bodies(item)
    created = (moment(item.get(name)) for name in ("firstcreated", "contentcreated"))
    updated = moment(item.get("versioncreated"))
    return {
        "id": foreign_id("ninjs", _key(item)),
        "title": title_of(_headline(item), is_html=False),
        "body_html": without_controls(markup),
        "body": "" if markup else without_controls(plain),
        "summary": _summary(item, markup or plain),
        "url": web_address(text(item, "canonicalurl", "webcanonicalurl", "url")),
        "tags": names_of(subject.get("name") for subject in entries(item, "subjects", "subject")),
        "authors": _authors(item),
        "language": language_tag(item.get("language")),
        "image_url": _image(item),
        "published_at": next((at for at in created if at), updated),
        "updated_at": updated,
        "status": _status(item),
        "embargoed_until": moment(text(item, *_EMBARGO)),
        "expires_at": moment(text(item, *_EXPIRY)),
        "version": _version(item),
    }


def _key(item: Fields) -> str:
    """The uri, else the guid, else the first of the other ids."""
    others = (text(one, "value") or text(one, *one) for one in entries(item, "altids", "altid"))
    return text(item, "uri", "guid") or next((key for key in others if key), "")


def _status(item: Fields) -> str | None:
    """The article's status; None for one that is not known. An item without one is usable."""
    told = item.get("pubstatus") or "usable"
    return _STATUS.get(told.strip().lower()) if isinstance(told, str) else None


def _headline(item: Fields) -> str:
    by_role = {text(one, "role"): text(one, "value") for one in _texts(item, "headlines")[::-1]}
    main = (by_role.get(role) for role in _MAIN_ROLES)
    several = next((found for found in main if found), next(iter(by_role.values()), ""))
    return text(item, "headline") or several or text(item, "title")


def _bodies(item: Fields) -> tuple[str, str]:
    """The body as HTML and as plain text, each if it is there."""
    by_type = {text(one, "contenttype"): text(one, "value") for one in _texts(item, "bodies")}
    markup = next((by_type[kind] for kind in by_type if kind in _HTML), "")
    plain = next((by_type[kind] for kind in by_type if kind not in _HTML), "")
    own = text(item, "body_html", "body_xhtml")
    return own or markup, text(item, "body_text", "body") or plain


def _summary(item: Fields, body: str) -> str:
    several = (text(one, "value") for one in _texts(item, "descriptions"))
    found = text(item, "description_text", "description_html") or next(several, "")
    return summary_of(found, body)


def _authors(item: Fields) -> list[str]:
    """Names, without the word that some put before them."""
    several = [one.get("name") or one.get("value") for one in entries(item, "bylines")]
    plain = [one for one in listed(item.get("bylines")) if isinstance(one, str)]
    found = names_of([*several, *plain]) or names_of([text(item, "by", "byline")])
    return [name[3:] if name[:3].lower() == "by " else name for name in found]


def _image(item: Fields) -> str | None:
    """The first image of the item, or of a picture that belongs to it."""
    for holder in (item, *_members(item, "associations")):
        for rendition in _members(holder, "renditions"):
            kind = text(rendition, "mimetype", "contenttype")
            is_image = kind.startswith("image/") or (not kind and text(holder, "type") == "picture")
            address = web_address(rendition.get("href"))
            if is_image and address:
                return address
    return None


def _members(thing: Fields, name: str) -> list[Fields]:
    """Objects in a list, as version 2 has them, or by name in another object, as version 1 has."""
    value = thing.get(name)
    members = value.values() if isinstance(value, Mapping) else listed(value)
    return [one for one in members if isinstance(one, Mapping)]


def _texts(item: Fields, name: str) -> list[Fields]:
    return [one for one in _members(item, name) if text(one, "value")]


def _version(item: Fields) -> int | None:
    number = item.get("version")
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        return int(number) if len(number) <= _DIGITS else None
    return number if type(number) is int and 0 <= number < 10**_DIGITS else None
