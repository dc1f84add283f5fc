"""The texts of an article that an encoder reads: title, lead and passages.

A sentence encoder reads some hundred word pieces and ignores the rest, but an article is longer. So
the article is cut at the ends of paragraphs and sentences, into passages that are read whole.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from recommender.articles import Article

__all__ = ["LEAD_WIDTH", "PASSAGE_WIDTH", "WIDE", "ArticleTexts", "cut", "paragraphs", "width"]

PASSAGE_WIDTH: Final = 900  # about 200 word pieces of English, under MiniLM's 256
LEAD_WIDTH: Final = 600
MOST_PASSAGES: Final = 48  # so that a book costs no more than a long article
WIDE: Final = 4  # a Chinese, Japanese or Korean character is a word piece; four Latin ones are

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'»”)]*\s+|(?<=[。！？])")  # noqa: RUF001 - Chinese stops


@dataclass(frozen=True, slots=True)
class ArticleTexts:
    """The texts of one article that are embedded; "" and () if it has none."""

    title: str
    lead: str
    passages: tuple[str, ...]

    @classmethod
    def of(cls, article: Article) -> "ArticleTexts":
        """Cut an article. The lead is the title with the summary, or with the start of the body."""
        title = article.title.strip()
        passages = tuple(islice(cut(article.body, PASSAGE_WIDTH), MOST_PASSAGES))
        opening = article.summary.strip() or next(cut(article.body, LEAD_WIDTH), "")
        return cls(title, "\n".join(filter(None, (title, opening))), passages)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a plain text, without the empty ones."""
    return [line for line in map(str.strip, text.splitlines()) if line]


def width(text: str) -> int:
    """The length in Latin characters. A full-width one counts four, as it is a word piece alone."""
    if text.isascii():
        return len(text)
    return sum(WIDE if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def cut(text: str, limit: int) -> Iterator[str]:
    """Cut into parts of at most `limit` width, at paragraphs, else sentences, else anywhere."""
    parts: list[str] = []
    used = 0
    for piece in _pieces(text, limit):
        size = width(piece)
        if parts and used + size > limit:
            yield " ".join(parts)
            parts, used = [], 0
        parts.append(piece)
        used += size + 1
    if parts:
        yield " ".join(parts)


def _pieces(text: str, limit: int) -> Iterator[str]:
    for paragraph in paragraphs(text):
        for sentence in _SENTENCE.split(paragraph) if width(paragraph) > limit else (paragraph,):
            yield from _slices(sentence.strip(), limit)


def _slices(sentence: str, limit: int) -> Iterator[str]:
    """Cut a sentence that is longer than a passage wherever the passage is full."""
    start = used = 0
    for at, mark in enumerate(sentence if width(sentence) > limit else ""):
        size = width(mark)
        if used and used + size > limit:
            yield sentence[start:at]
            start, used = at, 0
        used += size
    if sentence:
        yield sentence[start:]
