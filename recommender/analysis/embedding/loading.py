"""Loads a model. Web workers import `model`, and must not reach torch; so this is apart."""

import os

from recommender.analysis.embedding.encoder import Encoder
from recommender.analysis.embedding.fourbit import unpack_model
from recommender.analysis.embedding.model import Model
from recommender.progress import Meter, silent

__all__ = ["load_encoder"]


def load_encoder(model: Model, meter: Meter = silent) -> Encoder:
    """Load the weights of a model, which takes seconds; unpack them first if needed.

    It imports torch, unless a server has the model. `meter` counts the bytes that are unpacked.

    Raises:
        ModelRefused: the file to unpack is not the pinned one any more, or the model cannot be
            loaded.
    """
    if model.served is not None:
        from recommender.analysis.embedding.remote import RemoteEncoder  # noqa: PLC0415 - imports an HTTP client

        return RemoteEncoder(model.served, model.usage)
    if model.packing is not None:
        unpack_model(model.packing.weights, model.packing.sha256, model.folder, meter)
    # By default torch's threads spin while they wait for each other. On a machine whose cores have
    # other work, eight passages then took 2 s instead of 0.02. Torch reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from recommender.analysis.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    return TransformerEncoder.load(model)
