"""JSON Feed, versions 1 and 1.1: one article an item."""

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
from recommender.sources.records import Record

__all__ = ["read_json_feed"]

_LARGEST: Final = 10**18
_VERSIONS: Final = frozenset(
    {
        *("https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"),
        *("http://jsonfeed.org/version/1", "http://jsonfeed.org/version/1.1"),
        *("1", "1.0", "1.1"),  # what feeds say that were written from memory
    }
)


def read_json_feed(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read a feed; each item's place is its JSON pointer.

    Args:
        name: its address, which relative links are completed by, or its path.
        file: the bytes.
        advance: told of bytes.

    Raises:
        BadSource: it is no JSON Feed of a version that is known, or too large.
    """
    feed = read_json(name, read_whole(name, file, advance))
    items = feed.get("items") if isinstance(feed, Mapping) else None
    if not isinstance(feed, Mapping) or text(feed, "version") not in _VERSIONS:
        raise BadSource(f"{name}:1: is no JSON Feed; its `version` is none of 1 and 1.1")
    if not isinstance(items, list):
        raise BadSource(f"{name}:1: is no JSON Feed; it has no list of `items`")
    for number, item in enumerate(items):
        yield Record(f"{name}:/items/{number}", _article(item, feed, name))


def _article(item: object, feed: Fields, name: str) -> Article | InvalidArticle:
    if not isinstance(item, Mapping):
        return refuse("", "the item is no object")
    key = _key(item)
    if not key:
        return refuse("/id", "the item has neither an id nor a url to be known by")
    base = text(feed, "home_page_url", "feed_url") or (name if web_address(name) else "")
    markup, plain = text(item, "content_html"), text(item, "content_text")
    return make_article(
        {
            "id": foreign_id("feed", key),
            "title": title_of(text(item, "title"), is_html=False),
            "body_html": without_controls(markup),
            "body": "" if markup else without_controls(plain),
            "summary": summary_of(text(item, "summary"), markup or plain),
            "url": web_address(item.get("url") or item.get("external_url"), base),
            "tags": names_of(listed(item.get("tags"))),
            "authors": _authors(item) or _authors(feed),
            "language": language_tag(item.get("language")) or language_tag(feed.get("language")),
            "image_url": web_address(item.get("image") or item.get("banner_image"), base),
            "published_at": moment(item.get("date_published")),
            "updated_at": moment(item.get("date_modified")),
        }
    )


def _key(item: Fields) -> str:
    """The id, which some feeds write as a number; else the link."""
    number = item.get("id")
    whole = type(number) is int and abs(number) < _LARGEST
    return str(number) if whole else text(item, "id", "url")


def _authors(thing: Fields) -> list[str]:
    return names_of(author.get("name") for author in entries(thing, "authors", "author"))
