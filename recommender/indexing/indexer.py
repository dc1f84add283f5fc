"""The indexer: analyzes the texts in the queue, single writes before bulk loads."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.analyzer import Analyzer, analyze
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encode, Encoder, Encoders
from recommender.analysis.features import DraftFeatures, Embedding
from recommender.articles import Article
from recommender.counters import Counters
from recommender.errors import CallerLeft, EncoderAway, StoreUnusable
from recommender.indexing.encoder_watch import EncoderWatch
from recommender.store import AnalyzedText, ArticleStore, QueuedText

__all__ = ["Indexer", "UrgencyLock"]

URGENT: Final = 2  # single writes in one transaction: so many that should overtake the others,
OLDEST: Final = 2  # and so many of those that wait longest
BULK: Final = 16
MOST_IN_A_ROW: Final = 4
"""So often single writes are analyzed before some of a bulk load, which must not starve."""
MOST_QUOTED: Final = 100_000  # characters of a draft's text that an explanation may quote
SLICE: Final = 2  # texts of a bulk load that are embedded between two looks at single writes
DRAFT_SLICE: Final = 4  # texts of a draft that a single write may have to wait for

_log = logging.getLogger(__name__)


class Indexer:
    """Analyzes queued texts in one thread; other threads may analyze drafts."""

    def __init__(
        self,
        store: ArticleStore,
        analyzer: Analyzer,
        in_hand: Path | None = None,
        counters: Counters | None = None,
        check_elected: Callable[[], object] = lambda: None,
    ) -> None:
        """Analyze the texts of a store.

        Args:
            store: has the queue, and keeps the features.
            analyzer: how texts are analyzed.
            in_hand: the file that names the articles in work, so that an article that kills the
                process is found by the next one; None for no such file.
            counters: count the texts; None to count them for nobody.
            check_elected: raises StoreUnusable if the indexer of another machine reads now. It is
                asked before the store is told what came of a text.
        """
        self._store = store
        self._analyzer = analyzer
        self._in_hand = TextsInHand(in_hand)
        self._counters = counters or Counters()
        self._check_elected = check_elected
        self._encoders: Encoders | None = None
        self._in_a_row = 0  # how often single writes were analyzed since a bulk load was
        self._watch = EncoderWatch(store.features, analyzer.model)
        self._encoding = UrgencyLock()
        self._cleaning = UrgencyLock()
        self._drafts = threading.Lock()

    def step(self) -> int:
        """Analyze some queued texts; return how many were taken, successful or not.

        Raises:
            StoreUnusable: the store cannot be read or written.
            OSError: the machine lacks some resource; no article gets a failure for it.
            EncoderAway: the server that embeds does not answer; no article gets a failure for it.
            ModelRefused: the model cannot be loaded.
        """
        self._count_crashes()
        taken = self._process_singles() if self._in_a_row < MOST_IN_A_ROW else 0
        if taken:
            self._in_a_row += 1
            return taken
        self._in_a_row = 0
        bulk = self._store.queue.next(BULK, bulk=True)
        return self._process(bulk, self._encode_in_slices) or self._process_singles()

    def drain(self) -> int:
        """Analyze until the queue is empty; return how many texts were taken."""
        taken = 0
        while more := self.step():
            taken += more
        return taken

    def warm_up(self) -> None:
        """Load the model and embed once, because the first time takes longer."""
        self._embed({"": ArticleTexts("Read also", "Read also", ())}, self._encode)

    def read_draft(
        self, article: Article, is_wanted: Callable[[], bool] = lambda: True
    ) -> DraftFeatures:
        """Analyze an article that is not stored; may be called from any thread.

        Texts of the queue that are single writes come first.

        Args:
            article: the draft.
            is_wanted: says before each part of the work whether somebody still waits for it.

        Raises:
            UnreadableMarkup: its markup cannot be read.
            EncoderAway: the server that embeds does not answer.
            CallerLeft: nobody waits for it any more.
        """

        def encode(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
            parts = [
                self._encode(encoder, some, urgent=False, is_wanted=is_wanted)
                for some in _slices(texts, DRAFT_SLICE)
            ]
            return np.concatenate(parts)

        with self._drafts:  # one after another: in turns, all would be late
            plain = self._to_plain(article, urgent=False, is_wanted=is_wanted)
            embedding = self._embed({"": ArticleTexts.of(plain)}, encode)[""]
        features = replace(analyze(plain), embedding=embedding)
        body = plain.body[:MOST_QUOTED] if article.body_html else None
        return DraftFeatures(features, self._analyzer.model.fingerprint, body)

    def _next_singles(self) -> list[QueuedText]:
        """Single writes to analyze next, together: in the order of their changes.

        When many wait, half of them are the urgent and the newest ones: a breaking story does not
        wait for all that was written before it. The others are the oldest, so that none starves.
        """
        queue = self._store.queue
        urgent = queue.next(URGENT, bulk=False, urgent=True)
        oldest = queue.next(OLDEST, bulk=False) if len(urgent) == URGENT else []
        chosen = {one.change: one for one in (*urgent, *oldest)}
        return [chosen[change] for change in sorted(chosen)]

    def _process_singles(self) -> int:
        return self._process(self._next_singles(), self._encode)

    def _process(self, queued: Sequence[QueuedText], encode: Encode) -> int:
        """Analyze some texts together; one by one if that fails or one of them failed before."""
        if len(queued) > 1 and any(one.attempts for one in queued):
            return sum(self._process([one], encode) for one in queued)
        if not queued:
            return 0
        self._load()
        self._in_hand.take(queued)
        try:
            analyzed = self._analyze(queued, encode)
        except (StoreUnusable, OSError):
            raise  # no text causes this: all stay in the queue
        except EncoderAway:
            self._in_hand.drop(queued)  # this process may end before the server is back
            raise
        except Exception as fault:  # noqa: BLE001 - whatever one text causes, the others must be analyzed
            self._in_hand.drop(queued)
            return self._count_failure(queued, fault, encode)
        self._check_elected()
        self._store.queue.acknowledge(analyzed, self._analyzer.versions)
        self._in_hand.drop(queued)
        return len(queued)

    def _count_failure(self, queued: Sequence[QueuedText], fault: Exception, encode: Encode) -> int:
        """Count a failure against an article. If there are several, find the one that caused it."""
        if len(queued) > 1:
            return sum(self._process([one], encode) for one in queued)
        self._check_elected()
        self._counters.text_failures.inc()
        _log.warning("article %s could not be read: %r", queued[0].article.id, fault)
        self._store.queue.count_failure(
            queued[0].article.id, queued[0].change, f"{type(fault).__name__}: {fault}"
        )
        return 1

    def _analyze(self, queued: Sequence[QueuedText], encode: Encode) -> list[AnalyzedText]:
        plain = [self._to_plain(one.article) for one in queued]
        begun = time.monotonic()
        embeddings = self._stored_embeddings(queued)
        texts = {p.text_hash: ArticleTexts.of(a) for p, a in zip(queued, plain, strict=True)}
        new = {key: one for key, one in texts.items() if key not in embeddings}
        embeddings |= self._embed(new, encode)
        seconds = time.monotonic() - begun
        self._counters.texts.labels("new").inc(len(new))
        self._counters.texts.labels("stored").inc(len(queued) - len(new))
        self._counters.embedding_seconds.observe(seconds)
        _log.info("embedded %s in %.3f s", [p.article.id for p in queued], seconds)
        return [
            AnalyzedText(
                queued=one,
                body=article.body if one.article.body_html else None,
                features=replace(analyze(article), embedding=_checked(embeddings[one.text_hash])),
            )
            for one, article in zip(queued, plain, strict=True)
        ]

    def _stored_embeddings(self, queued: Sequence[QueuedText]) -> dict[str, Embedding]:
        hashes = [one.text_hash for one in queued]
        return self._store.features.embeddings(hashes, self._analyzer.model.fingerprint)

    def _to_plain(
        self,
        article: Article,
        *,
        urgent: bool = True,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Article:
        if not article.body_html:
            return article
        with self._cleaning.hold(urgent=urgent):
            _check_wanted(is_wanted)
            return article.with_text(self._analyzer.read_markup(article.body_html))

    def _embed(self, articles: Mapping[str, ArticleTexts], encode: Encode) -> dict[str, Embedding]:
        return self._load().embed(articles, encode)

    def _load(self) -> Encoders:
        if self._encoders is None:
            with self._encoding.hold(urgent=True):
                self._encoders = self._encoders or self._analyzer.load_encoders()
        return self._encoders

    def _encode(
        self,
        encoder: Encoder,
        texts: Sequence[str],
        *,
        urgent: bool = True,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> NDArray[np.float32]:
        passages = self._load().passages
        with self._encoding.hold(urgent=urgent):
            _check_wanted(is_wanted)
            self._watch.check(passages)
            return encoder.encode(texts, lambda _done: None)

    def _encode_in_slices(self, encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed slice by slice; before each slice, process single writes that came."""
        parts = []
        for some in _slices(texts, SLICE):
            for _ in range(MOST_IN_A_ROW):
                if not self._process_singles():
                    break
            parts.append(self._encode(encoder, some, urgent=False))
        return np.concatenate(parts)

    def _count_crashes(self) -> None:
        """Count a failure against the articles that an earlier process had in hand when it died."""
        for article_id, change in self._in_hand.left_behind():
            _log.error("article %s was being read when the indexer died", article_id)
            self._store.queue.count_failure(article_id, change, "the indexer died while reading it")
        self._in_hand.drop()


class UrgencyLock:
    """A lock for one thread at a time, which those in a hurry get before all others.

    Attributes:
        waiting: how many wait in a hurry.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._is_held = False
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, *, urgent: bool) -> Iterator[None]:
        """Hold it while the block runs, after who holds it now and who is more in a hurry."""
        with self._changed:
            self.waiting += urgent
            try:
                self._changed.wait_for(lambda: not self._is_held and (urgent or not self.waiting))
            finally:
                self.waiting -= urgent
            self._is_held = True
        try:
            yield
        finally:
            with self._changed:
                self._is_held = False
                self._changed.notify_all()


class TextsInHand:
    """Names the articles in work, in a file that outlives the process.

    The file is not synced: it has to survive a crash of the process, not of the machine.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changes: dict[str, int] | None = None

    def take(self, queued: Sequence[QueuedText]) -> None:
        """Add texts whose work begins."""
        taken = {one.article.id: one.change for one in queued}
        self._write({**(self._changes or {}), **taken})

    def drop(self, queued: Sequence[QueuedText] = ()) -> None:
        """Remove texts whose work has ended."""
        done = {one.article.id for one in queued}
        self._write({key: at for key, at in (self._changes or {}).items() if key not in done})

    def _write(self, changes: dict[str, int]) -> None:
        self._changes = changes
        if self._path is None:
            return
        if changes:
            self._path.write_text(json.dumps(changes))
        else:
            self._path.unlink(missing_ok=True)

    def left_behind(self) -> list[tuple[str, int]]:
        """Ids and changes that an earlier process had in hand when it died.

        Empty once this process has begun its work.
        """
        if self._changes is not None or self._path is None or not self._path.exists():
            return []
        try:
            named: Any = json.loads(self._path.read_text())
            return [(str(article_id), int(change)) for article_id, change in named.items()]
        except (ValueError, TypeError, AttributeError):  # the process died while it wrote
            return []


def _check_wanted(is_wanted: Callable[[], bool]) -> None:
    """Check that somebody still waits.

    Raises:
        CallerLeft: nobody does.
    """
    if not is_wanted():
        raise CallerLeft


def _checked(embedding: Embedding) -> Embedding:
    """The same embedding.

    Raises:
        ValueError: its vector has a NaN or an infinity.
    """
    if not np.isfinite(embedding.vector).all():
        raise ValueError("the encoder gave a vector with a NaN or an infinity")
    return embedding


def _slices(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    yield from (texts[at : at + size] for at in range(0, len(texts), size))
