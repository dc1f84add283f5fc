"""The words of an article, as hashed counts for lexical similarity.

Words are hashed into a fixed number of buckets, so that no vocabulary has to be kept, agreed on or
migrated: an article pushed a second ago and one from the last rebuild speak the same terms.
"""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BUCKETS
from recommender.articles import Article

__all__ = ["TERM_RECIPE", "TITLE_WEIGHT", "count_terms", "words"]

TERM_RECIPE: Final = "words-1"
"""Names this recipe; change it when the same text would give other terms."""
TITLE_WEIGHT: Final = 2
LONGEST_WORD: Final = 40

_WORD = re.compile(r"[^\W_]+")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
# One letter written in two ways would make one word two: Arabic and Persian kaf and ye, the
# Russian yo that newspapers print as ye, and marks that only help pronunciation.
_LETTERS = str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ё": "е", "\u0640": None, "\u200c": None}  # noqa: RUF001
)


def words(text: str) -> Iterator[str]:
    """Words in reading order, case folded; Chinese and Japanese runs as overlapping pairs."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    for match in _WORD.finditer(folded):
        yield from _parts(match.group())


def _parts(word: str) -> Iterator[str]:
    run = _IDEOGRAPHS.search(word)
    if run is None:
        if len(word) <= LONGEST_WORD:
            yield word
        return
    if run.start():
        yield word[: run.start()]
    marks = run.group()
    yield from (marks[at : at + 2] for at in range(max(1, len(marks) - 1)))
    yield from _parts(word[run.end() :]) if run.end() < len(word) else ()


def count_terms(article: Article) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Hashed terms of title (weighed), summary and body.

    Returns:
        buckets: int32, ascending, each in 0..BUCKETS-1.
        counts: float32, how often each occurs; a word of the title counts TITLE_WEIGHT times.
    """
    counted: Counter[int] = Counter()
    for text, weight in ((article.title, TITLE_WEIGHT), (article.summary, 1), (article.body, 1)):
        for word in words(text):
            counted[zlib.crc32(word.encode()) & (BUCKETS - 1)] += weight
    buckets = np.array(sorted(counted), np.int32)
    return buckets, np.array([counted[bucket] for bucket in buckets.tolist()], np.float32)
