"""Watches whether a server embeds with the model that it had: else vectors could not be compared.

A model on disk is known by its fingerprint. A server may get another model under the same name. So
the vector of one text, the probe, is stored with the vectors of articles, and compared with what
the server gives for it now.
"""

import math
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.embedding import PROBE, Encoder, Model
from recommender.analysis.features import PROBE_KEY, Embedding
from recommender.errors import EncoderChanged
from recommender.store import FeatureCache

__all__ = ["EncoderWatch"]

CHECK_SECONDS: Final = 600.0  # between two checks by a process that embeds all the time
LEAST_COSINE: Final = 0.995
"""Of the probe's vectors by one model. Other batches and number formats of one model give 0.999 and
more; other versions of one model, and other models, some tenths less."""


class EncoderWatch:
    """Compares an encoder with the one whose vectors are stored. A model on disk is not checked."""

    def __init__(self, features: FeatureCache, model: Model) -> None:
        self._features = features
        self._model = model
        self._due_at = -math.inf

    def check(self, encoder: Encoder) -> None:
        """Compare, if the last check was some minutes ago; the first time, store the probe.

        Raises:
            EncoderChanged: it is another model.
            EncoderAway: the server does not answer.
        """
        if self._model.served is None or time.monotonic() < self._due_at:
            return
        known = self._features.vectors([PROBE_KEY], self._model.fingerprint).get(PROBE_KEY)
        if known is None:
            self.note(encoder)
        else:
            self._compare(known.astype(np.float32), _embed_probe(encoder))
        self._due_at = time.monotonic() + CHECK_SECONDS

    def note(self, encoder: Encoder) -> None:
        """Store the probe: all vectors are of this encoder from now on.

        Raises:
            EncoderAway: the server does not answer.
        """
        if self._model.served is None:
            return
        vector = _embed_probe(encoder)
        embedding = Embedding(vector.astype(np.float16), np.zeros((0, len(vector)), np.int8))
        self._features.add_embeddings({PROBE_KEY: embedding}, self._model.fingerprint)

    def _compare(self, known: NDArray[np.float32], now: NDArray[np.float32]) -> None:
        cosine = float(known @ now / np.linalg.norm(known)) if len(known) == len(now) else 0.0
        if not cosine >= LEAST_COSINE:
            raise EncoderChanged(
                f"the server that embeds has another model than before under the name "
                f"{self._model.name} (cosine {cosine:.3f} of one text's two vectors); give it the "
                "former model again, or embed all texts anew: read-also rebuild --full"
            )


def _embed_probe(encoder: Encoder) -> NDArray[np.float32]:
    """The vector of the probe: float32 [dim]."""
    vector: NDArray[np.float32] = encoder.encode([PROBE], lambda _done: None)[0]
    return vector
