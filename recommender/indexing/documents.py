"""From articles and what was read of them to the rows that an index takes."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index import Passages, Rows, Terms
from recommender.analysis.minhash import SIGNATURE_SIZE
from recommender.articles import Article, primary_language
from recommender.ranking.attributes import Facts, describe
from recommender.ranking.cards import Card
from recommender.store import TextTerms

__all__ = ["GROUPED_BY", "KNOWN_BY", "Known", "Tongues", "facts_of", "rows_of"]

GROUPED_BY = "language"
"""The column inside whose groups rarity and floors are counted, and whose means are removed."""
KNOWN_BY = "fluent"
"""The column that tells whose vectors lead, inside their language."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An article, or its outline, and what is known of its text.

    Attributes:
        article: its id, title and standing count here.
        terms: of the text read last; None if none was.
        vector: of the text read last, float16 [dim]; None if it has none by the model in use.
        change: the write that gave it its present state.
        settled: whether the text read last is the present one.
        passages: codes of its passages, int8 [k, dim]; None if it has no vector.
    """

    article: Article
    terms: TextTerms | None
    vector: NDArray[np.float16] | None
    change: int
    settled: bool
    passages: NDArray[np.int8] | None = None


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
        vectors=_stacked([one.vector for one in known], width),
        passages=Passages.of([_matched(one, width) for one in known], width),
        terms=Terms.of([_counted(one.terms) for one in known]),
        columns=described.columns,
        labels=described.labels,
        cards=[Card.of(f.article, f.language).to_bytes() for f in facts],
    )


def facts_of(known: Known, encoder: Tongues) -> Facts:
    """What lists need to know of an article; the language it gives wins over the detected one."""
    terms = known.terms
    given = primary_language(known.article.language)
    language = given or (None if terms is None else terms.language)
    unsigned = np.zeros(SIGNATURE_SIZE, np.uint16)
    read = known.vector is not None and terms is not None
    return Facts(
        article=known.article,
        language=language,
        embedded=read and encoder.knows(language),
        fluent=read and encoder.is_fluent(language),
        signature=unsigned if terms is None else terms.signature,
        change=known.change,
        read=terms is not None,
        settled=known.settled and terms is not None,
    )


def _matched(one: Known, width: int) -> NDArray[np.int8]:
    """The passages of an article, of which it has none without a vector."""
    if one.vector is None or one.passages is None:
        return np.empty((0, width), np.int8)
    return one.passages[one.passages.any(axis=1)]


def _counted(terms: TextTerms | None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if terms is None:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    return terms.buckets, terms.counts


def _width(known: Sequence[Known], dim: int) -> int:
    """How many numbers a vector has; where nothing tells, what most of the vectors have."""
    widths = Counter(len(one.vector) for one in known if one.vector is not None)
    return widths.most_common(1)[0][0] if widths and dim == 1 else dim


def _sound(one: Known, width: int) -> Known:
    """The same article, without a vector that is of another width or no direction.

    One such would keep every worker from taking in the page of the log that it stands on.
    """
    if one.vector is None:
        return one
    wide = one.vector.astype(np.float32)
    if len(wide) == width and np.isfinite(wide).all() and np.linalg.norm(wide) > 0:
        return one
    _log.error("article %s has a vector that means nothing; it is left out", one.article.id)
    return replace(one, vector=None, passages=None)


def _stacked(vectors: Sequence[NDArray[np.float16] | None], width: int) -> NDArray[np.float32]:
    """float32 unit rows of the kept float16 ones; the first axis where there is none."""
    rows = np.zeros((len(vectors), width), np.float32)
    rows[:, 0] = [vector is None for vector in vectors]
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None:
            row[:] = vector
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, np.float32(1))
    return rows
