"""IPTC ninjs 1.x and 2.x, the JSON of news agencies: an object, an array, or one on each line."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.characters import remove_controls
from recommender.errors import BadSource, InvalidArticle
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
from recommender.sources.article_ids import foreign_id
from recommender.sources.dates import to_rfc3339
from recommender.sources.source import LeftOut, Record
from recommender.sources.source_documents import read_whole

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
    """Read news items; pictures and other items without a text are left out.

    Args:
        name: of the file.
        file: the bytes.
        advance: called with the number of bytes read.

    Raises:
        BadSource: it is not JSON at all, or too large.
    """
    for place, item in _items(name, read_whole(name, file, advance)):
        if isinstance(item, Mapping) and first_text(item, "type") in _NO_TEXT:
            yield LeftOut(first_text(item, "type"))
        else:
            yield Record(place, _content(item))


def _items(name: str, data: bytes) -> Iterator[tuple[str, object]]:
    """Each item with its place: a line or a JSON pointer. A line that is not JSON is a refusal."""
    lines = [(f"{name}:{n}", line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    try:
        whole = parse_json_document(name, data)
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
        return parse_json_document("the line", line)
    except BadSource as fault:
        return InvalidArticle(str(fault))


def _content(item: object) -> Article | InvalidArticle:
    if isinstance(item, InvalidArticle):
        return item
    if not isinstance(item, Mapping):
        return refusal("", "the item is no object")
    return _unusable(item) or make_article(_fields(item))


def _unusable(item: Fields) -> InvalidArticle | None:
    """What is wrong with the fields that are never guessed: id, status, embargo and expiry."""
    if not _key(item):
        return refusal("/uri", "the item has no uri to be known by")
    if _status(item) is None:
        known = ", ".join(_STATUS)
        return refusal(
            "/pubstatus", f"is {first_text(item, 'pubstatus')[:60]!r}; known are {known}"
        )
    for names in (_EMBARGO, _EXPIRY):
        for name in names:
            if item.get(name) and not to_rfc3339(item[name]):
                return refusal(f"/{name}", "is no date and time")
    return None


def _fields(item: Fields) -> dict[str, object]:
    markup, plain = _bodies(item)
    created = (to_rfc3339(item.get(name)) for name in ("firstcreated", "contentcreated"))
    updated = to_rfc3339(item.get("versioncreated"))
    return {
        "id": foreign_id("ninjs", _key(item)),
        "title": plain_title(_headline(item), is_html=False),
        "body_html": remove_controls(markup),
        "body": "" if markup else remove_controls(plain),
        "summary": _summary(item, markup or plain),
        "url": complete_address(first_text(item, "canonicalurl", "webcanonicalurl", "url")),
        "tags": plain_names(
            subject.get("name") for subject in first_objects(item, "subjects", "subject")
        ),
        "authors": _authors(item),
        "language": language_tag(item.get("language")),
        "image_url": _image(item),
        "published_at": next((at for at in created if at), updated),
        "updated_at": updated,
        "status": _status(item),
        "embargoed_until": to_rfc3339(first_text(item, *_EMBARGO)),
        "expires_at": to_rfc3339(first_text(item, *_EXPIRY)),
        "version": _version(item),
    }


def _key(item: Fields) -> str:
    """The uri, else the guid, else the first of the other ids."""
    others = (
        first_text(one, "value") or first_text(one, *one)
        for one in first_objects(item, "altids", "altid")
    )
    return first_text(item, "uri", "guid") or next((key for key in others if key), "")


def _status(item: Fields) -> str | None:
    """The article's status; None if it is unknown. An item without one is usable."""
    status = item.get("pubstatus") or "usable"
    return _STATUS.get(status.strip().lower()) if isinstance(status, str) else None


def _headline(item: Fields) -> str:
    by_role = {
        first_text(one, "role"): first_text(one, "value") for one in _texts(item, "headlines")[::-1]
    }
    main = (by_role.get(role) for role in _MAIN_ROLES)
    several = next((found for found in main if found), next(iter(by_role.values()), ""))
    return first_text(item, "headline") or several or first_text(item, "title")


def _bodies(item: Fields) -> tuple[str, str]:
    """The body as HTML and as plain text; each is empty if it is absent."""
    by_type = {
        first_text(one, "contenttype"): first_text(one, "value") for one in _texts(item, "bodies")
    }
    markup = next((by_type[kind] for kind in by_type if kind in _HTML), "")
    plain = next((by_type[kind] for kind in by_type if kind not in _HTML), "")
    direct = first_text(item, "body_html", "body_xhtml")
    return direct or markup, first_text(item, "body_text", "body") or plain


def _summary(item: Fields, body: str) -> str:
    several = (first_text(one, "value") for one in _texts(item, "descriptions"))
    found = first_text(item, "description_text", "description_html") or next(several, "")
    return plain_summary(found, body)


def _authors(item: Fields) -> list[str]:
    """Names, without the word "by" before them."""
    several = [one.get("name") or one.get("value") for one in first_objects(item, "bylines")]
    plain = [one for one in as_list(item.get("bylines")) if isinstance(one, str)]
    found = plain_names([*several, *plain]) or plain_names([first_text(item, "by", "byline")])
    return [name[3:] if name[:3].lower() == "by " else name for name in found]


def _image(item: Fields) -> str | None:
    """The first image of the item, or of a picture that is associated with it."""
    for holder in (item, *_members(item, "associations")):
        for rendition in _members(holder, "renditions"):
            kind = first_text(rendition, "mimetype", "contenttype")
            is_image = kind.startswith("image/") or (
                not kind and first_text(holder, "type") == "picture"
            )
            address = complete_address(rendition.get("href"))
            if is_image and address:
                return address
    return None


def _members(thing: Fields, name: str) -> list[Fields]:
    """Objects in a list, as in version 2, or by name in another object, as in version 1."""
    value = thing.get(name)
    members = value.values() if isinstance(value, Mapping) else as_list(value)
    return [one for one in members if isinstance(one, Mapping)]


def _texts(item: Fields, name: str) -> list[Fields]:
    return [one for one in _members(item, name) if first_text(one, "value")]


def _version(item: Fields) -> int | None:
    number = item.get("version")
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        return int(number) if len(number) <= _DIGITS else None
    return number if type(number) is int and 0 <= number < 10**_DIGITS else None
