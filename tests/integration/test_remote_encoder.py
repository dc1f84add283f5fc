"""An archive whose texts are embedded by a server: its outages, and a model that is exchanged."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import PROBE, find_model
from recommender.analysis.embedding.encoder_connection import EncoderConnection
from recommender.analysis.embedding.remote import RemoteEncoder
from recommender.articles import Article
from recommender.encoding_settings import REMOTE, EncoderServer, EncodingSettings
from recommender.errors import EncoderAway, EncoderChanged, IndexerAway
from recommender.indexing import encoder_watch
from recommender.indexing.drafts import DraftServer, read_draft
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import rebuild
from recommender.operations import indexer_process
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import ArticleStore, LazyStore, QueueLength, open_store
from tests.support.archives import HashedWords, run_command, story
from tests.support.encoder_servers import Answer, Received, Server, open_encoder_server

PORT = ["port", "ship", "crane", "cargo"]


class OtherWords:
    """Another model: its vectors are those of the words backwards."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        return HashedWords().encode([text[::-1] for text in texts], advance)


@pytest.fixture
def server() -> Iterator[Server]:
    with open_encoder_server() as running:
        yield running


@pytest.fixture
def settings(bare: Settings, server: Server) -> Settings:
    encoding = EncodingSettings(server=EncoderServer(server.openai_url))
    return replace(bare, model=f"{REMOTE}words", encoding=encoding)


@pytest.fixture
def analyzer(settings: Settings) -> Analyzer:
    """Reads with the server, and does not wait between two attempts."""
    model = find_model(settings.model, settings.data_dir, settings.encoding)
    assert model.served is not None
    connection = EncoderConnection(model.served.server, sleep=lambda _: None)
    encoder = RemoteEncoder(model.served, model.usage, connection)
    return Analyzer(model, lambda _: encoder, str.strip)


@pytest.fixture
def store(settings: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(settings.database_url)) as opened:
        yield opened


def put(store: ArticleStore, *ids: str) -> None:
    for name in ids:
        store.put(Article.model_validate(story(name, PORT)))


def is_away(_: Received) -> Answer:
    return Answer(503, b"loading the model")


def test_while_the_server_is_away_articles_wait_and_none_is_blamed(
    store: ArticleStore, analyzer: Analyzer, server: Server, tmp_path: Path
) -> None:
    in_hand = tmp_path / "in-hand"
    put(store, "a", "b")
    server.fail = is_away
    for _ in range(4):
        with pytest.raises(EncoderAway, match="503 loading the model"):
            Indexer(store, analyzer, in_hand).step()
        assert not in_hand.exists()
    waiting = store.queue.next(9, bulk=False)
    assert [(one.article.id, one.attempts) for one in waiting] == [("a", 0), ("b", 0)]
    server.fail = lambda _: None
    assert Indexer(store, analyzer, in_hand).drain() == 2


def test_a_text_that_the_server_cannot_read_is_blamed_and_no_other(
    store: ArticleStore, analyzer: Analyzer, server: Server
) -> None:
    server.fail = lambda request: (
        Answer(500, b"crash") if any("Poison" in text for text in request.texts) else None
    )
    put(store, "a", "b")
    store.put(Article(id="poison", title="Poison"))
    Indexer(store, analyzer).drain()
    fault = "ValueError: the encoder gave a vector with a NaN or an infinity"
    assert [(one.id, one.fault) for one in store.queue.dead_letters()] == [("poison", fault)]
    assert store.queue.length() == QueueLength(0, 0, 1)


def test_while_the_server_is_away_a_draft_is_answered_so(
    settings: Settings, store: ArticleStore, analyzer: Analyzer, server: Server
) -> None:
    """`IndexerAway` is 503 for the caller."""
    indexer, path = Indexer(store, analyzer), settings.data.draft_socket
    draft = Article(id="draft", title="A ship")
    with DraftServer(path, lambda: indexer):
        server.fail = is_away
        with pytest.raises(IndexerAway, match="503 loading the model"):
            read_draft(path, draft)
        server.fail = lambda _: None
        assert read_draft(path, draft).model == analyzer.model.fingerprint


def test_the_indexer_process_waits_for_the_server(
    settings: Settings, server: Server, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            server.fail = lambda _: None
        stop.has_come = len(slept) > 2

    stop = SimpleNamespace(has_come=False)

    def make_pause(_: object, seconds: float) -> SimpleNamespace:
        return SimpleNamespace(rest=sleep, wait=lambda: sleep(seconds), stop=None)

    clock = SimpleNamespace(monotonic=lambda: float(len(slept)) * 100)
    monkeypatch.setattr(indexer_process, "time", clock)
    monkeypatch.setattr(indexer_process, "Pause", make_pause)
    listening = SimpleNamespace(listen=lambda _: stop)
    monkeypatch.setattr(indexer_process, "StopSignal", lambda: listening)
    monkeypatch.setattr(indexer_process, "load_encoder", analyzer.load)
    server.fail = is_away
    with closing(LazyStore(settings.database_url)) as late:
        put(late(), "a")
        indexer_process.IndexerProcess(settings, late, str.strip).run()
        assert late().queue.length() == QueueLength(0, 0, 0)
    assert slept == [indexer_process.ENCODER_AWAY_SECONDS] * 2 + [indexer_process.IDLE_SECONDS]


@pytest.mark.long
def test_a_rebuild_says_that_the_server_is_away_and_keeps_what_was_embedded(
    settings: Settings, store: ArticleStore, server: Server
) -> None:
    put(store, "a", "b")
    server.fail = lambda _: Answer(404, b"no such model")
    more = {
        "MODEL": "words",
        "ENCODER_URL": server.openai_url,
        "ENCODER_LANGUAGES": "en",
    }
    refused = run_command(settings, "rebuild", **more)
    assert refused.exit_code == 69
    assert "answers 404 no such model" in refused.stderr
    server.fail = lambda _: None
    assert "2 articles, 2 embedded" in run_command(settings, "rebuild", **more).stdout
    server.fail = is_away
    assert "2 articles, 0 embedded" in run_command(settings, "rebuild", **more).stdout
    assert "all is well" in run_command(settings, "check", **more).stdout


@pytest.mark.long
def test_another_model_under_the_same_name_is_noticed(
    settings: Settings,
    store: ArticleStore,
    analyzer: Analyzer,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By an indexer that runs, by the next one and by a rebuild; until all is embedded anew."""
    monkeypatch.setattr(encoder_watch, "CHECK_SECONDS", 0)
    catalog = Catalog(settings.data.snapshots)
    put(store, "a")
    rebuild(store, catalog, analyzer)
    indexer = Indexer(store, analyzer)
    put(store, "b")
    assert indexer.drain() == 1
    server.encoder = OtherWords()
    put(store, "c")
    for work in (indexer.step, Indexer(store, analyzer).step):
        with pytest.raises(EncoderChanged, match=r"remote:words .*: read-also rebuild --full"):
            work()
    with pytest.raises(EncoderChanged):
        rebuild(store, catalog, analyzer)
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert rebuild(store, catalog, analyzer, full=True, force=True).embedded == 3
    put(store, "d")
    assert indexer.drain() == 1


@pytest.mark.long
def test_a_running_indexer_compares_the_models_now_and_then(
    store: ArticleStore, analyzer: Analyzer, server: Server
) -> None:
    indexer = Indexer(store, analyzer)
    for name in ("a", "b", "c"):
        put(store, name)
        indexer.drain()
    probes = [request for request in server.received if request.texts == [PROBE]]
    assert len(probes) == 1
