"""Posts of WordPress to articles: as its REST interface gives them, or in a file saved from it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from recommender.articles import Article
from recommender.characters import remove_controls
from recommender.errors import BadSource, FieldFault, InvalidArticle
from recommender.progress import Meter
from recommender.sources.article_fields import (
    Fields,
    complete_address,
    first_objects,
    first_text,
    make_article,
    plain_names,
    plain_summary,
    plain_title,
)
from recommender.sources.article_ids import wordpress_attributes, wordpress_id
from recommender.sources.dates import to_rfc3339
from recommender.sources.source import CheckpointJson, Gone, Pulled, Record
from recommender.sources.source_documents import read_whole
from recommender.sources.wordpress.taxonomies import USUAL, Taxonomies

__all__ = ["FIELDS", "POSTS_ONLY", "UNSORTED", "Post", "WordPressFile", "post_number", "read_post"]

Post = Fields

FIELDS: Final = (
    "id,status,type,date_gmt,modified_gmt,link,title,content,excerpt,author,featured_media,"
    "_links.wp:term,_links.author,_links.wp:featuredmedia,_embedded"
)
"""The parameter `_fields` of a request for posts, without the numbers of their terms."""

POSTS_ONLY: Final = frozenset({"post"})
NEW_LINE: Final = "\n"
_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[\s,]*")
_API: Final = re.compile(r"/wp-json/|/(?:index\.php)?\?rest_route=|/\?p=")
LARGEST_NUMBER: Final = 2**63 - 1
UNSORTED: Final = frozenset(
    {
        *("uncategorized", "uncategorised", "без рубрики", "без категории", "без категорії"),
        *("non classé", "sin categoría", "sem categoria", "senza categoria", "bez kategorii"),
        *("未分类", "未分類", "미분류", "غير مصنف", "دسته‌بندی نشده"),
    }
)
"""WordPress's name for the category of posts without one, in many languages, in lower case."""


def post_number(post: Post) -> int | None:
    """The number of a post; None if it has no usable one."""
    number = post.get("id")
    return number if type(number) is int and 0 < number <= LARGEST_NUMBER else None


def read_post(
    post: Post,
    home: str,
    types: frozenset[str] = POSTS_ONLY,
    taxonomies: Taxonomies = USUAL,
) -> Article | Gone | InvalidArticle:
    """The article of a post; Gone if the post is not public, or behind a password.

    Args:
        post: one object of a response to `wp/v2/posts`, or to the route of another type.
        home: the site's home address.
        types: the names of the types whose posts are articles.
        taxonomies: those of which section and tags are.
    """
    number = post_number(post)
    fault = _post_fault(post, number, types)
    if number is None or fault is not None:
        return InvalidArticle("this is no post", (fault,) if fault else ())
    article_id = wordpress_id(home, number)
    if post.get("status", "publish") != "publish" or _is_protected(post):
        return Gone(article_id)
    return make_article({"id": article_id} | _fields(post, home, taxonomies))


def _post_fault(post: Post, number: int | None, types: frozenset[str]) -> FieldFault | None:
    """Why an object is not a post of the REST interface; None if it is one."""
    if not ("title" in post or "content" in post):
        return FieldFault("/content", "is missing, and so is the title")
    if first_text(post, "type") not in types:
        become = "posts become articles" if types == POSTS_ONLY else "types that were asked for"
        named = f"is {first_text(post, 'type')[:40]!r}; only {become}"
        return FieldFault("/type", named)
    return None if number else FieldFault("/id", "must be the number of the post")


def _is_protected(post: Post) -> bool:
    content = post.get("content")
    return isinstance(content, Mapping) and content.get("protected") is True


def _fields(post: Post, home: str, taxonomies: Taxonomies) -> dict[str, object]:
    """The article's fields without the id."""
    body = remove_controls(_rendered(post, "content"))
    terms = list(_terms(post))
    return {
        "title": plain_title(_rendered(post, "title"), is_html=True),
        "body_html": body if body.strip() else "",
        "summary": plain_summary(_rendered(post, "excerpt"), body),
        "url": complete_address(post.get("link"), home + "/"),
        "section": _section(_terms_of(terms, taxonomies.section)),
        "tags": _names(term for one in taxonomies.tags for term in _terms_of(terms, one)),
        "authors": _authors(post, terms),
        "image_url": _image(post, home),
        "published_at": to_rfc3339(post.get("date_gmt")),
        "updated_at": to_rfc3339(post.get("modified_gmt")),
        "attributes": wordpress_attributes(home),
    }


def _rendered(post: Post, name: str) -> str:
    field = post.get(name)
    return first_text(field, "rendered") if isinstance(field, Mapping) else first_text(post, name)


def _section(terms: Iterable[Post]) -> str | None:
    """The term that was created first, without the category for unsorted posts."""
    ordered = sorted(terms, key=lambda term: post_number(term) or 0)
    names = _names(term for term in ordered if term.get("slug") != "uncategorized")
    return next((name for name in names if name.casefold() not in UNSORTED), None)


def _authors(post: Post, terms: Sequence[Post]) -> list[str]:
    """Display names. The plugin Co-Authors Plus keeps several authors in a taxonomy of its own.

    A name in it that equals the slug is a login.
    """
    several = list(_terms_of(terms, "author"))
    displayed = [term for term in several if term.get("name") != term.get("slug")]
    return _names(displayed) or _names(_embedded(post, "author"))


def _terms_of(terms: Iterable[Post], taxonomy: str) -> Iterator[Post]:
    return (term for term in terms if term.get("taxonomy") == taxonomy)


def _terms(post: Post) -> Iterator[Post]:
    for group in _embedded_values(post, "wp:term"):
        if isinstance(group, list):
            yield from (term for term in group if isinstance(term, Mapping))


def _image(post: Post, home: str) -> str | None:
    images = _embedded(post, "wp:featuredmedia")
    return next((complete_address(image.get("source_url"), home + "/") for image in images), None)


def _embedded(post: Post, name: str) -> Iterator[Post]:
    yield from (one for one in _embedded_values(post, name) if isinstance(one, Mapping))


def _embedded_values(post: Post, name: str) -> list[object]:
    embedded = post.get("_embedded")
    values = embedded.get(name) if isinstance(embedded, Mapping) else None
    return values if isinstance(values, list) else []


def _names(things: Iterable[Post]) -> list[str]:
    return plain_names(thing.get("name") for thing in things)


class WordPressFile:
    """A file that holds a post, or an array of posts. It has no checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:  # noqa: ARG002 - of the interface
        """Read the file, post by post.

        Raises:
            BadSource: the file cannot be read, is too large, or is not JSON from somewhere on.
        """
        try:
            with self._path.open("rb") as file:
                json_text = read_whole(self.name, file, lambda _count: None).decode("utf-8-sig")
        except OSError as error:
            raise BadSource(f"{self._path}: cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise BadSource(f"{self._path}: is not UTF-8 (byte {error.start})") from error
        line, done = 1, 0
        with meter(self._path.name, len(json_text), "B") as advance:
            for begin, end, found in self._values(json_text):
                line += json_text.count(NEW_LINE, done, begin)
                yield Record(f"{self._path}:{line}", _file_content(found))
                line += json_text.count(NEW_LINE, begin, end)
                advance(end - done)
                done = end

    def _values(self, json_text: str) -> Iterator[tuple[int, int, object]]:
        """Begin, end and value of each post: those of an array, or the only one."""
        begin = _skip(json_text, 0)
        is_array = json_text.startswith("[", begin)
        at = _skip(json_text, begin + 1) if is_array else begin
        while not (is_array and json_text.startswith("]", at)):
            found, end = self._value(json_text, at)
            yield at, end, found
            at = _skip(json_text, end)
            if not is_array:
                break
        if json_text[at + is_array :].strip():
            raise BadSource(
                f"{self._place(json_text, at)}: more follows after the end of the JSON text"
            )

    def _value(self, json_text: str, at: int) -> tuple[object, int]:
        try:
            return _DECODER.raw_decode(json_text, at)
        except (ValueError, RecursionError) as error:
            where = self._place(json_text, getattr(error, "pos", at))
            raise BadSource(f"{where}: is not JSON ({getattr(error, 'msg', error)})") from error

    def _place(self, json_text: str, at: int) -> str:
        return f"{self._path}:{json_text.count(NEW_LINE, 0, at) + 1}"


def _skip(json_text: str, at: int) -> int:
    found = _BLANK.match(json_text, at)
    return found.end() if found else at


def _file_content(found: object) -> Article | Gone | InvalidArticle:
    if not isinstance(found, Mapping):
        return InvalidArticle("this is no post, but another JSON value")
    return read_post(found, _home(found))


def _home(post: Post) -> str:
    """The home address, from a post's own links; a post has no field for it."""
    for address in _own_addresses(post):
        found = _API.search(address)
        if found:
            return address[: found.start()]
    scheme, mark, rest = first_text(post, "link").partition("://")
    return scheme + mark + rest.partition("/")[0]


def _own_addresses(post: Post) -> Iterator[str]:
    for links in first_objects(post, "_links"):
        yield from (first_text(one, "href") for one in first_objects(links, "self"))
    yield from (first_text(guid, "rendered") for guid in first_objects(post, "guid"))
