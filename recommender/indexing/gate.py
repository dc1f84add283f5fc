"""The gate: whether a freshly built snapshot may be published.

Checksums show that the files on disk are whole; self-queries show that the index works. The gate
checks the content: the snapshot has all articles of the store; each article has its own vector; the
search is as good as brute force; and, if the model is the same, the lists are similar to those of
the live generation. `measure_generations` gathers plain values, `judge_generation` decides.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import Snapshot, View
from index.arrays import spread_evenly
from recommender.api import RELATED, Item, ListOptions
from recommender.errors import GateRefused
from recommender.indexing.documents import GROUPED_BY
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import eligible
from recommender.ranking.policy import Policy
from recommender.ranking.related import select_items
from recommender.ranking.scoring import find_seed
from recommender.store import ArticleStore

__all__ = [
    "GateCandidate",
    "GateFinding",
    "GateMeasures",
    "admit",
    "compare_lists",
    "judge_generation",
    "load_vectors",
    "measure_generations",
    "rank_biased_overlap",
]

Floats = NDArray[np.float32]
ListFor = Callable[[str], tuple[Item, ...]]
StoredVectors = Callable[[Sequence[str]], Mapping[str, NDArray[Any]]]
TouchedSince = Callable[[Sequence[str]], Collection[str]]

SAMPLE: Final = 100
DEPTH: Final = 100  # recall is measured at this depth
CHUNK: Final = 8_192  # rows of the exact search at once: 12 MB of vectors
SAME: Final = 0.999  # cosine; float16 and another batch size move a vector by less
ROUNDING: Final = 1e-5  # float32 sums in another order differ by less
TIE: Final = 1e-3  # float16 separates near-copies by less
PERSISTENCE: Final = 0.9  # the first ten places have 86 % of the weight

# docs/resilience.md, "The gate", says on what these bounds were measured. "Ordinary": half as many
# articles are added, or a tenth is withdrawn, deleted or edited. "Broken": every vector is stored
# under another article's id.
LEAST_KEPT: Final = 0.8  # of the live generation's; ordinary 0.9, half missing 0.5
FEW: Final = 5  # this many may always be removed: with few articles a share is not a measure
LEAST_TRUE: Final = 0.99  # ordinary 1.0, broken at most 0.04
MOST_EXCUSED: Final = 0.1
"""At most so many of the rows may have another vector because their articles changed since."""
LEAST_FOUND: Final = 0.99  # ordinary 1.0
LEAST_RECALL: Final = 0.95  # a build reaches 0.99
LEAST_ALIKE: Final = 0.5  # ordinary at least 0.86, broken at most 0.31 (0.66 on the desk)
FEWEST_LISTS: Final = 5
MORE_SHORT: Final = 0.1  # ordinary at most 0.05 more
MORE_SHORT_NEW_MODEL: Final = 0.25  # with another model; at most 0.14 more


@dataclass(frozen=True, slots=True, eq=False)
class GateCandidate:
    """A generation to be measured.

    Attributes:
        snapshot: its rows.
        listable: bool [n], which rows may be listed now.
        list_for: makes the default list of one of its articles, as a reader gets it.
    """

    snapshot: Snapshot
    listable: NDArray[np.bool_]
    list_for: ListFor

    @classmethod
    def of(cls, snapshot: Snapshot, policy: Policy, now: float) -> "GateCandidate":
        """Measure a snapshot as readers would get it at a time, under a policy."""
        view = View.of(snapshot)
        return cls(
            snapshot=snapshot,
            listable=eligible(snapshot, now),
            list_for=lambda key: (
                select_items(
                    ListRequest(view, find_seed(view, key), ListOptions(), policy, now)
                ).items
            ),
        )

    def may_list(self, article_id: str) -> bool:
        """Whether it has an article that may be listed now."""
        row = self.snapshot.row_of(article_id)
        return row is not None and bool(self.listable[row])


@dataclass(frozen=True, slots=True)
class GateMeasures:
    """The measures of a generation; shares are 0..1.

    Attributes:
        rows: how many articles it has.
        listable: how many of them may be listed now.
        lists: by seed, the ids that its list holds as related, in order.
        may_list: of all ids in the lists of both generations, those that this one may list.
        short: share of the lists that are short: less than half of the requested items are related
            and may be listed by the newer generation.
        recall: recall@100 of the search against exact search.
        found: share of sampled rows that their own vector finds.
        true: share of sampled rows whose vector is the one that the store has.
    """

    rows: int
    listable: int
    lists: Mapping[str, tuple[str, ...]]
    may_list: frozenset[str]
    short: float
    recall: float = 1.0
    found: float = 1.0
    true: float = 1.0


@dataclass(frozen=True, slots=True)
class GateFinding:
    """A check that failed: what was measured, and the bound that it misses."""

    check: str
    measured: float
    bound: float
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.detail} ({self.measured:.4g}; the bound is {self.bound:.4g})"


def admit(
    new: GateCandidate,
    live: GateCandidate | None,
    stored_vectors: StoredVectors,
    *,
    stored: int,
    same_model: bool,
    touched: TouchedSince = lambda _ids: (),
) -> None:
    """Let a generation through, or refuse it.

    Args:
        new: the one that was staged.
        live: the one that readers get; None if there is none or it is damaged.
        stored_vectors: reads the vectors of some articles from the store, by id; it may lack some.
        stored: how many articles the new one should have.
        same_model: whether both have vectors of one model and terms of one analyzer version.
        touched: finds which of some articles were written or read since the new one was built.

    Raises:
        GateRefused: a check failed.
    """
    measures = measure_generations(new, live, stored_vectors, touched)
    if findings := judge_generation(*measures, stored=stored, same_model=same_model):
        raise GateRefused(tuple(map(str, findings)))


def load_vectors(
    store: ArticleStore, ids: Sequence[str], model: str
) -> dict[str, NDArray[np.float16]]:
    """The stored vectors by article id; loaded again, not taken from what was built."""
    hashes = store.text_hashes(ids)
    vectors = store.features.vectors(list(hashes.values()), model)
    sound = {key for key, vector in vectors.items() if np.isfinite(vector).all() and vector.any()}
    return {article_id: vectors[key] for article_id, key in hashes.items() if key in sound}


def judge_generation(
    new: GateMeasures, live: GateMeasures | None, *, stored: int, same_model: bool
) -> tuple[GateFinding, ...]:
    """List the checks that a new generation fails; none if it may be published.

    Args:
        new: the generation that was staged.
        live: the one that readers get, if there is one to compare with.
        stored: how many articles the new one should have.
        same_model: whether both have vectors of one model and terms of one analyzer version.
    """
    findings = [*_check_alone(new, stored)]
    if live is not None:
        findings += _check_sizes(new, live)
        findings += _check_short(new, live, MORE_SHORT if same_model else MORE_SHORT_NEW_MODEL)
        findings += _check_lists(new, live) if same_model else ()
    return tuple(findings)


def compare_lists(new: GateMeasures, live: GateMeasures) -> float | None:
    """Mean overlap of the lists of two generations, 0..1; None if too few can be compared.

    Lists are cut to the articles that both generations may list, so that added and removed articles
    do not count. If nothing is left of a list, the list is not compared.
    """
    common = new.may_list & live.may_list
    overlaps = []
    for seed in new.lists.keys() & live.lists.keys():
        whole = (new.lists[seed], live.lists[seed])
        cut = [tuple(one for one in listed if one in common) for listed in whole]
        emptied = any(listed and not left for listed, left in zip(whole, cut, strict=True))
        if any(cut) and not emptied:
            overlaps.append(rank_biased_overlap(cut[0], cut[1]))
    return float(np.mean(overlaps)) if len(overlaps) >= FEWEST_LISTS else None


def rank_biased_overlap(
    one: Sequence[str], other: Sequence[str], persistence: float = PERSISTENCE
) -> float:
    """How much two rankings agree, 0..1, the top weighing most; extrapolated past their ends.

    RBO_EXT for rankings of uneven length, equation 32 of Webber, Moffat and Zobel, "A similarity
    measure for indefinite rankings", ACM TOIS 28(4), 2010. No ranking holds an item twice.
    """
    short, long = sorted((one, other), key=len)
    if not short:
        return 0.0 if long else 1.0
    s, depth = len(short), np.arange(1, len(long) + 1)
    places = {item: place for place, item in enumerate(short, 1)}
    # The depth from which an item of the longer one is shared; past both ends if it is not.
    met = [max(place, places.get(item, 2 * len(long))) for place, item in enumerate(long, 1)]
    shared = np.searchsorted(np.sort(met), depth, side="right")
    at_end = int(shared[s - 1]) / s
    agreed = (shared + at_end * np.maximum(depth - s, 0)) / depth
    head = (1 - persistence) / persistence * (agreed * persistence**depth).sum()
    return float(head + agreed[-1] * persistence ** len(long))


def measure_generations(
    new: GateCandidate,
    live: GateCandidate | None,
    stored_vectors: StoredVectors,
    touched: TouchedSince = lambda _ids: (),
) -> tuple[GateMeasures, GateMeasures | None]:
    """Gather what `judge_generation` decides on; of the live one only what is compared."""
    seeds = _choose_seeds(new.snapshot, None if live is None else live.snapshot)
    both = [new] if live is None else [new, live]
    lists = [[candidate.list_for(seed) for seed in seeds] for candidate in both]
    listed = {item.id for of_one in lists for one in of_one for item in one}
    may_list = [frozenset(one for one in listed if candidate.may_list(one)) for candidate in both]
    rows = spread_evenly(len(new.snapshot), SAMPLE)
    alone = _measure_search(new.snapshot, rows)
    alone["true"] = _share_of_true_vectors(new.snapshot, rows, stored_vectors, touched)
    found = [dict(zip(seeds, of_one, strict=True)) for of_one in lists]
    first = _measure_lists(new, found[0], may_list[0], may_list[0], **alone)
    return first, None if live is None else _measure_lists(live, found[1], may_list[1], may_list[0])


def _choose_seeds(new: Snapshot, live: Snapshot | None) -> list[str]:
    """Choose up to SAMPLE articles, whose lists are compared; both generations have them."""
    # Ten times as many are tried, because some may be new, or removed.
    rows = spread_evenly(len(new), SAMPLE if live is None else 10 * SAMPLE)
    ids = [new.id_of(row) for row in rows.tolist()]
    common = ids if live is None else [one for one in ids if live.row_of(one) is not None]
    return [common[at] for at in spread_evenly(len(common), SAMPLE).tolist()]


def _measure_lists(
    candidate: GateCandidate,
    lists: Mapping[str, tuple[Item, ...]],
    may_list: frozenset[str],
    new_may_list: frozenset[str],
    **alone: float,
) -> GateMeasures:
    related = {seed: _related_ids(one) for seed, one in lists.items()}
    # An article that the new generation may not list must not make its lists count as short.
    places = ListOptions().limit
    short = [2 * len(new_may_list.intersection(ids)) < places for ids in related.values()]
    return GateMeasures(
        rows=len(candidate.snapshot),
        listable=int(np.count_nonzero(candidate.listable)),
        lists=related,
        may_list=may_list,
        short=float(np.mean(short)) if short else 0.0,
        **alone,
    )


def _related_ids(items: tuple[Item, ...]) -> tuple[str, ...]:
    return tuple(item.id for item in items if item.reason in RELATED)


def _measure_search(snapshot: Snapshot, rows: NDArray[np.int64]) -> dict[str, float]:
    """Compare the search with brute force, by similarity: of several copies any will do."""
    if not len(rows):
        return {}
    vectors, depth = snapshot.vectors, min(DEPTH, len(snapshot))
    everything = np.ones(len(snapshot), np.bool_)
    queries = vectors.fetch(rows)
    hits = [vectors.nearest(query, depth, everything).rows for query in queries]
    reached = [vectors.fetch(near) @ query for near, query in zip(hits, queries, strict=True)]
    least = _search_exactly(snapshot, queries, depth) - ROUNDING
    pairs = list(zip(rows, hits, reached, strict=True))
    right = [np.count_nonzero(r >= bound) for r, bound in zip(reached, least, strict=True)]
    met = [row in near or cosines.min() >= 1 - TIE for row, near, cosines in pairs]
    return {"recall": float(np.mean(right)) / depth, "found": float(np.mean(met))}


def _search_exactly(snapshot: Snapshot, queries: Floats, depth: int) -> Floats:
    """For each query, the similarity of the row at place `depth`, by brute force."""
    best = np.full((len(queries), depth), -np.inf, np.float32)
    for start in range(0, len(snapshot), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(snapshot)))
        similarities = np.hstack([best, queries @ snapshot.vectors.fetch(rows).T])
        best = np.partition(similarities, -depth, axis=1)[:, -depth:]
    least: Floats = best.min(axis=1)
    return least


def _share_of_true_vectors(
    snapshot: Snapshot,
    rows: NDArray[np.int64],
    stored_vectors: StoredVectors,
    touched: TouchedSince,
) -> float:
    """Share of the rows whose vector is the one that the store has of that article, if any.

    Of those that have another one, as many as MOST_EXCUSED says do not count if their articles were
    written or read since: the store has the vectors of other texts.
    """
    ids = [snapshot.id_of(row) for row in rows.tolist()]
    stored, vectors = stored_vectors(ids), snapshot.vectors.fetch(rows)
    same = {
        one: float(_centre_stored(snapshot, row, stored[one]) @ vector) >= SAME
        for one, row, vector in zip(ids, rows.tolist(), vectors, strict=True)
        if one in stored
    }
    others = [one for one, is_same in same.items() if not is_same]
    excused = min(len(touched(others)) if others else 0, int(MOST_EXCUSED * len(same)))
    return sum(same.values()) / (len(same) - excused) if same else 1.0


def _centre_stored(snapshot: Snapshot, row: int, vector: NDArray[Any]) -> Floats:
    """Centre a stored vector as the snapshot did: float32 [dim], of length 1."""
    language = snapshot.labels[GROUPED_BY][int(snapshot.columns[GROUPED_BY][row])]
    wide = vector.astype(np.float32)
    centred: Floats = snapshot.centre((wide / np.linalg.norm(wide))[np.newaxis], language)[0]
    return centred


def _check_alone(new: GateMeasures, stored: int) -> Iterator[GateFinding]:
    if new.rows != stored:
        yield GateFinding("rows", new.rows, stored, "not as many articles as the store holds")
    yield from _less("true", new.true, LEAST_TRUE, "articles under another one's vector")
    yield from _less("found", new.found, LEAST_FOUND, "articles that their own vector misses")
    yield from _less("recall", new.recall, LEAST_RECALL, "the search misses what is nearest")


def _check_sizes(new: GateMeasures, live: GateMeasures) -> Iterator[GateFinding]:
    for check, now, before in (
        ("live rows", new.rows, live.rows),
        ("listable", new.listable, live.listable),
    ):
        bound = min(LEAST_KEPT * before, before - FEW)
        yield from _less(check, now, bound, f"the live generation has {before}")


def _check_short(new: GateMeasures, live: GateMeasures, more: float) -> Iterator[GateFinding]:
    if new.short > live.short + more:
        detail = "share of lists with too few related articles"
        yield GateFinding("short", new.short, live.short + more, detail)


def _check_lists(new: GateMeasures, live: GateMeasures) -> Iterator[GateFinding]:
    overlap = compare_lists(new, live)
    if overlap is not None:
        yield from _less("lists", overlap, LEAST_ALIKE, "the lists are not those of before")


def _less(check: str, measured: float, bound: float, detail: str) -> Iterator[GateFinding]:
    if measured < bound:
        yield GateFinding(check, measured, bound, detail)
