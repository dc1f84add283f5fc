"""Why an article is in a list, in plain words: no figures, no names of signals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recommender.api import (
    FALLBACK_LATEST,
    FALLBACK_SECTION,
    PINNED,
    WORDS,
    Grounds,
    Item,
    PassagePair,
)
from recommender.web.sample_site.words import SiteWords

__all__ = ["PlainReason", "explain_plainly"]

NEAR: Final = (0.3, 0.2, 0.1)
"""From these scores on a story is about the same thing, about something close, on the subject."""
MOST_NAMES: Final = 3
MOST_TERMS: Final = 5


@dataclass(frozen=True, slots=True)
class PlainReason:
    """Why an article is listed.

    Attributes:
        sentences: what a reader is told.
        quotes: a passage of the story and the one of the article that matches it; None if there is
            none to show.
    """

    sentences: tuple[str, ...]
    quotes: PassagePair | None = None


def explain_plainly(item: Item, words: SiteWords) -> PlainReason:
    """Say why an item is listed; it must have been listed with explanations."""
    match item.reason:
        case str(reason) if reason == PINNED:
            return PlainReason((words.pinned,))
        case str(reason) if reason == FALLBACK_SECTION:
            return PlainReason((words.of_section,))
        case str(reason) if reason == FALLBACK_LATEST:
            return PlainReason((words.of_all,))
    grounds = item.explanation and item.explanation.grounds
    sentences = [words.degrees[sum(item.score < least for least in NEAR)]]
    if item.reason == WORDS:
        sentences.append(words.by_words)
    if grounds:
        sentences += _shared(grounds, words)
    pairs = grounds.passages if grounds else ()
    return PlainReason(tuple(sentences), next(iter(pairs), None))


def _shared(grounds: Grounds, words: SiteWords) -> Iterator[str]:
    """What both texts name, and which other words they share."""
    comma = "、" if words.language == "zh" else ", "
    names = grounds.names[:MOST_NAMES]
    if names:
        yield words.names.format(comma.join(names))
    known = {part.casefold() for name in names for part in name.split()}
    terms = [one.word for one in grounds.terms if one.word.casefold() not in known]
    if terms:
        yield words.terms.format(comma.join(terms[:MOST_TERMS]))
