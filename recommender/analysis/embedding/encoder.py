"""The encoder: what the rest of the program needs of a model that makes vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.progress import Advance

__all__ = ["Encoder"]


class Encoder(Protocol):
    """Makes unit vectors of texts. Their inner product is the similarity of the texts."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        `advance` counts the finished texts.
        """
