"""What several tests of commands and rebuilds need."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from recommender.analysis.embedding import Encoder, Model
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store


@pytest.fixture
def desk_store(own_desk: Settings) -> Iterator[ArticleStore]:
    """The store of the desk that a test may change."""
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


@pytest.fixture
def fake_rebuild(
    monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> pytest.MonkeyPatch:
    """Makes the command `rebuild` use the fake encoder."""
    commands = "recommender.cli.snapshot_commands"
    monkeypatch.setattr(f"{commands}.find_model", lambda *_: fake_model)
    monkeypatch.setattr(f"{commands}.load_encoder", lambda *_, **__: fake_encoder)
    return monkeypatch
