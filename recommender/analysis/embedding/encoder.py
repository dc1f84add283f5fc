"""The encoder: what the rest of the program needs of a model that makes vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.progress import Advance

__all__ = ["PROBE", "Encoder", "Tuner"]

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


class Tuner(Encoder, Protocol):
    """An encoder whose weights change, step by step, and the best weights so far."""

    def step(self, ones: Sequence[str], others: Sequence[str]) -> float:
        """Change the weights a little, so that each text finds its partner; return the loss.

        Args:
            ones: texts.
            others: the partner of each, in the same order.
        """

    def remember(self) -> None:
        """Take the present weights for the best."""

    def write_state(self, path: Path) -> None:
        """Write to a file all that is needed to go on later."""

    def read_state(self, path: Path, steps: int) -> None:
        """Go on from what `write_state` wrote after so many steps.

        Raises:
            ModelRefused: it is the state of another model, or damaged.
        """

    def save_best(self, folder: Path) -> None:
        """Write the model with the best weights as a folder of safetensors, without a card."""
