"""Reads a model's weights. Nothing a web worker imports leads here."""

import os

from recommender.analysis.embedding.encoder import Encoder
from recommender.analysis.embedding.model import Model
from recommender.analysis.embedding.unpacking import unpack
from recommender.progress import Meter, silent

__all__ = ["load_encoder"]


def load_encoder(model: Model, meter: Meter = silent) -> Encoder:
    """Read the model's weights, unpacking them first if they are not; takes seconds.

    It imports torch. `meter` is told of bytes unpacked.

    Raises:
        ModelRefused: what should be unpacked is not the pinned file any more.
    """
    if model.packing is not None:
        unpack(model.packing.weights, model.packing.sha256, model.folder, meter)
    # Torch's threads spin while they wait for each other, unless told before it is loaded. On a
    # machine whose cores have other work, that made eight passages take 2 s instead of 0.02.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from recommender.analysis.embedding.transformer import TransformerEncoder  # noqa: PLC0415 - slow, heavy

    return TransformerEncoder(model)
