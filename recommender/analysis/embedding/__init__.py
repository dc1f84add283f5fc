"""Texts to vectors. What needs torch stands behind `loading`, which is not imported here."""

from recommender.analysis.embedding.article_vector import (
    VECTOR_RECIPE,
    matched,
    mix_views,
    texts_of,
)
from recommender.analysis.embedding.encoder import Encoder
from recommender.analysis.embedding.model import Model, find_model

__all__ = ["VECTOR_RECIPE", "Encoder", "Model", "find_model", "matched", "mix_views", "texts_of"]
