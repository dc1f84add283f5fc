"""The words of an article, as hashed counts for lexical similarity.

Words are hashed into a fixed number of buckets, so that no vocabulary has to be kept, agreed on or
migrated: an article pushed a second ago and one from the last rebuild speak the same terms.
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
"""Names this recipe; change it when the same text would give other terms."""
TITLE_WEIGHT: Final = 2
LONGEST_WORD: Final = 40
STEM: Final = 6
"""Letters of a word that count: what languages put behind them is mostly grammar.

Truncation is the stemmer that needs no language (McNamee and Mayfield 2004); see docs/relevance.md.
"""
MOST_WORDS: Final = 20_000  # of a text; a book sent as an article costs no more than a long read

# Vowel signs of Indic scripts are no letters to `re`, and would cut words.
_WORD = re.compile(
    r"(?:[^\W_]|[\u0900-\u0963\u0970-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])+"
)
# Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without spaces between words.
_UNSPACED = re.compile(
    r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
    r"|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"
)
# Marks over and under letters that are left when letters are composed: accents, vowel points.
_MARKS = dict.fromkeys([*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x670])
# One letter written in two ways would make one word two: Arabic and Persian kaf and ye, the
# Russian yo that newspapers print as ye, a stretched line, a joint that is not seen.
_LETTERS = _MARKS | str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ё": "е", "\u0640": None, "\u200c": None}  # noqa: RUF001
)


def tokenize(text: str) -> Iterator[str]:
    """Words in reading order, case folded; overlapping pairs of marks where words are unspaced."""
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
    """Hashed terms of title (weighed), summary and body: words cut to STEM letters.

    Returns:
        buckets: int32, ascending, each in 0..BUCKETS-1.
        counts: float32, how often each occurs; one in the title counts TITLE_WEIGHT times.
    """
    counted: Counter[int] = Counter()
    for text, weight in ((article.title, TITLE_WEIGHT), (article.summary, 1), (article.body, 1)):
        for word in islice(tokenize(text), MOST_WORDS):
            counted[zlib.crc32(word[:STEM].encode()) & (BUCKETS - 1)] += weight
    buckets = np.array(sorted(counted), np.int32)
    return buckets, np.array([counted[bucket] for bucket in buckets.tolist()], np.float32)
