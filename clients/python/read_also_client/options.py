"""The options of lists, as keywords, and how they are written in an address and in JSON.

The service checks their values and says what is wrong. An option that is None is not sent.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, TypedDict

from read_also_client.answers import Override
from read_also_client.articles import ArticleId, Fields, as_fields, as_id

__all__ = [
    "FragmentOptions",
    "ListOptions",
    "ListRequest",
    "ShownListOptions",
    "body_of",
    "query_of",
]

Words = str | Collection[str]
"""One or several, `"city,-opinion"`; in a list a comma is a plain character."""
AttributeWords = str | float | bool | Collection[str | float | bool]
"""One or several values of an attribute, or ranges of numbers such as `"10..20"`."""
_COMMA: Final = re.compile(r"(\\.)|,", re.DOTALL)


class ListOptions(TypedDict, total=False):
    """The options of a list. In a filter, `-NAME` leaves out what has that name.

    limit: how many items, 1 to 100; the default is 12.
    offset: how many items to leave out, for the pages after the first; the list ends at 100.
    mode: `mixed` (of equals the newer first), `background` (older than the seed), `latest`.
    section: only articles of these sections.
    tag: only articles with one of these tags.
    author: only articles by one of these authors.
    language: BCP-47 tags, or "any"; the default is the language of the article.
    attr: by the name of an attribute, its values: `{"price": "10..20", "city": ["Osh"]}`.
    published_after: only articles published then or later; a date is its first moment in UTC.
    published_before: only articles published before.
    exclude: ids that are not to be listed.
    max_age: only articles of at most this age, in days; 30 or "30d".
    diversity: 0 to 1, instead of the policy's.
    min_score: 0 to 1; nothing below it is listed, and nothing fills the list up.
    fields: what items show beside the usual: any of `summary`, `authors`, `tags` and `image`.
    explain: True: why each item is there; "all": and what was dropped. It needs a read key.
    """

    limit: int | None
    offset: int | None
    mode: Literal["mixed", "background", "latest"] | None
    section: Words | None
    tag: Words | None
    author: Words | None
    language: Words | None
    attr: Mapping[str, AttributeWords] | None
    published_after: datetime | date | str | None
    published_before: datetime | date | str | None
    exclude: Collection[ArticleId] | None
    max_age: int | str | None
    diversity: float | None
    min_score: float | None
    fields: Collection[Literal["summary", "authors", "tags", "image"]] | None
    explain: bool | Literal["all"] | None


class ShownListOptions(ListOptions, total=False):
    """The options of the list of a stored article that a page shows.

    presentation: whether the list says in which language it is, in which direction it is written,
    which words stand over it, and what a page says of each item: date and labels.
    dates: of the presentation: `relative` (the default), `long` or `iso`.
    time_zone: of the dates, such as `Asia/Dushanbe`.
    """

    presentation: bool | None
    dates: Literal["iso", "long", "relative"] | None
    time_zone: str | None


class FragmentOptions(ListOptions, total=False):
    """The options of a list in HTML; it has no place for `explain` and `fields`.

    heading: the words over the list; the default speaks the language of the article.
    heading_level: 2 for h2, to 6.
    layout: `list`, `list-thumbs`, `cards` or `compact`; the default is HTML without a layout.
    stylesheet: False: with a layout, no link to the service's stylesheet before the list.
    images: whether items show their image; the default is that of the layout.
    labels: whether items say that they are pinned, in another language, or only new.
    dates: `iso`, `long` or `relative`.
    time_zone: of the dates, such as `Asia/Dushanbe`.
    """

    heading: str | None
    heading_level: int | None
    layout: Literal["list", "list-thumbs", "cards", "compact"] | None
    stylesheet: bool | None
    images: bool | None
    labels: bool | None
    dates: Literal["iso", "long", "relative"] | None
    time_zone: str | None


class ListRequest(ListOptions, total=False):
    """One list of a page: `article_id`, `like` and `unlike`, or the text of a draft; and options.

    In the request for a draft, `section` and `language` are those of the text; those of the list
    stand in `options`. `pins` and `blocks`, ids or more, stand in place of the stored ones.
    """

    article_id: ArticleId
    like: Collection[ArticleId]
    unlike: Collection[ArticleId]
    id: ArticleId
    title: str
    body: str
    body_html: str
    summary: str
    url: str | None
    tags: Collection[str]
    authors: Collection[str]
    image_url: str | None
    image_srcset: str | None
    published_at: datetime | date | str | None
    updated_at: datetime | date | str | None
    status: str
    embargoed_until: datetime | date | str | None
    expires_at: datetime | date | str | None
    no_related: bool
    never_recommend: bool
    translation_of: ArticleId | None
    version: int | None
    attributes: Mapping[str, object]
    pins: Collection[Override | Fields | ArticleId]
    blocks: Collection[Override | Fields | ArticleId]
    options: ListOptions


def query_of(options: Mapping[str, object]) -> dict[str, str]:
    """Options as an address has them."""
    body = body_of(options)
    attributes = body.pop("attr", {})
    written = {name: _in_query(value) for name, value in body.items()}
    if isinstance(attributes, Mapping):
        written |= {f"attr.{name}": _of_attribute(one) for name, one in attributes.items()}
    return written


def body_of(options: Mapping[str, object]) -> dict[str, object]:
    """Options as JSON. None and False are defaults, and are not sent; 0 may be none."""
    given = {name: _written(name, value) for name, value in options.items()}
    return {name: one for name, one in given.items() if one is not None and one is not False}


def _written(name: str, value: object) -> object:
    match name, value:
        case "images" | "stylesheet", False:
            return 0  # what a layout has by default
        case "max_age", int():
            return f"{value}d"
        case "exclude", Collection():
            return [as_id(one) for one in _in_order(value)] or None
        case ("published_after" | "published_before", date()) | ("attr", Mapping()):
            return as_fields({name: value})[name] or None
        case _, Collection() if not isinstance(value, str):
            return _in_order(value) or None
        case _:
            return value


def _in_order(values: Collection[Any]) -> list[Any]:
    """A list; of a set always the same, so that caches know the address again."""
    return sorted(values, key=str) if isinstance(values, set | frozenset) else list(values)


def _in_query(value: object) -> str:
    match value:
        case True:
            return "1"
        case float():
            return f"{value + 0.0:.6f}"  # -0.0 is 0
        case str() | int():
            return str(value)
        case Collection():
            return ",".join(_COMMA.sub(_escape_comma, str(one)) for one in value)
        case _:
            return str(value)


def _of_attribute(value: object) -> str:
    """Values of an attribute, as an address has them; a number below 0 excludes nothing."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"\\{value}" if value < 0 else str(value)
        case Collection() if not isinstance(value, str):
            return ",".join(_COMMA.sub(_escape_comma, _of_attribute(one)) for one in value)
        case _:
            return str(value)


def _escape_comma(found: re.Match[str]) -> str:
    return found[1] or r"\,"
