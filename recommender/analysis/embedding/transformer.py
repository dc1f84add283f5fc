"""The sentence-transformers encoder."""

from collections.abc import Sequence
from logging import ERROR, getLogger
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers.utils.logging import disable_progress_bar

from recommender.analysis.article_texts import WIDE, cut, width
from recommender.analysis.embedding.model import Model
from recommender.analysis.embedding.usage import Usage
from recommender.encoding_settings import AUTO_DEVICE, CUDA, PREFIX
from recommender.errors import EncoderAway, ModelRefused
from recommender.progress import Advance

__all__ = [
    "TransformerEncoder",
    "choose_device",
    "has_bfloat16",
    "open_transformer",
    "prompt_of",
    "share_into_batches",
]

PIECES_PER_BATCH: Final = 4_096
"""Word pieces of a batch, with its padding: some 25 passages. Twice as many cost a quarter more
CPU, because what a layer makes of them leaves the caches; a quarter as many do too, as there are
more calls."""
ENOUGH_PIECES: Final = 256
"""A model that reads so many word pieces reads every text of an article whole."""
OFFSET_POSITIONS: Final = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
"""Architectures whose first word piece stands at the position after that of padding."""
CPU_FACTS: Final = Path("/proc/cpuinfo")

# It warns when a model's folder sets a prompt. Ours does, on purpose.
getLogger("sentence_transformers.base.model").setLevel(ERROR)
disable_progress_bar()  # type: ignore[no-untyped-call] # we show our own


def choose_device(setting: str, *, has_gpu: bool) -> str:
    """Choose where to embed, `cpu` or `cuda`.

    Args:
        setting: READ_ALSO_DEVICE.
        has_gpu: whether torch finds a GPU that it can use.

    Raises:
        ModelRefused: the setting wants a GPU, and there is none.
    """
    if setting == CUDA and not has_gpu:
        raise ModelRefused(
            f"{PREFIX}DEVICE={CUDA}, but torch {torch.__version__} finds no GPU; install its "
            f"driver and a torch that is built for it, or set {PREFIX}DEVICE={AUTO_DEVICE}"
        )
    return CUDA if has_gpu and setting in {CUDA, AUTO_DEVICE} else "cpu"


def has_bfloat16() -> bool:
    """Whether the processor can multiply bfloat16. If it cannot, float32 is faster."""
    facts = CPU_FACTS.read_text() if CPU_FACTS.exists() else ""
    return "avx512_bf16" in facts or "amx_bf16" in facts


class TransformerEncoder:
    """Embeds with a local sentence-transformers model on the CPU or a GPU."""

    def __init__(self, model: SentenceTransformer, usage: Usage) -> None:
        _drop_normalize(model)
        self._model = model
        self._prompt = prompt_of(model, usage)
        self._dimensions = usage.dimensions
        self._pieces = _pieces_read(model)

    @classmethod
    def load(cls, model: Model) -> Self:
        """Load the weights of a model, as bfloat16 if the processor or the GPU can multiply it.

        Raises:
            ModelRefused: see `choose_device` and `open_transformer`.
        """
        device = choose_device(model.device, has_gpu=torch.cuda.is_available())
        is_quick = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device == CUDA
            else has_bfloat16()
        )
        dtype = torch.bfloat16 if is_quick else torch.float32
        return cls(open_transformer(model, dtype, device), model.usage)

    @property
    def shown(self) -> str:
        """Where it embeds, and with which numbers: `cpu, bfloat16`."""
        dtype = next(self._model.parameters()).dtype
        return f"{self._model.device.type}, {str(dtype).removeprefix('torch.')}"

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        There must be at least one text. Texts with about as many word pieces share a batch, so that
        there is little padding. Rows become float32 before they are scaled to length one, because
        bfloat16 has only three digits.

        Raises:
            EncoderAway: the GPU fails.
        """
        batches = share_into_batches(self._count_pieces(texts), PIECES_PER_BATCH)
        parts: list[NDArray[np.float32]] = []
        for batch in batches:
            parts.append(self._embed([texts[place] for place in batch]))
            advance(len(batch))
        return np.concatenate(parts)[np.argsort(np.concatenate(batches))]

    def _count_pieces(self, texts: Sequence[str]) -> list[int]:
        """How many word pieces each text has; the width does where a model has none.

        To count costs 3 % of the embedding. By widths alone 18 % of a batch would be padding.
        """
        if self._model.transformers_model is None:
            return [width(text) for text in texts]
        whole = [f"{self._prompt or ''}{text}" for text in texts]
        ids = self._model.tokenizer(whole, verbose=False)["input_ids"]
        return [len(one) for one in ids]

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        if self._pieces >= ENOUGH_PIECES:
            return self._embed_whole(texts)
        cuts = [self._cut_to_fit(text) for text in texts]
        rows = self._embed_whole([part for parts in cuts for part in parts])
        ends = np.cumsum([len(parts) for parts in cuts])[:-1]
        weights = [width(part) for parts in cuts for part in parts]
        shares = rows * np.asarray(weights, np.float32)[:, None]
        return _unit_rows(np.stack([part.sum(axis=0) for part in np.split(shares, ends)]))

    def _embed_whole(self, texts: list[str]) -> NDArray[np.float32]:
        try:
            embedded = self._model.encode(
                texts,
                prompt=self._prompt,
                batch_size=len(texts),
                show_progress_bar=False,
                truncate_dim=self._dimensions,
            )
        except RuntimeError as fault:  # torch's errors of a GPU: no memory is left, or worse
            if self._model.device.type != CUDA:
                raise
            raise EncoderAway(
                f"the GPU does not embed ({str(fault).partition(chr(10))[0]}); free its memory and "
                f"restart, or set {PREFIX}DEVICE=cpu"
            ) from fault
        return _unit_rows(np.asarray(embedded, np.float32))

    def _cut_to_fit(self, text: str) -> list[str]:
        """Cut a text into parts that the model reads whole, so that no word is lost.

        The vector of the text is the mean of theirs, by their width.
        """
        whole = f"{self._prompt or ''}{text}"
        pieces = len(self._model.tokenizer(whole, verbose=False)["input_ids"])
        if pieces <= self._pieces or width(text) <= WIDE:
            return [text]
        limit = max(WIDE, width(text) * self._pieces // (pieces + 1))
        return [part for piece in cut(text, limit) for part in self._cut_to_fit(piece)]


def share_into_batches(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Share texts into batches, the longest first.

    Args:
        sizes: of the texts.
        most: the size of a batch, in which each text is padded to the longest. A text that is
            larger is alone.

    Returns:
        The places of the texts of each batch.
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if batches and sizes[batches[-1][0]] * (len(batches[-1]) + 1) <= most:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def open_transformer(model: Model, dtype: torch.dtype, device: str = "cpu") -> SentenceTransformer:
    """Load the weights of a model on a device, with the pooling that its usage asks for.

    Raises:
        ModelRefused: the model needs code that is not part of sentence-transformers, or its files
            do not fit together; or its vectors are shorter than the settings ask.
    """
    try:
        loaded = SentenceTransformer(
            str(model.folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype, "use_safetensors": True},
        )
    except (ImportError, KeyError, ValueError) as fault:
        raise ModelRefused(
            f"the model in {model.folder} cannot be loaded ({fault}); code that comes with a "
            "model is never run, so take one that sentence-transformers knows by itself"
        ) from fault
    _check_length(loaded, model)
    if model.usage.pooling is not None:
        _set_pooling(loaded, model.usage.pooling)
    return loaded


def prompt_of(model: SentenceTransformer, usage: Usage) -> str | None:
    """What stands before every text: the prompt of the usage, else the default of the folder."""
    default = model.default_prompt_name
    return usage.prompt or (model.prompts.get(default) if default else None)


def _pieces_read(model: SentenceTransformer) -> int:
    """How many word pieces of a text a model reads; also sets that limit in the model.

    The default of sentence-transformers is too high for models without a limit of their own whose
    positions do not begin at zero.
    """
    limit = int(model.max_seq_length or ENOUGH_PIECES)
    if model.transformers_model is None:  # a table of word vectors: it reads texts of any length
        return limit
    config = model.transformers_model.config
    if config.model_type in OFFSET_POSITIONS:
        limit = min(limit, config.max_position_embeddings - config.pad_token_id - 1)
    model.max_seq_length = limit
    return limit


def _check_length(loaded: SentenceTransformer, model: Model) -> None:
    """Check that vectors are at least as long as the settings ask.

    Raises:
        ModelRefused: they are not.
    """
    dim, wanted = loaded.get_embedding_dimension(), model.usage.dimensions
    if wanted is not None and dim is not None and dim < wanted:
        raise ModelRefused(
            f"vectors of {model.name} have {dim} numbers, fewer than {PREFIX}DIMENSIONS={wanted}; "
            "unset it, or name fewer"
        )


def _set_pooling(model: SentenceTransformer, pooling: str) -> None:
    """Replace the pooling that sentence-transformers takes where the folder names none."""
    model[1] = Pooling(model[1].embedding_dimension, pooling)


def _drop_normalize(model: SentenceTransformer) -> None:
    """Drop the model's own last step, which scales rows in bfloat16; we scale them in float32."""
    if type(model[-1]).__name__ == "Normalize":
        del model[-1]


def _unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return rows
