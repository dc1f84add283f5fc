"""The tokenizer of XLM-R, made from the vocabulary, in the form of the library `tokenizers`."""

from recommender.analysis.embedding.fourbit.weights import PackedWeights

__all__ = ["PAD", "SPECIAL", "tokenizer_of", "tokenizer_settings_of"]

START, PAD, END, UNKNOWN, MASK = SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
WIDE_TILDE, STAND_IN = (
    "\uff5e",
    "\ue0fe",
)  # XLM-R keeps it; NFKC makes a plain one


def tokenizer_settings_of(packed: PackedWeights) -> dict[str, object]:
    """The content of `tokenizer_config.json`."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": packed.reach,
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": START,
        "cls_token": START,
        "eos_token": END,
        "sep_token": END,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "mask_token": MASK,
    }


def tokenizer_of(packed: PackedWeights) -> dict[str, object]:
    """The content of `tokenizer.json`: normalise, split at spaces, cut words into pieces."""
    ids = {piece: place for place, (piece, _) in enumerate(packed.pieces)}
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    around = {
        piece: {"id": piece, "ids": [ids[piece]], "tokens": [piece]} for piece in (START, END)
    }
    single = [_special(START), {"Sequence": {"id": "A", "type_id": 0}}, _special(END)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(piece, ids[piece]) for piece in SPECIAL],
        "normalizer": {"type": "Sequence", "normalizers": _normalizers()},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, spaces],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 0}}, _special(END)],
            "special_tokens": around,
        },
        "decoder": spaces,
        "model": {"type": "Unigram", "unk_id": ids[UNKNOWN], "vocab": packed.pieces},
    }


def _normalizers() -> list[dict[str, object]]:
    """SentencePiece's `nmt_nfkc`. The package has that table without the multi-letter rules."""
    return [
        {"type": "Replace", "pattern": {"String": WIDE_TILDE}, "content": STAND_IN},
        {"type": "Nmt"},
        {"type": "NFKC"},
        {"type": "Replace", "pattern": {"String": STAND_IN}, "content": WIDE_TILDE},
    ]


def _special(piece: str) -> dict[str, object]:
    return {"SpecialToken": {"id": piece, "type_id": 0}}


def _added(piece: str, number: int) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": piece, "special": True, **flags}
