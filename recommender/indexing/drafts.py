"""Drafts: the features of a text that is not stored, from the indexer over a Unix socket.

Web workers have no model, so they ask the indexer. Request and answer are a line of JSON each.
"""

import json
import os
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from index import Query, View
from recommender.analysis.features import DraftFeatures, Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.api.operator_answers import IndexerState
from recommender.articles import UNKNOWN_LANGUAGE, Article, hash_id, parse_article
from recommender.data_folder import DataFolder
from recommender.errors import IndexerAway, ReadAlsoError, UnreadableMarkup
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.indexer import Indexer
from recommender.indexing.snapshots import Origin
from recommender.ranking.filters import RowPlace
from recommender.ranking.scoring import Seed

__all__ = [
    "ANY_ID",
    "DraftServer",
    "is_answered",
    "make_outside_seed",
    "read_draft",
    "state_of_indexer",
]

ANY_ID: Final = "draft"
"""The id of a draft while it is checked and analyzed."""

MOST_LINE_BYTES: Final = 8 * 2**20
MOST_AT_ONCE: Final = 8  # drafts in work; further ones are refused
POLL_SECONDS: Final = 60.0  # nothing is done then


def read_draft(path: Path, article: Article, timeout_seconds: float = 5.0) -> DraftFeatures:
    """Get the features of a draft from the indexer that answers on the socket at a path.

    Raises:
        IndexerAway: no indexer answers in time.
        UnreadableMarkup: the draft's markup cannot be read.
    """
    try:
        with _address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(address)
            connection.sendall(_as_line(article))
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline(MOST_LINE_BYTES))
    except (OSError, ValueError) as fault:
        raise IndexerAway(str(fault)) from fault
    return _draft(answer)


def is_answered(path: Path) -> bool:
    """Whether an indexer listens on the socket at a path."""
    try:
        with _address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(address)
    except OSError:
        return False
    return True


def state_of_indexer(data: DataFolder) -> IndexerState:
    """What the indexer of a data folder does: it reads, stands by, or is away."""
    if not is_answered(data.draft_socket):
        return "away"
    return "standby" if data.indexer_standby.exists() else "ok"


def _as_line(article: Article) -> bytes:
    """The request for an article; its own id does not matter, but it needs one."""
    return article.model_copy(update={"id": ANY_ID}).to_json().encode() + b"\n"


def make_outside_seed(view: View, article: Article, draft: DraftFeatures | None = None) -> Seed:
    """Make the seed of an article that a view does not have.

    Its features are weighed and centred as those of the view's snapshot. Without a draft it has no
    features, and only the fallback stages can fill its list.
    """
    origin = Origin.of(view.snapshot.manifest)
    features = None if draft is None else draft.features
    if features is not None and draft is not None and draft.model != origin.model:
        features = replace(features, embedding=None)
    document = IndexedDocument(article, features, 0, up_to_date=features is not None)
    language, embedding = document.language or UNKNOWN_LANGUAGE, document.embedding
    moment = article.published_at
    return Seed(
        id=article.id,
        language=language,
        section=article.section,
        published_at=np.nan if moment is None else moment.timestamp(),
        id_hash=hash_id(article.id),
        translates=hash_id(article.translation_of or article.id),
        has_list=not article.no_related,
        minhash=np.zeros(MINHASH_SIZE, np.uint16) if features is None else features.minhash,
        up_to_date=document.up_to_date,
        embedded=document.is_embedded(origin),
        fluent=document.has_full_support(origin),
        brief=document.is_brief,
        passages_apart=document.has_passages_apart,
        vector=None
        if embedding is None
        else view.snapshot.centre(embedding.unit_vector[None], language)[0],
        passages=None if embedding is None else _centre_passages(view, embedding, language),
        terms=None if features is None else _weigh_terms(view, features, language),
        place=RowPlace(build_rows([_without_embedding(document)], origin, dim=1), slice(None)),
    )


def _without_embedding(document: IndexedDocument) -> IndexedDocument:
    """The same document for its columns alone, which need no vector."""
    features = document.features
    return replace(document, features=features and replace(features, embedding=None))


def _centre_passages(view: View, embedding: Embedding, language: str) -> NDArray[np.float32]:
    """The passages of a draft as unit rows in the view's space: float32 [k, dim]."""
    codes = embedding.passages.astype(np.float32)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return view.snapshot.centre_passages(codes / np.maximum(lengths, np.float32(1)), language)


def _weigh_terms(view: View, features: Features, language: str) -> Query:
    group_size = view.background_of(language).rows
    query = view.snapshot.lexicon.weigh(features.buckets, features.counts, group_size)
    # Rounded as stored weights are: a draft gets the same list as later, when it is stored.
    rounded = query.weights.astype(np.float16).astype(np.float32)
    return Query(query.buckets, rounded / np.float32(np.linalg.norm(rounded) or 1))


class DraftServer:
    """Answers requests in threads of its own, while the `with` block runs."""

    def __init__(self, path: Path, indexer: Callable[[], Indexer | None]) -> None:
        """Answer nothing yet.

        Args:
            path: of the Unix socket.
            indexer: analyzes the drafts; None while it starts.
        """
        self._path = path
        self._indexer = indexer
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        with _address(self._path) as address:
            self._server = _Server(address, self._answer)
        os.chmod(self._path, 0o600)  # noqa: PTH101 - a socket, not followed elsewhere
        serve = partial(self._server.serve_forever, poll_interval=POLL_SECONDS)
        threading.Thread(target=serve, name="drafts", daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # without it, the server would notice its end at the next poll
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)

    def _answer(self, line: bytes, is_wanted: Callable[[], bool]) -> dict[str, Any]:
        indexer = self._indexer()
        if indexer is None or not self._slots.acquire(blocking=False):
            return {"away": "the indexer is busy or starting"}
        try:
            read = indexer.read_draft(parse_article(line), is_wanted)
        except UnreadableMarkup as fault:
            return {"unreadable": str(fault)}
        except ReadAlsoError as fault:
            return {"away": str(fault)}
        finally:
            self._slots.release()
        return {
            "model": read.model,
            "features": read.features.to_json(),
            "body": read.body,
        }


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(
        self, address: str, answer: Callable[[bytes, Callable[[], bool]], dict[str, Any]]
    ) -> None:
        self.answer = answer
        super().__init__(address, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        line = self.rfile.readline(MOST_LINE_BYTES)
        if line.endswith(b"\n") and isinstance(self.server, _Server):
            answer = self.server.answer(line, self._is_wanted)
            with suppress(ConnectionError):  # the caller left meanwhile
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _is_wanted(self) -> bool:
        """Whether the caller still waits: it sends nothing more, and closes when it leaves.

        `poll`, as `select` fails in a process that has more than 1,024 files open.
        """
        waiting = select.poll()
        waiting.register(self.connection, select.POLLIN)
        return not waiting.poll(0)


def _draft(answer: dict[str, Any]) -> DraftFeatures:
    if "unreadable" in answer:
        raise UnreadableMarkup(answer["unreadable"])
    features = Features.from_json(answer.get("features", {}))
    if features is None:
        raise IndexerAway(str(answer.get("away", "no answer")))
    return DraftFeatures(features, answer["model"], answer.get("body"))


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A short path of the socket: the system allows no more than a hundred bytes."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
