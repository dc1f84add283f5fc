"""Loads a model. Web workers import `model`, and must not reach torch; so this is apart."""

import logging
import os
from collections.abc import Callable
from typing import Final

from recommender.analysis.embedding.encoder import Encoder, Tuner
from recommender.analysis.embedding.fourbit import unpack_model
from recommender.analysis.embedding.model import Model, ServedModel
from recommender.analysis.embedding.usage import Usage
from recommender.errors import ModelRefused
from recommender.progress import Meter, silent

__all__ = ["PATIENCE_SECONDS", "load_encoder", "load_tuner"]

_log = logging.getLogger(__name__)
PATIENCE_SECONDS: Final = 300.0
"""How long a rebuild waits for a server that embeds: it may be restarted, or limit the rate. The
indexer does not wait: it serves drafts meanwhile, and tries again by itself."""


def load_encoder(
    model: Model,
    meter: Meter = silent,
    patience_seconds: float = 0.0,
    say: Callable[[str], object] = _log.info,
) -> Encoder:
    """Load the weights of a model, which takes seconds; unpack them first if needed.

    It imports torch, unless a server has the model.

    Args:
        model: what to load.
        meter: counts the bytes that are unpacked.
        patience_seconds: how long a server that has answered before is waited for.
        say: is given a line that says where the model embeds, unless a server has it.

    Raises:
        ModelRefused: the file to unpack is not the pinned one any more, or the model cannot be
            loaded; or the settings want a GPU, and there is none.
    """
    if model.served is not None:
        return _connect(model.served, model.usage, patience_seconds)
    _prepare(model, meter)
    from recommender.analysis.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    encoder = TransformerEncoder.load(model)
    say(f"device of {model.name}: {encoder.shown}")
    return encoder


def _connect(model: ServedModel, usage: Usage, patience_seconds: float) -> Encoder:
    from recommender.analysis.embedding.encoder_connection import EncoderConnection  # noqa: PLC0415 - imports an HTTP client
    from recommender.analysis.embedding.remote import RemoteEncoder  # noqa: PLC0415 - the same

    return RemoteEncoder(model, usage, EncoderConnection(model.server, patience_seconds))


def load_tuner(model: Model, meter: Meter = silent) -> Tuner:
    """Load a model to be tuned, as `load_encoder` does one that is only used.

    Raises:
        ModelRefused: as there; or it is on a server, or has nothing to tune.
    """
    if model.served is not None:
        raise ModelRefused(
            f"the model {model.name} is on a server; only a model of this machine can be tuned"
        )
    _prepare(model, meter)
    from recommender.analysis.embedding.tuning import TransformerTuner  # noqa: PLC0415 - slow, heavy

    return TransformerTuner.load(model)


def _prepare(model: Model, meter: Meter) -> None:
    """Do what is to be done before torch is loaded."""
    if model.packing is not None:
        unpack_model(model.packing.weights, model.packing.sha256, model.folder, meter)
    # By default torch's threads spin while they wait for each other. On a machine whose cores have
    # other work, eight passages then took 2 s instead of 0.02. Torch reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
