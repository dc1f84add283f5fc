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

__all__ = [
    "BRIEF_WIDTH",
    "LEAD_WIDTH",
    "PASSAGE_WIDTH",
    "WIDE",
    "ArticleTexts",
    "cut",
    "cut_evenly",
    "paragraphs",
    "width",
]

PASSAGE_WIDTH: Final = 900  # about 200 word pieces of English, under MiniLM's 256
LEAD_WIDTH: Final = 600
BRIEF_WIDTH: Final = 600
"""A body below this width is a brief: alone it says too little, so its title is read with it."""
BRIEF_TITLE_WEIGHT: Final = 2.0
LEAST_LETTERS: Final = 12
"""A body with fewer letters and digits says nothing: `***`, `...`, "Video"."""
EVENNESS: Final = 20
MOST_PASSAGES: Final = 48  # so that a book costs no more than a long article
WIDE: Final = 4  # a Chinese, Japanese or Korean character is a word piece; four Latin ones are

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'»”)]*\s+|(?<=[。！？])")  # noqa: RUF001 - Chinese stops


@dataclass(frozen=True, slots=True)
class ArticleTexts:
    """The texts of one article that are embedded; "" and () if it has none.

    Attributes:
        title: the headline.
        lead: the title with the summary, or with the start of the body.
        body: the body in parts of about the same width, each of which an encoder reads whole.
        is_brief: whether the body is so short that its title is read with it.
    """

    title: str
    lead: str
    body: tuple[str, ...]
    is_brief: bool = False

    @classmethod
    def of(cls, article: Article) -> "ArticleTexts":
        """Cut an article. Below a title, a body that says nothing is left out."""
        title = article.title.strip()
        body = article.body if not title or _says_something(article.body) else ""
        opening = article.summary.strip() or next(cut(body, LEAD_WIDTH), "")
        is_brief = 0 < width(body) < BRIEF_WIDTH
        lead = "\n".join(filter(None, (title, opening)))
        return cls(title, lead, cut_evenly(body), is_brief)

    @property
    def passages(self) -> tuple[str, ...]:
        """The texts that are compared with other articles: the body, and of a brief the title."""
        if not (self.title and self.is_brief):
            return self.body
        return tuple(f"{self.title}\n{part}" for part in self.body)

    @property
    def title_weight(self) -> float:
        """The weight of the title in the article's vector; the lead and the passages have 1."""
        return BRIEF_TITLE_WEIGHT if self.is_brief else 1.0


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a plain text, without the empty ones."""
    return [line for line in map(str.strip, text.splitlines()) if line]


def _says_something(body: str) -> bool:
    """Whether a body has LEAST_LETTERS letters or digits; full-width ones count as wide."""
    letters = "".join(islice(filter(str.isalnum, body), LEAST_LETTERS))
    return width(letters) >= LEAST_LETTERS


def width(text: str) -> int:
    """The length in Latin characters. A full-width one counts four, as it is a word piece alone."""
    if text.isascii():
        return len(text)
    return sum(WIDE if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def cut_evenly(text: str, limit: int = PASSAGE_WIDTH, most: int = MOST_PASSAGES) -> tuple[str, ...]:
    """Cut into as few parts as `limit` allows, of about the same width; the first `most` parts.

    If parts were filled one after the other, the short rest at the end would count as much as a
    full part.
    """
    parts = tuple(islice(cut(text, limit), most + 1))
    if not 1 < len(parts) <= most:
        return parts[:most]
    # The least width that needs no more parts, to within a few characters. It cuts no sentence.
    low, high = max(sum(map(width, parts)) // len(parts), _longest_sentence(text)), limit
    while high - low > EVENNESS:
        middle = (low + high) // 2
        tried = tuple(islice(cut(text, middle), len(parts) + 1))
        if len(tried) <= len(parts):
            parts, high = tried, middle
        else:
            low = middle
    return parts


def _longest_sentence(text: str) -> int:
    sentences = (one for line in paragraphs(text) for one in _SENTENCE.split(line))
    return max(map(width, sentences), default=0)


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
