"""A post, as WordPress's REST interface answers it, to an article."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from recommender.articles import Article
from recommender.errors import FieldFault, InvalidArticle
from recommender.sources.fields import make_article, moment, web_address
from recommender.sources.ids import foreign_id
from recommender.sources.json_values import text
from recommender.sources.plain import names_of, summary_of, title_of, without_controls
from recommender.sources.records import Gone

__all__ = [
    "FIELDS",
    "UNSORTED",
    "Post",
    "post_id",
    "read_post",
    "wordpress_id",
]

Post = Mapping[str, object]

FIELDS: Final = (
    "id,status,type,date_gmt,modified_gmt,link,title,content,excerpt,author,featured_media,"
    "categories,tags,_links.wp:term,_links.author,_links.wp:featuredmedia,_embedded"
)
"""What is asked of a post, beside `_embed`."""

LARGEST_ID: Final = 2**63 - 1
UNSORTED: Final = frozenset(
    {
        *("uncategorized", "uncategorised", "без рубрики", "без категории", "без категорії"),
        *("non classé", "sin categoría", "sem categoria", "senza categoria", "bez kategorii"),
        *("未分类", "未分類", "미분류", "غير مصنف", "دسته‌بندی نشده"),
    }
)
"""What WordPress calls the category of posts that have none, in languages it is installed in."""


def post_id(post: Post) -> int | None:
    """The number of a post; None where there is no usable one."""
    number = post.get("id")
    return number if type(number) is int and 0 < number <= LARGEST_ID else None


def wordpress_id(home: str, number: int) -> str:
    """The id of a post's article: the site's home address without scheme, and the number."""
    host, slash, path = home.partition("://")[2].rstrip("/").partition("/")
    return foreign_id("wp", host.lower() + slash + path, str(number))


def read_post(post: Post, home: str) -> Article | Gone | InvalidArticle:
    """The article that a post is; Gone for one that is not public, or behind a password.

    Args:
        post: one object of the answer to `wp/v2/posts`.
        home: the site's home address.
    """
    number = post_id(post)
    fault = _unlike_a_post(post, number)
    if number is None or fault is not None:
        return InvalidArticle("this is no post", (fault,) if fault else ())
    article_id = wordpress_id(home, number)
    if post.get("status", "publish") != "publish" or _is_protected(post):
        return Gone(article_id)
    return make_article({"id": article_id} | _fields(post, home))


def _unlike_a_post(post: Post, number: int | None) -> FieldFault | None:
    """The first thing that tells a post of the REST interface from another object."""
    if not ("title" in post or "content" in post):
        return FieldFault("/content", "is missing, and so is the title")
    if post.get("type") != "post":
        named = f"is {text(post, 'type')[:40]!r}; only posts become articles"
        return FieldFault("/type", named)
    return None if number else FieldFault("/id", "must be the number of the post")


def _is_protected(post: Post) -> bool:
    content = post.get("content")
    return isinstance(content, Mapping) and content.get("protected") is True


def _fields(post: Post, home: str) -> dict[str, object]:
    """The article's fields but the id."""
    body = without_controls(_rendered(post, "content"))
    terms = list(_terms(post))
    return {
        "title": title_of(_rendered(post, "title"), is_html=True),
        "body_html": body if body.strip() else "",
        "summary": summary_of(_rendered(post, "excerpt"), body),
        "url": web_address(post.get("link"), home + "/"),
        "section": _section(terms),
        "tags": _names(term for term in terms if term.get("taxonomy") == "post_tag"),
        "authors": _authors(post, terms),
        "image_url": _image(post, home),
        "published_at": moment(post.get("date_gmt")),
        "updated_at": moment(post.get("modified_gmt")),
    }


def _rendered(post: Post, name: str) -> str:
    field = post.get(name)
    return text(field, "rendered") if isinstance(field, Mapping) else text(post, name)


def _section(terms: Sequence[Post]) -> str | None:
    """The first category in the order in which they were made, but the one for posts without."""
    categories = [term for term in terms if term.get("taxonomy") == "category"]
    categories.sort(key=lambda term: post_id(term) or 0)
    names = _names(term for term in categories if term.get("slug") != "uncategorized")
    return next((name for name in names if name.casefold() not in UNSORTED), None)


def _authors(post: Post, terms: Sequence[Post]) -> list[str]:
    """Display names; where posts may have several authors, a taxonomy holds them.

    That taxonomy is of the plugin Co-Authors Plus. Where its names are logins they are the slug.
    """
    several = [term for term in terms if term.get("taxonomy") == "author"]
    displayed = [term for term in several if term.get("name") != term.get("slug")]
    return _names(displayed) or _names(_embedded(post, "author"))


def _terms(post: Post) -> Iterator[Post]:
    for group in _embedded_values(post, "wp:term"):
        if isinstance(group, list):
            yield from (term for term in group if isinstance(term, Mapping))


def _image(post: Post, home: str) -> str | None:
    images = _embedded(post, "wp:featuredmedia")
    return next((web_address(image.get("source_url"), home + "/") for image in images), None)


def _embedded(post: Post, name: str) -> Iterator[Post]:
    yield from (one for one in _embedded_values(post, name) if isinstance(one, Mapping))


def _embedded_values(post: Post, name: str) -> list[object]:
    embedded = post.get("_embedded")
    values = embedded.get(name) if isinstance(embedded, Mapping) else None
    return values if isinstance(values, list) else []


def _names(things: Iterable[Post]) -> list[str]:
    return names_of(thing.get("name") for thing in things)
