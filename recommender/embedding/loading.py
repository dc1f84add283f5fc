"""Reads a model's weights. Nothing a web worker imports leads here."""

from recommender.embedding.encoder import Encoder
from recommender.embedding.model import Model

__all__ = ["load_encoder"]


def load_encoder(model: Model) -> Encoder:
    """Read the model's weights; takes seconds and imports torch."""
    from recommender.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    return TransformerEncoder(model)
