"""From articles and the features of their texts to the rows of the index.

A rebuild also takes titles and bodies from them, to measure how much vectors count against words.
"""

import logging
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from index import Passages, Rows, TermCounts
from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.analysis.tokens import count_tokens
from recommender.articles import (
    UNKNOWN_LANGUAGE,
    Article,
    hash_id,
    host_of,
    primary_language,
)
from recommender.ranking.duplicates import UNKNOWN_CLUSTER, number_text_clusters
from recommender.ranking.filters import keywords_of, numbers_of, visibility_columns
from recommender.ranking.vector_share import (
    BRIEF_WORDS,
    LEAST_PAIRS,
    MeasuredShare,
    VectorShares,
    measure_share,
)

__all__ = [
    "GROUPED_BY",
    "MOST_PAIRS",
    "PLACED_BY",
    "RELIABLE_BY",
    "IndexedDocument",
    "LanguageSupport",
    "TitlePair",
    "TitlePairs",
    "build_rows",
    "with_text_clusters",
]

GROUPED_BY: Final = "language"
"""The column inside whose groups document frequencies, background similarities and means are."""
RELIABLE_BY: Final = "fluent"
"""The column that says whose vectors are compared first, within their language."""
PLACED_BY: Final = "embedded"
"""The column that says which articles are points of the archive map."""

MOST_PAIRS: Final = 300
"""So many pairs of a kind are measured: 90,000 comparisons, in a fraction of a second."""
_NO_NAME: Final = 0
_log = logging.getLogger(__name__)
Doubles = NDArray[np.float64]
Kind = tuple[str, bool]
Number = Callable[[NDArray[np.uint16]], NDArray[np.int64]]


class LanguageSupport(Protocol):
    """Which languages an encoder supports; a primary BCP-47 subtag, or None if unknown."""

    def supports(self, language: str | None) -> bool:
        """Whether vectors of texts in this language are usable."""

    def supports_fully(self, language: str | None) -> bool:
        """Whether it supports the language fully, not only through related languages."""


@dataclass(frozen=True, slots=True, eq=False)
class IndexedDocument:
    """An article and the features of its text: what becomes one row of the index.

    Attributes:
        article: the article or its outline; the text itself is not used.
        features: of the newest text that was analyzed, with its embedding by the model in use;
            None if no text was analyzed yet.
        change: number of the write that gave the article its present state.
        up_to_date: whether the features are those of its present text.
    """

    article: Article
    features: Features | None
    change: int
    up_to_date: bool

    @property
    def embedding(self) -> Embedding | None:
        """The embedding of the text, if it has one."""
        return None if self.features is None else self.features.embedding

    @property
    def language(self) -> str | None:
        """The primary subtag of the language: the article's own, else the detected one."""
        detected = None if self.features is None else self.features.language
        return primary_language(self.article.language) or detected

    @property
    def is_brief(self) -> bool:
        """Whether its text has fewer than BRIEF_WORDS counted words, or was not read."""
        return self.features is None or float(self.features.counts.sum()) < BRIEF_WORDS

    @property
    def has_passages_apart(self) -> bool:
        """Whether its passages say more than its vector.

        The only passage of a brief, or of a text without a title, is what its vector is made of.
        """
        return not self.is_brief and bool(self.article.title.strip())

    def is_embedded(self, encoder: LanguageSupport) -> bool:
        """Whether it has a usable vector: an embedding, in a language that the encoder supports."""
        return self.embedding is not None and encoder.supports(self.language)

    def has_full_support(self, encoder: LanguageSupport) -> bool:
        """Whether its vector is compared first, within its language."""
        return self.embedding is not None and encoder.supports_fully(self.language)


@dataclass(frozen=True, slots=True, eq=False)
class TitlePair:
    """The title of an article and its body.

    Attributes:
        order: decides which pairs are measured.
        vectors: int8 [2, dim], the quantized vectors of title and body.
        title: the counts of its hashed words.
        body: the same of the rest of the text.
    """

    order: int
    vectors: NDArray[np.int8]
    title: Mapping[int, float]
    body: Mapping[int, float]

    @classmethod
    def of(cls, document: IndexedDocument) -> "TitlePair | None":
        """The pair of a document; None if it has no title, no body or no embedding."""
        features, embedding = document.features, document.embedding
        if features is None or embedding is None or not len(embedding.title_and_body):
            return None
        outline = document.article
        words = count_tokens(Article(id=outline.id, title=outline.title))
        title = dict(zip(*(part.tolist() for part in words), strict=True))
        counts = zip(features.buckets.tolist(), features.counts.tolist(), strict=True)
        body = {bucket: count - title.get(bucket, 0) for bucket, count in counts}
        rest = {bucket: count for bucket, count in body.items() if count > 0}
        return cls(hash_id(outline.id), embedding.title_and_body, title, rest)


@dataclass(slots=True)
class TitlePairs:
    """The pairs that are measured, by language and whether the text is a brief; ascending."""

    kept: dict[Kind, list[TitlePair]] = field(default_factory=dict)

    def add(self, documents: Iterable[IndexedDocument]) -> None:
        """Take the pairs of some documents; of each kind, MOST_PAIRS are kept."""
        for document in documents:
            kind = (document.language or UNKNOWN_LANGUAGE, document.is_brief)
            kept = self.kept.setdefault(kind, [])
            full = len(kept) == MOST_PAIRS
            if full and hash_id(document.article.id) > kept[-1].order:
                continue
            if (pair := TitlePair.of(document)) is not None:
                insort(kept, pair, key=lambda one: one.order)
                del kept[MOST_PAIRS:]

    def measure(self, *, centred: bool) -> VectorShares:
        """Measure the share of vectors of each kind that has enough pairs.

        Args:
            centred: whether the mean vector is removed, as the snapshot removes it.
        """
        return VectorShares(
            {
                kind: _measure(pairs, centred=centred)
                for kind, pairs in sorted(self.kept.items())
                if len(pairs) >= LEAST_PAIRS
            }
        )


def build_rows(
    documents: Sequence[IndexedDocument],
    encoder: LanguageSupport,
    dim: int,
    passage_dim: int | None = None,
) -> Rows:
    """Build the rows of some documents.

    A document without features gets a row without terms, and its vector is not used.

    Args:
        documents: by ascending id.
        encoder: what made their embeddings.
        dim: how many numbers a vector has; 1 if that is not known and the embeddings decide.
        passage_dim: the same of a passage; None for as many.
    """
    dim, passage_dim = _choose_dims(documents, (dim, passage_dim or dim))
    documents = [_without_broken_embedding(one, (dim, passage_dim)) for one in documents]
    labels, codes = {}, {}
    for name, words in (
        ("language", [document.language or UNKNOWN_LANGUAGE for document in documents]),
        ("section", [document.article.section or "" for document in documents]),
    ):
        codes[name], labels[name] = _encode_labels(words)
    return Rows(
        ids=[document.article.id for document in documents],
        vectors=_stack_vectors([document.embedding for document in documents], dim),
        passages=Passages.of([_passages_of(one, passage_dim) for one in documents], passage_dim),
        terms=TermCounts.of([_terms_of(document.features) for document in documents]),
        columns=_article_columns([document.article for document in documents])
        | _feature_columns(documents, encoder)
        | codes,
        labels=labels,
        keywords=[keywords_of(document.article) for document in documents],
        numbers=[numbers_of(document.article) for document in documents],
        display=[document.article.to_display(document.language) for document in documents],
    )


def with_text_clusters(rows: Rows, number: Number = number_text_clusters) -> Rows:
    """Number the text clusters of all rows of a snapshot; rows of a delta have no number."""
    numbers = number(rows.columns["minhash"])
    return replace(rows, columns={**rows.columns, "text_cluster": numbers})


def _article_columns(articles: Sequence[Article]) -> dict[str, NDArray[Any]]:
    """The columns that follow from the articles alone; docs/snapshot-format.md describes each."""
    translated = (article.translation_of or article.id for article in articles)
    return visibility_columns(articles) | {
        "published_at": _to_seconds(article.published_at for article in articles),
        "revised_at": _to_seconds(map(_revised_at, articles)),
        "recommendable": _bools(not article.never_recommend for article in articles),
        "titled": _bools(bool(article.title.strip()) for article in articles),
        "has_list": _bools(not article.no_related for article in articles),
        "id_hash": _hash_names(article.id for article in articles),
        "translates": _hash_names(translated),
        "author": _hash_names(map(_first_author, articles)),
        "host": _hash_names(host_of(article.url or "") for article in articles),
    }


def _feature_columns(
    documents: Sequence[IndexedDocument], encoder: LanguageSupport
) -> dict[str, NDArray[Any]]:
    """The columns that follow from the features, and the change number."""
    none = np.zeros(MINHASH_SIZE, np.uint16)
    minhashes = [none if d.features is None else d.features.minhash for d in documents]
    return {
        "embedded": _bools(document.is_embedded(encoder) for document in documents),
        "fluent": _bools(document.has_full_support(encoder) for document in documents),
        "brief": _bools(document.is_brief for document in documents),
        "passages_apart": _bools(document.has_passages_apart for document in documents),
        "change": np.array([document.change for document in documents], np.int64),
        "read": _bools(document.features is not None for document in documents),
        "up_to_date": _bools(d.up_to_date and d.features is not None for d in documents),
        "minhash": np.array(minhashes, np.uint16).reshape(len(documents), MINHASH_SIZE),
        "text_cluster": np.full(len(documents), UNKNOWN_CLUSTER, np.int64),
    }


def _bools(values: Iterable[bool]) -> NDArray[np.bool_]:
    return np.fromiter(values, np.bool_)


def _hash_names(names: Iterable[str]) -> NDArray[np.int64]:
    return np.array([hash_id(name) if name else _NO_NAME for name in names], np.int64)


def _to_seconds(moments: Iterable[datetime | None]) -> NDArray[np.float64]:
    """Seconds since 1970 in UTC, NaN for None: float64 [n]."""
    return np.array([np.nan if m is None else m.timestamp() for m in moments], np.float64)


def _revised_at(article: Article) -> datetime | None:
    """The later of its publication and its update."""
    times = [t for t in (article.published_at, article.updated_at) if t is not None]
    return max(times, default=None)


def _first_author(article: Article) -> str:
    """The first author's name, whatever its case and blanks; "" for none."""
    return " ".join(article.authors[0].casefold().split()) if article.authors else ""


def _encode_labels(labels: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """Code each label by its position in the sorted vocabulary: int32 [n], and the vocabulary."""
    vocabulary = sorted(set(labels))
    codes = {label: code for code, label in enumerate(vocabulary)}
    return np.array([codes[label] for label in labels], np.int32), vocabulary


def _choose_dims(documents: Sequence[IndexedDocument], dims: tuple[int, int]) -> tuple[int, int]:
    """The given dimensions, of vectors and of passages; for one that is 1, that of most."""
    found = Counter(_dims_of(d.embedding) for d in documents if d.embedding is not None)
    usual = found.most_common(1)[0][0] if found else dims
    return usual[0] if dims[0] == 1 else dims[0], usual[1] if dims[1] == 1 else dims[1]


def _dims_of(embedding: Embedding) -> tuple[int, int]:
    """How many numbers the vector has, and how many a passage."""
    return len(embedding.vector), int(embedding.passages.shape[1])


def _without_broken_embedding(document: IndexedDocument, dims: tuple[int, int]) -> IndexedDocument:
    """Drop an embedding of other dimensions, or one with a length that is zero or not finite.

    Otherwise one such document would stop every worker at its place in the change log.
    """
    if document.features is None or document.embedding is None:
        return document
    vector = document.embedding.vector.astype(np.float32)
    if (
        _dims_of(document.embedding) == dims
        and np.isfinite(vector).all()
        and np.linalg.norm(vector) > 0
    ):
        return document
    _log.error("article %s: its stored vector is broken and is ignored", document.article.id)
    return replace(document, features=replace(document.features, embedding=None))


def _stack_vectors(embeddings: Sequence[Embedding | None], dim: int) -> NDArray[np.float32]:
    """The vectors scaled to length 1; the first axis for a missing one: float32 [n, dim]."""
    rows = np.zeros((len(embeddings), dim), np.float32)
    rows[:, 0] = [embedding is None for embedding in embeddings]
    for row, embedding in zip(rows, embeddings, strict=True):
        if embedding is not None:
            row[:] = embedding.vector
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, np.float32(1))
    return rows


def _passages_of(document: IndexedDocument, dim: int) -> NDArray[np.int8]:
    """The passages that are not zero: int8 [k, dim]; none without an embedding."""
    if document.embedding is None:
        return np.empty((0, dim), np.int8)
    return document.embedding.passages[document.embedding.passages.any(axis=1)]


def _terms_of(features: Features | None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if features is None:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    return features.buckets, features.counts


def _measure(pairs: Sequence[TitlePair], *, centred: bool) -> MeasuredShare:
    titles, bodies = (
        _unit_rows(np.stack([pair.vectors[at] for pair in pairs]), centred=centred) for at in (0, 1)
    )
    words = _weigh([pair.title for pair in pairs] + [pair.body for pair in pairs])
    title_words, body_words = words[: len(pairs)], words[len(pairs) :]
    alike = _in_deviations(bodies @ bodies.T) + _in_deviations(body_words @ body_words.T)
    return measure_share(titles @ bodies.T, title_words @ body_words.T, alike)


def _unit_rows(codes: NDArray[np.int8], *, centred: bool) -> Doubles:
    """Quantized vectors as unit rows, without their mean if they are centred: float64 [n, dim]."""
    vectors = codes.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if centred:
        vectors -= vectors.mean(axis=0)
    lengths: Doubles = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors / lengths


def _weigh(texts: Sequence[Mapping[int, float]]) -> Doubles:
    """TF-IDF weights as unit rows, as `index.lexical` weighs terms: [n, words of several texts].

    A word of one text alone counts in the length of its row only, so the table stays small.
    """
    frequency = Counter(chain.from_iterable(texts))
    column = {word: at for at, word in enumerate(w for w, n in frequency.items() if n > 1)}
    rarity = {word: np.log((1 + len(texts)) / (1 + n)) + 1 for word, n in frequency.items()}
    weights = np.zeros((len(texts), len(column)))
    for row, counts in zip(weights, texts, strict=True):
        of_words = {word: (1 + np.log(n)) * rarity[word] for word, n in counts.items()}
        length = max(float(np.linalg.norm([*of_words.values()])), 1e-9)
        shared = [word for word in of_words if word in column]
        row[[column[word] for word in shared]] = [of_words[word] / length for word in shared]
    return weights


def _in_deviations(similarities: Doubles) -> Doubles:
    """Similarities in units of their standard deviation between different texts."""
    others = similarities[~np.eye(len(similarities), dtype=bool)]
    return similarities / max(float(others.std()) if len(others) else 0.0, 1e-9)
