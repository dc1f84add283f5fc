"""Arrays, and what a text says of itself, as JSON: for the copy of the changes, and for drafts."""

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.store import TextTerms

__all__ = ["pack", "pack_terms", "unpack", "unpack_passages", "unpack_terms"]


def pack(array: NDArray[Any]) -> str:
    """The bytes of an array, little-endian, in base64."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return b64encode(little.tobytes()).decode("ascii")


def unpack(text: str, dtype: str) -> NDArray[Any]:
    """The array [n] that `pack` wrote from one of a dtype such as `<f4`."""
    return np.frombuffer(b64decode(text), dtype)


def unpack_passages(text: str, width: int) -> NDArray[np.int8]:
    """The codes of passages, int8 [k, width], that `pack` wrote."""
    return unpack(text, "i1").reshape(-1, width)


def pack_terms(terms: TextTerms) -> list[str | None]:
    """Language, buckets, counts and signature."""
    return [terms.language, pack(terms.buckets), pack(terms.counts), pack(terms.signature)]


def unpack_terms(language: str | None, buckets: str, counts: str, signature: str) -> TextTerms:
    """What `pack_terms` wrote."""
    return TextTerms(
        language, unpack(buckets, "<i4"), unpack(counts, "<f4"), unpack(signature, "<u2")
    )
