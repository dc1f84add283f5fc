"""Which words tell what a text is about, by how the other articles of its language use them.

"the" is in every article, and "already" in a fifth of them, about anything. "election" is in a
tenth of them, and those are about one subject. So two figures tell words apart in every language,
without lists of words: the share of the articles that hold a word, and their coherence, which is
how much more alike those articles are than any two. It resembles the discrimination value of a term
(Salton, Yang and Yu 1975).

If an archive is too small to measure coherence, or its encoder does not support the language, the
share decides alone, and short lists of closed-class words help it in some languages. Up to 1,000
articles of a language are looked at, spread evenly.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Query, View
from index.arrays import spread_evenly
from recommender.analysis.tokens import count_tokens
from recommender.api import Choice
from recommender.articles import Article
from recommender.ranking.filters import Filter, matching
from recommender.ranking.scoring import Seed

__all__ = ["are_telling", "coherence_of", "telling_buckets"]

SAMPLE: Final = 1_000
"""How many articles of a language are looked at."""
HEAVIEST: Final = 500
"""Of a long text only the heaviest terms are looked at; the lightest are the commonest words."""
LEAST_SAMPLED: Final = 8
"""With fewer articles the coherence of a word is chance."""
RARE: Final = 0.04
"""A word of a smaller share tells something. For the bounds see docs/decisions/0019."""
LEAST_COHERENCE: Final = 0.045
DOUBT: Final = 0.25
"""How much more coherence is needed, divided by the number of articles that hold the word."""
RARE_ENOUGH: Final = 0.1
"""A word of a smaller share tells something, if the coherence is not known."""
CLOSED_CLASS: Final[Mapping[str, str]] = {
    "en": """
        a about above across after again against all almost alone along already also although
        always among an and another any anyone anything are around as at away back be became
        because become been before behind being below between both but by can cannot could did
        do does doing done down during each either else enough even ever every for from further
        had has have having he her here hers herself him himself his how however if in instead
        into is it its itself just least less many me more most much must my near neither never
        next no none nor not nothing now of off often on once one only onto or other others our
        out over own per quite rather same several she should since so some someone something
        soon still such than that the their them themselves then there therefore these they this
        those though three through throughout thus to together too toward towards two under
        unless until up upon very was we were what when where whether which while who whole whom
        whose why will with within without would yet you your
    """,
    "ru": """
        без более больше будет будут бы был была были было быть вам вас весь во вот время все
        всегда всего всех вы где да даже два для до его ее если есть ещё же за здесь из или
        именно им их каждый как какой когда который которая кроме кто ли лишь лучше между меня
        мне много может можно мы на над надо нас не него нее несколько нет них но нужно об один
        однако около он она они оно от очень перед по под пока после потом потому почти поэтому
        при про раз сам свой своя свои своего своей своих себе себя сейчас со так также такой
        там тем теперь то тогда того тоже только том тот три тут уже хотя чего чем через что
        чтобы эта эти этих это этого этой этом этот эту
    """,  # noqa: RUF001 - Russian
    "tg": """
        агар аз акнун аммо аст ба баъд баъзе байни бар барои бе бисёр бо боз бораи бошад бошанд
        бояд буд буда будан буданд ва вай вале дар дигар дод дода додан доир дорад доранд дошт
        дошта ду ё ин инро инчунин кадом кард карда кардааст кардан карданд ки кӣ лекин ман
        медиҳад мекард мекунад мекунанд менамояд метавонад мешавад мешаванд миёни мо назди намуд
        намуда намудан нест низ ӯ оид он онро онҳо онҳоро пас пеш тавассути танҳо то ту фақат
        хеле хоҳад худ худро чанд чӣ чун чунин шуд шуда шудааст шудан шуданд шумо як якчанд яке
        ҳам ҳама ҳамаи ҳамин ҳамон ҳамчун ҳангоми ҳанӯз ҳар ҳеҷ ҳоло ҷониби
    """,  # noqa: RUF001 - Tajik
}
"""Words that only connect others, by language.

In an archive of a few articles shares do not tell them apart. Other languages have no list.
"""
Floats = NDArray[np.float32]
Shares = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


def telling_buckets(view: View, seed: Seed, language: str) -> frozenset[int]:
    """The buckets of the seed's terms that tell something, by the articles of a language.

    Args:
        view: the archive.
        seed: a seed; without terms it has no such buckets.
        language: the label of the articles to look at.
    """
    if seed.terms is None:
        return frozenset()
    terms: Query = seed.terms.heaviest(HEAVIEST)
    rows = _sample(view, seed, language)
    held = view.holds(terms.buckets, rows)
    embedded = view.take("embedded", rows)
    coherence = None
    if np.count_nonzero(embedded) >= LEAST_SAMPLED:
        coherence = coherence_of(held[embedded], view.fetch(rows[embedded]))
    telling = terms.buckets[are_telling(held.sum(axis=0), len(rows), coherence)]
    connecting = _closed_class(language) if language in CLOSED_CLASS else frozenset()
    return frozenset(telling.tolist()) - connecting


def are_telling(counts: Rows, articles: int, coherence: Shares | None) -> Mask:
    """Which words that a seed shares with an item tell something: bool [k].

    Args:
        counts: how many of some articles without the seed hold each word, [k].
        articles: how many those are. One of them is the item, and does not count.
        coherence: of the articles that hold each word, [k]; None if it cannot be measured.
    """
    shares = np.maximum(counts - 1, 0) / max(articles - 1, 1)
    if coherence is None:
        return shares < RARE_ENOUGH
    return (shares < RARE) | (coherence >= LEAST_COHERENCE + DOUBT / np.maximum(counts, 1))


def coherence_of(held: Mask, vectors: Floats) -> Shares:
    """How much more alike the articles that hold a word are than any two articles: float64 [k].

    It is their mean cosine, scaled so that 0 is the mean cosine of all articles and 1 the same
    vector; 0 for a word that fewer than two of them hold.

    Args:
        held: which of m articles hold which of k words, bool [m, k].
        vectors: float32 [m, dim], unit rows.
    """
    counts = held.sum(axis=0)
    cosines = _mean_cosine(held.T.astype(np.float32) @ vectors, counts)
    usual = _mean_cosine(vectors.sum(axis=0)[np.newaxis], np.array([len(vectors)]))
    return np.where(counts < 2, 0.0, (cosines - usual) / np.maximum(1 - usual, 1e-6))  # noqa: PLR2004


def _mean_cosine(sums: Floats, counts: NDArray[np.int64]) -> Shares:
    """The mean cosine of all pairs of unit vectors, given their sum, [k, dim], and number, [k].

    The squared length of the sum holds each pair twice, and each vector with itself once.
    """
    squares = np.square(sums.astype(np.float64)).sum(axis=1)
    pairs: Shares = np.maximum(counts * (counts - 1.0), 1)
    cosines: Shares = (squares - counts) / pairs
    return cosines


@cache
def _closed_class(language: str) -> frozenset[int]:
    """The buckets of the closed-class words of a language."""
    buckets, _ = count_tokens(Article(id="-", body=CLOSED_CLASS[language]))
    return frozenset(buckets.tolist())


def _sample(view: View, seed: Seed, language: str) -> Rows:
    """Articles of a language that were read, without the seed: int64 [m]."""
    wanted = Filter(languages=Choice(frozenset({language})))
    among = view.where(lambda part: matching(part, wanted) & part.columns["read"])
    if seed.row is not None:
        among[seed.row] = False
    rows = np.flatnonzero(among)
    return rows[spread_evenly(len(rows), SAMPLE)]
