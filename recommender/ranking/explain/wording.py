"""The words that two texts share, as people read them: lexical similarity knows them by numbers."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np

from index import Query
from recommender.analysis.tokens import MOST_WORDS, STEM, count_tokens, tokenize
from recommender.api import SharedTerm
from recommender.articles import Article

__all__ = ["Spellings", "products", "shared_terms", "spellings"]

Spellings = Mapping[str, Counter[str]]
"""By stem, how often it is spelt how."""
MOST_TERMS: Final = 10
# What parts the words of a sentence; whatever else stands between letters stays where it is.
_BREAK = re.compile(r"[\s!-/:-@\[-`{-~«»‹›“”„‘’‚…–—·،؛؟、。，；：？！（）《》〈〉「」『』【】]+")  # noqa: RUF001


def products(one: Query, other: Query) -> dict[int, float]:
    """By bucket, what the terms of two texts add to their lexical similarity, where they do."""
    buckets, mine, theirs = np.intersect1d(
        one.buckets, other.buckets, assume_unique=True, return_indices=True
    )
    added = one.weights[mine].astype(np.float64) * other.weights[theirs]
    return {b: a for b, a in zip(buckets.tolist(), added.tolist(), strict=True) if a > 0}


def spellings(article: Article) -> Spellings:
    """How the words are spelt that are counted; pairs of marks where they are unspaced."""
    spelt: dict[str, Counter[str]] = {}
    for text in (article.title, article.summary, article.body):
        for piece in islice(filter(None, _BREAK.split(text)), MOST_WORDS):
            found = list(tokenize(piece))
            for word in found:
                own = piece if len(found) == 1 else word
                spelt.setdefault(word[:STEM], Counter())[own] += 1
    return spelt


def shared_terms(
    seed: Spellings, item: Spellings, added: Mapping[int, float], most: int = MOST_TERMS
) -> tuple[SharedTerm, ...]:
    """The shared words that add most to the lexical similarity, the heaviest first.

    A word is spelt as the item spells it most often. Words of one letter are not told, and two
    words that only share a bucket are no shared word; the shares are of all that is shared.

    Args:
        seed: the spellings of one text.
        item: those of the other.
        added: by bucket, what it adds.
        most: how many at most.
    """
    total = sum(added.values())
    heaviest: dict[int, str] = {}
    for stem in item.keys() & seed.keys():
        bucket = _bucket_of(stem)
        if bucket in added and len(stem) > 1:
            rival = heaviest.get(bucket, stem)
            heaviest[bucket] = max(stem, rival, key=lambda one: (item[one].total(), one))
    ranked = sorted(heaviest.items(), key=lambda held: (-added[held[0]], held[1]))
    return tuple(
        SharedTerm(word=item[stem].most_common(1)[0][0], share=added[bucket] / total)
        for bucket, stem in ranked[:most]
    )


@lru_cache(maxsize=2**14)
def _bucket_of(stem: str) -> int:
    """Where a stem is counted, asked of what counts it."""
    buckets, _ = count_tokens(Article(id="-", title=stem))
    return int(buckets[0])
