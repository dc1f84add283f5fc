"""Measures a generation: by asking it, and by comparing it with brute force and with the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import Snapshot
from recommender.api import RelatedList
from recommender.errors import GateRefused
from recommender.indexing.documents import GROUPED_BY
from recommender.indexing.gate.judgement import Quality, judge

__all__ = ["Candidate", "admit", "measure"]

Floats = NDArray[np.float32]
Listed = Callable[[str], RelatedList]
Kept = Callable[[Sequence[str]], Mapping[str, NDArray[Any]]]

SAMPLE: Final = 100
DEPTH: Final = 100  # recall is measured at
CHUNK: Final = 8_192  # rows of the exact search at once: 12 MB of vectors
SAME: Final = 0.999  # cosine; float16 and another batch size move a vector by less
ROUNDING: Final = 1e-5  # float32 sums in another order differ by less
TIE: Final = 1e-3  # float16 parts near-copies by less
SEMANTIC: Final = "semantic"


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A generation to be measured.

    Attributes:
        snapshot: its rows.
        listable: bool [n], which may stand in a list now.
        listed: the list under one of its articles, as a reader gets it.
    """

    snapshot: Snapshot
    listable: NDArray[np.bool_]
    listed: Listed

    def may_list(self, article_id: str) -> bool:
        """Whether it holds an article that may stand in a list now."""
        row = self.snapshot.row_of(article_id)
        return row is not None and bool(self.listable[row])


def admit(
    new: Candidate, live: Candidate | None, kept: Kept, *, stored: int, same_model: bool
) -> None:
    """Let a generation through, or refuse it.

    Args:
        new: the one that was staged.
        live: the one that readers get; None if there is none or it is damaged.
        kept: the vectors that the store keeps of some articles, by id; it may lack some.
        stored: how many articles the new one should hold.
        same_model: whether vectors and terms of both come from the same recipes.

    Raises:
        GateRefused: a check was not passed.
    """
    findings = judge(*measure(new, live, kept), stored=stored, same_model=same_model)
    if findings:
        raise GateRefused(tuple(map(str, findings)))


def measure(new: Candidate, live: Candidate | None, kept: Kept) -> tuple[Quality, Quality | None]:
    """Gather what `judge` decides on; of the live generation only what is compared."""
    seeds = _seeds(new.snapshot, None if live is None else live.snapshot)
    both = [new] if live is None else [new, live]
    asked = [[candidate.listed(seed) for seed in seeds] for candidate in both]
    named = {item.id for lists in asked for one in lists for item in one.items}
    held = [frozenset(one for one in named if candidate.may_list(one)) for candidate in both]
    rows = _spread(len(new.snapshot))
    sound = _search(new.snapshot, rows) | {"true": _true(new.snapshot, rows, kept)}
    first = _quality(new, asked[0], held[0], held[0], **sound)
    return first, None if live is None else _quality(live, asked[1], held[1], held[0])


def _seeds(new: Snapshot, live: Snapshot | None) -> list[str]:
    """Up to SAMPLE articles whose lists are looked at; both generations hold them."""
    # More are drawn where some may be new, or gone.
    rows = _spread(len(new), SAMPLE if live is None else 10 * SAMPLE)
    ids = [new.id_of(row) for row in rows.tolist()]
    held = ids if live is None else [one for one in ids if live.row_of(one) is not None]
    return [held[at] for at in _spread(len(held)).tolist()]


def _spread(rows: int, most: int = SAMPLE) -> NDArray[np.int64]:
    """Up to `most` rows, evenly spaced."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)


def _quality(
    candidate: Candidate,
    lists: Sequence[RelatedList],
    holds: frozenset[str],
    still: frozenset[str],
    **sound: float,
) -> Quality:
    related = {str(one.article_id): _related(one) for one in lists}
    # What the new generation may not list any more is no reason to expect its lists as long.
    short = [2 * len(still.intersection(_related(one))) < one.requested for one in lists]
    return Quality(
        rows=len(candidate.snapshot),
        listable=int(np.count_nonzero(candidate.listable)),
        lists=related,
        holds=holds,
        short=float(np.mean(short)) if short else 0.0,
        **sound,
    )


def _related(listed: RelatedList) -> tuple[str, ...]:
    return tuple(item.id for item in listed.items if item.reason == SEMANTIC)


def _search(snapshot: Snapshot, rows: NDArray[np.int64]) -> dict[str, float]:
    """How well the search does, by similarity: of copies any one will do."""
    if not len(rows):
        return {}
    vectors, depth = snapshot.vectors, min(DEPTH, len(snapshot))
    everything = np.ones(len(snapshot), np.bool_)
    queries = vectors.fetch(rows)
    hits = [vectors.nearest(query, depth, everything).rows for query in queries]
    reached = [vectors.fetch(near) @ query for near, query in zip(hits, queries, strict=True)]
    least = _exact(snapshot, queries, depth) - ROUNDING
    pairs = list(zip(rows, hits, reached, strict=True))
    right = [np.count_nonzero(r >= bound) for r, bound in zip(reached, least, strict=True)]
    met = [row in near or cosines.min() >= 1 - TIE for row, near, cosines in pairs]
    return {"recall": float(np.mean(right)) / depth, "found": float(np.mean(met))}


def _exact(snapshot: Snapshot, queries: Floats, depth: int) -> Floats:
    """For each query the similarity of its nearest row number `depth`, by brute force."""
    best = np.full((len(queries), depth), -np.inf, np.float32)
    for start in range(0, len(snapshot), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(snapshot)))
        similarities = np.hstack([best, queries @ snapshot.vectors.fetch(rows).T])
        best = np.partition(similarities, -depth, axis=1)[:, -depth:]
    least: Floats = best.min(axis=1)
    return least


def _true(snapshot: Snapshot, rows: NDArray[np.int64], kept: Kept) -> float:
    """Share of rows whose vector is the one that the store keeps of that article, if it does."""
    ids = [snapshot.id_of(row) for row in rows.tolist()]
    known, own = kept(ids), snapshot.vectors.fetch(rows)
    same = [
        float(_placed(snapshot, row, known[one]) @ vector) >= SAME
        for one, row, vector in zip(ids, rows.tolist(), own, strict=True)
        if one in known
    ]
    return float(np.mean(same)) if same else 1.0


def _placed(snapshot: Snapshot, row: int, kept: NDArray[Any]) -> Floats:
    """A kept vector where the snapshot should have put it: float32 [dim], a unit vector."""
    language = snapshot.labels[GROUPED_BY][int(snapshot.columns[GROUPED_BY][row])]
    wide = kept.astype(np.float32)
    (placed,) = snapshot.centre((wide / np.linalg.norm(wide))[np.newaxis], language)
    found: Floats = placed
    return found
