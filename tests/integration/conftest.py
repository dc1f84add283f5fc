"""What several tests of commands, of rebuilds and of clients need."""

from collections.abc import Iterator

import pytest

from read_also_client import Client
from recommender.analysis.embedding import Encoder, Model
from tests.support.serving import KEY, Place, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that begins without any article."""
    with Server(Place(tmp_path_factory.mktemp("served")), ready=False) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Client]:
    """A CMS that may read and write there."""
    with Client(server.address, KEY) as client:
        yield client


@pytest.fixture
def fake_rebuild(
    monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> pytest.MonkeyPatch:
    """Makes the command `rebuild` use the fake encoder."""
    monkeypatch.setattr("recommender.indexing.archive_model.find_model", lambda *_: fake_model)
    loaded = "recommender.cli.snapshot_commands.load_encoder"
    monkeypatch.setattr(loaded, lambda *_, **__: fake_encoder)
    return monkeypatch
