"""Clients that several test files use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from recommender.api_keys import ApiKey
from recommender.errors import StoreUnusable
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import LazyStore, open_store
from recommender.web.console import finding, today, trials
from service import create_app
from tests.support.archives import archive_settings, copy_archive, fake_reader
from tests.support.signed_in import SignedIn


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the console shows as far as its time goes, it shows on a slow machine too."""
    monkeypatch.setattr(today, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(trials, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(finding, "READING_SECONDS", 60.0)


@pytest.fixture
def public(client_of: Callable[..., FlaskClient], own_desk: Settings) -> FlaskClient:
    """Asks the desk without a key, where reads are public."""
    return client_of(replace(own_desk, public_reads=True), None)


@pytest.fixture
def following(
    own_desk: Settings,
    secrets: dict[str, str],
    clock: object,  # noqa: ARG001 - stops it
) -> Iterator[FlaskClient]:
    """Asks an application that follows the store by itself."""
    app = create_app(own_desk)
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = secrets["editor"]
    yield client
    app.extensions["read-also"].stop()


@pytest.fixture
def indexer(own_desk: Settings) -> Iterator[Indexer]:
    """An indexer that reads drafts for the desk."""
    with closing(open_store(own_desk.database_url)) as store:
        indexer = Indexer(store, fake_reader())
        with DraftServer(own_desk.data.draft_socket, lambda: indexer):
            yield indexer


@pytest.fixture(scope="module")
def console_desk(desk_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the desk for the tests of a module, which leave it as it was."""
    folder = tmp_path_factory.mktemp("console") / "desk"
    copy_archive(desk_settings.data_dir, folder)
    return archive_settings(folder)


@pytest.fixture(scope="module")
def signed_in(
    lasting_client_of: Callable[..., FlaskClient],
    console_desk: Settings,
    secrets: dict[str, str],
) -> SignedIn:
    """One browser of an editor for all tests of a module."""
    return SignedIn(lasting_client_of(console_desk, None), secrets["editor"])


@pytest.fixture
def chief_key(own_desk: Settings) -> str:
    """A key that may do all; it is stored, so that a test can revoke it."""
    secret = "-".join(["chief", *"0123456789abcdefghijk"])
    with closing(open_store(own_desk.database_url)) as store:
        store.keys.add(ApiKey.of("chief", ("read", "write", "admin"), secret), "read+write+admin")
    return secret


@pytest.fixture(scope="session")
def store_away() -> Callable[[], AbstractContextManager[None]]:
    """`with store_away():` every use of the store fails, with an error that names a secret."""

    @contextmanager
    def away() -> Iterator[None]:
        def refuse(_: LazyStore) -> None:
            raise StoreUnusable("cannot reach /srv/secret/read-also.db")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LazyStore, "__call__", refuse)
            yield

    return away
