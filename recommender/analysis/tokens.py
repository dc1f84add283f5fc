"""The tokens of an article, as hashed counts for lexical similarity.

Tokens are hashed into a fixed number of buckets. So there is no vocabulary to store or to migrate,
and a new article can be compared with those of the last rebuild at once.
"""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BUCKETS
from recommender.articles import Article

__all__ = ["MOST_WORDS", "STEM", "TITLE_WEIGHT", "TOKENS_VERSION", "count_tokens", "tokenize"]

TOKENS_VERSION: Final = "words-2"
"""The version of `count_tokens`: change it when the same text would give other counts."""
TITLE_WEIGHT: Final = 2
LONGEST_WORD: Final = 40
STEM: Final = 6
"""How many letters of a word count. What follows is mostly grammar.

Truncation is a stemmer for every language (McNamee and Mayfield 2004); see docs/relevance.md.
"""
MOST_WORDS: Final = 20_000  # of a text, so that a book costs no more than a long article

# `re` does not count the vowel signs of Indic scripts as letters, and would cut words there.
_WORD = re.compile(
    r"(?:[^\W_]|[\u0900-\u0963\u0970-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])+"
)
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
_LETTERS = _MARKS | str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ё": "е", "\u0640": None, "\u200c": None}  # noqa: RUF001
)


def tokenize(text: str) -> Iterator[str]:
    """Words in order, case folded; overlapping pairs of characters where there are no spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    for match in _WORD.finditer(folded):
        for place, part in enumerate(_UNSPACED.split(match.group())):
            yield from _pairs(part) if place % 2 else _spelt(part)


def _pairs(run: str) -> Iterator[str]:
    yield from (run[at : at + 2] for at in range(max(1, len(run) - 1)))


def _spelt(word: str) -> Iterator[str]:
    if 0 < len(word) <= LONGEST_WORD:
        yield word


def count_tokens(article: Article) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Count the tokens of title, summary and body: words cut to STEM letters, then hashed.

    Returns:
        buckets: int32 [n], ascending, each in 0..BUCKETS-1.
        counts: float32 [n], how often each occurs; in the title it counts TITLE_WEIGHT times.
    """
    counted: Counter[int] = Counter()
    for text, weight in ((article.title, TITLE_WEIGHT), (article.summary, 1), (article.body, 1)):
        for word in islice(tokenize(text), MOST_WORDS):
            counted[zlib.crc32(word[:STEM].encode()) & (BUCKETS - 1)] += weight
    buckets = np.array(sorted(counted), np.int32)
    return buckets, np.array([counted[bucket] for bucket in buckets.tolist()], np.float32)
