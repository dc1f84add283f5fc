"""What an article's text says of itself without an encoder: words, signature, language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.embedding import Encoder, Model
from recommender.analysis.html import MARKUP_RECIPE
from recommender.analysis.language import LANGUAGE_RECIPE, detect_language
from recommender.analysis.minhash import SIGNATURE_RECIPE, sign
from recommender.analysis.tokens import TERM_RECIPE, count_terms
from recommender.articles import Article
from recommender.errors import UnreadableMarkup
from recommender.progress import Meter
from recommender.store import FeatureCache, Fingerprints, TextTerms

__all__ = [
    "ANALYZER",
    "Draft",
    "ReadMarkup",
    "Reader",
    "clean_missing",
    "read_missing",
    "read_text",
]

ReadMarkup = Callable[[str], str]
"""Markup to plain text; raises UnreadableMarkup."""

ANALYZER: Final = f"{TERM_RECIPE}:{SIGNATURE_RECIPE}:{LANGUAGE_RECIPE}:{MARKUP_RECIPE}"
"""Fingerprint of everything that `read_text` does, and what is done before it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How texts are read.

    Attributes:
        model: the encoder's files and fingerprint.
        load: reads the model's weights; called only when a text has to be embedded.
        read_markup: turns markup into text.
    """

    model: Model
    load: Callable[[Model], Encoder]
    read_markup: ReadMarkup

    @property
    def fingerprints(self) -> Fingerprints:
        """What the results are kept under."""
        return Fingerprints(MARKUP_RECIPE, ANALYZER, self.model.fingerprint)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What was read of a text that is not stored.

    Attributes:
        terms: what it says of itself.
        vector: float32 [dim], a unit vector.
        passages: codes of its passages, int8 [k, dim].
        model: fingerprint of the model that made it.
        body: the plain text that its markup holds; None where it has none.
    """

    terms: TextTerms
    vector: NDArray[np.float32]
    passages: NDArray[np.int8]
    model: str
    body: str | None = None


def read_text(article: Article) -> TextTerms:
    """What a plain text says of itself without an encoder."""
    language = detect_language(f"{article.title}\n{article.summary}\n{article.body}")
    buckets, counts = count_terms(article)
    return TextTerms(language, buckets, counts, sign(article))


def clean_missing(
    texts: Mapping[str, Article], cache: FeatureCache, read_markup: ReadMarkup, meter: Meter
) -> tuple[dict[str, Article], dict[str, str]]:
    """The same articles with plain texts, and what is wrong with those that have none.

    Args:
        texts: by the hash of their text.
        cache: where plain texts are kept.
        read_markup: asked for the markup that the cache does not know.
        meter: told of articles cleaned.

    Returns:
        The articles that can be read, and by text hash the fault of each other.
    """
    marked = {key: article for key, article in texts.items() if article.body_html}
    faults: dict[str, str] = {}
    chunks = cache.missing(marked, MARKUP_RECIPE, of="texts")
    if chunks:
        with meter("cleaning", sum(map(len, chunks)), "article") as advance:
            for chunk in chunks:
                bodies = _clean({key: marked[key] for key in chunk}, read_markup, faults)
                cache.add_texts(bodies, MARKUP_RECIPE)
                advance(len(chunk))
    bodies = cache.texts(list(marked), MARKUP_RECIPE)
    plain = {key: marked[key].with_text(body) for key, body in bodies.items()}
    return {**{k: a for k, a in texts.items() if k not in marked}, **plain}, faults


def _clean(
    marked: Mapping[str, Article], read_markup: ReadMarkup, faults: dict[str, str]
) -> dict[str, str]:
    bodies = {}
    for key, article in marked.items():
        try:
            bodies[key] = read_markup(article.body_html)
        except UnreadableMarkup as fault:  # one article's trouble, told by the caller
            faults[key] = str(fault)
    return bodies


def read_missing(
    texts: Mapping[str, Article], cache: FeatureCache, meter: Meter, *, afresh: bool = False
) -> None:
    """Read the plain texts that the cache does not know yet, keeping the answers as it goes.

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
