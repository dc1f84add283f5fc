"""Computes the features that the store lacks, and stores them chunk by chunk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, ReadMarkup
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.crew import PartDone, Parts, Texts
from recommender.analysis.embedding import Encoders
from recommender.analysis.features import Embedding, Features
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.readers import Readers, count_readers
from recommender.errors import UnreadableMarkup
from recommender.indexing.encoder_watch import EncoderWatch
from recommender.progress import Advance, Meter
from recommender.store import ArticleStore

__all__ = ["ReadParts", "analyze_texts", "backfill", "embed_part"]

KILLED_ITS_READER: Final = "the process that read its text died, each time"
KILLED_ITS_ENCODER: Final = "the process that embedded its text died, each time"
ReadParts = Callable[[Parts], Iterator[PartDone[Features]]]
EmbedParts = Callable[[Parts, Advance], Iterator[PartDone[Embedding]]]


def backfill(store: ArticleStore, analyzer: Analyzer, meter: Meter, *, afresh: bool = False) -> int:
    """Analyze and embed every text of the store whose features are not stored yet.

    Texts are loaded and their features stored chunk by chunk, so an interruption costs one chunk,
    or one of each process that reads. A text whose markup cannot be read, or that kills the process
    that reads it, becomes a dead letter; dead letters are left out.

    Args:
        store: where texts are, and where features go.
        analyzer: its crew does the work, if it has one; but a server that embeds is asked from
            here. Its model is loaded only if a text has to be embedded.
        meter: counts the articles.
        afresh: analyze and embed all texts, also those whose features are stored.

    Returns:
        How many texts were embedded.

    Raises:
        EncoderAway: the server that embeds does not answer, or embeds with another model than
            before and not all texts are embedded again.
        ClusterAway: the crew cannot work.
    """
    crew, model = analyzer.crew, analyzer.model
    read = None if crew is None else crew.read
    readable = analyze_texts(store, analyzer.read_markup, meter, afresh=afresh, read=read)
    embed: EmbedParts = partial(_embed_here, store, analyzer, afresh=afresh)
    if crew is not None and model.served is None:
        embed = partial(crew.embed, model)
    return _embed_missing(store, analyzer, readable, meter, embed, afresh=afresh)


def analyze_texts(
    store: ArticleStore,
    read_markup: ReadMarkup,
    meter: Meter,
    *,
    afresh: bool = False,
    read: ReadParts | None = None,
) -> dict[str, str]:
    """Do the part of `backfill` that needs no encoder: analyze the texts without stored features.

    `read` reads them; if it is None, this machine does.

    Returns:
        The hash of each text that can be read, with the id of an article that has it.
    """
    dead = store.queue.dead_letter_ids()
    with store.scan() as scan:
        ids = {text_hash: article_id for article_id, text_hash in scan.text_hashes()}
    ids = {key: article_id for key, article_id in ids.items() if article_id not in dead}
    chunks = store.features.missing(ids, ANALYZER_VERSION, of="terms", afresh=afresh)
    unread = set[str]()
    if chunks:
        unread = _analyze_chunks(store, read_markup, ids, chunks, meter, read or _read_here)
    return {key: article_id for key, article_id in ids.items() if key not in unread}


def _analyze_chunks(
    store: ArticleStore,
    read_markup: ReadMarkup,
    ids: Mapping[str, str],
    chunks: Sequence[Sequence[str]],
    meter: Meter,
    read: ReadParts,
) -> set[str]:
    """Analyze some texts; return the hashes of those that could not be read."""
    unread = set[str]()
    with meter("reading", sum(map(len, chunks)), "article") as advance:

        def load(chunk: Sequence[str]) -> Texts:
            plain = _load_plain(store, read_markup, {key: ids[key] for key in chunk})
            lost = set(chunk) - plain.keys() - unread
            unread.update(lost)
            advance(len(lost))
            return plain

        for part in read(Parts(chunks, load)):
            store.features.add_terms(part.found, ANALYZER_VERSION)
            _give_up(store, ids, part.killers, KILLED_ITS_READER)
            unread |= part.killers
            advance(len(part.keys))
    return unread


def _read_here(parts: Parts) -> Iterator[PartDone[Features]]:
    """Read texts in processes of this machine."""
    with Readers(count_readers(parts.texts)) as readers:
        yield from readers.read(map(parts.load, parts.keys))


def _embed_missing(
    store: ArticleStore,
    analyzer: Analyzer,
    ids: Mapping[str, str],
    meter: Meter,
    embed: EmbedParts,
    *,
    afresh: bool,
) -> int:
    """Embed what has no embedding by the analyzer's model; return how many texts that were."""
    fingerprint, embedded = analyzer.model.fingerprint, 0

    def load(chunk: Sequence[str]) -> Texts:
        return _load_plain(store, analyzer.read_markup, {key: ids[key] for key in chunk})

    chunks = store.features.missing(ids, fingerprint, of="vectors", afresh=afresh)
    if chunks:
        with meter("embedding", sum(map(len, chunks)), "article") as advance:
            for part in embed(Parts(chunks, load), advance):
                store.features.add_embeddings(part.found, fingerprint)
                _give_up(store, ids, part.killers, KILLED_ITS_ENCODER)
                embedded += len(part.found)
    return embedded


def _embed_here(
    store: ArticleStore, analyzer: Analyzer, parts: Parts, advance: Advance, *, afresh: bool
) -> Iterator[PartDone[Embedding]]:
    """Embed texts in this process; a server that embeds must have the model that it had before."""
    encoders = analyzer.load_encoders()
    watch = EncoderWatch(store.features, analyzer.model)
    if not afresh:
        watch.check(encoders.passages)
    for keys in parts.keys:
        texts = parts.load(keys)
        yield PartDone(texts.keys(), embed_part(texts, encoders, advance))
    if afresh:
        watch.note(encoders.passages)


def _give_up(store: ArticleStore, ids: Mapping[str, str], keys: set[str], reason: str) -> None:
    for key in keys:
        store.queue.give_up(ids[key], key, reason)


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


def embed_part(articles: Texts, encoders: Encoders, advance: Advance) -> dict[str, Embedding]:
    """Embed some articles together, by text hash; `advance` counts articles.

    Which texts share a batch depends on all of them, and so do the last bits of a vector.
    """
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
