"""Computes what each text is known by (vector, terms, signature, language), once per text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Article, primary_language
from recommender.columns import Facts
from recommender.embedding import Encoder, mix_views, texts_of
from recommender.language import LANGUAGE_RECIPE, detect_language
from recommender.passages import Views
from recommender.progress import Advance, Meter
from recommender.signature import SIGNATURE_RECIPE, sign
from recommender.store import FeatureCache, TextTerms
from recommender.terms import TERM_RECIPE, count_terms

__all__ = ["ANALYZER", "embed_missing", "facts_of", "read_missing", "read_text"]

ANALYZER: Final = f"{TERM_RECIPE}:{SIGNATURE_RECIPE}:{LANGUAGE_RECIPE}"
"""Fingerprint of everything that `read_text` does."""

CHUNK: Final = 256  # articles kept at once: what an interrupted rebuild has to do again

Texts = Mapping[str, Article]
"""Articles by the hash of their text; of several with one text, any."""


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


def read_missing(texts: Texts, cache: FeatureCache, meter: Meter) -> None:
    """Read the texts that the cache does not know yet, keeping the answers as it goes."""
    missing = _missing(texts, cache.known(ANALYZER, of="terms"))
    if missing:
        with meter("reading", len(missing), "article") as advance:
            for some in _chunks(missing):
                cache.add_terms({key: read_text(texts[key]) for key in some}, ANALYZER)
                advance(len(some))


def embed_missing(
    texts: Texts,
    cache: FeatureCache,
    fingerprint: str,
    load: Callable[[], Encoder],
    meter: Meter,
) -> int:
    """Embed the texts that the cache does not know under a model, keeping vectors as it goes.

    Args:
        texts: all that should be known.
        cache: where vectors are kept.
        fingerprint: the model's.
        load: reads the model; called only if something is missing.
        meter: told of passages embedded.

    Returns:
        How many articles were embedded.
    """
    missing = _missing(texts, cache.known(fingerprint, of="vectors"))
    if not missing:
        return 0
    encoder = load()
    views = {key: Views.of(texts[key]) for key in missing}
    total = sum(len(set(texts_of(views[key]))) for key in missing)
    with meter("embedding", total, "passage") as advance:
        for some in _chunks(missing):
            vectors = _embed({key: views[key] for key in some}, encoder, advance)
            cache.add_vectors(vectors, fingerprint)
    return len(missing)


def _embed(
    views: Mapping[str, Views], encoder: Encoder, advance: Advance
) -> dict[str, NDArray[np.float16]]:
    texts = list(dict.fromkeys(text for view in views.values() for text in texts_of(view)))
    rows = encoder.encode(texts, advance)
    place = {text: row for row, text in enumerate(texts)}
    return {
        key: mix_views(view, lambda text: rows[place[text]]).astype(np.float16)
        for key, view in views.items()
    }


def _missing(texts: Texts, known: set[str]) -> list[str]:
    return sorted(texts.keys() - known)


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (keys[at : at + CHUNK] for at in range(0, len(keys), CHUNK))
