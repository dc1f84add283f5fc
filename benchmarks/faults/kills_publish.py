"""Publishing from a store that is being written, and what the live generation must then answer.

Two ways: plain rows, whose vectors are drawn by the digest of each document, and the product's own
`rebuild` with a fake encoder.
"""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.kills_deeds import Ledger, digest_of
from index import Catalog, NoSnapshot, Passages, Rows, Snapshot, TermCounts, quantize
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.indexing.rebuild import rebuild
from recommender.progress import Advance
from recommender.store import ArticleStore

__all__ = ["PLAIN", "HashedWords", "check_catalog", "publish_plain", "publish_rebuilt"]

DIM: Final = 16
ASKED: Final = 20
DEPTH: Final = 10
KEEP: Final = 2
ROUNDING: Final = 1e-3  # of float16
PLAIN: Final = "rows drawn by digest"
FAKE: Final = Model("fake", Path(), "fake-1", frozenset({"en"}))


class HashedWords:
    """A fake encoder: bags of hashed words."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), DIM], unit rows."""
        rows = np.full((len(texts), DIM), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text):
                row[zlib.crc32(word.encode()) % DIM] += 1
            advance(1)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def publish_plain(store: ArticleStore, catalog: Catalog, ledger: Ledger) -> None:
    """Publish plain rows of the store as it is now, and prune."""
    with catalog.lock():
        with store.scan() as view:
            digests = {stored.article.id: digest_of(stored.article) for stored in view}
        stamp: dict[str, Any] = {"model": PLAIN, "analyzer": "none", "epoch": view.state.epoch}
        ledger.write("publishing", view.state.change)
        catalog.publish_rows(_rows(digests), **stamp, change=view.state.change)
        ledger.write("published", view.state.change)
        catalog.prune(KEEP)


def publish_rebuilt(store: ArticleStore, catalog: Catalog, ledger: Ledger) -> None:
    """Publish as the product does."""
    ledger.write("publishing", store.state().change)
    reader = Analyzer(FAKE, lambda _: HashedWords(), lambda markup: markup)
    # What the gate thinks of texts drawn at random is not the question here.
    rebuilt = rebuild(store, catalog, reader, keep=KEEP, force=True)
    ledger.write("published", rebuilt.change)


def check_catalog(
    folder: Path, least: int | None, through: int, state_at: dict[int, dict[str, str]]
) -> tuple[str, int]:
    """Open the live generation, verified, and compare it with what it should hold.

    Args:
        folder: the catalog's.
        least: the last acknowledged publish; None if there was none.
        through: the store's newest change.
        state_at: filled lazily by the caller: by change, the digest of each article by id.

    Returns:
        What is wrong, or an empty string; and the change that is live, -1 for none.
    """
    try:
        live = Catalog(folder).open_live()
    except NoSnapshot:
        return ("" if least is None else f"{least} was published, and nothing is live"), -1
    change = live.manifest.change
    if not (least or 0) <= change <= through:
        return f"change {change} is live, not one of {least} to {through}", change
    return _compare(live, state_at[change]), change


def _rows(digests: dict[str, str]) -> Rows:
    ids = sorted(digests)
    buckets, counts = np.array([7], np.int32), np.array([1], np.float32)
    vectors = _vectors([digests[name] for name in ids])
    return Rows(
        ids=ids,
        vectors=vectors,
        passages=Passages(np.arange(len(ids) + 1, dtype=np.int64), quantize(vectors)),
        terms=TermCounts.of([(buckets, counts)] * len(ids)),
        columns={},
        labels={},
        keywords=[()] * len(ids),
        display=[digests[name].encode() for name in ids],
    )


def _vectors(digests: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows that the 32 bytes of each digest make."""
    drawn = np.array([list(bytes.fromhex(digest)) for digest in digests], np.float32)
    rows = drawn.reshape(len(digests), -1)[:, :DIM] - 127.3 if digests else np.empty((0, DIM))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
    return unit


def _compare(live: Snapshot, digests: dict[str, str]) -> str:
    ids = [live.id_of(row) for row in range(len(live))]
    if live.manifest.model == PLAIN:
        if ids != sorted(digests):
            return f"{live.generation} holds other articles than its change tells"
        if any(live.display_of(row).decode() != digests[name] for row, name in enumerate(ids)):
            return f"{live.generation} holds other cards than it should"
        return _search(live, _vectors([digests[name] for name in ids]))
    # Articles that nobody had read yet come with a later rebuild.
    if not set(ids) <= digests.keys():
        return f"{live.generation} holds articles that its change does not"
    return _search(live, live.vectors.fetch(np.arange(len(ids))))


def _search(live: Snapshot, vectors: NDArray[np.float32]) -> str:
    """Ask for neighbours and compare with brute force, where there is anything to ask for."""
    depth = min(DEPTH, len(live))
    everything = np.ones(len(live), bool)
    for row in range(0, len(live), max(1, len(live) // ASKED)):
        true = vectors @ vectors[row]
        hits = live.vectors.nearest(vectors[row], depth, everything)
        best = np.sort(true)[::-1][:depth]
        honest = np.allclose(hits.similarities, true[hits.rows], atol=ROUNDING)
        if not honest or not np.allclose(hits.similarities, best, atol=ROUNDING):
            return f"{live.generation} answers otherwise than brute force about row {row}"
    return ""
