"""From texts to vectors.

Only `transformer` and `tuning` import torch; `loading` imports them when it is called.
"""

from recommender.analysis.embedding.article_vector import (
    VECTOR_VERSION,
    Encode,
    Encoders,
    embed_texts,
    mix_vectors,
    quoted_passages,
    texts_to_encode,
)
from recommender.analysis.embedding.encoder import PROBE, Encoder, Tuner
from recommender.analysis.embedding.model import Model, find_model

__all__ = [
    "PROBE",
    "VECTOR_VERSION",
    "Encode",
    "Encoder",
    "Encoders",
    "Model",
    "Tuner",
    "embed_texts",
    "find_model",
    "mix_vectors",
    "quoted_passages",
    "texts_to_encode",
]
