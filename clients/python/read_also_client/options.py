"""The options of lists, as keywords, and how they are written in an address and in JSON.

The service checks their values and says what is wrong. An option that is None is not sent.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Final, Literal, TypedDict

from read_also_client.articles import ArticleId, as_id

__all__ = [
    "DraftOptions",
    "FragmentOptions",
    "ListOptions",
    "ListRequest",
    "ShownListOptions",
    "body_of",
    "query_of",
]

Words = str | Collection[str]
"""One or several, `"city,-opinion"`; in a list a comma is a plain character."""
_COMMA: Final = re.compile(r"(\\.)|,", re.DOTALL)


class DraftOptions(TypedDict, total=False):
    """The options of the list of a draft.

    limit: how many items, 1 to 100; the default is 12.
    offset: how many items to leave out, for the pages after the first; the list ends at 100.
    mode: `mixed` (of equals the newer first), `background` (older than the seed), `latest`.
    tag: only articles with this tag.
    exclude: ids that are not to be listed.
    max_age: only articles of at most this age, in days; 30 or "30d".
    diversity: 0 to 1, instead of the policy's.
    min_score: 0 to 1; nothing below it is listed, and nothing fills the list up.
    explain: True: why each item is there; "all": and what was dropped. It needs a read key.
    """

    limit: int | None
    offset: int | None
    mode: Literal["mixed", "background", "latest"] | None
    tag: Words | None
    exclude: Collection[ArticleId] | None
    max_age: int | str | None
    diversity: float | None
    min_score: float | None
    explain: bool | Literal["all"] | None


class ListOptions(DraftOptions, total=False):
    """The options of the list of a stored article.

    section: only articles of this section.
    language: BCP-47 tags, or "any"; the default is the language of the article.
    """

    section: Words | None
    language: Words | None


class ShownListOptions(ListOptions, total=False):
    """The options of the list of a stored article that a page shows.

    presentation: whether the list says in which language it is, in which direction it is written,
    and which words stand over it.
    """

    presentation: bool | None


class FragmentOptions(ListOptions, total=False):
    """The options of a list in HTML; it has no place for `explain`.

    heading: the words over the list; the default speaks the language of the article.
    heading_level: 2 for h2, to 6.
    images: whether items show their image.
    """

    heading: str | None
    heading_level: int | None
    images: bool | None


class ListRequest(ListOptions, total=False):
    """One list of a page: `article_id`, `like` and `unlike`, or the text of a draft; and options.

    In the request for a draft, `section` and `language` are those of the text.
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
    published_at: datetime | date | str | None
    updated_at: datetime | date | str | None
    status: str
    embargoed_until: datetime | date | str | None
    expires_at: datetime | date | str | None
    no_related: bool
    never_recommend: bool
    translation_of: ArticleId | None
    version: int | None


def query_of(options: Mapping[str, object]) -> dict[str, str]:
    """Options as an address has them."""
    return {name: _in_query(value) for name, value in body_of(options).items()}


def body_of(options: Mapping[str, object]) -> dict[str, object]:
    """Options as JSON. None and False are always defaults, and are not sent; 0 may be none."""
    given = {name: _written(name, value) for name, value in options.items()}
    return {name: one for name, one in given.items() if one is not None and one is not False}


def _written(name: str, value: object) -> object:
    match name, value:
        case "max_age", int():
            return f"{value}d"
        case "exclude", Collection():
            return [as_id(one) for one in value] or None
        case "language", Collection() if not isinstance(value, str):
            return ",".join(value)
        case _:
            return value


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


def _escape_comma(found: re.Match[str]) -> str:
    return found[1] or r"\,"
