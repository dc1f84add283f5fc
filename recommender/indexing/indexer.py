"""Turns texts that wait into terms and vectors, single writes before bulk loads."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.analyzer import Analyzer, analyze
from recommender.analysis.article_texts import ArticleTexts, width
from recommender.analysis.embedding import Encoder, embed_texts, texts_to_encode
from recommender.analysis.features import Draft, Embedding
from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import AnalyzedText, ArticleStore, QueuedText

__all__ = ["Indexer"]

SINGLES: Final = 4  # articles in one transaction
BULK: Final = 16
QUOTED: Final = 100_000  # characters of a draft's text that an explanation may be taken from
SLICE: Final = 2  # texts of a bulk load that are embedded before single writes get their turn

_log = logging.getLogger(__name__)
Vectors = dict[str, NDArray[np.float32]]


class Indexer:
    """Reads what waits, in one thread; drafts may be read in others."""

    def __init__(
        self, store: ArticleStore, analyzer: Analyzer, in_hand: Path | None = None
    ) -> None:
        """Read texts of a store.

        Args:
            store: where they wait, and where what was made of them is kept.
            analyzer: how they are analyzed.
            in_hand: the file that names what is being read, so that an article which takes the
                process down with it is known after that; None keeps no such file.
        """
        self._store = store
        self._analyzer = analyzer
        self._in_hand = InHand(in_hand)
        self._encoder: Encoder | None = None
        self._encoding = threading.Lock()
        self._cleaning = threading.Lock()

    def step(self) -> int:
        """Read some of what waits; tells how many articles were taken, read or not.

        Raises:
            StoreUnusable: the store cannot be asked, or could not keep what was read.
            OSError: the machine is out of something; no article is blamed.
            ModelRefused: the model cannot be read.
        """
        self._recall()
        return self._read_singles() or self._read(self._next(bulk=True), self._encode_politely)

    def drain(self) -> int:
        """Read until nothing waits; tells how many articles were taken."""
        taken = 0
        while more := self.step():
            taken += more
        return taken

    def warm_up(self) -> None:
        """Read the model before the first text comes, and embed once: that takes longer, once."""
        self._encode(["Read also"])

    def read_draft(self, article: Article) -> Draft:
        """Read an article that is not stored; may be called from any thread.

        Raises:
            UnreadableMarkup: its markup cannot be read.
        """
        plain = self._plain(article)
        view = ArticleTexts.of(plain)
        vectors = self._encode(sorted(set(texts_to_encode(view))))
        features = replace(analyze(plain), embedding=embed_texts(view, vectors.__getitem__))
        body = plain.body[:QUOTED] if article.body_html else None
        return Draft(features, self._analyzer.model.fingerprint, body)

    def _next(self, *, bulk: bool) -> list[QueuedText]:
        return self._store.queue.next(BULK if bulk else SINGLES, bulk=bulk)

    def _read_singles(self) -> int:
        return self._read(self._next(bulk=False), self._encode)

    def _read(self, waiting: Sequence[QueuedText], encode: "Encode") -> int:
        """Read some articles together; where that fails, or failed before, one by one."""
        if len(waiting) > 1 and any(pending.attempts for pending in waiting):
            return sum(self._read([one], encode) for one in waiting)
        if not waiting:
            return 0
        with self._encoding:
            self._load()
        self._in_hand.take(waiting)
        try:
            readings = self._made_of(waiting, encode)
        except (StoreUnusable, OSError):
            raise  # no text's fault: all of them wait until it is over
        except Exception as fault:  # noqa: BLE001 - whatever a text does, others must be read
            self._in_hand.drop(waiting)
            return self._blame(waiting, fault, encode)
        self._store.queue.acknowledge(readings, self._analyzer.versions)
        self._in_hand.drop(waiting)
        return len(waiting)

    def _blame(self, waiting: Sequence[QueuedText], fault: Exception, encode: "Encode") -> int:
        """Count a failure against an article; of several, find out whose it was."""
        if len(waiting) > 1:
            return sum(self._read([one], encode) for one in waiting)
        _log.warning("article %s could not be read: %r", waiting[0].article.id, fault)
        self._store.queue.count_failure(
            waiting[0].article.id, waiting[0].change, f"{type(fault).__name__}: {fault}"
        )
        return 1

    def _made_of(self, waiting: Sequence[QueuedText], encode: "Encode") -> list[AnalyzedText]:
        plain = [self._plain(pending.article) for pending in waiting]
        begun = time.monotonic()
        made = self._known(waiting)
        views = {p.text_hash: ArticleTexts.of(a) for p, a in zip(waiting, plain, strict=True)}
        new = {key: view for key, view in views.items() if key not in made}
        texts = {text for view in new.values() for text in texts_to_encode(view)}
        vectors = encode(sorted(texts, key=width)) if texts else {}
        _log.info(
            "embedded %s in %.3f s", [p.article.id for p in waiting], time.monotonic() - begun
        )
        made |= {key: embed_texts(view, vectors.__getitem__) for key, view in new.items()}
        return [
            AnalyzedText(
                queued=pending,
                body=article.body if pending.article.body_html else None,
                features=replace(analyze(article), embedding=_checked(made[pending.text_hash])),
            )
            for pending, article in zip(waiting, plain, strict=True)
        ]

    def _known(self, waiting: Sequence[QueuedText]) -> dict[str, Embedding]:
        """The embeddings of these texts that are stored already."""
        hashes = [pending.text_hash for pending in waiting]
        return self._store.features.embeddings(hashes, self._analyzer.model.fingerprint)

    def _plain(self, article: Article) -> Article:
        if not article.body_html:
            return article
        with self._cleaning:
            return article.with_text(self._analyzer.read_markup(article.body_html))

    def _encode(self, texts: Sequence[str]) -> Vectors:
        with self._encoding:
            rows = self._load().encode(texts, lambda _done: None)
        return dict(zip(texts, rows, strict=True))

    def _load(self) -> Encoder:
        if self._encoder is None:
            self._encoder = self._analyzer.load(self._analyzer.model)
        return self._encoder

    def _encode_politely(self, texts: Sequence[str]) -> Vectors:
        """Embed slice by slice; before each, single writes that came meanwhile are read."""
        vectors: Vectors = {}
        for some in _slices(texts):
            while self._read_singles():
                pass
            vectors |= self._encode(some)
        return vectors

    def _recall(self) -> None:
        """Count a failure against what an earlier process had in hand when it died."""
        for article_id, change in self._in_hand.left():
            _log.error("article %s was being read when the indexer died", article_id)
            self._store.queue.count_failure(article_id, change, "the indexer died while reading it")
        self._in_hand.drop()


Encode = Callable[[Sequence[str]], Vectors]


class InHand:
    """Names the articles that are being read, in a file that outlives the process.

    It is not synced: what has to survive is the death of the process, not of the machine.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._held: dict[str, int] | None = None

    def take(self, waiting: Sequence[QueuedText]) -> None:
        """Write down what is being read now, beside what is in hand already."""
        taken = {pending.article.id: pending.change for pending in waiting}
        self._hold({**(self._held or {}), **taken})

    def drop(self, waiting: Sequence[QueuedText] = ()) -> None:
        """Some articles are not in hand any more."""
        done = {pending.article.id for pending in waiting}
        self._hold({key: at for key, at in (self._held or {}).items() if key not in done})

    def _hold(self, held: dict[str, int]) -> None:
        self._held = held
        if self._path is None:
            return
        if held:
            self._path.write_text(json.dumps(held))
        else:
            self._path.unlink(missing_ok=True)

    def left(self) -> list[tuple[str, int]]:
        """What another process had in hand when it died; nothing once this one has begun."""
        if self._held is not None or self._path is None or not self._path.exists():
            return []
        try:
            named: Any = json.loads(self._path.read_text())
            return [(str(article_id), int(change)) for article_id, change in named.items()]
        except (ValueError, TypeError, AttributeError):  # cut off in the middle of a write
            return []


def _checked(embedding: Embedding) -> Embedding:
    """The same embedding.

    Raises:
        ValueError: its vector has a NaN or an infinity.
    """
    if not np.isfinite(embedding.vector).all():
        raise ValueError("the encoder gave a vector with a NaN or an infinity")
    return embedding


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (texts[at : at + SLICE] for at in range(0, len(texts), SLICE))
