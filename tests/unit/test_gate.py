"""The gate: what may be published, what is refused, and by which check."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Catalog, Passages, Snapshot
from index.vector_search import Vectors
from recommender.api import FALLBACK_LATEST, SEMANTIC, Item, Reason
from recommender.errors import GateRefused
from recommender.indexing.gate import (
    FEWEST_LISTS,
    GateCandidate,
    GateMeasures,
    admit,
    compare_lists,
    judge_generation,
    measure_generations,
    rank_biased_overlap,
)
from tests.support.index_rows import sample_rows
from tests.support.lists import item

# --- rank-biased overlap ---


@pytest.mark.parametrize(
    ("one", "other", "persistence", "expected"),
    [
        ("", "", 0.9, 1.0),
        ("", "ab", 0.9, 0.0),
        # Agreements 1, 1/2: 1 * 0.5 + 0.5 * 0.25 + 0.5 * 0.25.
        ("ab", "ac", 0.5, 0.75),
        # The short one is the head of the long one: every position of it agrees.
        ("ab", "abcd", 0.9, 1.0),
        # Uneven: X = 0, 1, 1 and s = 2, l = 3, p = 0.5; agreements 0, 1/2, (1 + 1/2) / 3.
        ("ab", "cad", 0.5, 0.5 * 0.25 + 0.5 * 0.125 + 0.5 * 0.125),
    ],
)
def test_overlap_is_what_the_formula_gives_by_hand(
    one: str, other: str, persistence: float, expected: float
) -> None:
    assert math.isclose(rank_biased_overlap(one, other, persistence), expected, abs_tol=1e-12)


def overlap_by_the_paper(one: Sequence[str], other: Sequence[str], p: float) -> float:
    """Equation 32, sum by sum."""
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    s, deepest = len(short), len(long)

    def shared(depth: int) -> int:
        return len(set(short[:depth]) & set(long[:depth]))

    first = sum(shared(d) / d * p**d for d in range(1, deepest + 1))
    second = sum(shared(s) * (d - s) / (s * d) * p**d for d in range(s + 1, deepest + 1))
    last = ((shared(deepest) - shared(s)) / deepest + shared(s) / s) * p**deepest
    return (1 - p) / p * (first + second) + last


rankings = st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=1, max_size=15, unique=True)


@given(rankings, rankings, st.sampled_from([0.5, 0.9, 0.98]))
def test_overlap_is_the_papers_and_symmetric(one: list[str], other: list[str], p: float) -> None:
    found = rank_biased_overlap(one, other, p)
    assert math.isclose(found, overlap_by_the_paper(one, other, p), abs_tol=1e-12)
    assert math.isclose(found, rank_biased_overlap(other, one, p), abs_tol=1e-12)


# --- the decision, on plain values ---

LISTS = {f"seed-{n}": tuple(f"a-{n}-{place}" for place in range(6)) for n in range(10)}
OTHER_LISTS = {f"seed-{n}": LISTS[f"seed-{(n + 1) % 10}"] for n in range(10)}
EVERY_ID = frozenset(article for ids in LISTS.values() for article in ids)
GOOD = GateMeasures(rows=1_000, listable=900, lists=LISTS, may_list=EVERY_ID, short=0.1)
OTHERS = replace(GOOD, lists=OTHER_LISTS)
NOTHING = GateMeasures(rows=0, listable=0, lists={}, may_list=frozenset(), short=0.0)


def refused_by(
    new: GateMeasures, live: GateMeasures | None = GOOD, *, stored: int = 1_000, same: bool = True
) -> list[str]:
    """The checks that a generation fails; `same`: both are of one model."""
    findings = judge_generation(new, live, stored=stored, same_model=same)
    return [finding.check for finding in findings]


@pytest.mark.parametrize(
    ("new", "stored", "refused"),
    [
        (GOOD, 1_000, []),
        (GOOD, 1_001, ["rows"]),
        (GOOD, 999, ["rows"]),
        (replace(GOOD, rows=800, listable=720), 800, []),
        (replace(GOOD, rows=799, listable=719), 799, ["live rows", "listable"]),
        (replace(GOOD, listable=719), 1_000, ["listable"]),
        (replace(GOOD, rows=5_000, listable=5_000), 5_000, []),
        (replace(GOOD, true=0.99, found=0.99, recall=0.95), 1_000, []),
        (replace(GOOD, true=0.98), 1_000, ["true"]),
        (replace(GOOD, found=0.98), 1_000, ["found"]),
        (replace(GOOD, recall=0.94), 1_000, ["recall"]),
        (replace(GOOD, short=0.2), 1_000, []),
        (replace(GOOD, short=0.21), 1_000, ["short"]),
        (replace(OTHERS, true=0.0), 1_000, ["true", "lists"]),
    ],
)
def test_each_check_refuses_past_its_bound_and_not_before(
    new: GateMeasures, stored: int, refused: list[str]
) -> None:
    assert refused_by(new, stored=stored) == refused


@pytest.mark.parametrize(
    ("new", "refused"),
    [
        (OTHERS, []),
        (replace(OTHERS, short=0.35), []),
        (replace(OTHERS, short=0.36), ["short"]),
        (replace(OTHERS, rows=500, listable=500), ["rows", "live rows", "listable"]),
    ],
)
def test_another_model_may_make_other_lists_and_more_short_ones(
    new: GateMeasures, refused: list[str]
) -> None:
    assert refused_by(new, same=False) == refused


def test_a_first_build_is_judged_by_itself() -> None:
    assert refused_by(replace(OTHERS, short=1.0), None) == []
    assert refused_by(replace(GOOD, true=0.5), None, stored=2_000) == ["rows", "true"]


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [(6, 1, []), (20, 15, []), (20, 14, ["live rows", "listable"]), (0, 0, [])],
)
def test_a_few_articles_may_leave_a_small_archive(
    before: int, now: int, refused: list[str]
) -> None:
    live, new = (replace(NOTHING, rows=rows, listable=rows) for rows in (before, now))
    assert refused_by(new, live, stored=now) == refused


def test_a_finding_says_the_check_and_by_how_much() -> None:
    [finding] = judge_generation(replace(GOOD, recall=0.5), None, stored=1_000, same_model=True)
    assert str(finding) == "recall: the search misses what is nearest (0.5; the bound is 0.95)"


# --- the agreement of lists ---


def test_agreement_is_the_mean_over_the_lists() -> None:
    half = {seed: ids[::-1] for n, (seed, ids) in enumerate(LISTS.items()) if n % 2}
    each = rank_biased_overlap(LISTS["seed-0"], LISTS["seed-0"][::-1])
    assert 0 < each < 1
    assert compare_lists(GOOD, replace(GOOD, lists=LISTS | half)) == pytest.approx((1 + each) / 2)


def test_new_and_removed_articles_do_not_lower_agreement() -> None:
    gone = frozenset(ids[0] for ids in LISTS.values())
    grown = {seed: ("new-1", *ids[1:3], "new-2", *ids[3:]) for seed, ids in LISTS.items()}
    new = replace(GOOD, lists=grown, may_list=EVERY_ID - gone | {"new-1", "new-2"})
    assert compare_lists(new, GOOD) == pytest.approx(1.0)


def test_lists_full_of_new_articles_say_nothing_and_empty_ones_disagree() -> None:
    crowded = dict.fromkeys(LISTS, ("new-1", "new-2"))
    new = replace(GOOD, lists=crowded, may_list=EVERY_ID | {"new-1", "new-2"})
    assert compare_lists(new, GOOD) is None
    empty = replace(GOOD, lists=dict.fromkeys(LISTS, ()))
    assert compare_lists(empty, GOOD) == 0.0
    assert compare_lists(empty, empty) is None


def test_a_few_lists_are_no_evidence() -> None:
    few = replace(GOOD, lists=dict(list(LISTS.items())[: FEWEST_LISTS - 1]))
    assert compare_lists(few, OTHERS) is None
    assert refused_by(few, OTHERS) == []


# --- real snapshots ---


@dataclass(frozen=True, eq=False)
class Archive:
    """Made-up articles: ids, float16 vectors, and which are eligible."""

    ids: NDArray[np.str_]
    vectors: NDArray[np.float16]
    listable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, share: float) -> "Archive":
        """A sample of the articles, the same each time."""
        drawn = np.random.default_rng(1).permutation(len(self))[: int(share * len(self))]
        kept = np.sort(drawn)
        return Archive(self.ids[kept], self.vectors[kept], self.listable[kept])

    def shuffle(self) -> "Archive":
        """Give every article the vector of another one."""
        return replace(self, vectors=np.roll(self.vectors, 7, axis=0))

    def stored(self, ids: Sequence[str]) -> dict[str, NDArray[np.float16]]:
        """The vectors of some articles, as the store keeps them."""
        kept = dict(zip(self.ids.tolist(), self.vectors, strict=True))
        return {one: kept[one] for one in ids if one in kept}


def unit_rows(vectors: NDArray[Any]) -> NDArray[np.float16]:
    units: NDArray[Any] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units.astype(np.float16)


def archive_of(rows: int, per_topic: int = 30) -> Archive:
    """Each article lies near the point of its topic."""
    rng = np.random.default_rng(rows)
    topics = rng.standard_normal((max(2, rows // per_topic), 32))
    points = topics[np.arange(rows) % len(topics)] + 0.7 * rng.standard_normal((rows, 32))
    ids = np.array([f"s-{number:05}" for number in range(rows)], np.str_)
    return Archive(ids, unit_rows(points), np.ones(rows, bool))


def staged(folder: Path, archive: Archive) -> Snapshot:
    vectors = archive.vectors.astype(np.float32)
    rows = sample_rows(
        len(archive),
        ids=archive.ids.tolist(),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        passages=Passages.of(
            [np.empty((0, vectors.shape[1]), np.int8)] * len(archive), vectors.shape[1]
        ),
        columns={"listable": archive.listable, "language": np.zeros(len(archive), np.int32)},
        labels={"language": ["en"]},
    )
    stamp: dict[str, Any] = {"model": "m", "analyzer": "a", "epoch": "e", "change": 1}
    return Catalog(folder).stage(rows, **stamp).snapshot


def candidate(snapshot: Snapshot) -> GateCandidate:
    """Its lists are the twelve nearest by vector, of which the related are those above 0.3."""
    listable = snapshot.columns["listable"]

    def list_for(seed: str) -> tuple[Item, ...]:
        row = snapshot.row_of(seed)
        assert row is not None
        allowed = listable & (np.arange(len(snapshot)) != row)
        hits = snapshot.vectors.nearest(snapshot.vectors.fetch(np.array([row]))[0], 12, allowed)
        return tuple(
            item(
                snapshot.id_of(near),
                rank,
                score,
                reason=SEMANTIC if score > 0.3 else FALLBACK_LATEST,
            )
            for rank, (near, score) in enumerate(
                zip(hits.rows.tolist(), hits.similarities.tolist(), strict=True), 1
            )
        )

    return GateCandidate(snapshot, listable, list_for)


Stage = Callable[[Archive], GateCandidate]


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return lambda archive: candidate(staged(tmp_path_factory.mktemp("staged"), archive))


@pytest.fixture(scope="module", params=[40, 2_000])
def base(request: pytest.FixtureRequest) -> Archive:
    return archive_of(request.param)


@pytest.fixture(scope="module")
def live(base: Archive, tmp_path_factory: pytest.TempPathFactory) -> GateCandidate:
    return candidate(staged(tmp_path_factory.mktemp("live"), base))


def checks(new: GateCandidate, live: GateCandidate | None, kept: Archive) -> list[str]:
    return refused_by(*measure_generations(new, live, kept.stored), stored=len(kept))


@pytest.mark.long
def test_a_rebuild_of_the_same_passes(base: Archive, live: GateCandidate, stage: Stage) -> None:
    new = stage(base)
    for before in (None, live):
        admit(new, before, base.stored, stored=len(base), same_model=True)


@pytest.mark.long
def test_shuffled_vectors_are_refused_even_if_the_store_is_wrong_too(
    base: Archive, live: GateCandidate, stage: Stage
) -> None:
    wrong = base.shuffle()
    new = stage(wrong)
    assert checks(new, None, base) == ["true"]
    assert {"true", "lists"} <= set(checks(new, live, base))
    assert "lists" in checks(new, live, wrong)


def test_half_the_articles_are_missed(base: Archive, live: GateCandidate, stage: Stage) -> None:
    half = base.part(0.5)
    new = stage(half)
    assert {"live rows", "listable"} <= set(checks(new, live, half))
    with pytest.raises(GateRefused, match=r"rows: .* read-also rebuild --force") as refusal:
        admit(new, None, base.stored, stored=len(base), same_model=True)
    assert len(refusal.value.findings) == 1


# --- the measurements ---


def measure(new: GateCandidate, kept: Archive) -> GateMeasures:
    return measure_generations(new, None, kept.stored)[0]


def test_recall_is_that_of_the_search_and_not_of_the_rows(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that returns rows 31 to 130 misses thirty of the nearest hundred."""
    archive = archive_of(300)
    new, nearest = stage(archive), Vectors.nearest
    assert measure(new, archive).recall == pytest.approx(1, abs=1e-3)

    def late(self: Vectors, vector: Any, limit: int, allowed: Any) -> Any:
        hits = nearest(self, vector, limit + 30, allowed)
        return replace(hits, rows=hits.rows[30:], similarities=hits.similarities[30:])

    monkeypatch.setattr(Vectors, "nearest", late)
    measured = measure(new, archive)
    assert measured.recall == pytest.approx(0.7, abs=1e-3)
    assert measured.found == 0.0


def test_duplicates_of_one_article_are_neither_missed_nor_lost(stage: Stage) -> None:
    archive = archive_of(250)
    copies = replace(archive, vectors=np.repeat(archive.vectors[:1], 250, axis=0))
    measured = measure(stage(copies), copies)
    assert (measured.recall, measured.found, measured.true) == (1.0, 1.0, 1.0)


def test_a_vector_is_correct_if_the_store_has_no_other(stage: Stage) -> None:
    archive = archive_of(60)
    new, odd = stage(archive), np.arange(60) % 2 == 1
    assert measure(new, archive.part(0)).true == 1.0
    mixed = np.where(odd[:, np.newaxis], archive.shuffle().vectors, archive.vectors)
    assert measure(new, replace(archive, vectors=mixed)).true == 0.5


@pytest.mark.parametrize(("edited", "share"), [(5, 1.0), (6, 1.0), (10, 50 / 54)])
def test_articles_that_changed_since_may_have_another_vector_but_not_many(
    stage: Stage, edited: int, share: float
) -> None:
    archive = archive_of(60)
    new, rows = stage(archive), np.arange(60)
    vectors = np.where((rows < edited)[:, np.newaxis], -archive.vectors, archive.vectors)
    changed = replace(archive, vectors=vectors)
    true = measure_generations(new, None, changed.stored, lambda ids: ids)[0].true
    assert true == pytest.approx(share)
    untouched = measure_generations(new, None, changed.stored, lambda _ids: ())[0].true
    assert untouched == pytest.approx(1 - edited / 60)


def test_vectors_of_others_are_refused_also_if_every_article_was_written_since(
    stage: Stage,
) -> None:
    archive = archive_of(60)
    with pytest.raises(GateRefused, match="true"):
        admit(
            stage(archive.shuffle()),
            None,
            archive.stored,
            stored=60,
            same_model=False,
            touched=lambda ids: ids,
        )


def test_an_empty_generation_has_no_measures(stage: Stage) -> None:
    nothing = archive_of(60).part(0)
    new = stage(nothing)
    measured, live = measure_generations(new, new, nothing.stored)
    assert (measured.rows, measured.recall, measured.true, measured.lists) == (0, 1.0, 1.0, {})
    assert live is not None


@pytest.mark.parametrize(("related", "short"), [(5, 1.0), (6, 0.0)])
def test_a_list_is_short_where_less_than_half_of_it_is_related(
    stage: Stage, related: int, short: float
) -> None:
    """Of twelve that are requested."""
    archive = archive_of(60)
    reasons: list[Reason] = [SEMANTIC if at < related else FALLBACK_LATEST for at in range(12)]
    pairs = zip(archive.ids, reasons, strict=False)
    items = tuple(item(one, reason=reason) for one, reason in pairs)
    new = replace(stage(archive), list_for=lambda _: items)
    assert measure(new, archive).short == short


@pytest.mark.long
def test_only_articles_in_both_generations_are_queried(
    base: Archive, live: GateCandidate, stage: Stage
) -> None:
    added = np.char.add("n-", base.ids)
    ids, twice = np.concatenate([added, base.ids]), np.tile(np.arange(len(base)), 2)
    grown = Archive(ids, base.vectors[twice], base.listable[twice])
    new, before = measure_generations(stage(grown), live, grown.stored)
    assert before is not None
    assert new.lists.keys() == before.lists.keys() <= set(base.ids.tolist())
    assert len(new.lists) == min(100, len(base))


def test_a_withdrawal_is_no_reason_to_expect_lists_as_long(stage: Stage) -> None:
    """Topics have seven articles: after a withdrawal, lists have fewer than six related items."""
    archive = archive_of(70, per_topic=7)
    new = replace(archive, listable=np.arange(70) >= 20)
    measured, before = measure_generations(stage(new), stage(archive), new.stored)
    assert before is not None
    assert measured.short <= before.short + 1e-9
