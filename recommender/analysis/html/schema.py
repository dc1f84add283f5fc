"""Data of a page after schema.org, as JSON-LD has them: https://schema.org/NewsArticle."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from recommender.analysis.html.sheet import tidy

__all__ = ["LISTS", "STORIES", "Data", "address_of", "kinds", "listed", "objects", "words"]

Data = Mapping[str, object]
STORIES: Final = frozenset(
    """
    Article NewsArticle AnalysisNewsArticle AskPublicNewsArticle BackgroundNewsArticle
    OpinionNewsArticle ReportageNewsArticle ReviewNewsArticle BlogPosting LiveBlogPosting Report
    SatiricalArticle ScholarlyArticle TechArticle AdvertiserContentArticle
    """.split()  # noqa: SIM905 - a list to read
)
LISTS: Final = frozenset({"CollectionPage", "ItemList", "SearchResultsPage", "Blog", "ProfilePage"})
_LONGEST_DATA: Final = 500_000  # characters of JSON-LD
_DEEPEST: Final = 4


def objects(text: str | None) -> Iterator[Data]:
    """Every object of a script, graphs and lists opened; none where it is no JSON or too long."""
    if text is None or len(text) > _LONGEST_DATA:
        return
    try:
        read = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return
    yield from _opened(read, _DEEPEST)


def _opened(value: object, deep: int) -> Iterator[Data]:
    match value:
        case list() if deep:
            for one in value:
                yield from _opened(one, deep - 1)
        case dict() if deep:
            yield value
            yield from _opened(value.get("@graph"), deep - 1)


def kinds(one: Data) -> frozenset[str]:
    """The types of an object."""
    return frozenset(kind for kind in listed(one.get("@type")) if isinstance(kind, str))


def listed(value: object) -> list[object]:
    """A value as a list of values."""
    return value if isinstance(value, list) else [value]


def words(value: object) -> str:
    """A text, or the name of the object that stands for it, the first of many; else nothing."""
    match value:
        case str():
            return tidy(value)
        case [first, *_] if not isinstance(first, list):
            return words(first)
        case {"name": str(name)}:
            return tidy(name)
    return ""


def address_of(value: object) -> str:
    """An address, or that of an image or page object, the first of many; else nothing."""
    match value:
        case str():
            return tidy(value)
        case [first, *_] if not isinstance(first, list):
            return address_of(first)
        case {"url": str(address)} | {"contentUrl": str(address)}:
            return tidy(address)
    return ""
