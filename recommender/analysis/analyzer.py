"""The analyzer: from an article's text to its features."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from recommender.analysis.crew import Crew
from recommender.analysis.embedding import Encoder, Encoders, Model
from recommender.analysis.features import AnalyzerVersions, Features
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.language import LANGUAGE_VERSION, detect_language
from recommender.analysis.minhash import MINHASH_VERSION, hash_runs
from recommender.analysis.tokens import TOKENS_VERSION, ArticleWords, count_words
from recommender.articles import Article

__all__ = ["ANALYZER_VERSION", "Analyzer", "ReadMarkup", "analyze", "detect_language_of"]

ReadMarkup = Callable[[str], str]
"""From markup to plain text; raises UnreadableMarkup."""

ANALYZER_VERSION: Final = f"{TOKENS_VERSION}:{MINHASH_VERSION}:{LANGUAGE_VERSION}:{MARKUP_VERSION}"
"""The version of `analyze`, and of the step from markup to plain text before it."""


@dataclass(frozen=True, slots=True)
class Analyzer:
    """The three tools that analyze a text, and who takes many texts.

    Attributes:
        model: the encoder's files and fingerprint; those of a second one too, if it names one.
        load: reads a model's weights; called only when a text has to be embedded.
        read_markup: turns markup into plain text.
        crew: reads and embeds the texts of a rebuild on other machines; None if this one does.
    """

    model: Model
    load: Callable[[Model], Encoder]
    read_markup: ReadMarkup
    crew: Crew | None = None

    @property
    def versions(self) -> AnalyzerVersions:
        """The versions under which the features are stored."""
        return AnalyzerVersions(MARKUP_VERSION, ANALYZER_VERSION, self.model.fingerprint)

    def load_encoders(self) -> Encoders:
        """Load the encoder, or the two of them; it raises what `load` raises."""
        titles = self.model.titles
        return Encoders(self.load(self.model), None if titles is None else self.load(titles))


def analyze(article: Article) -> Features:
    """The features of an article's plain text, without an embedding."""
    words = ArticleWords.of(article)
    return Features(detect_language_of(article), *count_words(words), hash_runs(words))


def detect_language_of(article: Article) -> str | None:
    """The language of an article's plain text: a primary BCP-47 subtag, or None if not sure."""
    return detect_language(f"{article.title}\n{article.summary}\n{article.body}")
