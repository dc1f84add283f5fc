"""Computes the features that the store lacks, and stores them chunk by chunk."""

from collections.abc import Mapping, Sequence
from typing import Final

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, ReadMarkup
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoders
from recommender.analysis.features import Embedding
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.readers import Readers, count_readers
from recommender.articles import Article
from recommender.errors import UnreadableMarkup
from recommender.indexing.encoder_watch import EncoderWatch
from recommender.progress import Advance, Meter
from recommender.store import ArticleStore

__all__ = ["analyze_texts", "backfill"]

KILLED_ITS_READER: Final = "the process that read its text died, each time"
Texts = dict[str, Article]
"""Articles by the hash of their text."""


def backfill(store: ArticleStore, analyzer: Analyzer, meter: Meter, *, afresh: bool = False) -> int:
    """Analyze and embed every text of the store whose features are not stored yet.

    Texts are loaded and their features stored chunk by chunk, so an interruption costs one chunk,
    or one of each process that reads. A text whose markup cannot be read, or that kills the process
    that reads it, becomes a dead letter; dead letters are left out.

    Args:
        store: where texts are, and where features go.
        analyzer: its model is loaded only if a text has to be embedded.
        meter: counts the articles.
        afresh: analyze and embed all texts, also those whose features are stored.

    Returns:
        How many texts were embedded.

    Raises:
        EncoderAway: the server that embeds does not answer, or embeds with another model than
            before and not all texts are embedded again.
    """
    readable = analyze_texts(store, analyzer.read_markup, meter, afresh=afresh)
    return _embed_missing(store, analyzer, readable, meter, afresh=afresh)


def analyze_texts(
    store: ArticleStore, read_markup: ReadMarkup, meter: Meter, *, afresh: bool = False
) -> dict[str, str]:
    """Do the part of `backfill` that needs no encoder: analyze the texts without stored features.

    Returns:
        The hash of each text that can be read, with the id of an article that has it.
    """
    dead = store.queue.dead_letter_ids()
    with store.scan() as scan:
        ids = {text_hash: article_id for article_id, text_hash in scan.text_hashes()}
    ids = {key: article_id for key, article_id in ids.items() if article_id not in dead}
    unread = _analyze_missing(store, read_markup, ids, meter, afresh=afresh)
    return {key: article_id for key, article_id in ids.items() if key not in unread}


def _analyze_missing(
    store: ArticleStore,
    read_markup: ReadMarkup,
    ids: Mapping[str, str],
    meter: Meter,
    *,
    afresh: bool,
) -> set[str]:
    """Analyze what has no features; return the hashes of the texts that could not be read."""
    chunks = store.features.missing(ids, ANALYZER_VERSION, of="terms", afresh=afresh)
    unread, total = set[str](), sum(map(len, chunks))
    if chunks:
        with (
            meter("reading", total, "article") as advance,
            Readers(count_readers(total)) as readers,
        ):

            def load(chunk: Sequence[str]) -> Texts:
                plain = _load_plain(store, read_markup, {key: ids[key] for key in chunk})
                unread.update(set(chunk) - plain.keys())
                advance(len(chunk) - len(plain))
                return plain

            for part in readers.read(map(load, chunks)):
                store.features.add_terms(part.features, ANALYZER_VERSION)
                killers = part.texts.keys() - part.features.keys()
                for key in killers:
                    store.queue.give_up(ids[key], key, KILLED_ITS_READER)
                unread |= killers
                advance(len(part.texts))
    return unread


def _embed_missing(
    store: ArticleStore, analyzer: Analyzer, ids: Mapping[str, str], meter: Meter, *, afresh: bool
) -> int:
    """Embed what has no embedding by the analyzer's model; return how many texts that were."""
    fingerprint, embedded = analyzer.model.fingerprint, 0
    chunks = store.features.missing(ids, fingerprint, of="vectors", afresh=afresh)
    if chunks:
        encoders = analyzer.load_encoders()
        watch = EncoderWatch(store.features, analyzer.model)
        if not afresh:
            watch.check(encoders.passages)
        with meter("embedding", sum(map(len, chunks)), "article") as advance:
            for chunk in chunks:
                some = {key: ids[key] for key in chunk}
                plain = _load_plain(store, analyzer.read_markup, some)
                store.features.add_embeddings(_embed(plain, encoders, advance), fingerprint)
                embedded += len(plain)
        if afresh:
            watch.note(encoders.passages)
    return embedded


def _load_plain(store: ArticleStore, read_markup: ReadMarkup, ids: Mapping[str, str]) -> Texts:
    """Load articles with plain text, by text hash; left out are texts that cannot be read.

    Also left out is an article that was edited meanwhile: its new text waits in the queue.
    """
    articles = {one.text_hash: one.article for one in store.get_many([*ids.values()]).values()}
    articles = {key: article for key, article in articles.items() if key in ids}
    marked = {key: article for key, article in articles.items() if article.body_html}
    bodies = store.features.texts([*marked], MARKUP_VERSION)
    cleaned = {}
    for key in marked.keys() - bodies.keys():
        try:
            cleaned[key] = read_markup(marked[key].body_html)
        except UnreadableMarkup as fault:  # the indexer need not try it again
            store.queue.give_up(ids[key], key, str(fault))
    store.features.add_texts(cleaned, MARKUP_VERSION)
    plain = {key: marked[key].with_text(body) for key, body in (bodies | cleaned).items()}
    return {key: a for key, a in articles.items() if key not in marked} | plain


def _embed(articles: Texts, encoders: Encoders, advance: Advance) -> dict[str, Embedding]:
    pending = {key: ArticleTexts.of(article) for key, article in articles.items()}
    texts = sum(len(texts) for _, texts in encoders.readings(pending.values()))
    advance = _in_articles(advance, len(articles), texts)
    return encoders.embed(pending, lambda encoder, texts: encoder.encode(texts, advance))


def _in_articles(advance: Advance, articles: int, texts: int) -> Advance:
    """An `Advance` for texts, which advances a meter of articles in proportion."""
    encoded = shown = 0

    def step(count: int) -> None:
        nonlocal encoded, shown
        encoded += count
        before, shown = shown, articles * encoded // texts
        advance(shown - before)

    return step
