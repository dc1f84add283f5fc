"""Fixtures for all tiers: two archives, built once for each worker, and clients over them.

The sample archive is built with the bundled model by the demonstration itself, as a user would.
The desk is small and read by a fake encoder, for tests that are about something else.
"""

import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Encoder, Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.cli import main
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import PREFIX, Settings
from tests.support.archives import (
    FAKE_MODEL,
    HARBOUR,
    NOW,
    SECRETS,
    Document,
    HashedWords,
    archive_settings,
    build_once,
    clean_environment,
    clients,
    copy_archive,
    desk_articles,
    fake_reader,
    fill,
    index_fake,
    rebuild_fake,
    story,
)
from tests.support.properties import register_profiles

register_profiles()

DEMO_FOLDER = "read also data"
FOLLOWS = frozenset({"follower", "keyring", "drafts"})
"""Threads that an application or an indexer starts, and that its test has to stop."""
COUNTS_IN = "PROMETHEUS_MULTIPROC_DIR"
LONG_FIXTURES = frozenset({"postgresql", "multilingual", "mariadb"})
"""Servers to start and models to unpack: what needs one of them is left to `make test-long`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as long what needs a server or a large model, but a daily part of the contract."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        named = {value for value in parameters.values() if isinstance(value, str)}
        needed = LONG_FIXTURES & (named | set(getattr(item, "fixturenames", ())))
        if needed and not item.get_closest_marker("postgresql_daily"):
            item.add_marker(pytest.mark.long)


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    """What a test left running would log, hold files and count in the tests after it."""
    before, folder = set(threading.enumerate()), os.environ.get(COUNTS_IN)
    yield
    assert os.environ.get(COUNTS_IN) == folder, "the test needs the fixture counters_end"
    left = [each.name for each in set(threading.enumerate()) - before if each.name in FOLLOWS]
    assert left == []


@pytest.fixture(scope="session")
def fake_encoder() -> Encoder:
    return HashedWords()


@pytest.fixture(scope="session")
def fake_model() -> Model:
    return FAKE_MODEL


@pytest.fixture(scope="session")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model of many languages, in a data folder where it was not unpacked yet."""
    return find_model("multilingual", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def multilingual_encoder(multilingual: Model) -> Encoder:
    """It takes seconds to read, so all tests share it."""
    return load_encoder(multilingual)


@pytest.fixture(scope="session")
def environment_of() -> Callable[..., dict[str, str]]:
    """Environments for other processes: `environment_of(DATA_DIR=folder)`."""
    return clean_environment


@pytest.fixture(scope="session")
def make_story() -> Callable[..., Document]:
    """Another harbour story: `make_story("harbour-99", status="draft")`."""
    return lambda article_id, **fields: story(article_id, HARBOUR, **fields)


@pytest.fixture(scope="session")
def index_with_fake() -> Callable[..., int]:
    """Analyze the queued texts of an archive with the fake encoder or the one given."""
    return index_fake


@pytest.fixture(scope="session")
def rebuild_with_fake() -> Callable[..., Rebuilt]:
    """Rebuild an archive with the fake encoder or the one given."""
    return rebuild_fake


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """By the name of a key its secret: reader, writer, editor (both), front (lists), operator."""
    return SECRETS


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder of the sample archive's sources."""
    return Path(str(files("recommender"))) / "sample"


@pytest.fixture(scope="session")
def sample_articles(sample: Path) -> dict[str, Document]:
    """The sample's articles by id, as they stand in the file."""
    lines = (sample / "articles.jsonl").read_text("utf-8").splitlines()
    return {document["id"]: document for document in map(json.loads, lines)}


@pytest.fixture(scope="session")
def duplicates_of(sample: Path) -> dict[str, frozenset[str]]:
    """By id, the duplicates of a story in the sample, from the sample's own list."""
    groups: dict[str, set[str]] = {}
    for line in (sample / "duplicates.tsv").read_text("utf-8").splitlines()[1:]:
        a, b, _ = line.split("\t")
        merged = groups.get(a, {a}) | groups.get(b, {b})
        groups |= dict.fromkeys(merged, merged)
    return {one: frozenset(group - {one}) for one, group in groups.items()}


def _run_demonstration(folder: Path) -> None:
    environment: dict[str, str | None] = {n: None for n in os.environ if n.startswith(PREFIX)}
    environment |= {f"{PREFIX}DATA_DIR": str(folder / DEMO_FOLDER)}
    result = CliRunner().invoke(main, ["demo", "--no-serve"], env=environment)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, with a space in its name, where the demonstration was run once."""
    return build_once(tmp_path_factory, "sample", _run_demonstration) / DEMO_FOLDER


@pytest.fixture(scope="session")
def sample_settings(demo_folder: Path) -> Settings:
    """The sample archive, built with the bundled model. Only to be read."""
    return archive_settings(demo_folder / "demo")


@pytest.fixture(scope="session")
def desk_documents() -> dict[str, Document]:
    """The desk's articles by id."""
    return {article["id"]: article for article in desk_articles()}


@pytest.fixture(scope="session")
def desk_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The desk, built with the fake encoder. Only to be read."""
    settings = archive_settings(tmp_path_factory.mktemp("desk"))
    fill(settings, desk_articles())
    rebuild_fake(settings)
    return settings


@pytest.fixture
def own_desk(desk_settings: Settings, tmp_path: Path) -> Settings:
    """A copy of the desk that a test may change."""
    copy_archive(desk_settings.data_dir, tmp_path / "desk")
    return archive_settings(tmp_path / "desk")


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """An empty archive: an empty store and no snapshot."""
    return archive_settings(tmp_path / "bare")


@pytest.fixture(scope="session")
def _web_clock() -> Iterator[SimpleNamespace]:
    clock = SimpleNamespace(now=NOW)
    clock.time = lambda: clock.now
    clock.monotonic, clock.sleep = time.monotonic, time.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.web.state.time", clock)
        yield clock


@pytest.fixture
def clock(_web_clock: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The clock of the answers; `clock.now` may be set."""
    yield _web_clock
    _web_clock.now = NOW


@pytest.fixture
def client_of(_web_clock: SimpleNamespace) -> Iterator[Callable[..., FlaskClient]]:
    """Clients of applications: `client_of(settings, "reader")`; None for no key."""
    with clients() as make:
        yield make


@pytest.fixture(scope="session")
def lasting_client_of(_web_clock: SimpleNamespace) -> Iterator[Callable[..., FlaskClient]]:
    """The same, of applications that several tests ask."""
    with clients() as make:
        yield make


@pytest.fixture(scope="session")
def sample_client(
    lasting_client_of: Callable[..., FlaskClient], sample_settings: Settings
) -> FlaskClient:
    """Asks the sample archive with a read key."""
    return lasting_client_of(sample_settings, "reader")


@pytest.fixture(scope="session")
def desk(lasting_client_of: Callable[..., FlaskClient], desk_settings: Settings) -> FlaskClient:
    """Asks the desk with a read key."""
    return lasting_client_of(desk_settings, "reader")


@pytest.fixture
def client(client_of: Callable[..., FlaskClient], own_desk: Settings) -> FlaskClient:
    """Asks a desk of its own with a key that may read and write."""
    return client_of(own_desk, "editor")


@pytest.fixture
def counters_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let counters that a test shares with other processes end with it."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv(COUNTS_IN, "")  # to be taken back at the end
    yield
    for mapped in gc.get_objects():
        # No isinstance: it asks an object for its class, and some warn when they are asked.
        if type(mapped) is MmapedDict and mapped._f is not None:  # noqa: SLF001
            mapped.close()


pytest_plugins = ("tests.support.postgresql", "tests.support.workers")


@pytest.fixture(scope="session")
def reader_with_fake() -> Callable[..., Analyzer]:
    """An analyzer with the fake encoder or the one given."""
    return fake_reader
