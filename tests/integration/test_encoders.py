"""One contract for every encoder: those of the two installed models, and the tests' fake."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.embedding import Encoder, find_model
from recommender.analysis.embedding.loading import load_encoder

TEXTS = [
    "The port of Rotterdam unloads a ship full of containers.",
    "Apples ripen late in the orchards of Kent this year.",
    "Short.",
    "A harbour crane lifts cargo from a vessel. " * 25,
    "Ҳамчунин хонед",
    "相关阅读",
    "A ship with containers is unloaded in the port of Rotterdam.",
]


@pytest.fixture(scope="module", params=["fake", "bundled", "multilingual"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    if request.param == "bundled":
        return load_encoder(find_model("bundled", tmp_path_factory.mktemp("models")))
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
