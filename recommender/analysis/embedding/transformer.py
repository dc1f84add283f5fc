"""The sentence-transformers encoder. The only module that imports torch."""

from collections.abc import Sequence
from logging import ERROR, getLogger
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from recommender.analysis.article_texts import width
from recommender.analysis.embedding.model import Model
from recommender.progress import Advance

__all__ = ["TEXTS_PER_BATCH", "TransformerEncoder", "has_bfloat16"]

TEXTS_PER_BATCH: Final = 32
CPU_FACTS: Final = Path("/proc/cpuinfo")

# It warns when a model's folder sets a prompt. Ours does, on purpose.
getLogger("sentence_transformers.base.model").setLevel(ERROR)
disable_progress_bar()  # type: ignore[no-untyped-call] # we show our own


def has_bfloat16() -> bool:
    """Whether the processor can multiply bfloat16. If it cannot, float32 is faster."""
    facts = CPU_FACTS.read_text() if CPU_FACTS.exists() else ""
    return "avx512_bf16" in facts or "amx_bf16" in facts


class TransformerEncoder:
    """Embeds with a local sentence-transformers model on the CPU."""

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model

    @classmethod
    def load(cls, model: Model) -> Self:
        """Load the weights of a model, as bfloat16 if the processor can multiply it."""
        loaded = SentenceTransformer(
            str(model.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={
                "dtype": torch.bfloat16 if has_bfloat16() else torch.float32,
                "use_safetensors": True,
            },
        )
        _drop_normalize(loaded)
        return cls(loaded)

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        There must be at least one text. Texts of similar length share a batch, so that there is
        little padding. Rows become float32 before they are scaled to length one, because bfloat16
        has only three digits.
        """
        order = np.argsort([-width(text) for text in texts], kind="stable")
        parts: list[NDArray[np.float32]] = []
        for at in range(0, len(texts), TEXTS_PER_BATCH):
            parts.append(self._embed([texts[place] for place in order[at : at + TEXTS_PER_BATCH]]))
            advance(len(parts[-1]))
        return np.concatenate(parts)[np.argsort(order)]

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        embedded = self._model.encode(texts, batch_size=len(texts), show_progress_bar=False)
        vectors = np.asarray(embedded, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        rows: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return rows


def _drop_normalize(model: SentenceTransformer) -> None:
    """Drop the model's own last step, which scales rows in bfloat16; we scale them in float32."""
    if type(model[-1]).__name__ == "Normalize":
        del model[-1]
