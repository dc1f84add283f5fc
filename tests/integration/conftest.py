"""What several tests of commands and rebuilds need."""

import pytest

from recommender.analysis.embedding import Encoder, Model


@pytest.fixture
def fake_rebuild(
    monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> pytest.MonkeyPatch:
    """Makes the command `rebuild` use the fake encoder."""
    monkeypatch.setattr("recommender.indexing.archive_model.find_model", lambda *_: fake_model)
    loaded = "recommender.cli.snapshot_commands.load_encoder"
    monkeypatch.setattr(loaded, lambda *_, **__: fake_encoder)
    return monkeypatch
