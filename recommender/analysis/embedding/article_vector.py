"""One vector for an article, mixed from the vectors of its views, and those of its passages."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.passages import Views

__all__ = ["VECTOR_RECIPE", "matched", "mix_views", "texts_of"]

VECTOR_RECIPE: Final = "title+lead+mean-2"
"""Names how the vectors of an article are made; change it when the same texts would give others."""
MATCHED: Final = 12
"""So many of the first passages are matched with those of others; more of them changed nothing."""


def texts_of(views: Views) -> tuple[str, ...]:
    """The texts whose vectors `mix_views` looks up."""
    return tuple(filter(None, (views.title, views.lead, *views.passages)))


def matched(views: Views) -> Sequence[str]:
    """The passages by which it is matched with others: of a bare headline, that."""
    return views.passages[:MATCHED] or (views.lead,)


def mix_views(views: Views, vector_of: Callable[[str], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Title, lead and mean of passages, each a unit vector, in equal parts.

    Args:
        views: an article's texts.
        vector_of: a text's unit vector, float32 [dim].

    Returns:
        float32 [dim], a unit vector.
    """
    parts = [vector_of(text) for text in (views.title, views.lead) if text]
    if views.passages:
        parts.append(_unit(np.sum([vector_of(text) for text in views.passages], axis=0)))
    return _unit(np.sum(parts, axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to length one. A sum of opposite vectors has no direction: the first axis stands in."""
    length = float(np.linalg.norm(vector))
    if length < 1e-6:  # noqa: PLR2004 - far below any sum of unit vectors seen
        vector, length = np.eye(1, len(vector), dtype=np.float32)[0], 1.0
    scaled: NDArray[np.float32] = (vector / np.float32(length)).astype(np.float32)
    return scaled
