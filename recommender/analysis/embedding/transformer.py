"""The sentence-transformers encoder. The only module that imports torch."""

from collections.abc import Sequence
from logging import ERROR, getLogger
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from recommender.analysis.embedding.model import Model
from recommender.analysis.passages import width
from recommender.progress import Advance

__all__ = ["BATCH", "TransformerEncoder", "has_bfloat16"]

BATCH: Final = 32
CPU_FACTS: Final = Path("/proc/cpuinfo")

# It warns of a prompt that a model's folder sets, which is as it should be.
getLogger("sentence_transformers.base.model").setLevel(ERROR)
disable_progress_bar()  # type: ignore[no-untyped-call] # of reading weights: a second, beside our own bars


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; where it does not, float32 is faster."""
    facts = CPU_FACTS.read_text() if CPU_FACTS.exists() else ""
    return "avx512_bf16" in facts or "amx_bf16" in facts


class TransformerEncoder:
    """Embeds with a local sentence-transformers model on the CPU."""

    def __init__(self, model: Model, *, bfloat16: bool | None = None) -> None:
        narrow = has_bfloat16() if bfloat16 is None else bfloat16
        self._model = SentenceTransformer(
            str(model.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={
                "dtype": torch.bfloat16 if narrow else torch.float32,
                "use_safetensors": True,
            },
        )
        _drop_normalize(self._model)

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        There must be one. Texts of like length share a batch, the longest first, so that little
        is padding. Rows are made float32 before they are scaled to length one, since bfloat16
        keeps three digits.
        """
        order = np.argsort([-width(text) for text in texts], kind="stable")
        parts: list[NDArray[np.float32]] = []
        for at in range(0, len(texts), BATCH):
            parts.append(self._embed([texts[place] for place in order[at : at + BATCH]]))
            advance(len(parts[-1]))
        return np.concatenate(parts)[np.argsort(order)]

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        embedded = self._model.encode(texts, batch_size=len(texts), show_progress_bar=False)
        vectors = np.asarray(embedded, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        rows: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return rows


def _drop_normalize(model: SentenceTransformer) -> None:
    """Rows are scaled here, in float32; the model's own last step would do it in bfloat16."""
    if type(model[-1]).__name__ == "Normalize":
        del model[-1]
