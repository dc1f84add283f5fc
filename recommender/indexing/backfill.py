"""Computes the features that the store lacks, and stores them chunk by chunk."""

from collections.abc import Callable, Mapping

from recommender.analysis.analyzer import ANALYZER_VERSION, ReadMarkup, analyze
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoder, embed_texts, texts_to_encode
from recommender.analysis.features import Embedding
from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article
from recommender.errors import UnreadableMarkup
from recommender.progress import Advance, Meter
from recommender.store import FeatureCache

__all__ = ["analyze_missing", "clean_missing", "embed_missing"]


def clean_missing(
    texts: Mapping[str, Article], cache: FeatureCache, read_markup: ReadMarkup, meter: Meter
) -> tuple[dict[str, Article], dict[str, str]]:
    """Turn the markup of articles into plain text.

    Args:
        texts: the articles by the hash of their text.
        cache: where plain texts are stored.
        read_markup: called for the markup that the cache does not have.
        meter: counts the articles cleaned.

    Returns:
        The articles with plain text, and the error message of each text that could not be read;
        both by text hash.
    """
    marked = {key: article for key, article in texts.items() if article.body_html}
    faults: dict[str, str] = {}
    chunks = cache.missing(marked, MARKUP_VERSION, of="texts")
    if chunks:
        with meter("cleaning", sum(map(len, chunks)), "article") as advance:
            for chunk in chunks:
                bodies = _clean({key: marked[key] for key in chunk}, read_markup, faults)
                cache.add_texts(bodies, MARKUP_VERSION)
                advance(len(chunk))
    bodies = cache.texts(list(marked), MARKUP_VERSION)
    plain = {key: marked[key].with_text(body) for key, body in bodies.items()}
    return {**{k: a for k, a in texts.items() if k not in marked}, **plain}, faults


def _clean(
    marked: Mapping[str, Article], read_markup: ReadMarkup, faults: dict[str, str]
) -> dict[str, str]:
    bodies = {}
    for key, article in marked.items():
        try:
            bodies[key] = read_markup(article.body_html)
        except UnreadableMarkup as fault:  # one bad article must not stop the others
            faults[key] = str(fault)
    return bodies


def analyze_missing(
    texts: Mapping[str, Article], cache: FeatureCache, meter: Meter, *, afresh: bool = False
) -> None:
    """Analyze the plain texts whose features are not stored yet.

    Args:
        texts: articles with plain text, by the hash of their text.
        cache: where features are stored.
        meter: counts the articles analyzed.
        afresh: analyze those too whose features are stored.
    """
    chunks = cache.missing(texts, ANALYZER_VERSION, of="terms", afresh=afresh)
    if chunks:
        with meter("reading", sum(map(len, chunks)), "article") as advance:
            for chunk in chunks:
                cache.add_terms({key: analyze(texts[key]) for key in chunk}, ANALYZER_VERSION)
                advance(len(chunk))


def embed_missing(
    texts: Mapping[str, Article],
    cache: FeatureCache,
    fingerprint: str,
    load: Callable[[], Encoder],
    meter: Meter,
    *,
    afresh: bool = False,
) -> int:
    """Embed the plain texts that have no embedding by a model yet.

    Args:
        texts: articles with plain text, by the hash of their text.
        cache: where embeddings are stored.
        fingerprint: the model's.
        load: reads the model; called only if something is missing.
        meter: counts the passages embedded.
        afresh: embed those too whose embedding is stored.

    Returns:
        How many texts were embedded.
    """
    chunks = cache.missing(texts, fingerprint, of="vectors", afresh=afresh)
    if not chunks:
        return 0
    encoder = load()
    pending = {key: ArticleTexts.of(texts[key]) for chunk in chunks for key in chunk}
    total = sum(len(_distinct({key: pending[key] for key in chunk})) for chunk in chunks)
    with meter("embedding", total, "passage") as advance:
        for chunk in chunks:
            made = _embed({key: pending[key] for key in chunk}, encoder, advance)
            cache.add_embeddings(made, fingerprint)
    return len(pending)


def _embed(
    pending: Mapping[str, ArticleTexts], encoder: Encoder, advance: Advance
) -> dict[str, Embedding]:
    texts = _distinct(pending)
    vectors = dict(zip(texts, encoder.encode(texts, advance), strict=True))
    return {key: embed_texts(one, vectors.__getitem__) for key, one in pending.items()}


def _distinct(pending: Mapping[str, ArticleTexts]) -> list[str]:
    return list(dict.fromkeys(text for one in pending.values() for text in texts_to_encode(one)))
