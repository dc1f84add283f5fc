"""What the store lacks is computed once and stored; one bad article stops no other."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.features import Features
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.tokens import count_tokens
from recommender.articles import Article
from recommender.indexing.backfill import analyze_missing, clean_missing, embed_missing
from recommender.progress import silent
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


def by_hash(*articles: Article) -> dict[str, Article]:
    return {article.text_hash: article for article in articles}


def test_markup_is_cleaned_once_and_its_faults_are_told(
    store: ArticleStore, reader_with_fake: Callable[..., Analyzer]
) -> None:
    asked: list[str] = []

    def read_markup(markup: str) -> str:
        asked.append(markup)
        return reader_with_fake().read_markup(markup)

    texts = by_hash(PLAIN, MARKED, BAD)
    for _ in range(2):
        plain, faults = clean_missing(texts, store.features, read_markup, silent)
        assert plain == {
            PLAIN.text_hash: PLAIN,
            MARKED.text_hash: MARKED.with_text("The quay."),
        }
        assert faults == {BAD.text_hash: "took more than 2 s"}
    assert sorted(asked) == sorted([MARKED.body_html, BAD.body_html, BAD.body_html])
    assert store.features.texts(list(texts), MARKUP_VERSION) == {MARKED.text_hash: "The quay."}


def test_without_markup_nothing_is_cleaned(store: ArticleStore) -> None:
    def refuse(markup: str) -> str:
        raise AssertionError(markup)

    texts = by_hash(PLAIN)
    assert clean_missing(texts, store.features, refuse, silent) == (texts, {})


def test_what_is_known_is_read_again_only_when_asked(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def watch(article: Article) -> Features:
        read.append(article.id)
        return analyze(article)

    monkeypatch.setattr("recommender.indexing.backfill.analyze", watch)
    texts = by_hash(PLAIN)
    for afresh in (False, False, True):
        analyze_missing(texts, store.features, silent, afresh=afresh)
    assert read == ["plain", "plain"]
    kept = store.features.terms([PLAIN.text_hash], ANALYZER_VERSION)[PLAIN.text_hash]
    np.testing.assert_array_equal(kept.buckets, count_tokens(PLAIN)[0])


DIRECTIONS = {"north": (0.0, 1.0), "east": (1.0, 0.0)}


class Compass:
    """A fake encoder: the vector of a text is that of its first word."""

    def encode(self, texts: object, _advance: object) -> NDArray[np.float32]:
        assert isinstance(texts, list)
        return np.array([DIRECTIONS[text.split()[0]] for text in texts], np.float32)


def test_vectors_and_passages_are_kept_together_and_made_once(store: ArticleStore) -> None:
    """Of an article whose title and body point north, and of a bare headline that points east."""
    texts = {
        one.text_hash: one
        for one in (
            Article(id="a", title="north", body="north by north"),
            Article(id="b", title="east"),
        )
    }
    assert embed_missing(texts, store.features, "model", Compass, silent) == 2
    found = store.features.embeddings(list(texts), "model")
    kept = [(found[key].vector.tolist(), found[key].passages.tolist()) for key in texts]
    assert kept == [([0, 1], [[0, 127]]), ([1, 0], [[127, 0]])]

    def never() -> Compass:
        raise AssertionError("nothing is missing")

    assert embed_missing(texts, store.features, "model", never, silent) == 0
    assert embed_missing(texts, store.features, "model", Compass, silent, afresh=True) == 2
