"""The embedding of an article, from the vectors of its texts.

One encoder reads all texts, or one reads title and lead, and another one the passages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import quantize
from recommender.analysis.article_texts import ArticleTexts, width
from recommender.analysis.embedding.encoder import Encoder
from recommender.analysis.features import Embedding

__all__ = [
    "JOIN_VERSION",
    "VECTOR_VERSION",
    "Encode",
    "Encoders",
    "VectorOf",
    "embed_texts",
    "join_vectors",
    "matched_passages",
    "mix_vectors",
    "passages_to_encode",
    "quoted_passages",
    "texts_to_encode",
    "titles_to_encode",
]

VECTOR_VERSION: Final = "title+lead+mean-3"
"""The version of `embed_texts`: change it when the same texts would give other vectors."""
JOIN_VERSION: Final = "joined-1"
"""The version of `join_vectors`, beside VECTOR_VERSION, where two encoders read."""
MOST_MATCHED: Final = 12
"""How many passages are stored to be matched with those of other articles. More changed nothing."""


VectorOf = Callable[[str], NDArray[np.float32]]
"""Gives the unit vector of a text by one encoder, float32 [dim]."""


def texts_to_encode(texts: ArticleTexts) -> tuple[str, ...]:
    """The texts of an article that the only encoder must read for `embed_texts`."""
    return _distinct(texts.title, texts.lead, *texts.passages, *texts.body)


def titles_to_encode(texts: ArticleTexts) -> tuple[str, ...]:
    """The texts of an article that the encoder of titles and leads must read."""
    return _distinct(texts.title, texts.lead)


def passages_to_encode(texts: ArticleTexts) -> tuple[str, ...]:
    """The texts of an article that the encoder of passages must read."""
    return _distinct(texts.title, *matched_passages(texts), *texts.passages, *texts.body)


def _distinct(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))


def embed_texts(
    texts: ArticleTexts, vector_of: VectorOf, title_vector_of: VectorOf | None = None
) -> Embedding:
    """The embedding of an article, from the unit vectors of its texts.

    A passage whose vector has a NaN or an infinity is left out. The article's own vector has one
    too then, so the caller can see it.

    Args:
        texts: the texts of an article.
        vector_of: by the only encoder, or by that of passages.
        title_vector_of: by the encoder of titles and leads; None if there is only one.
    """
    passages = np.stack([vector_of(text) for text in matched_passages(texts)])
    finite = passages[np.isfinite(passages).all(axis=1)]
    vector = (
        mix_vectors(texts, vector_of)
        if title_vector_of is None
        else join_vectors(texts, title_vector_of, vector_of)
    )
    apart = (
        [vector_of(texts.title), _mean(texts.body, vector_of)] if texts.title and texts.body else []
    )
    known = np.array(apart, np.float32).reshape(-1, passages.shape[1])
    return Embedding(
        vector.astype(np.float16),
        quantize(finite),
        quantize(known if np.isfinite(known).all() else known[:0]),
    )


def matched_passages(texts: ArticleTexts) -> Sequence[str]:
    """The passages that are matched with those of other articles; the lead if there are none."""
    return texts.passages[:MOST_MATCHED] or (texts.lead,)


def quoted_passages(texts: ArticleTexts) -> Sequence[str]:
    """The same passages without the title of a brief, as an editor would quote them."""
    return texts.body[:MOST_MATCHED] or (texts.lead,)


def mix_vectors(texts: ArticleTexts, vector_of: VectorOf) -> NDArray[np.float32]:
    """Mix title, lead and the mean of the passages, each in equal parts but the title of a brief.

    Args:
        texts: the texts of an article.
        vector_of: gives the unit vector of a text, float32 [dim].

    Returns:
        float32 [dim], a unit vector.
    """
    parts = []
    if texts.title:
        parts.append(np.float32(texts.title_weight) * vector_of(texts.title))
    if texts.lead:
        parts.append(vector_of(texts.lead))
    if texts.passages:
        parts.append(_mean(texts.passages, vector_of))
    return _unit(np.sum(parts, axis=0))


def join_vectors(
    texts: ArticleTexts, title_vector_of: VectorOf, vector_of: VectorOf
) -> NDArray[np.float32]:
    """Put the vectors of two encoders end to end: title and lead, then the mean of the passages.

    The inner product of two such vectors is the weighted mean of the cosines of their parts. The
    weights are those of `mix_vectors`: that of title and lead together, and 1 for the passages.

    Args:
        texts: the texts of an article. Without passages the lead stands for them.
        title_vector_of: by the encoder of titles and leads.
        vector_of: by the encoder of passages.

    Returns:
        float32 [dim of titles + dim of passages], a unit vector.
    """
    parts = [title_vector_of(texts.lead)]
    if texts.title:
        parts.append(np.float32(texts.title_weight) * title_vector_of(texts.title))
    weight = 1 + (texts.title_weight if texts.title else 0)
    titles = _unit(np.sum(parts, axis=0)) * np.float32(np.sqrt(weight))
    return _unit(np.concatenate([titles, _mean(texts.passages or (texts.lead,), vector_of)]))


def _mean(texts: Sequence[str], vector_of: VectorOf) -> NDArray[np.float32]:
    """The direction of the mean of the vectors of some texts: float32 [dim], a unit vector."""
    return _unit(np.sum([vector_of(text) for text in texts], axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to length one. A sum of opposite vectors has no direction: take the first axis."""
    length = float(np.linalg.norm(vector))
    if length < 1e-6:  # noqa: PLR2004 - far below any sum of unit vectors seen
        vector, length = np.eye(1, len(vector), dtype=np.float32)[0], 1.0
    scaled: NDArray[np.float32] = (vector / np.float32(length)).astype(np.float32)
    return scaled


Encode = Callable[[Encoder, Sequence[str]], NDArray[np.float32]]
"""Has an encoder embed some texts, at once or in several steps; returns what `encode` returns."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """What reads the articles of an archive.

    Attributes:
        passages: reads passages, and title and lead too if there is no other encoder.
        titles: reads title and lead; None if `passages` does.
    """

    passages: Encoder
    titles: Encoder | None = None

    def readings(self, articles: Iterable[ArticleTexts]) -> list[tuple[Encoder, list[str]]]:
        """Each encoder, and the different texts of some articles that it must read.

        They are ordered by width, so that a few at a time are of similar length.
        """
        articles = list(articles)
        if self.titles is None:
            return [(self.passages, _texts(articles, texts_to_encode))]
        return [
            (self.passages, _texts(articles, passages_to_encode)),
            (self.titles, _texts(articles, titles_to_encode)),
        ]

    def embed(self, articles: Mapping[str, ArticleTexts], encode: Encode) -> dict[str, Embedding]:
        """Embed some articles, each by its key.

        Args:
            articles: their texts, by key.
            encode: called once for each encoder, with all texts; not if there are no articles.
        """
        if not articles:
            return {}
        vectors_of = [
            dict(zip(texts, encode(encoder, texts), strict=True)).__getitem__
            for encoder, texts in self.readings(articles.values())
        ]
        return {key: embed_texts(texts, *vectors_of) for key, texts in articles.items()}


def _texts(
    articles: Iterable[ArticleTexts], select: Callable[[ArticleTexts], Iterable[str]]
) -> list[str]:
    return sorted({text: None for one in articles for text in select(one)}, key=width)
