"""Tunes a model on pairs of texts that belong together: contrastive learning, without labels.

Each text of a batch has to find its partner among the partners of all others (InfoNCE with
in-batch negatives: van den Oord et al. 2018, "Representation learning with contrastive predictive
coding"; known as MultipleNegativesRankingLoss, here in both directions). All weights are tuned but
the table of word pieces, which is most of a multilingual model and hardly changes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from recommender.analysis.embedding.model import Model
from recommender.analysis.embedding.transformer import (
    TransformerEncoder,
    has_bfloat16,
    open_transformer,
    prompt_of,
)
from recommender.errors import ModelRefused
from recommender.progress import Advance

__all__ = ["TransformerTuner"]

PIECES: Final = 128
"""Word pieces of a text that tuning reads: half of a passage, at less than half of the time."""
SCALE: Final = 20.0  # of cosines, as in sentence-transformers
LEARNING_RATE: Final = 2e-5
WARM_UP: Final = 20  # steps until the whole learning rate is used
WEIGHT_DECAY: Final = 0.01
RNG_SEED: Final = 20_261_129
PROMPT_NAME: Final = "article"
MOMENTS: Final = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of each weight that has had a gradient."""

Tensors = dict[str, torch.Tensor]


class TransformerTuner:
    """A model whose weights change, and the best weights so far.

    The same steps give the same weights on the same machine, also if the state was written and
    read again between two of them.
    """

    def __init__(self, loaded: SentenceTransformer, model: Model) -> None:
        if loaded.transformers_model is None:
            raise ModelRefused(f"{model.name} is a table of word vectors; there is nothing to tune")
        self._encoder = TransformerEncoder(loaded, model.usage)
        self._model = loaded
        self._usage = model.usage
        self._reads = loaded.max_seq_length or PIECES
        loaded.transformers_model.get_input_embeddings().requires_grad_(requires_grad=False)
        self._tuned = {n: one for n, one in loaded.named_parameters() if one.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._tuned.values(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        self._best = self._weights()
        self.steps = 0
        """How many steps were made."""

    @classmethod
    def load(cls, model: Model) -> Self:
        """Load the weights of a model in float32.

        Raises:
            ModelRefused: see `open_transformer`; or the model has nothing to tune.
        """
        return cls(open_transformer(model, torch.float32), model)

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts with the present weights, as an `Encoder` does."""
        self._model.max_seq_length = self._reads
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
            return self._encoder.encode(texts, advance)

    def step(self, ones: Sequence[str], others: Sequence[str]) -> float:
        """Change the weights a little, so that each text finds its partner.

        Args:
            ones: texts.
            others: the partner of each, in the same order.

        Returns:
            The loss before the change.
        """
        self.steps += 1
        rate = LEARNING_RATE * min(1.0, self.steps / WARM_UP)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(RNG_SEED + self.steps)
            loss = _contrast(self._rows(ones), self._rows(others))
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()

    def _rows(self, texts: Sequence[str]) -> torch.Tensor:
        self._model.max_seq_length = min(self._reads, PIECES)
        pieces = self._model.preprocess(list(texts), prompt=prompt_of(self._model, self._usage))
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
            rows = self._model(pieces)["sentence_embedding"]
        cut = rows.float()[:, : self._usage.dimensions]
        return torch.nn.functional.normalize(cut, dim=1)

    def _weights(self) -> Tensors:
        return {name: one.detach().clone() for name, one in self._tuned.items()}

    def remember(self) -> None:
        """Take the present weights for the best."""
        self._best = self._weights()

    def write_state(self, path: Path) -> None:
        """Write weights, best weights and the memory of the optimizer to a file."""
        moments = {
            f"{kind}.{name}": self._optimizer.state[one][kind]
            for name, one in self._tuned.items()
            for kind in MOMENTS
            if one in self._optimizer.state
        }
        state = _prefixed("now", self._weights()) | _prefixed("best", self._best) | moments
        save_file(state, path, {"steps": str(self.steps)})

    def read_state(self, path: Path, steps: int) -> None:
        """Go on from what `write_state` wrote after so many steps.

        Raises:
            ModelRefused: it is the state of another model, or damaged.
        """
        try:
            state = load_file(path)
            self._set({name: state[f"now.{name}"] for name in self._tuned})
            self._best = {name: state[f"best.{name}"] for name in self._tuned}
            for name, one in self._tuned.items():
                if f"{MOMENTS[0]}.{name}" in state:
                    moments = {kind: state[f"{kind}.{name}"] for kind in MOMENTS}
                    self._optimizer.state[one] = {"step": torch.tensor(float(steps)), **moments}
        except (OSError, KeyError, RuntimeError, SafetensorError) as fault:
            raise ModelRefused(
                f"{path} cannot be read ({fault}); remove it, and begin anew"
            ) from fault
        self.steps = steps

    def _set(self, weights: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, one in self._tuned.items():
                one.copy_(weights[name])

    def save_best(self, folder: Path) -> None:
        """Write the model with the best weights as a folder of safetensors, without a card."""
        self._set(self._best)
        self._model.max_seq_length = self._reads
        if self._usage.prompt:
            self._model.prompts = {PROMPT_NAME: self._usage.prompt}
            self._model.default_prompt_name = PROMPT_NAME
        self._model.eval().save_pretrained(str(folder), create_model_card=False)


def _contrast(ones: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The loss of unit rows [n, dim] whose partners stand in the same row of the other table."""
    scores = SCALE * ones @ others.T
    places = torch.arange(len(scores))
    forth, back = (torch.nn.functional.cross_entropy(one, places) for one in (scores, scores.T))
    return (forth + back) / 2


def _prefixed(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}.{name}": one for name, one in tensors.items()}
