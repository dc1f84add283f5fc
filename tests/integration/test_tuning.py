"""Tuning of tiny models with random weights: what is learned, kept, written and gone on with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.embedding import Tuner, find_model, transformer, tuning
from recommender.analysis.embedding.loading import load_encoder, load_tuner
from recommender.encoding_settings import EncoderServer, EncodingSettings
from recommender.errors import ModelRefused
from recommender.operations import tuning_run
from recommender.operations.training_pairs import Batch, TextPair
from recommender.operations.tuning_run import Checkpoint, TuningProgress, identify_tuning, tune
from recommender.progress import Advance, silent
from tests.support.tiny_models import WORDS, make_tiny_model

TEXTS = [" ".join(WORDS[at : at + 6]) for at in range(0, 30, 5)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights stay float32, and change so much that a tiny model learns in some steps."""
    monkeypatch.setattr(transformer, "has_bfloat16", lambda: False)
    monkeypatch.setattr(tuning, "has_bfloat16", lambda: False)
    monkeypatch.setattr(tuning, "LEARNING_RATE", 0.01)
    monkeypatch.setattr(tuning, "WARM_UP", 1)
    monkeypatch.setattr(tuning_run, "EVERY", 2)


def tuner_of(folder: Path, name: str = "tiny", architecture: str = "bert") -> Tuner:
    place = folder / name
    if not place.exists():
        make_tiny_model(place, architecture)
    return load_tuner(find_model(str(place), folder))


def rows_of(tuner: Tuner) -> NDArray[np.float32]:
    return tuner.encode(TEXTS, lambda _: None)


def batch(number: int) -> Batch:
    """Each word belongs to the one at the other end of the vocabulary."""
    places = Random(number).sample(range(len(WORDS)), 8)  # noqa: S311 - a sample, no secret
    return tuple(TextPair(WORDS[at], WORDS[-1 - at]) for at in places)


def steps(tuner: Tuner, *numbers: int) -> list[float]:
    batches = [batch(number) for number in numbers]
    return [tuner.step([p.one for p in one], [p.other for p in one]) for one in batches]


def test_partners_are_found_better_with_each_step(tmp_path: Path) -> None:
    losses = steps(tuner_of(tmp_path), *[1] * 12)
    assert losses[-1] < 0.7 * losses[0]


def test_the_same_steps_give_the_same_weights_also_after_a_pause(tmp_path: Path) -> None:
    whole = tuner_of(tmp_path)
    steps(whole, 1, 2, 3, 4)
    first = tuner_of(tmp_path)
    steps(first, 1, 2)
    first.write_state(tmp_path / "state")
    second = tuner_of(tmp_path)
    second.read_state(tmp_path / "state", 2)
    steps(second, 3, 4)
    assert np.array_equal(rows_of(second), rows_of(whole))


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("multilingual-e5-small", "xlm-roberta"), ("bge-small-en-v1.5", "bert"), ("tiny", "mpnet")],
)
def test_the_best_weights_are_saved_with_prompt_pooling_and_length(
    name: str, architecture: str, tmp_path: Path
) -> None:
    tuner = tuner_of(tmp_path, name, architecture)
    steps(tuner, 1, 2)
    tuner.remember()
    best = rows_of(tuner)
    steps(tuner, 3)
    assert not np.allclose(rows_of(tuner), best, atol=1e-3)
    tuner.save_best(tmp_path / "saved")
    saved = load_encoder(find_model(str(tmp_path / "saved"), tmp_path))
    assert saved.encode(TEXTS, lambda _: None) == pytest.approx(best, abs=1e-5)
    long = " ".join(WORDS) + "."
    texts = [f"{long} {long}"]
    assert saved.encode(texts, lambda _: None) == pytest.approx(
        tuner.encode(texts, lambda _: None), abs=1e-5
    )


def test_a_model_on_a_server_cannot_be_tuned() -> None:
    served = EncodingSettings(server=EncoderServer("http://127.0.0.1:1/embed"))
    with pytest.raises(ModelRefused, match="on a server"):
        load_tuner(find_model("remote:theirs", Path(), served))


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"no tensors")
    with pytest.raises(ModelRefused, match="cannot be read"):
        tuner_of(tmp_path).read_state(tmp_path / "state", 2)


BATCHES = [batch(number) for number in range(5)]
IDENTITY = identify_tuning("a model", BATCHES)


def run(tuner: Tuner, folder: Path, losses: Iterator[float], **given: float) -> TuningProgress:
    checkpoint = Checkpoint(folder / "checkpoint")
    seconds = given.get("seconds", 3600)
    return tune(tuner, BATCHES, lambda _: next(losses), checkpoint, IDENTITY, silent, seconds)


def test_an_interrupted_tuning_goes_on_where_it_was_checked_last(tmp_path: Path) -> None:
    whole, first = tuner_of(tmp_path), tuner_of(tmp_path)
    progress = run(whole, tmp_path / "whole", iter([5, 4, 3, 2]))
    assert (progress.steps, progress.best_steps, progress.best_loss) == (5, 5, 2)
    with pytest.raises(StopIteration):  # as if it were killed in the second check
        run(first, tmp_path, iter([5, 4]))
    second = tuner_of(tmp_path)
    resumed = run(second, tmp_path, iter([3, 2]))
    assert (resumed.loss, resumed.steps, resumed.best_steps) == (5, 5, 5)
    assert np.array_equal(rows_of(second), rows_of(whole))
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2


def test_another_tuning_does_not_go_on_from_it(tmp_path: Path) -> None:
    run(tuner_of(tmp_path), tmp_path, iter([5, 4, 3, 2]))
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    assert checkpoint.read(IDENTITY) is not None
    assert checkpoint.read(identify_tuning("another model", BATCHES)) is None
    assert checkpoint.read(identify_tuning("a model", BATCHES[1:])) is None
    checkpoint.remove()
    assert checkpoint.read(IDENTITY) is None


def test_the_best_weights_are_those_of_the_least_loss(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path)
    untuned = rows_of(tuner)
    progress = run(tuner, tmp_path, iter([5, 6, 7, 8]))
    assert (progress.best_steps, progress.best_loss) == (0, 5)
    assert not np.allclose(rows_of(tuner), untuned, atol=1e-3)
    tuner.save_best(tmp_path / "saved")
    saved = load_encoder(find_model(str(tmp_path / "saved"), tmp_path))
    assert saved.encode(TEXTS, lambda _: None) == pytest.approx(untuned, abs=1e-5)


def test_it_ends_when_the_time_is_over(tmp_path: Path) -> None:
    progress = run(tuner_of(tmp_path), tmp_path, iter([5, 4]), seconds=0)
    assert (progress.steps, progress.best_steps) == (1, 1)


def test_it_ends_when_nothing_gets_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_run, "PATIENCE", 1)
    progress = run(tuner_of(tmp_path), tmp_path, iter([5, 4, 6]))
    assert (progress.steps, progress.best_steps) == (4, 2)


def test_each_pair_is_counted_once(tmp_path: Path) -> None:
    counted = list[int]()

    @contextmanager
    def count(_label: str, total: int, _unit: str) -> Iterator[Advance]:
        assert total == 40
        yield counted.append

    losses = iter([5, 4, 3, 2])
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    tune(tuner_of(tmp_path), BATCHES, lambda _: next(losses), checkpoint, IDENTITY, count, 3600)
    assert sum(counted) == 40
