"""What the rest of the program asks of an encoder."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.progress import Advance

__all__ = ["Encoder"]


class Encoder(Protocol):
    """Turns texts into unit vectors whose inner product is their similarity."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        `advance` is told of finished texts as the work goes on.
        """
