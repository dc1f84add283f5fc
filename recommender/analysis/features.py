"""The features of a text: one record, which is stored, indexed, replayed and sent.

A text is analyzed in two steps. The first needs no encoder and fills `Features`; the second needs
one and adds an `Embedding`. Each step has a version of its own, so each is stored on its own.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PROBE_KEY", "AnalyzerVersions", "DraftFeatures", "Embedding", "Features"]

PROBE_KEY: Final = "probe"
"""Stands for the hash of a text where the vector of an encoder's probe is stored."""


@dataclass(frozen=True, slots=True)
class AnalyzerVersions:
    """The versions under which features are stored.

    Attributes:
        markup: of the step from HTML to plain text.
        analyzer: of the step from plain text to `Features`.
        model: the fingerprint of the encoder, of the step to an `Embedding`.
    """

    markup: str
    analyzer: str
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The result of an encoder for a text.

    Attributes:
        vector: float16 [dim], a unit vector.
        passages: int8 [k, passage_dim], its first passages as quantized vectors; passage_dim is dim
            where one encoder reads all. k is 0 if there are none, as for articles that old releases
            embedded.
        title_and_body: int8 [2, passage_dim], the quantized vectors of the title and of the body
            without it; [0, passage_dim] if one of them is missing. A rebuild measures with them how
            well vectors tell what belongs together; nothing else needs them, so the JSON form has
            none.
    """

    vector: NDArray[np.float16]
    passages: NDArray[np.int8]
    title_and_body: NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 0), np.int8))

    @property
    def unit_vector(self) -> NDArray[np.float32]:
        """The vector in float32 [dim], scaled to length one again after the rounding."""
        wide = self.vector.astype(np.float32)
        unit: NDArray[np.float32] = wide / np.linalg.norm(wide)
        return unit


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the analyzer finds in a text.

    Attributes:
        language: a primary BCP-47 subtag; None if the text does not show it for sure.
        buckets: int32 [n], the hashed tokens of the text, ascending.
        counts: float32 [n], how often each bucket occurs.
        minhash: uint16 [MINHASH_SIZE].
        embedding: None until an encoder has read the text.
    """

    language: str | None
    buckets: NDArray[np.int32]
    counts: NDArray[np.float32]
    minhash: NDArray[np.uint16]
    embedding: Embedding | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; arrays are little-endian bytes in base64.

        The dimension of passages is left out where it is that of the vector.
        """
        arrays: tuple[NDArray[Any], ...] = (self.buckets, self.counts, self.minhash)
        document: dict[str, Any] = {"terms": [self.language, *map(_pack, arrays)]}
        if self.embedding is not None:
            document["vector"] = _pack(self.embedding.vector)
            document["passages"] = _pack(self.embedding.passages)
            dim, passage_dim = len(self.embedding.vector), self.embedding.passages.shape[1]
            document |= {} if passage_dim == dim else {"passage_dim": passage_dim}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Features | None":
        """Read what `to_json` wrote; other fields are ignored. None if there are no features."""
        if (terms := document.get("terms")) is None:
            return None
        language, buckets, counts, minhash = terms
        return cls(
            language,
            _unpack(buckets, "<i4"),
            _unpack(counts, "<f4"),
            _unpack(minhash, "<u2"),
            _embedding(document),
        )


@dataclass(frozen=True, slots=True, eq=False)
class DraftFeatures:
    """The features of a text that is not stored.

    Attributes:
        features: with the embedding.
        model: the fingerprint of the encoder.
        body: the plain text of its markup; None if it has no markup.
    """

    features: Features
    model: str
    body: str | None = None


def _embedding(document: Mapping[str, Any]) -> Embedding | None:
    if (packed := document.get("vector")) is None:
        return None
    vector = _unpack(packed, "<f2")
    passages = _unpack(document.get("passages") or "", "i1")
    return Embedding(vector, passages.reshape(-1, document.get("passage_dim", len(vector))))


def _pack(array: NDArray[Any]) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return b64encode(little.tobytes()).decode("ascii")


def _unpack(text: str, dtype: str) -> NDArray[Any]:
    return np.frombuffer(b64decode(text), dtype)
