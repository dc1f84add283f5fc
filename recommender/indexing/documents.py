"""From articles and what was read of them to the rows that an index takes."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index import Passages, Rows, TermCounts
from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article, primary_language
from recommender.ranking.attributes import Facts, describe
from recommender.ranking.cards import Card

__all__ = ["GROUPED_BY", "RELIABLE_BY", "Known", "Tongues", "facts_of", "rows_of"]

GROUPED_BY = "language"
"""The column inside whose groups rarity and floors are counted, and whose means are removed."""
RELIABLE_BY = "fluent"
"""The column that tells whose vectors lead, inside their language."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An article, or its outline, and what is known of its text.

    Attributes:
        article: its id, title and standing count here.
        features: of the text read last, with the embedding by the model in use; None if none was.
        change: the write that gave it its present state.
        settled: whether the text read last is the present one.
    """

    article: Article
    features: Features | None
    change: int
    settled: bool

    @property
    def embedding(self) -> Embedding | None:
        """The embedding of the text read last, if it has one."""
        return None if self.features is None else self.features.embedding


class Tongues(Protocol):
    """What an encoder makes of languages, primary BCP-47 subtags or None for an unknown one."""

    def knows(self, language: str | None) -> bool:
        """Whether vectors of a language mean something."""

    def is_fluent(self, language: str | None) -> bool:
        """Whether they also lead among texts of that language."""


def rows_of(known: Sequence[Known], encoder: Tongues, dim: int) -> Rows:
    """The rows of some articles, which come by ascending id.

    One that was not read stands there without terms and with a vector that means nothing.

    Args:
        known: the articles.
        encoder: whose vectors they have.
        dim: how many numbers a vector has; 1 where the articles' own vectors are to tell.
    """
    width = _width(known, dim)
    known = [_sound(one, width) for one in known]
    facts = [facts_of(one, encoder) for one in known]
    described = describe(facts)
    return Rows(
        ids=[one.article.id for one in known],
        vectors=_stacked([one.embedding for one in known], width),
        passages=Passages.of([_matched(one, width) for one in known], width),
        terms=TermCounts.of([_counted(one.features) for one in known]),
        columns=described.columns,
        labels=described.labels,
        display=[Card.of(f.article, f.language).to_bytes() for f in facts],
    )


def facts_of(known: Known, encoder: Tongues) -> Facts:
    """What lists need to know of an article; the language it gives wins over the detected one."""
    features = known.features
    given = primary_language(known.article.language)
    language = given or (None if features is None else features.language)
    unsigned = np.zeros(MINHASH_SIZE, np.uint16)
    embedded = known.embedding is not None
    return Facts(
        article=known.article,
        language=language,
        embedded=embedded and encoder.knows(language),
        fluent=embedded and encoder.is_fluent(language),
        signature=unsigned if features is None else features.minhash,
        change=known.change,
        read=features is not None,
        settled=known.settled and features is not None,
    )


def _matched(one: Known, width: int) -> NDArray[np.int8]:
    """The passages of an article, of which it has none without a vector."""
    if one.embedding is None:
        return np.empty((0, width), np.int8)
    return one.embedding.passages[one.embedding.passages.any(axis=1)]


def _counted(features: Features | None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if features is None:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    return features.buckets, features.counts


def _width(known: Sequence[Known], dim: int) -> int:
    """How many numbers a vector has; where nothing tells, what most of the vectors have."""
    widths = Counter(len(one.embedding.vector) for one in known if one.embedding is not None)
    return widths.most_common(1)[0][0] if widths and dim == 1 else dim


def _sound(one: Known, width: int) -> Known:
    """The same article, without a vector that is of another width or no direction.

    One such would keep every worker from taking in the page of the log that it stands on.
    """
    if one.features is None or one.embedding is None:
        return one
    wide = one.embedding.vector.astype(np.float32)
    if len(wide) == width and np.isfinite(wide).all() and np.linalg.norm(wide) > 0:
        return one
    _log.error("article %s has a vector that means nothing; it is left out", one.article.id)
    return replace(one, features=replace(one.features, embedding=None))


def _stacked(embeddings: Sequence[Embedding | None], width: int) -> NDArray[np.float32]:
    """float32 unit rows of the kept float16 ones; the first axis where there is none."""
    rows = np.zeros((len(embeddings), width), np.float32)
    rows[:, 0] = [one is None for one in embeddings]
    for row, one in zip(rows, embeddings, strict=True):
        if one is not None:
            row[:] = one.vector
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, np.float32(1))
    return rows
