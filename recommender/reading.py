"""What an article's text says of itself without an encoder: terms, signature, language."""

from collections.abc import Callable, Mapping
from typing import Final

from recommender.articles import Article, primary_language
from recommender.columns import Facts
from recommender.language import LANGUAGE_RECIPE, detect_language
from recommender.progress import Meter
from recommender.signature import SIGNATURE_RECIPE, sign
from recommender.store import FeatureCache, TextTerms
from recommender.terms import TERM_RECIPE, count_terms

__all__ = ["ANALYZER", "facts_of", "read_missing", "read_text"]

ANALYZER: Final = f"{TERM_RECIPE}:{SIGNATURE_RECIPE}:{LANGUAGE_RECIPE}"
"""Fingerprint of everything that `read_text` does."""


def read_text(article: Article) -> TextTerms:
    """What a text says of itself without an encoder."""
    language = detect_language(f"{article.title}\n{article.summary}\n{article.body}")
    buckets, counts = count_terms(article)
    return TextTerms(language, buckets, counts, sign(article))


def facts_of(article: Article, terms: TextTerms, knows: Callable[[str | None], bool]) -> Facts:
    """What lists need to know of an article.

    Args:
        article: as it was given; the language it gives wins.
        terms: what its text says.
        knows: whether the encoder knows a language, so that the article's vector means something.
    """
    language = primary_language(article.language) or terms.language
    return Facts(article, language, knows(language), terms.signature)


def read_missing(
    texts: Mapping[str, Article], cache: FeatureCache, meter: Meter, *, afresh: bool = False
) -> None:
    """Read the texts that the cache does not know yet, keeping the answers as it goes.

    Args:
        texts: all that should be known, by the hash of their text.
        cache: where terms are kept.
        meter: told of articles read.
        afresh: read what is known too.
    """
    chunks = cache.missing(texts, ANALYZER, of="terms", afresh=afresh)
    if chunks:
        with meter("reading", sum(map(len, chunks)), "article") as advance:
            for chunk in chunks:
                cache.add_terms({key: read_text(texts[key]) for key in chunk}, ANALYZER)
                advance(len(chunk))
