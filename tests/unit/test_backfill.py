"""Missing features are computed once and stored; one bad article does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.crew import PartDone, Parts
from recommender.analysis.embedding import Encoders, Model
from recommender.analysis.embedding.model import ServedModel
from recommender.analysis.features import Embedding, Features
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.tokens import count_tokens
from recommender.articles import Article
from recommender.encoding_settings import EncoderServer
from recommender.indexing.backfill import backfill, embed_part
from recommender.progress import Advance, silent
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store

PLAIN = Article(id="plain", title="Plain", body="The harbour.")
MARKED = Article(id="marked", title="Marked", body_html="<p>The quay.</p>")
BAD = Article(id="bad", title="Bad", body_html="<poison>")


@pytest.fixture
def store(bare: Settings) -> Iterator[ArticleStore]:
    opened = open_store(bare.database_url)
    yield opened
    opened.close()


@pytest.fixture
def analyzer(reader_with_fake: Callable[..., Analyzer]) -> Analyzer:
    return reader_with_fake()


def test_markup_is_cleaned_once_and_what_cannot_be_read_is_a_dead_letter(
    store: ArticleStore, analyzer: Analyzer
) -> None:
    asked: list[str] = []

    def read_markup(markup: str) -> str:
        asked.append(markup)
        return analyzer.read_markup(markup)

    watched = replace(analyzer, read_markup=read_markup)
    for article in (PLAIN, MARKED, BAD):
        store.put(article)
    assert [backfill(store, watched, silent) for _ in range(2)] == [2, 0]
    assert sorted(asked) == sorted([MARKED.body_html, BAD.body_html])
    hashes = [one.text_hash for one in (PLAIN, MARKED, BAD)]
    assert store.features.texts(hashes, MARKUP_VERSION) == {MARKED.text_hash: "The quay."}
    assert store.features.terms(hashes, ANALYZER_VERSION).keys() == set(hashes[:2])
    assert store.queue.dead_letter_ids() == {"bad"}


def test_known_features_are_computed_again_only_when_asked(
    store: ArticleStore, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyzed: list[str] = []

    def watch(article: Article) -> object:
        analyzed.append(article.id)
        return analyze(article)

    monkeypatch.setattr("recommender.analysis.readers.analyze", watch)
    store.put(PLAIN)
    embedded = [backfill(store, analyzer, silent, afresh=again) for again in (False, False, True)]
    assert (analyzed, embedded) == (["plain", "plain"], [1, 0, 1])
    kept = store.features.terms([PLAIN.text_hash], ANALYZER_VERSION)[PLAIN.text_hash]
    np.testing.assert_array_equal(kept.buckets, count_tokens(PLAIN)[0])


def test_an_article_that_is_edited_meanwhile_is_left_to_the_queue(
    store: ArticleStore, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(PLAIN)
    edited = PLAIN.model_copy(update={"body": "Another harbour."})
    get_many = store.get_many

    def edit_and_get(ids: list[str]) -> object:
        store.put(edited)
        return get_many(ids)

    monkeypatch.setattr(store, "get_many", edit_and_get)
    assert backfill(store, analyzer, silent) == 0
    hashes = [PLAIN.text_hash, edited.text_hash]
    assert store.features.terms(hashes, ANALYZER_VERSION) == {}


DIRECTIONS = {"north": (0.0, 1.0), "east": (1.0, 0.0)}


class Compass:
    """A fake encoder: the vector of a text is that of its first word."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        for _ in texts:
            advance(1)
        return np.array([DIRECTIONS[text.split()[0]] for text in texts], np.float32)


def test_vectors_and_passages_are_kept_together_and_progress_counts_articles(
    store: ArticleStore, analyzer: Analyzer
) -> None:
    """Of an article whose title and body point north, and of a bare headline that points east."""
    articles = (
        Article(id="a", title="north", body="north by north"),
        Article(id="b", title="east"),
    )
    shown: dict[str, list[int]] = {}

    @contextmanager
    def meter(label: str, total: int, unit: str) -> Iterator[Advance]:
        assert (total, unit) == (2, "article")
        shown[label] = []
        yield shown[label].append

    for article in articles:
        store.put(article)
    compass = replace(analyzer, load=lambda _: Compass())
    assert backfill(store, compass, meter) == 2
    assert {label: sum(steps) for label, steps in shown.items()} == {"reading": 2, "embedding": 2}
    hashes = [one.text_hash for one in articles]
    found = store.features.embeddings(hashes, analyzer.model.fingerprint)
    kept = [(found[key].vector.tolist(), found[key].passages.tolist()) for key in hashes]
    assert kept == [([0, 1], [[0, 127]]), ([1, 0], [[127, 0]])]


def test_the_model_is_loaded_only_if_something_is_missing(
    store: ArticleStore, analyzer: Analyzer
) -> None:
    def never(_model: object) -> Compass:
        raise AssertionError("nothing is missing")

    assert backfill(store, replace(analyzer, load=never), silent) == 0
    store.put(PLAIN)
    assert backfill(store, analyzer, silent) == 1
    assert backfill(store, replace(analyzer, load=never), silent) == 0


class OtherMachines:
    """A crew that works here, the last part first; a text that says `poison` kills it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def read(self, parts: Parts) -> Iterator[PartDone[Features]]:
        for keys in reversed(parts.keys):
            texts = parts.load(keys)
            self.done += [f"read {article.id}" for article in texts.values()]
            found = {key: analyze(one) for key, one in texts.items() if one.title != "poison"}
            yield PartDone(texts.keys(), found)

    def embed(self, model: Model, parts: Parts, advance: Advance) -> Iterator[PartDone[Embedding]]:
        assert model.served is None
        for keys in reversed(parts.keys):
            texts = parts.load(keys)
            self.done += [f"embed {article.id}" for article in texts.values()]
            north = {key: one for key, one in texts.items() if one.title == "north"}
            yield PartDone(texts.keys(), embed_part(north, Encoders(Compass()), advance))


def test_a_crew_takes_the_place_of_this_machine_and_texts_that_kill_it_are_dead_letters(
    store: ArticleStore, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.store.feature_cache.CHUNK", 1)
    titles = {"a": "north", "b": "poison", "c": "east"}
    for article_id, title in titles.items():
        store.put(Article(id=article_id, title=title, body="north by north"))
    crew = OtherMachines()
    assert backfill(store, replace(analyzer, crew=crew), silent) == 1
    assert sorted(crew.done) == ["embed a", "embed c", "read a", "read b", "read c"]
    assert store.queue.dead_letter_ids() == {"b", "c"}
    again = OtherMachines()
    assert backfill(store, replace(analyzer, crew=again), silent) == 0
    assert again.done == []


def test_a_server_that_embeds_is_asked_from_here_though_a_crew_reads(
    store: ArticleStore, analyzer: Analyzer
) -> None:
    store.put(Article(id="a", title="north"))
    served = ServedModel("compass", EncoderServer("http://compass.example/embed"))
    crew = OtherMachines()
    remote = replace(
        analyzer,
        model=replace(analyzer.model, served=served),
        load=lambda _: SteadyCompass(),
        crew=crew,
    )
    assert backfill(store, remote, silent) == 1
    assert crew.done == ["read a"]


class SteadyCompass:
    """A server's encoder, to which every text points north."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        advance(len(texts))
        return np.array([DIRECTIONS["north"] for _ in texts], np.float32)
