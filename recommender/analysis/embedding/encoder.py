"""The encoder: what the rest of the program needs of a model that makes vectors."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.progress import Advance

__all__ = ["PROBE", "Encoder"]

PROBE: Final = "Read also: the port unloads a ship, and the apples of this year ripen late."
"""A text that every model reads whole, to see whether an encoder works, and is the same still."""


class Encoder(Protocol):
    """Makes unit vectors of texts. Their inner product is the similarity of the texts."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        `advance` counts the finished texts. A text that cannot be encoded may have a row of NaN.

        Raises:
            EncoderAway: a server that embeds does not answer, or not as it should.
        """
