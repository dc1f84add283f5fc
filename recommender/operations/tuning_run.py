"""Runs the steps of a tuning, keeps the best weights, and can go on after an interruption."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from index import make_folder, replace_file, replacing
from recommender.analysis.embedding import Tuner
from recommender.operations.training_pairs import Batch
from recommender.progress import Meter

__all__ = ["Checkpoint", "TuningProgress", "identify_tuning", "tune"]

EVERY: Final = 25
"""Steps from one check to the next: 800 pairs."""
PATIENCE: Final = 4
"""Checks without a better loss after which tuning ends."""
RECIPE: Final = "infonce-1"
"""Change it when the same batches would give other weights."""


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """How far a tuning is.

    Attributes:
        identity: of the model and the batches.
        loss: on the articles of the checks, before the first step.
        best_loss: the least one so far.
        steps: how many were made.
        best_steps: after how many the loss was the least.
        seconds: that all steps and checks took, in all runs.
    """

    identity: str
    loss: float
    best_loss: float
    steps: int = 0
    best_steps: int = 0
    seconds: float = 0.0

    def after_check(self, steps: int, loss: float, seconds: float) -> Self:
        """The progress after some more steps and a check, which took so many seconds."""
        then = replace(self, steps=steps, seconds=self.seconds + seconds)
        return replace(then, best_loss=loss, best_steps=steps) if loss < self.best_loss else then

    @property
    def has_converged(self) -> bool:
        """Whether so many checks were no better that more steps promise nothing."""
        return self.steps - self.best_steps >= PATIENCE * EVERY


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with the state of a tuning: the progress, and the weights that it names.

    The progress is written last. If the program is killed in between, the former state holds.
    """

    folder: Path

    def read(self, identity: str) -> TuningProgress | None:
        """The progress of the tuning with this identity; None if there is none."""
        try:
            progress = TuningProgress(**json.loads(self._progress.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        is_it = progress.identity == identity and self.state_after(progress.steps).is_file()
        return progress if is_it else None

    def write(self, progress: TuningProgress, tuner: Tuner) -> None:
        """Keep a progress and the state of the tuner."""
        make_folder(self.folder)
        state = self.state_after(progress.steps)
        with replacing(state) as aside:
            tuner.write_state(aside)
        replace_file(self._progress, json.dumps(asdict(progress)).encode())
        for path in self.folder.glob("*.safetensors"):
            if path != state:
                path.unlink()

    def remove(self) -> None:
        """Forget the tuning."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def state_after(self, steps: int) -> Path:
        """The file with the state of the tuner after so many steps."""
        return self.folder / f"{steps}.safetensors"

    @property
    def _progress(self) -> Path:
        return self.folder / "progress.json"


def identify_tuning(fingerprint: str, batches: Sequence[Batch]) -> str:
    """An identity that changes with the model, with any pair, and with the recipe."""
    digest = hashlib.sha256(f"{RECIPE} {fingerprint}".encode())
    for batch in batches:
        digest.update(json.dumps([[pair.one, pair.other] for pair in batch]).encode())
    return digest.hexdigest()


def tune(
    tuner: Tuner,
    batches: Sequence[Batch],
    loss_of: Callable[[Tuner], float],
    checkpoint: Checkpoint,
    identity: str,
    meter: Meter,
    seconds: float,
) -> TuningProgress:
    """Take a step for each batch, and have the best weights remembered.

    It ends before the last batch if the time is over, or if the loss does not get less any more.

    Args:
        tuner: with the weights of the model as it is.
        batches: in order.
        loss_of: the loss on articles that are not in the batches; the lower the better.
        checkpoint: where it goes on, if a tuning of this identity was interrupted.
        identity: see `identify_tuning`.
        meter: counts pairs.
        seconds: how long all runs may take together.
    """
    clock = Stopwatch()
    progress = checkpoint.read(identity)
    if progress is None:
        checkpoint.remove()
        loss = loss_of(tuner)
        progress = TuningProgress(identity, loss, loss)
    else:
        tuner.read_state(checkpoint.state_after(progress.steps), progress.steps)
    with meter("tuning", sum(map(len, batches)), "pair") as advance:
        advance(sum(map(len, batches[: progress.steps])))
        for steps in range(progress.steps + 1, len(batches) + 1):
            batch = batches[steps - 1]
            tuner.step([pair.one for pair in batch], [pair.other for pair in batch])
            advance(len(batch))
            is_last = steps == len(batches) or progress.seconds + clock.elapsed >= seconds
            if steps % EVERY and not is_last:
                continue
            progress = progress.after_check(steps, loss_of(tuner), clock.restart())
            if progress.best_steps == steps:
                tuner.remember()
            checkpoint.write(progress, tuner)
            if is_last or progress.has_converged:
                break
    return progress


class Stopwatch:
    """Measures seconds from its making, or from the last restart."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self._begun

    def restart(self) -> float:
        """Begin again; the seconds until now."""
        elapsed, self._begun = self.elapsed, time.monotonic()
        return elapsed
