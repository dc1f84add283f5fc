"""Make features of texts from plain lists."""

from collections.abc import Sequence

import numpy as np

from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE


def make_embedding(
    vector: Sequence[float], passages: Sequence[Sequence[int]] | None = None
) -> Embedding:
    """An embedding as it is stored; without passages where none are given."""
    codes = np.array(passages or [], np.int8).reshape(-1, len(vector))
    return Embedding(np.array(vector, np.float16), codes)


def make_features(
    language: str | None = "en",
    buckets: Sequence[int] = (3, 9),
    *,
    counts: Sequence[float] | None = None,
    mark: int = 7,
    embedding: Embedding | None = None,
) -> Features:
    """Features whose MinHash is `mark` in every place, and whose counts are 1 if not given."""
    given = np.ones(len(buckets)) if counts is None else counts
    return Features(
        language,
        np.array(buckets, np.int32),
        np.array(given, np.float32),
        np.full(MINHASH_SIZE, mark, np.uint16),
        embedding,
    )
