"""Archives to ask, built once, and applications over them.

Two archives: the sample with the bundled model, built by the demonstration itself as a user would,
and a small desk of a newsroom with a fake encoder, where the test is about something else. An
archive is known by the Settings that name it.
"""

import json
import os
import random
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray

from index import Catalog
from recommender.analysis.analyzer import Reader
from recommender.analysis.embedding import Encoder, Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.articles import parse_article
from recommender.cli import main
from recommender.errors import UnreadableMarkup
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.progress import Advance
from recommender.settings import PREFIX, ApiKey, Settings
from recommender.store import open_store
from service import create_app

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC).timestamp()
"""The hour of every answer: a fortnight after the sample's newest story."""

SECRETS = {
    "reader": "read-0123456789abcdef",
    "writer": "write-0123456789abcdef",
    "editor": "both-0123456789abcdef",
    "admin": "admin-0123456789abcdef",
}
KEYS = tuple(
    ApiKey(name, frozenset(scopes), SECRETS[name])
    for name, scopes in {
        "reader": {"read"},
        "writer": {"write"},
        "editor": {"read", "write"},
        "admin": {"admin"},
    }.items()
)
FAKE_MODEL = Model("fake", Path(), "fake-1", frozenset({"en"}))

Document = dict[str, Any]


class HashedWords:
    """A fake encoder: bags of hashed words, the same for the same text on every machine."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), 256], unit rows, in the order of the texts."""
        rows = np.full((len(texts), 256), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[zlib.crc32(word.encode()) % 256] += 1
            advance(1)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def words(text: str) -> list[str]:
    """The words of a text, as a bag of them is counted."""
    return re.findall(r"\w+", text.lower())


HARBOUR = words(
    "harbour ship crane quay cargo captain anchor tide dock ferry sailor pier wharf vessel port "
    "container customs tug pilot berth lighthouse wave mooring hull deck mast rope net fish boat"
)
ORCHARD = words(
    "orchard apple tree farmer harvest pear blossom bee frost ladder basket cider soil root branch "
    "spring rain fruit seed picker barn tractor fence hedge plum cherry graft pruning market jam"
)


def story(article_id: str, topic: Sequence[str], **fields: object) -> Document:
    """An article of eighty words of a topic, drawn by its id, so that no two are one text."""
    draw = random.Random(article_id)  # noqa: S311 - texts, not secrets
    own = [f"{draw.choice(topic)} {draw.choice('abcdefgh')}{draw.randrange(400)}" for _ in range(9)]
    body = " ".join([*draw.choices(topic, k=70), *own])
    title = " ".join(draw.sample(list(topic), 4)).capitalize()
    return {"id": article_id, "title": title, "body": body, "language": "en"} | fields


def desk_articles() -> list[Document]:
    """A dozen stories on a harbour, six on an orchard, and one of every awkward kind."""
    articles = [
        story(
            f"harbour-{number}",
            HARBOUR,
            section="city" if number % 2 else "economy",
            tags=["port", "trade"] if number % 3 == 0 else ["port"],
            url=f"https://news.example/harbour-{number}",
            published_at=f"2026-10-{number:02}T08:00:00Z",
        )
        for number in range(1, 13)
    ]
    articles += [
        story(
            f"orchard-{number}",
            ORCHARD,
            section="farm",
            published_at=f"2026-09-{number:02}T08:00:00Z",
        )
        for number in range(1, 7)
    ]
    first = articles[0]
    shown = {"section": "city", "published_at": "2026-10-05T08:00:00Z"}
    awkward: dict[str, Document] = {
        "draft": {"status": "draft"},
        "withheld": {"status": "withheld"},
        "canceled": {"status": "canceled"},
        "embargoed": {"embargoed_until": "2026-10-21T12:00:00Z"},
        "scheduled": {"published_at": "2026-10-21T12:00:00Z"},
        "expired": {"expires_at": "2026-10-19T12:00:00Z"},
        "expiring": {"expires_at": "2026-10-20T13:00:00Z"},
        "never": {"never_recommend": True},
        "silent": {"no_related": True},
        "untitled": {"title": ""},
        "undated": {"published_at": None},
    }
    articles += [story(f"harbour-{kind}", HARBOUR, **shown | odd) for kind, odd in awkward.items()]
    articles += [
        first | {"id": "harbour-1-reprint", "title": "Seen in the port", "section": "city"},
        story("harbour-1-ru", HARBOUR, language="ru", translation_of="harbour-1"),
        story("harbour-1-tg", HARBOUR, language="tg-Cyrl-TJ", translation_of="harbour-1"),
        story("harbour-ru", HARBOUR, language="ru", section="city"),
        story("harbour-tg", HARBOUR, language="tg", section="city"),
        story("harbour-zh", HARBOUR, language="zh-Hans-CN", section="city"),
        story("harbour-fa", HARBOUR, language="fa", section="city"),
        story("harbour-fa-2", HARBOUR, language="fa-IR", section="city"),
        story("a~b:c.d_e-f", HARBOUR, section="odd"),
        story("...", HARBOUR, section="odd"),
        story("related", HARBOUR, section="odd"),
        story("x" * 200, HARBOUR, section="odd"),
        story(
            "hostile",
            HARBOUR,
            section="hostile",
            title="<script>alert(\"1\")</script> & 'quotes'",
            body="<img src=x onerror=alert(2)> " + " ".join(HARBOUR),
            authors=["<b>Bold</b>"],
            url="https://news.example/?q=\"><script>alert(3)</script>&b='",
        ),
    ]
    return [{key: value for key, value in a.items() if value is not None} for a in articles]


def clean_environment(**settings: str | Path) -> dict[str, str]:
    """This environment without READ_ALSO_ variables but the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name: str(value) for name, value in settings.items()}


def archive_settings(folder: Path) -> Settings:
    """The settings of an archive that lies in a folder."""
    return Settings(f"sqlite:///{folder / 'read-also.db'}", folder, api_keys=KEYS)


def fill(settings: Settings, articles: Sequence[Document]) -> None:
    store = open_store(settings.database_url)
    store.put_many([parse_article(json.dumps(article)) for article in articles])
    store.close()


def fake_reader(encoder: Encoder | None = None) -> Reader:
    """Reads with the fake encoder or another; markup by its letters alone."""
    return Reader(FAKE_MODEL, lambda _: encoder or HashedWords(), strip_tags)


def strip_tags(markup: str) -> str:
    """A fake reader of markup, where the test is about something else."""
    if "<poison" in markup:
        raise UnreadableMarkup("took more than 2 s")
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def index_fake(settings: Settings, encoder: Encoder | None = None) -> int:
    """Read what waits, as the indexer does; tells how many articles were taken."""
    store = open_store(settings.database_url)
    try:
        return Indexer(store, fake_reader(encoder)).drain()
    finally:
        store.close()


def rebuild_fake(
    settings: Settings, encoder: Encoder | None = None, *, full: bool = False
) -> Rebuilt:
    store = open_store(settings.database_url)
    try:
        catalog = Catalog(settings.snapshots_dir)
        return rebuild(store, catalog, fake_reader(encoder), full=full)
    finally:
        store.close()


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
    """Reads what waits in an archive with the fake encoder or the one given."""
    return index_fake


@pytest.fixture(scope="session")
def rebuild_with_fake() -> Callable[..., Rebuilt]:
    """Rebuilds an archive with the fake encoder or the one given."""
    return rebuild_fake


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """By the name of a key its secret: reader, writer, editor (both) and admin."""
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
def twins(sample: Path) -> dict[str, frozenset[str]]:
    """By id the other tellings of a story that the sample holds, after its own list of them."""
    groups: dict[str, set[str]] = {}
    for line in (sample / "duplicates.tsv").read_text("utf-8").splitlines()[1:]:
        a, b, _ = line.split("\t")
        merged = groups.get(a, {a}) | groups.get(b, {b})
        groups |= dict.fromkeys(merged, merged)
    return {one: frozenset(group - {one}) for one, group in groups.items()}


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, with a space in its name, where the demonstration was run once."""
    folder = tmp_path_factory.mktemp("sample") / "read also data"
    environment: dict[str, str | None] = {n: None for n in os.environ if n.startswith(PREFIX)}
    environment |= {f"{PREFIX}DATA_DIR": str(folder)}
    result = CliRunner().invoke(main, ["demo", "--no-serve"], env=environment)
    assert result.exit_code == 0, result.output
    return folder


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
    of_workers = shutil.ignore_patterns("changes", "workers")
    shutil.copytree(desk_settings.data_dir, tmp_path / "desk", ignore=of_workers)
    return archive_settings(tmp_path / "desk")


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """An archive of nothing: an empty store and no snapshot."""
    return archive_settings(tmp_path / "bare")


@pytest.fixture(scope="session")
def _web_clock() -> Iterator[SimpleNamespace]:
    clock = SimpleNamespace(now=NOW)
    clock.time = lambda: clock.now
    clock.monotonic, clock.sleep = time.monotonic, time.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.web.state.time", clock)
        patch.setattr("recommender.web.visibility.time", clock)
        yield clock


@pytest.fixture
def clock(_web_clock: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The clock of the answers; `clock.now` may be set."""
    yield _web_clock
    _web_clock.now = NOW


@contextmanager
def clients() -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of applications, which give back files and connections at the end."""
    made: list[Flask] = []

    def make(settings: Settings, key: str | None = "editor") -> FlaskClient:
        app = create_app(settings, reader_pages=True, follows=False)
        follower = app.extensions["read-also"].follower
        app.before_request(follower.refresh)
        made.append(app)
        client = app.test_client()
        if key is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS[key]}"
        return client

    yield make
    for app in made:
        shared = app.extensions.pop("read-also")
        shared.follower.stop()
        shared.store.close()
        app.before_request_funcs.clear()


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


pytest_plugins = ("tests.servers", "tests.workers")


@pytest.fixture(scope="session")
def reader_with_fake() -> Callable[..., Reader]:
    """How texts are read with the fake encoder or the one given."""
    return fake_reader
