"""What several tests of commands and rebuilds need."""

import pytest

from recommender.analysis.embedding import Encoder, Model


@pytest.fixture
def fake_rebuild(
    monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> pytest.MonkeyPatch:
    """Makes the command `rebuild` use the fake encoder."""
    commands = "recommender.cli.snapshot_commands"
    monkeypatch.setattr(f"{commands}.find_model", lambda *_: fake_model)
    monkeypatch.setattr(f"{commands}.load_encoder", lambda *_, **__: fake_encoder)
    return monkeypatch
