"""A small newsroom's archive for tests, a fake encoder, and clients of applications over it.

An archive is named by its Settings. `desk_articles` has a few stories on two subjects and one
article of every awkward kind; the fake encoder makes the same vectors on every machine.
"""

import fcntl
import json
import os
import random
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask import Flask, request
from flask.testing import FlaskClient
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Encoder, Model
from recommender.api_keys import ApiKey
from recommender.articles import parse_article
from recommender.cli import main
from recommender.errors import UnreadableMarkup
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.progress import Advance
from recommender.request_origin import LISTENER, OPERATORS, PUBLIC
from recommender.settings import PREFIX, Settings
from recommender.store import ArticleStore, open_store
from service import create_app

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC).timestamp()
"""The time of every answer: two weeks after the sample's newest story."""

SECRETS = {
    "reader": "read-0123456789abcdef",
    "writer": "write-0123456789abcdef",
    "editor": "both-0123456789abcdef",
    "front": "lists-0123456789abcdef",
    "operator": "admin-0123456789abcdef",
}
KEYS = tuple(
    ApiKey.of(name, scopes, SECRETS[name])
    for name, scopes in {
        "reader": {"read"},
        "writer": {"write"},
        "editor": {"read", "write"},
        "front": {"lists"},
        "operator": {"admin"},
    }.items()
)
BUNDLED = "bundled"
REFRESH_FAULT = "tests.refresh_fault"
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
    """This environment without READ_ALSO_ variables but the given ones.

    Unless they are given, the model is the bundled one, whatever the languages of a test's texts
    are, and operators have any free port.
    """
    settings = {"MODEL": BUNDLED, "OPERATORS_ADDRESS": "127.0.0.1:0", **settings}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name: str(value) for name, value in settings.items()}


def archive_settings(folder: Path) -> Settings:
    """The settings of an archive that lies in a folder."""
    return Settings(f"sqlite:///{folder / 'read-also.db'}", folder, BUNDLED, api_keys=KEYS)


def copy_archive(folder: Path, to: Path) -> None:
    """Copy the folder of an archive, without what web workers that serve it have written there."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("changes", "workers"))


def build_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a copy of a folder that every worker of a run needs and only the first one builds."""
    own = factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    built = common / name
    with (common / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            aside = common / f"{name}.building"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            build(aside)
            aside.rename(built)
    return Path(shutil.copytree(built, own / f"{name}.copy"))


def write(store: ArticleStore, *documents: Document) -> None:
    store.write_many([parse_article(json.dumps(document)) for document in documents])


def fill(settings: Settings, articles: Sequence[Document]) -> None:
    with closing(open_store(settings.database_url)) as store:
        write(store, *articles)


def run_command(settings: Settings, *arguments: str, answer: str = "", **more: str) -> Result:
    """Run `read-also` over an archive; `answer` is typed in, `more` are other settings."""
    own = {"DATABASE_URL": settings.database_url, "DATA_DIR": str(settings.data_dir)}
    own |= {"MODEL": settings.model} | more
    environment: dict[str, str | None] = {n: None for n in os.environ if n.startswith(PREFIX)}
    environment |= {f"{PREFIX}{name}": value for name, value in own.items()}
    result = CliRunner().invoke(main, list(arguments), input=answer, env=environment)
    # The runner gives 1 for a traceback too, which a refusal must not be.
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def after_announcement(said: str) -> str:
    """What a command said on standard error after the line with its archive and its model."""
    first, _, rest = said.partition("\n")
    assert first.startswith("read-also: data in "), said
    assert ", model " in first
    return rest


def fake_reader(encoder: Encoder | None = None) -> Analyzer:
    """Reads with the fake encoder or another; markup by its letters alone."""
    return Analyzer(FAKE_MODEL, lambda _: encoder or HashedWords(), strip_tags)


def strip_tags(markup: str) -> str:
    """A fake reader of markup, where the test is about something else."""
    if "<poison" in markup:
        raise UnreadableMarkup("took more than 2 s")
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def index_fake(settings: Settings, encoder: Encoder | None = None) -> int:
    """Analyze the queued texts, as the indexer does; return how many articles were taken."""
    with closing(open_store(settings.database_url)) as store:
        return Indexer(store, fake_reader(encoder)).drain()


def rebuild_fake(
    settings: Settings, encoder: Encoder | None = None, *, full: bool = False
) -> Rebuilt:
    with closing(open_store(settings.database_url)) as store:
        catalog = Catalog(settings.data.snapshots)
        return rebuild(store, catalog, fake_reader(encoder), full=full)


def refresh_before_requests(app: Flask) -> None:
    """Let an application look at the store before each request, whatever then answers it.

    A view answers for a refresh that fails.
    """
    inside, follower = app.wsgi_app, app.extensions["read-also"].follower

    def refreshed(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            follower.refresh()
        except Exception as fault:  # noqa: BLE001 - the application answers
            environ[REFRESH_FAULT] = fault
        return inside(environ, start_response)

    def answer_fault() -> None:
        if REFRESH_FAULT in request.environ:
            raise request.environ[REFRESH_FAULT]

    app.wsgi_app = refreshed  # type: ignore[method-assign]
    app.before_request(answer_fault)


@contextmanager
def clients() -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of applications, which give back files and connections at the end."""
    made: list[Flask] = []

    def make(settings: Settings, key: str | None = "editor") -> FlaskClient:
        app = create_app(settings, reader_pages=True, follows=False)
        refresh_before_requests(app)
        made.append(app)
        client = app.test_client()
        if key is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS[key]}"
        return client

    yield make
    for app in made:
        shared = app.extensions.pop("read-also")
        shared.stop()
        app.before_request_funcs.clear()
        vars(app).pop("wsgi_app")


def origin_of(path: str) -> dict[str, str]:
    """What the web server says of a request that comes to the listener which serves a path."""
    return {LISTENER: OPERATORS if path == "/metrics" else PUBLIC}


def scrape(client: FlaskClient) -> str:
    """What `/metrics` answers to operators."""
    answer = client.get("/metrics", environ_overrides=origin_of("/metrics"))
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return answer.get_data(as_text=True)


def gauges(client: FlaskClient) -> dict[str, float]:
    """By name, with the value of a label where there is one."""
    families = text_string_to_metric_families(scrape(client))
    return {
        "/".join([sample.name.removeprefix("read_also_"), *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }
