"""One contract for every encoder, and how models of each family are used."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from recommender.analysis.embedding import Encoder, Model, find_model, transformer
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.embedding.transformer import (
    choose_device,
    open_transformer,
    share_into_batches,
)
from recommender.encoding_settings import Dimensions, EncoderServer, EncodingSettings
from recommender.errors import EncoderAway, ModelRefused
from tests.support.encoder_servers import Server, open_encoder_server
from tests.support.tiny_models import POSITIONS, WORDS, make_tiny_model, read_by_hand

TEXTS = [
    "The port of Rotterdam unloads a ship full of containers.",
    "Apples ripen late in the orchards of Kent this year.",
    "Short.",
    "A harbour crane lifts cargo from a vessel. " * 25,
    "Ҳамчунин хонед",
    "相关阅读",
    "A ship with containers is unloaded in the port of Rotterdam.",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_encoder_server() as running:
        yield running


@pytest.fixture(scope="module", params=["fake", "bundled", "multilingual", "openai", "tei"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    if request.param == "bundled":
        return load_encoder(find_model("bundled", tmp_path_factory.mktemp("models")))
    if request.param in {"openai", "tei"}:
        url = getattr(request.getfixturevalue("server"), f"{request.param}_url")
        remote = EncodingSettings(server=EncoderServer(url))
        return load_encoder(find_model("remote:words", Path(), remote))
    encoder: Encoder = request.getfixturevalue(f"{request.param}_encoder")
    return encoder


@pytest.fixture(scope="module")
def rows(encoder: Encoder) -> NDArray[np.float32]:
    return encoder.encode(TEXTS, lambda _: None)


def test_an_encoder_gives_a_float32_row_for_each_text(rows: NDArray[np.float32]) -> None:
    assert rows.dtype == np.float32
    assert rows.ndim == 2
    assert len(rows) == len(TEXTS)
    assert rows.shape[1] in {256, 384}


def test_rows_have_length_one(rows: NDArray[np.float32]) -> None:
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_rows_are_in_the_order_of_the_texts(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    """Each text alone, and all of them backwards, give the same rows."""
    backwards = encoder.encode(TEXTS[::-1], lambda _: None)[::-1]
    assert (rows * backwards).sum(axis=1) == pytest.approx(1, abs=0.01)
    for text, row in zip(TEXTS, rows, strict=True):
        assert encoder.encode([text], lambda _: None)[0] @ row == pytest.approx(1, abs=0.01)


def test_the_same_texts_give_the_same_rows(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    assert np.array_equal(encoder.encode(TEXTS, lambda _: None), rows)


def test_texts_on_one_subject_are_nearest(rows: NDArray[np.float32]) -> None:
    similarity = rows @ rows[0]
    assert np.argsort(-similarity)[1] == TEXTS.index(TEXTS[6])


@pytest.mark.parametrize("count", [1, 7, 33])
def test_progress_counts_every_text_once(encoder: Encoder, count: int) -> None:
    counts: list[int] = []
    many = [f"Ship {number}" for number in range(count)]
    note: Callable[[int], object] = counts.append
    encoder.encode(many, note)
    assert sum(counts) == count
    assert min(counts) > 0


@given(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=60), most=st.integers(1, 2_000))
def test_a_batch_is_no_larger_than_asked_with_its_padding(sizes: list[int], most: int) -> None:
    batches = share_into_batches(sizes, most)
    assert sorted(place for batch in batches for place in batch) == [*range(len(sizes))]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(sizes[place] for place in batch) <= most


def test_texts_of_about_the_same_size_share_a_batch_and_equal_ones_stay_in_order() -> None:
    assert share_into_batches([9, 30, 10, 9, 28, 9, 70], 60) == [[6], [1, 4], [2, 0, 3, 5]]


@pytest.mark.long
def test_what_else_is_in_a_batch_changes_no_vector_beyond_rounding(tmp_path: Path) -> None:
    bundled = load_encoder(find_model("bundled", tmp_path))
    many = [*TEXTS, *(f"{' '.join(['cargo', 'harvest'] * n)} of {n}." for n in range(1, 80, 9))]
    together = bundled.encode(many, lambda _: None)[: len(TEXTS)]
    alone = np.concatenate([bundled.encode([text], lambda _: None) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() >= 0.9999


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    found = {
        (setting, has_gpu): choose_device(setting, has_gpu=has_gpu)
        for setting, has_gpu in [*product(("auto", "cpu"), (True, False)), ("cuda", True)]
    }
    assert found == {
        ("auto", True): "cuda",
        ("auto", False): "cpu",
        ("cpu", True): "cpu",
        ("cpu", False): "cpu",
        ("cuda", True): "cuda",
    }


@pytest.mark.parametrize("quick", [torch.bfloat16, torch.float32])
def test_a_gpu_gets_bfloat16_if_it_multiplies_it(
    quick: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No GPU is here: what would be loaded there is loaded on the processor."""
    opened = []

    def open_here(model: Model, dtype: torch.dtype, device: str) -> SentenceTransformer:
        opened.append((dtype, device))
        return open_transformer(model, dtype, "cpu")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    is_quick = quick == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: is_quick)
    monkeypatch.setattr(transformer, "open_transformer", open_here)
    embed(make_tiny_model(tmp_path / "tiny", "bert"), STORY)
    assert opened == [(quick, "cuda")]


@pytest.mark.usefixtures("exact")
def test_where_a_model_reads_is_said(tmp_path: Path) -> None:
    folder, said = make_tiny_model(tmp_path / "tiny", "bert"), list[str]()
    on_cpu = find_model(str(folder), tmp_path, EncodingSettings(device="cpu"))
    load_encoder(on_cpu, say=said.append)
    assert said == [f"device of {folder}: cpu, float32"]


def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder = make_tiny_model(tmp_path / "tiny", "bert")
    other = make_tiny_model(tmp_path / "other", "mpnet")
    settings = EncodingSettings(title_model=str(other), device="cuda")
    model = find_model(str(folder), tmp_path, settings)
    assert model.titles is not None
    for one in (model, model.titles):
        with pytest.raises(ModelRefused, match=r"finds no GPU; .* or set READ_ALSO_DEVICE=auto"):
            load_encoder(one)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_gpu_that_fails_is_no_fault_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """Else each text that is read meanwhile would be counted as one that cannot be read."""
    encoder = load_encoder(find_model(str(make_tiny_model(tmp_path / "tiny", "bert")), tmp_path))

    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB.\nProcess 5 has the rest.")

    monkeypatch.setattr(SentenceTransformer, "encode", fail)
    monkeypatch.setattr(SentenceTransformer, "device", property(lambda _: torch.device(device)))
    wanted = EncoderAway if device == "cuda" else torch.OutOfMemoryError
    with pytest.raises(wanted, match=r"Tried 2 GiB") as caught:
        encoder.encode(["A text"], lambda _: None)
    if device == "cuda":
        assert "Process 5" not in str(caught.value)
        assert "READ_ALSO_DEVICE=cpu" in str(caught.value)


rarely = partial(pytest.param, marks=pytest.mark.long)
FAMILIES_MADE = [
    # name, architecture, pooling, what stands before a text
    ("multilingual-e5-small", "xlm-roberta", "mean", "query: "),
    ("bge-small-en-v1.5", "bert", "cls", ""),
    ("gte-modernbert-base", "modernbert", "cls", ""),
    ("all-mpnet-base-v2", "mpnet", "mean", ""),
    rarely("e5-base-v2", "bert", "mean", "query: "),
    rarely("multilingual-e5-large-instruct", "xlm-roberta", "mean", ""),
    rarely("bge-m3", "xlm-roberta", "cls", ""),
    rarely("gte-base", "bert", "mean", ""),
    rarely("snowflake-arctic-embed-m", "bert", "cls", ""),
    rarely("multi-qa-mpnet-base-dot-v1", "mpnet", "cls", ""),
    rarely("somebody-elses", "bert", "mean", ""),
]
STORY = " ".join(WORDS[:12])


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights stay float32."""
    monkeypatch.setattr(transformer, "has_bfloat16", lambda: False)


def embed(folder: Path, *texts: str, dimensions: Dimensions | None = None) -> NDArray[np.float32]:
    model = find_model(str(folder), folder.parent, EncodingSettings(dimensions))
    return load_encoder(model).encode(texts, lambda _: None)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(("name", "architecture", "pooling", "prompt"), FAMILIES_MADE)
def test_a_folder_without_settings_is_used_as_its_family(
    name: str, architecture: str, pooling: str, prompt: str, tmp_path: Path
) -> None:
    folder = make_tiny_model(tmp_path / name, architecture)
    by_hand = read_by_hand(folder, prompt + STORY, pooling)
    assert embed(folder, STORY)[0] @ by_hand == pytest.approx(1, abs=1e-5)
    other = read_by_hand(folder, STORY, "mean" if pooling == "cls" else "cls")
    assert embed(folder, STORY)[0] @ other < 0.99


@pytest.mark.usefixtures("exact")
def test_what_the_folder_says_is_stronger_than_the_family(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "e5-base-v2", "bert")
    says = {"prompts": {"passage": "passage: "}, "default_prompt_name": "passage"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(says))
    (folder / "1_Pooling").mkdir()
    pooling = {"embedding_dimension": 16, "pooling_mode": "cls"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling")
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (kind, path) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    by_hand = read_by_hand(folder, f"passage: {STORY}", "cls")
    assert embed(folder, STORY)[0] @ by_hand == pytest.approx(1, abs=1e-5)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("architecture", ["bert", "mpnet", "xlm-roberta"])
@pytest.mark.parametrize("reads", [None, 16])
def test_a_text_longer_than_a_model_reads_is_read_in_parts(
    architecture: str, reads: int | None, tmp_path: Path
) -> None:
    """By hand: two sentences that the model reads whole, mixed by their width."""
    folder = make_tiny_model(tmp_path / "tiny", architecture, reads)
    length = (reads or POSITIONS) - 6
    start, end = (" ".join(words[:length]) + "." for words in (WORDS, WORDS[::-1]))
    whole = embed(folder, f"{start} {end}")[0]
    first, last = (read_by_hand(folder, text, "mean") * len(text) for text in (start, end))
    assert whole @ (first + last) == pytest.approx(np.linalg.norm(first + last), rel=1e-5)
    assert whole @ first < 0.999 * np.linalg.norm(first)


@pytest.mark.usefixtures("exact")
def test_a_vector_is_cut_only_where_the_model_or_the_operator_says_so(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny", "bert")
    whole = embed(folder, STORY)[0]
    with pytest.raises(ModelRefused, match="READ_ALSO_DIMENSIONS=8!"):
        embed(folder, STORY, dimensions=Dimensions(8))
    insisting = embed(folder, STORY, dimensions=Dimensions(8, insists=True))[0]
    assert insisting == pytest.approx(whole[:8] / np.linalg.norm(whole[:8]), abs=1e-5)
    with pytest.raises(ModelRefused, match="have 16 numbers, fewer than READ_ALSO_DIMENSIONS=17"):
        embed(folder, STORY, dimensions=Dimensions(17, insists=True))
    (folder / "README.md").write_text("---\ntags: [loss:MatryoshkaLoss]\n---\n")
    assert embed(folder, STORY, dimensions=Dimensions(8))[0] == pytest.approx(insisting)


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny", "bert")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelRefused, match="code that comes with a model is never run"):
        embed(folder, STORY)
    assert not (tmp_path / "ran").exists()
