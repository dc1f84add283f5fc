"""Folders of tiny models with random weights, one for each architecture that encoders have."""

import json
from pathlib import Path
from typing import Any, Final

import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

__all__ = ["ARCHITECTURES", "POSITIONS", "WORDS", "make_tiny_model", "read_by_hand"]

WORDS: Final = tuple(f"w{number}" for number in range(40))
_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "query", "passage", ":")
_SIZES: Final[dict[str, Any]] = {
    "vocab_size": len(_SPECIAL) + len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 1.0,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
POSITIONS: Final = 40
ARCHITECTURES: Final[dict[str, tuple[type[Any], type[PreTrainedModel]]]] = {
    "bert": (BertConfig, BertModel),
    "modernbert": (ModernBertConfig, ModernBertModel),
    "mpnet": (MPNetConfig, MPNetModel),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel),
}


def make_tiny_model(folder: Path, architecture: str, reads: int | None = None) -> Path:
    """Save random weights and a tokenizer of words, as an author does who knows only transformers.

    Args:
        folder: what is made; its last name is the model's.
        architecture: one of ARCHITECTURES.
        reads: how many word pieces the tokenizer says that the model reads; None if it is silent.
    """
    config, model = ARCHITECTURES[architecture]
    torch.manual_seed(7)
    sizes = _SIZES | {"max_position_embeddings": POSITIONS}
    model(config(**sizes)).save_pretrained(folder)
    _tokenizer(reads).save_pretrained(folder)
    return folder


def _tokenizer(reads: int | None) -> PreTrainedTokenizerFast:
    vocabulary = {word: place for place, word in enumerate((*_SPECIAL, *WORDS))}
    words = Tokenizer(WordLevel(vocabulary, **_named("unk")))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    limit = {} if reads is None else {"model_max_length": reads}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, **_named("cls", "bos", "eos", "pad", "unk"), **limit
    )


def _named(*roles: str) -> dict[str, str]:
    marks = {"cls": "<s>", "bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>"}
    return {f"{role}_token": marks[role] for role in roles}


def read_by_hand(folder: Path, text: str, pooling: str) -> NDArray[Any]:
    """The vector of one text by transformers alone: float32 [16], of length one."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    model = ARCHITECTURES[kind][1].from_pretrained(folder).eval()  # type: ignore[no-untyped-call]
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        pieces = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        states = model(**pieces).last_hidden_state[0]
    vector = states[0] if pooling == "cls" else states.mean(dim=0)
    return torch.nn.functional.normalize(vector, dim=0).numpy()
