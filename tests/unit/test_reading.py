"""What is read of texts is kept, and one article's trouble is told and no other's."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from recommender.analysis.analyzer import ANALYZER, Reader, clean_missing, read_missing, read_text
from recommender.analysis.html import MARKUP_RECIPE
from recommender.analysis.language import LANGUAGE_RECIPE
from recommender.analysis.minhash import SIGNATURE_RECIPE, sign
from recommender.analysis.tokens import TERM_RECIPE, count_terms
from recommender.articles import Article
from recommender.progress import silent
from recommender.settings import Settings
from recommender.store import ArticleStore, Fingerprints, TextTerms, open_store

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


def test_the_recipe_names_every_part_of_it(reader_with_fake: Callable[..., Reader]) -> None:
    parts = [TERM_RECIPE, SIGNATURE_RECIPE, LANGUAGE_RECIPE, MARKUP_RECIPE]
    assert ANALYZER.split(":") == parts
    assert reader_with_fake().fingerprints == Fingerprints(MARKUP_RECIPE, ANALYZER, "fake-1")


def test_a_text_says_its_terms_its_signature_and_its_language() -> None:
    article = Article(
        id="a", title="The ship", body="The ship left the harbour in the morning. " * 9
    )
    read = read_text(article)
    buckets, counts = count_terms(article)
    assert read.language == "en"
    assert (read.buckets.tolist(), read.counts.tolist()) == (buckets.tolist(), counts.tolist())
    assert read.signature.tolist() == sign(article).tolist()


def test_markup_is_cleaned_once_and_its_faults_are_told(
    store: ArticleStore, reader_with_fake: Callable[..., Reader]
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
    assert store.features.texts(list(texts), MARKUP_RECIPE) == {MARKED.text_hash: "The quay."}


def test_without_markup_nothing_is_cleaned(store: ArticleStore) -> None:
    def refuse(markup: str) -> str:
        raise AssertionError(markup)

    texts = by_hash(PLAIN)
    assert clean_missing(texts, store.features, refuse, silent) == (texts, {})


def test_what_is_known_is_read_again_only_when_asked(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def watch(article: Article) -> TextTerms:
        read.append(article.id)
        return read_text(article)

    monkeypatch.setattr("recommender.analysis.analyzer.read_text", watch)
    texts = by_hash(PLAIN)
    for afresh in (False, False, True):
        read_missing(texts, store.features, silent, afresh=afresh)
    assert read == ["plain", "plain"]
    kept = store.features.terms([PLAIN.text_hash], ANALYZER)[PLAIN.text_hash]
    np.testing.assert_array_equal(kept.buckets, count_terms(PLAIN)[0])
