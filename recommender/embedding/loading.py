"""Reads a model's weights. Nothing a web worker imports leads here."""

import os

from recommender.embedding.encoder import Encoder
from recommender.embedding.model import Model

__all__ = ["load_encoder"]


def load_encoder(model: Model) -> Encoder:
    """Read the model's weights; takes seconds and imports torch."""
    # Torch's threads spin while they wait for each other, unless told before it is loaded. On a
    # machine whose cores have other work, that made eight passages take 2 s instead of 0.02.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from recommender.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    return TransformerEncoder(model)
