"""The tokens of an article, as hashed counts for lexical similarity.

Tokens are hashed into a fixed number of buckets. So there is no vocabulary to store or to migrate,
and a new article can be compared with those of the last rebuild at once.
"""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BUCKETS
from recommender.articles import Article

__all__ = [
    "MOST_WORDS",
    "STEM",
    "TITLE_WEIGHT",
    "TOKENS_VERSION",
    "ArticleWords",
    "count_tokens",
    "count_words",
    "tokenize",
]

TOKENS_VERSION: Final = "words-2"
"""The version of `count_tokens`: change it when the same text would give other counts."""
TITLE_WEIGHT: Final = 2
LONGEST_WORD: Final = 40
STEM: Final = 6
"""How many letters of a word count. What follows is mostly grammar.

Truncation is a stemmer for every language (McNamee and Mayfield 2004); see docs/relevance.md.
"""
MOST_WORDS: Final = 20_000  # of a text, so that a book costs no more than a long article

# `re` does not count the vowel signs of Indic scripts as letters, and would cut words there. No run
# gives back what it has (`++`): nothing comes after it that could need it.
_WORD = re.compile(
    r"(?:[^\W_]++|[\u0900-\u0963\u0970-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]++)++"
)
_ASCII_WORD = re.compile("[0-9a-z]+")
# Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without spaces between words.
_UNSPACED = re.compile(
    r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
    r"|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"
)
# Marks that stay apart when letters are composed: accents, vowel points.
_MARKS = dict.fromkeys([*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x670])
# Letters that are written in two ways are made one, or one word would be two: Arabic and Persian
# kaf and ye, and Russian yo, which newspapers print as ye. The stretched line and the zero-width
# joiner are dropped.
_LETTERS: Final[Mapping[int, str | None]] = _MARKS | str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ё": "е", "\u0640": None, "\u200c": None}  # noqa: RUF001
)

_LETTER = re.compile(f"[{''.join(map(chr, _LETTERS))}]")


@dataclass(frozen=True, slots=True)
class ArticleWords:
    """The first MOST_WORDS words of each text of an article, as `tokenize` gives them."""

    title: Sequence[str]
    summary: Sequence[str]
    body: Sequence[str]

    @classmethod
    def of(cls, article: Article) -> "ArticleWords":
        """Tokenize the texts of an article."""
        texts = (article.title, article.summary, article.body)
        return cls(*([*islice(tokenize(text), MOST_WORDS)] for text in texts))


def tokenize(text: str) -> Iterator[str]:
    """Words in order, case folded; overlapping pairs of characters where there are no spaces."""
    if text.isascii():
        words = map(re.Match.group, _ASCII_WORD.finditer(text.lower()))
        return (word for word in words if len(word) <= LONGEST_WORD)
    folded = unicodedata.normalize("NFKC", text).casefold()
    if _LETTER.search(folded):
        folded = _LETTER.sub(_spell, folded)
    words = map(re.Match.group, _WORD.finditer(folded))
    if _UNSPACED.search(folded):
        return chain.from_iterable(map(_split, words))
    return (word for word in words if len(word) <= LONGEST_WORD)


def _spell(letter: re.Match[str]) -> str:
    return _LETTERS[ord(letter.group())] or ""


def _split(word: str) -> Iterator[str]:
    """Split what stands between two spaces where a script without spaces begins or ends."""
    for place, part in enumerate(_UNSPACED.split(word)):
        if place % 2:
            yield from _pairs(part)
        elif 0 < len(part) <= LONGEST_WORD:
            yield part


def _pairs(run: str) -> Iterator[str]:
    yield from (run[at : at + 2] for at in range(max(1, len(run) - 1)))


def count_tokens(article: Article) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Count the tokens of title, summary and body: words cut to STEM letters, then hashed.

    Returns:
        buckets: int32 [n], ascending, each in 0..BUCKETS-1.
        counts: float32 [n], how often each occurs; in the title it counts TITLE_WEIGHT times.
    """
    return count_words(ArticleWords.of(article))


def count_words(words: ArticleWords) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Count the tokens of an article whose words are known; see `count_tokens`."""
    stems = Counter(word[:STEM] for word in chain(words.summary, words.body))
    for word in words.title:
        stems[word[:STEM]] += TITLE_WEIGHT
    counted: dict[int, int] = {}
    for stem, count in stems.items():
        bucket = zlib.crc32(stem.encode()) & (BUCKETS - 1)
        counted[bucket] = counted.get(bucket, 0) + count
    buckets = sorted(counted)
    counts = [counted[bucket] for bucket in buckets]
    return np.array(buckets, np.int32), np.array(counts, np.float32)
