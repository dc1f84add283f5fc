"""Texts to vectors. What needs torch is imported only when a text has to be embedded."""

from recommender.embedding.article_vector import VECTOR_RECIPE, mix_views, texts_of
from recommender.embedding.encoder import Encoder
from recommender.embedding.model import Model, find_model

__all__ = [
    "VECTOR_RECIPE",
    "Encoder",
    "Model",
    "find_model",
    "load_encoder",
    "mix_views",
    "texts_of",
]


def load_encoder(model: Model) -> Encoder:
    """Read the model's weights; takes seconds and imports torch."""
    from recommender.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    return TransformerEncoder(model)
