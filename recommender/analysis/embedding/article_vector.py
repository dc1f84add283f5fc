"""The embedding of an article, from the vectors of its texts."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import quantize
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.features import Embedding

__all__ = [
    "VECTOR_VERSION",
    "embed_texts",
    "matched_passages",
    "mix_vectors",
    "quoted_passages",
    "texts_to_encode",
]

VECTOR_VERSION: Final = "title+lead+mean-3"
"""The version of `embed_texts`: change it when the same texts would give other vectors."""
MOST_MATCHED: Final = 12
"""How many passages are stored to be matched with those of other articles. More changed nothing."""


def texts_to_encode(texts: ArticleTexts) -> tuple[str, ...]:
    """The texts of an article that an encoder must read for `embed_texts`."""
    every = (texts.title, texts.lead, *texts.passages, *texts.body)
    return tuple(dict.fromkeys(filter(None, every)))


def embed_texts(texts: ArticleTexts, vector_of: Callable[[str], NDArray[np.float32]]) -> Embedding:
    """The embedding of an article, from the unit vectors (float32 [dim]) of its texts.

    A passage whose vector has a NaN or an infinity is left out. The article's own vector has one
    too then, so the caller can see it.
    """
    passages = np.stack([vector_of(text) for text in matched_passages(texts)])
    finite = passages[np.isfinite(passages).all(axis=1)]
    vector = mix_vectors(texts, vector_of)
    apart = (
        [vector_of(texts.title), _mean(texts.body, vector_of)] if texts.title and texts.body else []
    )
    known = np.array(apart, np.float32).reshape(-1, len(vector))
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


def mix_vectors(
    texts: ArticleTexts, vector_of: Callable[[str], NDArray[np.float32]]
) -> NDArray[np.float32]:
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


def _mean(
    texts: Sequence[str], vector_of: Callable[[str], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The direction of the mean of the vectors of some texts: float32 [dim], a unit vector."""
    return _unit(np.sum([vector_of(text) for text in texts], axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to length one. A sum of opposite vectors has no direction: take the first axis."""
    length = float(np.linalg.norm(vector))
    if length < 1e-6:  # noqa: PLR2004 - far below any sum of unit vectors seen
        vector, length = np.eye(1, len(vector), dtype=np.float32)[0], 1.0
    scaled: NDArray[np.float32] = (vector / np.float32(length)).astype(np.float32)
    return scaled
