"""The analyzer: from an article's text to its features."""

from collections.abc import Callable

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.features import AnalyzerVersions
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.language import LANGUAGE_VERSION
from recommender.analysis.minhash import MINHASH_VERSION, compute_minhash
from recommender.analysis.tokens import TOKENS_VERSION, count_tokens
from recommender.articles import Article


def test_the_version_names_every_step(reader_with_fake: Callable[..., Analyzer]) -> None:
    parts = [TOKENS_VERSION, MINHASH_VERSION, LANGUAGE_VERSION, MARKUP_VERSION]
    assert ANALYZER_VERSION.split(":") == parts
    assert reader_with_fake().versions == AnalyzerVersions(
        MARKUP_VERSION, ANALYZER_VERSION, "fake-1"
    )


def test_a_text_has_its_tokens_its_minhash_and_its_language() -> None:
    article = Article(
        id="a", title="The ship", body="The ship left the harbour in the morning. " * 9
    )
    read = analyze(article)
    buckets, counts = count_tokens(article)
    assert read.language == "en"
    assert (read.buckets.tolist(), read.counts.tolist()) == (buckets.tolist(), counts.tolist())
    assert read.minhash.tolist() == compute_minhash(article).tolist()
