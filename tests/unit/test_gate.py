"""The gate: what may be published, what is refused, and by which check."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Catalog, Passages, Rows, Snapshot, TermCounts
from index.vector_search import Vectors
from recommender.api import Item, RelatedList
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
from recommender.ranking.display_fields import DisplayFields

# --- rank-biased overlap ---


@pytest.mark.parametrize(
    ("one", "other", "persistence", "expected"),
    [
        ("", "", 0.9, 1.0),
        ("", "ab", 0.9, 0.0),
        ("a", "a", 0.9, 1.0),
        ("a", "b", 0.9, 0.0),
        # Agreements 0 and 1: (0.5 / 0.5) (0 + 1 * 0.25) + 1 * 0.25.
        ("ab", "ba", 0.5, 0.5),
        # Agreements 1, 1/2: 1 * 0.5 + 0.5 * 0.25 + 0.5 * 0.25.
        ("ab", "ac", 0.5, 0.75),
        # Agreements 1, 1, 2/3 with p = 0.9: (0.1 / 0.9) (0.9 + 0.81 + 0.486) + 0.486.
        ("abc", "abd", 0.9, 0.73),
        # The short one is the head of the long one: all that it tells agrees.
        ("ab", "abcd", 0.9, 1.0),
        # Uneven: X = 0, 1, 1 and s = 2, l = 3, p = 0.5; agreements 0, 1/2, (1 + 1/2) / 3.
        ("ab", "cad", 0.5, 0.5 * 0.25 + 0.5 * 0.125 + 0.5 * 0.125),
    ],
)
def test_overlap_is_what_the_formula_gives_by_hand(
    one: str, other: str, persistence: float, expected: float
) -> None:
    assert math.isclose(rank_biased_overlap(one, other, persistence), expected, abs_tol=1e-12)


def overlap_by_the_paper(one: Sequence[int], other: Sequence[int], p: float) -> float:
    """Equation 32, sum by sum."""
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    s, deepest = len(short), len(long)

    def shared(depth: int) -> int:
        return len(set(short[:depth]) & set(long[:depth]))

    first = sum(shared(d) / d * p**d for d in range(1, deepest + 1))
    second = sum(shared(s) * (d - s) / (s * d) * p**d for d in range(s + 1, deepest + 1))
    last = ((shared(deepest) - shared(s)) / deepest + shared(s) / s) * p**deepest
    return (1 - p) / p * (first + second) + last


rankings = st.lists(st.integers(0, 20), min_size=1, max_size=15, unique=True)


@given(rankings, rankings, st.sampled_from([0.5, 0.9, 0.98]))
def test_overlap_is_the_papers_and_symmetric(one: list[int], other: list[int], p: float) -> None:
    a, b = [str(n) for n in one], [str(n) for n in other]
    assert math.isclose(
        rank_biased_overlap(a, b, p), overlap_by_the_paper(one, other, p), abs_tol=1e-12
    )
    assert math.isclose(rank_biased_overlap(a, b, p), rank_biased_overlap(b, a, p), abs_tol=1e-12)


@given(rankings)
def test_a_ranking_agrees_with_itself_and_not_with_a_disjoint_one(ranking: list[int]) -> None:
    one = [str(n) for n in ranking]
    assert math.isclose(rank_biased_overlap(one, one), 1.0)
    assert rank_biased_overlap(one, [f"other-{n}" for n in one]) == 0.0


@given(rankings, rankings, st.data())
def test_sharing_one_item_more_never_lowers_the_overlap(
    one: list[int], other: list[int], data: st.DataObject
) -> None:
    a, b = [str(n) for n in one], [str(n) for n in other]
    alone_a, alone_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    if alone_a and alone_b:
        gives, takes = data.draw(st.sampled_from(alone_a)), data.draw(st.sampled_from(alone_b))
        more = [gives if item == takes else item for item in b]
        assert rank_biased_overlap(a, more) >= rank_biased_overlap(a, b) - 1e-12


# --- the decision, on plain values ---

LISTS = {f"seed-{n}": tuple(f"a-{n}-{place}" for place in range(6)) for n in range(10)}
EVERY_ID = frozenset(item for listed in LISTS.values() for item in listed)
GOOD = GateMeasures(rows=1_000, listable=900, lists=LISTS, may_list=EVERY_ID, short=0.1)


def backwards(quality: GateMeasures) -> GateMeasures:
    return replace(quality, lists={k: tuple(reversed(v)) for k, v in quality.lists.items()})


def others(quality: GateMeasures) -> GateMeasures:
    lists = {seed: LISTS[f"seed-{(n + 1) % 10}"] for n, seed in enumerate(quality.lists)}
    return replace(quality, lists=lists)


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
        (replace(GOOD, true=0.98), 1_000, ["true"]),
        (replace(GOOD, found=0.98), 1_000, ["found"]),
        (replace(GOOD, recall=0.94), 1_000, ["recall"]),
        (replace(GOOD, true=0.99, found=0.99, recall=0.95), 1_000, []),
        (replace(GOOD, short=0.2), 1_000, []),
        (replace(GOOD, short=0.21), 1_000, ["short"]),
        (others(GOOD), 1_000, ["lists"]),
        (replace(others(GOOD), true=0.0), 1_000, ["true", "lists"]),
    ],
)
def test_each_check_refuses_past_its_bound_and_not_before(
    new: GateMeasures, stored: int, refused: list[str]
) -> None:
    findings = judge_generation(new, GOOD, stored=stored, same_model=True)
    assert [finding.check for finding in findings] == refused


def test_a_first_build_is_judged_by_itself() -> None:
    assert judge_generation(replace(GOOD, short=1.0), None, stored=1_000, same_model=True) == ()
    findings = judge_generation(replace(GOOD, true=0.5), None, stored=2_000, same_model=True)
    assert [(f.check, f.measured, f.bound) for f in findings] == [
        ("rows", 1_000, 2_000),
        ("true", 0.5, 0.99),
    ]


def test_other_lists_are_expected_of_another_model() -> None:
    assert judge_generation(others(GOOD), GOOD, stored=1_000, same_model=False) == ()


@pytest.mark.parametrize(("before", "now", "passes"), [(6, 1, True), (20, 15, True), (20, 14, 0)])
def test_a_handful_may_leave_a_small_archive(before: int, now: int, passes: int) -> None:
    live = replace(GOOD, rows=before, listable=before)
    findings = judge_generation(
        replace(GOOD, rows=now, listable=now), live, stored=now, same_model=True
    )
    assert (findings == ()) is bool(passes)


def test_an_empty_archive_is_no_fault() -> None:
    nothing = GateMeasures(rows=0, listable=0, lists={}, may_list=frozenset(), short=0.0)
    assert judge_generation(nothing, None, stored=0, same_model=True) == ()
    assert judge_generation(nothing, nothing, stored=0, same_model=True) == ()


def test_agreement_is_the_mean_over_the_lists() -> None:
    each = rank_biased_overlap(LISTS["seed-0"], LISTS["seed-0"][::-1])
    assert math.isclose(compare_lists(GOOD, backwards(GOOD)) or 0, each)
    assert 0 < each < 1


def test_what_is_new_or_gone_does_not_count_against_agreement() -> None:
    grown = {seed: ("new-1", *listed[:3], "new-2", *listed[3:]) for seed, listed in LISTS.items()}
    gone = frozenset(listed[0] for listed in LISTS.values())
    new = replace(GOOD, lists=grown, may_list=EVERY_ID - gone | {"new-1", "new-2"})
    cut = {s: tuple(i for i in listed if i not in gone) for s, listed in grown.items()}
    assert compare_lists(replace(new, lists=cut), GOOD) == pytest.approx(1.0)


def test_lists_full_of_new_articles_say_nothing_and_empty_ones_disagree() -> None:
    crowded = dict.fromkeys(LISTS, ("new-1", "new-2"))
    new = replace(GOOD, lists=crowded, may_list=EVERY_ID | {"new-1", "new-2"})
    assert compare_lists(new, GOOD) is None
    empty = replace(GOOD, lists=dict.fromkeys(LISTS, ()))
    assert compare_lists(empty, GOOD) == 0.0
    assert compare_lists(empty, empty) is None


def test_a_few_lists_are_no_evidence() -> None:
    few = replace(GOOD, lists=dict(list(LISTS.items())[: FEWEST_LISTS - 1]))
    assert compare_lists(few, others(GOOD)) is None
    assert judge_generation(few, others(GOOD), stored=1_000, same_model=True) == ()


def test_a_finding_says_the_check_and_by_how_much() -> None:
    [finding] = judge_generation(replace(GOOD, recall=0.5), None, stored=1_000, same_model=True)
    assert str(finding) == "recall: the search misses what is nearest (0.5; the bound is 0.95)"


# --- real snapshots ---


@dataclass(frozen=True, eq=False)
class Story:
    """An article of an archive made up: a point beside its topic's, and words of the topic."""

    id: str
    vector: NDArray[np.float16]
    terms: tuple[NDArray[np.int32], NDArray[np.float32]]
    listable: bool = True


Archive = dict[str, Story]
CARD = DisplayFields("T", None, None, "en", None, None).to_bytes()


def archive_of(rows: int, dim: int = 32, per_topic: int = 30) -> Archive:
    rng = np.random.default_rng(rows)
    topics = rng.standard_normal((max(2, rows // per_topic), dim))
    words = rng.integers(0, 2**20, (len(topics), 40))
    made = {}
    for number in range(rows):
        topic = number % len(topics)
        point = topics[topic] + 0.7 * rng.standard_normal(dim)
        drawn = np.unique(rng.choice(words[topic], 12))
        terms = (drawn.astype(np.int32), np.ones(len(drawn), np.float32))
        vector = (point / np.linalg.norm(point)).astype(np.float16)
        made[f"s-{number:05}"] = Story(f"s-{number:05}", vector, terms)
    return made


def staged(folder: Path, archive: Archive, model: str = "m") -> Snapshot:
    stories = [archive[key] for key in sorted(archive)]
    vectors = np.array([story.vector for story in stories], np.float32)
    rows = Rows(
        ids=[story.id for story in stories],
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        passages=Passages.of(
            [np.empty((0, vectors.shape[1]), np.int8)] * len(stories), vectors.shape[1]
        ),
        terms=TermCounts.of([story.terms for story in stories]),
        columns={
            "listable": np.array([story.listable for story in stories], np.bool_),
            "language": np.zeros(len(stories), np.int32),
        },
        labels={"language": ["en"]},
        keywords=[()] * len(stories),
        display=[CARD] * len(stories),
    )
    stamp: dict[str, Any] = {"model": model, "analyzer": "a", "epoch": "e", "change": 1}
    return Catalog(folder).stage(rows, **stamp).snapshot


def candidate(snapshot: Snapshot, limit: int = 12) -> GateCandidate:
    """Its lists are the nearest by vector, of which the related are those above 0.3."""
    listable = snapshot.columns["listable"]

    def listed(seed: str) -> RelatedList:
        row = snapshot.row_of(seed)
        assert row is not None
        allowed = listable.copy()
        allowed[row] = False
        hits = snapshot.vectors.nearest(snapshot.vectors.fetch(np.array([row]))[0], limit, allowed)
        items = tuple(
            Item(
                id=snapshot.id_of(int(r)),
                rank=rank,
                score=float(s),
                reason=reason,
                **asdict(DisplayFields.from_bytes(CARD)),
            )
            for rank, (r, s) in enumerate(zip(hits.rows, hits.similarities, strict=True), 1)
            for reason in ["semantic" if s > 0.3 else "fallback:latest"]
        )
        return RelatedList(
            article_id=seed,
            items=items,
            requested=limit,
            returned=len(items),
            mode="mixed",
            generation=snapshot.generation,
        )

    return GateCandidate(snapshot, listable, listed)


def kept_of(archive: Archive) -> Callable[[Sequence[str]], dict[str, NDArray[np.float16]]]:
    return lambda ids: {one: archive[one].vector for one in ids if one in archive}


def shuffled(archive: Archive) -> Archive:
    """Every article under another one's vector."""
    keys = list(archive)
    return {
        key: replace(archive[key], vector=archive[other].vector)
        for key, other in zip(keys, [*keys[7:], *keys[:7]], strict=True)
    }


def some(archive: Archive, share: float) -> Archive:
    keys = random.Random(1).sample(sorted(archive), int(share * len(archive)))  # noqa: S311
    return {key: archive[key] for key in keys}


def withdrawn(archive: Archive, share: float) -> Archive:
    return archive | {k: replace(s, listable=False) for k, s in some(archive, share).items()}


def with_other_model(archive: Archive) -> Archive:
    """Vectors of other width, near to each other where those of before were."""
    rng = np.random.default_rng(0)
    turn = rng.standard_normal((32, 48)) / 32
    return {
        key: replace(story, vector=(v / np.linalg.norm(v)).astype(np.float16))
        for key, story in archive.items()
        for v in [story.vector.astype(np.float32) @ turn + 0.02 * rng.standard_normal(48)]
    }


@pytest.fixture(scope="module", params=[60, 300, 3_000])
def archive(request: pytest.FixtureRequest) -> Archive:
    return archive_of(request.param)


@pytest.fixture(scope="module")
def base(archive: Archive) -> Archive:
    """Two thirds of it; the rest is growth of fifty percent."""
    return some(archive, 2 / 3)


@pytest.fixture(scope="module")
def live(base: Archive, tmp_path_factory: pytest.TempPathFactory) -> GateCandidate:
    return candidate(staged(tmp_path_factory.mktemp("live"), base))


GOOD_NEWS: dict[str, Callable[[Archive, Archive], Archive]] = {
    "nothing new": lambda base, _: base,
    "half as many more": lambda _, archive: archive,
    "a tenth withdrawn": lambda base, _: withdrawn(base, 0.1),
    "a tenth deleted": lambda base, _: some(base, 0.9),
    "grown and withdrawn": lambda _, archive: withdrawn(archive, 0.1),
}


@pytest.mark.parametrize("news", GOOD_NEWS.values(), ids=GOOD_NEWS)
def test_an_ordinary_rebuild_passes(
    news: Callable[[Archive, Archive], Archive],
    archive: Archive,
    base: Archive,
    live: GateCandidate,
    tmp_path: Path,
) -> None:
    changed = news(base, archive)
    new = candidate(staged(tmp_path, changed))
    admit(new, live, kept_of(changed), stored=len(changed), same_model=True)


def test_a_first_build_passes_and_a_shuffled_one_does_not(base: Archive, tmp_path: Path) -> None:
    admit(candidate(staged(tmp_path, base)), None, kept_of(base), stored=len(base), same_model=True)
    wrong = candidate(staged(tmp_path, shuffled(base)))
    assert checks(wrong, None, base) == ["true"]


def test_another_model_passes_and_a_shuffled_one_does_not(
    base: Archive, live: GateCandidate, tmp_path: Path
) -> None:
    turned = with_other_model(base)
    assert checks(candidate(staged(tmp_path, turned)), live, turned, same_model=False) == []
    wrong = candidate(staged(tmp_path, shuffled(turned)))
    assert checks(wrong, live, turned, same_model=False)[0] == "true"


def test_shuffled_vectors_are_refused_even_if_the_store_is_wrong_too(
    base: Archive, live: GateCandidate, tmp_path: Path
) -> None:
    wrong = shuffled(base)
    new = candidate(staged(tmp_path, wrong))
    assert checks(new, live, base)[0] == "true"
    assert "lists" in checks(new, live, base)
    assert "lists" in checks(new, live, wrong)


def test_half_the_articles_are_missed(base: Archive, live: GateCandidate, tmp_path: Path) -> None:
    half = some(base, 0.5)
    new = candidate(staged(tmp_path, half))
    assert {"live rows", "listable"} <= set(checks(new, live, half))
    assert {"rows", "live rows", "listable"} <= set(checks(new, live, base))
    assert checks(new, None, base) == ["rows"]


def test_a_refusal_says_which_check_and_what_to_run(base: Archive, tmp_path: Path) -> None:
    new = candidate(staged(tmp_path, some(base, 0.5)))
    with pytest.raises(GateRefused, match=r"rows: .* read-also rebuild --force") as refusal:
        admit(new, None, kept_of(base), stored=len(base), same_model=True)
    assert len(refusal.value.findings) == 1


def checks(
    new: GateCandidate, live: GateCandidate | None, kept: Archive, *, same_model: bool = True
) -> list[str]:
    measured = measure_generations(new, live, kept_of(kept))
    return [f.check for f in judge_generation(*measured, stored=len(kept), same_model=same_model)]


# --- the measurements ---


def test_recall_is_that_of_the_search_and_not_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that gives back the hundred after the nearest thirty misses thirty of a hundred."""
    archive = archive_of(300)
    new = candidate(staged(tmp_path, archive))
    honest = Vectors.nearest
    assert measure_generations(new, None, kept_of(archive))[0].recall == 1.0

    def late(self: Vectors, vector: Any, limit: int, allowed: Any) -> Any:
        hits = honest(self, vector, limit + 30, allowed)
        return replace(hits, rows=hits.rows[30:], similarities=hits.similarities[30:])

    monkeypatch.setattr(Vectors, "nearest", late)
    measured, _ = measure_generations(new, None, kept_of(archive))
    assert math.isclose(measured.recall, 0.7, abs_tol=1e-9)
    assert measured.found == 0.0


def test_copies_of_one_article_are_neither_missed_nor_lost(tmp_path: Path) -> None:
    first = archive_of(60)["s-00000"]
    archive = {f"s-{n:05}": replace(first, id=f"s-{n:05}") for n in range(250)}
    measured, _ = measure_generations(candidate(staged(tmp_path, archive)), None, kept_of(archive))
    assert (measured.recall, measured.found, measured.true) == (1.0, 1.0, 1.0)


def test_a_vector_the_store_does_not_keep_says_nothing(tmp_path: Path) -> None:
    archive = archive_of(60)
    new = candidate(staged(tmp_path, archive))
    assert measure_generations(new, None, lambda _: {})[0].true == 1.0
    half = {k: s for n, (k, s) in enumerate(shuffled(archive).items()) if n % 2} | {
        k: s for n, (k, s) in enumerate(archive.items()) if n % 2 == 0
    }
    assert measure_generations(new, None, kept_of(half))[0].true == 0.5


def test_nothing_is_measured_of_nothing(tmp_path: Path) -> None:
    rows = Rows(
        ids=[],
        vectors=np.empty((0, 4), np.float32),
        passages=Passages.of([], 4),
        terms=TermCounts.of([]),
        columns={"listable": np.empty(0, bool)},
        labels={},
        keywords=[],
        display=[],
    )
    stamp: dict[str, Any] = {"model": "m", "analyzer": "a", "epoch": "e", "change": 0}
    new = candidate(Catalog(tmp_path).stage(rows, **stamp).snapshot)
    measured, live = measure_generations(new, new, lambda _: {})
    assert (measured.rows, measured.recall, measured.true, measured.lists) == (0, 1.0, 1.0, {})
    assert live is not None


@pytest.mark.parametrize(("related", "short"), [(5, 1.0), (6, 0.0)])
def test_a_list_is_short_where_less_than_half_of_it_is_related(
    tmp_path: Path, related: int, short: float
) -> None:
    """Of twelve that are requested."""
    archive = archive_of(60)
    honest = candidate(staged(tmp_path, archive))

    def listed(seed: str) -> RelatedList:
        found = honest.list_for(seed)
        reasons = ["semantic"] * related + ["fallback:latest"] * (12 - related)
        items = (
            item.model_copy(update={"reason": reason})
            for item, reason in zip(found.items, reasons, strict=True)
        )
        return found.model_copy(update={"items": tuple(items)})

    measured, _ = measure_generations(replace(honest, list_for=listed), None, kept_of(archive))
    assert measured.short == short


def test_only_what_both_hold_is_asked_for(
    base: Archive, live: GateCandidate, tmp_path: Path
) -> None:
    grown = base | {f"n-{n}": replace(story, id=f"n-{n}") for n, story in enumerate(base.values())}
    new, before = measure_generations(candidate(staged(tmp_path, grown)), live, kept_of(grown))
    assert before is not None
    assert new.lists.keys() == before.lists.keys() <= base.keys()
    assert len(new.lists) == min(100, len(base))


def test_a_withdrawal_is_no_reason_to_expect_lists_as_long(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Topics of seven: with one withdrawn each list has fewer than six related ones left."""
    archive = archive_of(70, per_topic=7)
    new = withdrawn(archive, 0.0) | {
        key: replace(archive[key], listable=False) for key in sorted(archive)[:20]
    }
    before = candidate(staged(tmp_path_factory.mktemp("before"), archive))
    measured = measure_generations(candidate(staged(tmp_path, new)), before, kept_of(new))
    assert measured[1] is not None
    assert measured[0].short <= measured[1].short + 1e-9
