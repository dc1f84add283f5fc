"""Selection against a slow one in plain Python that remembers nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import count
from math import inf, isnan, nan
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.minhash import compute_minhash, estimate_jaccard
from recommender.articles import Article
from recommender.ranking import duplicates
from recommender.ranking.duplicates import (
    UNKNOWN_CLUSTER,
    DuplicateClusters,
    _near,
    number_text_clusters,
    translation_groups,
)
from recommender.ranking.policy import Policy
from recommender.ranking.selection import CandidatePool, Removal, Selection, SelectionRules, select
from tests.support.properties import examples

HALVES = [
    tuple(0.5 * (place in places) for place in range(6))
    for places in [(0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 4, 5), (2, 3, 4, 5), (1, 2, 3, 5)]
]
"""Unit vectors whose products are whole quarters, so that an oracle may ask for equality."""
SAME, OTHER = HALVES[0], HALVES[3]  # their product is 0.5
MinHash = tuple[int, ...]
NEVER = 2.0
NOTHING = SelectionRules(
    diversity=0.0,
    duplicate_overlap=NEVER,
    story_likeness=NEVER,
    story_cap=1,
    copy_overlap=NEVER,
    copy_cap=1,
)


@dataclass(frozen=True)
class Candidate:
    value: float
    vector: tuple[float, ...] = SAME
    minhash: MinHash = (0, 0, 0, 0)
    time: float = nan
    author: int = 0
    host: int = 0
    embedded: bool = True
    listable: bool = True
    translates: int | None = None
    id_hash: int = field(default_factory=count(1_000).__next__)

    @property
    def story(self) -> int:
        return self.id_hash if self.translates is None else self.translates


MINHASHES = st.one_of(st.tuples(*[st.integers(1, 3)] * 4), st.just((0, 0, 0, 0)))


def numbered(candidates: list[Candidate]) -> list[Candidate]:
    return [replace(one, id_hash=place) for place, one in enumerate(candidates)]


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.integers(-4, 8).map(lambda n: n / 8),
        st.sampled_from(HALVES),
        MINHASHES,
        st.sampled_from([nan, 0.0, 1.0, 2.0]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from([True, True, False]),
        st.sampled_from([True, True, False]),
        st.sampled_from([None, None, None, *range(12)]),
    ),
    max_size=9,
).map(numbered)
ABOVE = CANDIDATES.map(lambda some: [replace(one, id_hash=100 + one.id_hash) for one in some[:3]])
BOUNDS = st.sampled_from([0.25, 0.5, 0.75, 1.0, NEVER])
RULES = st.builds(
    SelectionRules,
    st.sampled_from([0.0, 0.125, 0.5, 1.0]),
    BOUNDS,
    BOUNDS,
    st.integers(1, 4),
    BOUNDS,
    st.integers(1, 4),
)
SEED_MINHASHES = st.lists(MINHASHES, max_size=2)
LIMITS = st.integers(0, 12)


def pool_of(candidates: Sequence[Candidate]) -> CandidatePool:
    count = len(candidates)
    return CandidatePool(
        values=np.array([c.value for c in candidates], np.float64),
        vectors=np.array([c.vector for c in candidates], np.float32).reshape(count, 6),
        minhashes=np.array([c.minhash for c in candidates], np.uint16).reshape(count, 4),
        text_clusters=np.zeros(count, np.int64),
        times=np.array([c.time for c in candidates], np.float64),
        authors=np.array([c.author for c in candidates], np.int64),
        hosts=np.array([c.host for c in candidates], np.int64),
        embedded=np.array([c.embedded for c in candidates], np.bool_),
        id_hashes=np.array([c.id_hash for c in candidates], np.int64),
        translates=np.array([c.story for c in candidates], np.int64),
    )


def selection(
    candidates: Sequence[Candidate],
    limit: int,
    rules: SelectionRules = NOTHING,
    seed_minhashes: Sequence[MinHash] = (),
    listed: Sequence[Candidate] | None = None,
    shown_on_page: Sequence[int] | None = None,
) -> Selection:
    return select(
        pool_of(candidates),
        limit,
        rules=rules,
        seed_minhashes=np.array(seed_minhashes, np.uint16).reshape(-1, 4),
        listable=np.array([c.listable for c in candidates], np.bool_),
        listed=None if listed is None else pool_of(listed),
        shown_on_page=None
        if shown_on_page is None
        else np.isin(np.arange(len(candidates)), shown_on_page),
    )


def selected(
    candidates: Sequence[Candidate],
    limit: int,
    rules: SelectionRules = NOTHING,
    seed_minhashes: Sequence[MinHash] = (),
    listed: Sequence[Candidate] | None = None,
) -> list[int]:
    places: list[int] = selection(
        candidates, limit, rules, seed_minhashes, listed
    ).positions.tolist()
    return places


def share(one: MinHash, two: MinHash) -> float:
    return sum(a == b for a, b in zip(one, two, strict=True)) / len(one) if any(one) else 0.0


def cosine(one: Candidate, two: Candidate) -> float:
    if not (one.embedded and two.embedded):
        return 0.0
    return sum(a * b for a, b in zip(one.vector, two.vector, strict=True))


def of_one_story(one: Candidate, two: Candidate, rules: SelectionRules) -> bool:
    return cosine(one, two) >= rules.story_likeness


def of_one_pattern(one: Candidate, two: Candidate, rules: SelectionRules) -> bool:
    alike = share(one.minhash, two.minhash)
    midway = (rules.copy_overlap + min(rules.duplicate_overlap, 1)) / 2
    if one.author == two.author != 0 and alike >= rules.copy_overlap:
        return True
    return one.host == two.host != 0 and alike >= max(rules.copy_overlap, midway)


def translate(one: Candidate, two: Candidate) -> bool:
    return one.story in {two.story, two.id_hash} or two.story == one.id_hash


def translations(candidates: Sequence[Candidate], places: set[int]) -> set[int]:
    """Who tells the story of some places in another language, and they themselves."""
    found = set(places)
    while True:
        more = {
            place
            for place, one in enumerate(candidates)
            if any(translate(one, candidates[other]) for other in found)
        }
        if more <= found:
            return found
        found |= more


def repeats_of(
    seed_minhashes: Sequence[MinHash], texts: Sequence[MinHash], bound: float
) -> set[int]:
    """Places of texts that repeat a given text, or one that repeats it, and so on."""
    found: set[int] = set()
    while True:
        known = [*seed_minhashes, *(texts[place] for place in found)]
        more = {
            place
            for place, text in enumerate(texts)
            if any(share(text, other) >= bound for other in known)
        }
        if more <= found:
            return found
        found |= more


def repeats_by_translation(
    candidates: Sequence[Candidate], cluster: set[int], bound: float
) -> set[int]:
    """Places of who translates one of a cluster, or tells again one who does, and so on."""
    texts, found = [c.minhash for c in candidates], set(cluster)
    while True:
        foreign = translations(candidates, found)
        more = foreign | repeats_of([texts[place] for place in foreign - cluster], texts, bound)
        if more <= found:
            return found - cluster
        found |= more


def cluster_of(
    one: Candidate, listed: Sequence[Candidate], link: object, rules: SelectionRules
) -> int:
    """How many the cluster of one would be, with it, if it joined a list."""
    assert callable(link)
    inside, rest = [one], list(listed)
    grown = True
    while grown:
        more = [c for c in rest if any(link(c, member, rules) for member in inside)]
        rest = [c for c in rest if not any(c is other for other in more)]
        inside += more
        grown = bool(more)
    return len(inside)


def slow(
    candidates: Sequence[Candidate],
    limit: int,
    rules: SelectionRules,
    seed_minhashes: Sequence[MinHash],
) -> list[int]:
    """Carbonell and Goldstein 1998 under the rules, from first principles for every place."""
    texts = [c.minhash for c in candidates]
    excluded = repeats_of(seed_minhashes, texts, rules.duplicate_overlap)
    excluded |= repeats_by_translation(candidates, excluded, rules.duplicate_overlap)
    excluded |= {place for place, c in enumerate(candidates) if not c.listable}
    open_values = [c.value for place, c in enumerate(candidates) if place not in excluded]
    worst, best = min(open_values, default=0.0), max(open_values, default=0.0)
    listed: list[int] = []

    def may_join(place: int) -> bool:
        one, others = candidates[place], [candidates[other] for other in listed]
        return (
            cluster_of(one, others, of_one_story, rules) <= rules.story_cap
            and cluster_of(one, others, of_one_pattern, rules) <= rules.copy_cap
        )

    def merit(place: int) -> float:
        one = candidates[place]
        if not listed or not rules.diversity:
            return one.value
        nearest = max(0.0, *(cosine(one, candidates[other]) for other in listed))
        scaled = (one.value - worst) / (best - worst) if best > worst else 0.0
        return (1 - rules.diversity) * scaled - rules.diversity * nearest

    while len(listed) < limit:
        gone = excluded | set(listed)
        left = [p for p in range(len(candidates)) if p not in gone and may_join(p)]
        if not left:
            break
        pick = max(left, key=lambda place: (merit(place), -place))
        cluster = repeats_of([texts[pick]], texts, rules.duplicate_overlap) | {pick}
        duplicates = [place for place in left if place in cluster]
        listed.append(max(duplicates, key=lambda place: newness(candidates, place)))
        excluded |= cluster | repeats_by_translation(candidates, cluster, rules.duplicate_overlap)
    return listed


def newness(candidates: Sequence[Candidate], place: int) -> tuple[float, float, int]:
    one = candidates[place]
    return (-inf if isnan(one.time) else one.time, one.value, -place)


@examples(600)
@given(CANDIDATES, LIMITS, RULES, SEED_MINHASHES)
def test_the_list_is_that_of_the_slow_oracle(
    candidates: list[Candidate], limit: int, rules: SelectionRules, seed_minhashes: list[MinHash]
) -> None:
    assert selected(candidates, limit, rules, seed_minhashes) == slow(
        candidates, limit, rules, seed_minhashes
    )


@given(CANDIDATES, LIMITS)
def test_without_a_rule_values_descend_and_equals_keep_their_order(
    candidates: list[Candidate], limit: int
) -> None:
    candidates = [replace(c, translates=None) for c in candidates]
    listable = [place for place, c in enumerate(candidates) if c.listable]
    order = sorted(listable, key=lambda place: (-candidates[place].value, place))
    found = selection(candidates, limit)
    assert found.positions.tolist() == order[:limit]
    assert set(found.removals.tolist()) <= {Removal.NONE}


@examples(200)
@given(CANDIDATES, LIMITS, RULES, SEED_MINHASHES, ABOVE)
def test_no_list_breaks_a_rule(
    candidates: list[Candidate],
    limit: int,
    rules: SelectionRules,
    seed_minhashes: list[MinHash],
    above: list[Candidate],
) -> None:
    places = selected(candidates, limit, rules, seed_minhashes, above)
    assert len(set(places)) == len(places) <= limit
    for rank, place in enumerate(places):
        one = candidates[place]
        higher = [*above, *(candidates[other] for other in places[:rank])]
        texts = [*seed_minhashes, *(c.minhash for c in higher)]
        assert all(share(one.minhash, text) < rules.duplicate_overlap for text in texts)
        assert not any(of_one_story(one, c, rules) for c in higher) or rules.story_cap > 1
        assert not any(of_one_pattern(one, c, rules) for c in higher) or rules.copy_cap > 1
        assert not any(translate(one, c) for c in higher)


@examples(200)
@given(CANDIDATES, LIMITS, RULES)
def test_every_cluster_of_a_list_is_within_its_cap(
    candidates: list[Candidate], limit: int, rules: SelectionRules
) -> None:
    listed = [candidates[place] for place in selected(candidates, limit, rules)]
    for place, one in enumerate(listed):
        others = [*listed[:place], *listed[place + 1 :]]
        assert cluster_of(one, others, of_one_story, rules) <= rules.story_cap
        assert cluster_of(one, others, of_one_pattern, rules) <= rules.copy_cap


@examples(200)
@given(CANDIDATES, LIMITS, RULES, SEED_MINHASHES)
def test_whoever_is_missing_was_taken_out_by_a_rule_or_found_no_place(
    candidates: list[Candidate], limit: int, rules: SelectionRules, seed_minhashes: list[MinHash]
) -> None:
    found = selection(candidates, limit, rules, seed_minhashes)
    listed, texts = found.positions.tolist(), [c.minhash for c in candidates]
    for place, one in enumerate(candidates):
        removal, cause = Removal(found.removals[place]), int(found.because_of[place])
        seeds = repeats_of(seed_minhashes, texts, rules.duplicate_overlap)
        seeds_too = repeats_by_translation(candidates, seeds, rules.duplicate_overlap)
        if removal in {Removal.NONE, Removal.DUPLICATE_OF_SEED}:
            assert cause == -1
        elif cause == -1:
            assert (removal, place in seeds_too) == (Removal.TRANSLATION, True)
        else:
            assert cause in listed
            assert place not in listed
            assert one.listable
        if removal == Removal.NONE:
            assert place in listed or len(listed) == limit or not one.listable
        if removal == Removal.DUPLICATE_OF_SEED:
            assert place in seeds | seeds_too
        bound = rules.duplicate_overlap
        cluster = repeats_of([texts[cause]], texts, bound) | {cause} if cause >= 0 else set()
        foreign = repeats_by_translation(candidates, cluster, bound)
        if removal == Removal.DUPLICATE:
            assert place in cluster | foreign
        if removal == Removal.TRANSLATION and cause >= 0:
            assert place in foreign
        others = [candidates[other] for other in listed]
        if removal == Removal.STORY_CAP:
            assert cluster_of(one, others, of_one_story, rules) > rules.story_cap
        if removal == Removal.COPY_CAP:
            assert cluster_of(one, others, of_one_pattern, rules) > rules.copy_cap


@given(CANDIDATES, RULES, LIMITS, LIMITS)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    candidates: list[Candidate], rules: SelectionRules, one: int, two: int
) -> None:
    short, long = sorted((one, two))
    assert selected(candidates, short, rules) == selected(candidates, long, rules)[:short]


@given(CANDIDATES, RULES, st.sampled_from([1 / 1_024, 4.0]), st.integers(-3, 3))
def test_neither_a_factor_nor_a_constant_in_the_values_decides_anything(
    candidates: list[Candidate], rules: SelectionRules, factor: float, constant: int
) -> None:
    moved = [replace(c, value=c.value * factor + constant) for c in candidates]
    assert selected(moved, 9, rules) == selected(candidates, 9, rules)


@given(CANDIDATES, RULES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_decides_nothing_between_distinct_values(
    candidates: list[Candidate], rules: SelectionRules, random: object
) -> None:
    rules = replace(rules, diversity=0.0)
    candidates = [replace(c, value=c.value + place / 64) for place, c in enumerate(candidates)]
    candidates = list({c.value: c for c in candidates}.values())
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = [shuffled[place] for place in selected(shuffled, 9, rules)]
    assert found == [candidates[place] for place in selected(candidates, 9, rules)]


@given(CANDIDATES, RULES, SEED_MINHASHES, st.integers(0, 9))
def test_a_list_filled_in_two_turns_keeps_the_rules_of_one(
    candidates: list[Candidate], rules: SelectionRules, seed_minhashes: list[MinHash], cut: int
) -> None:
    """Without collapsing and diversity, the second turn goes on where the first stopped."""
    rules = replace(rules, diversity=0.0, duplicate_overlap=NEVER)
    whole = selected(candidates, 9, rules, seed_minhashes)
    first = whole[:cut]
    rest = [place for place in range(len(candidates)) if place not in first]
    second = selected(
        [candidates[p] for p in rest],
        9 - len(first),
        rules,
        seed_minhashes,
        [candidates[p] for p in first],
    )
    assert [*first, *(rest[place] for place in second)] == whole


def test_a_weaker_but_different_candidate_comes_before_one_like_the_first() -> None:
    """At 0.5: the second has 0.5 * 1 - 0.5 * 1, the third 0.5 * 0.75 - 0.5 * 0.5."""
    candidates = [Candidate(1.0), Candidate(1.0), Candidate(0.75, OTHER), Candidate(0.0)]
    assert selected(candidates, 4) == [0, 1, 2, 3]
    assert selected(candidates, 4, replace(NOTHING, diversity=0.5)) == [0, 2, 1, 3]


def test_weak_values_are_not_ordered_by_diversity_alone() -> None:
    """They span a hundredth: at 0.25 the second has 0.75 * 0.7 - 0.25, the third 0.15 - 0.125."""
    candidates = [Candidate(0.12), Candidate(0.117), Candidate(0.112, OTHER), Candidate(0.11)]
    assert selected(candidates, 4, replace(NOTHING, diversity=0.25)) == [0, 1, 2, 3]


def test_what_may_not_be_listed_does_not_stretch_the_values() -> None:
    """Without the copy of the seed the second has 0.75 * 0.9 - 0.25, the third 0.525 - 0.125."""
    copy = Candidate(8.0, OTHER, (1, 1, 1, 1))
    candidates = [copy, Candidate(1.0), Candidate(0.9), Candidate(0.7, OTHER), Candidate(0.0)]
    rules = replace(NOTHING, diversity=0.25, duplicate_overlap=0.5)
    assert selected(candidates, 3, rules, [(1, 1, 1, 1)]) == [1, 2, 3]


def test_nobody_is_listed_for_pointing_the_other_way() -> None:
    """A cosine below 0 counts as 0: at 0.5 that leaves half of 0.6 and half of 0.5."""
    away, across = (-0.5, -0.5, -0.5, -0.5, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    candidates = [Candidate(1.0), Candidate(0.5, away), Candidate(0.6, across), Candidate(0.0)]
    assert selected(candidates, 3, replace(NOTHING, diversity=0.5)) == [0, 2, 1]


def test_the_best_value_stands_first_whatever_the_diversity() -> None:
    candidates = [Candidate(0.5), Candidate(1.0)]
    assert selected(candidates, 1, replace(NOTHING, diversity=1.0)) == [1]


def test_vectors_that_mean_nothing_make_nobody_alike() -> None:
    """Rows without a vector carry the same one, and are neither alike nor one story."""
    rules = replace(NOTHING, diversity=0.5, story_likeness=0.75, story_cap=1)
    candidates = [Candidate(1 - place / 8, embedded=False) for place in range(4)]
    assert selected(candidates, 4, rules) == [0, 1, 2, 3]
    assert selected([*candidates[:2], Candidate(0.5), Candidate(0.25)], 4, rules) == [0, 1, 2]


def test_an_overlap_of_exactly_the_bound_is_a_duplicate() -> None:
    candidates = [
        Candidate(1.0, minhash=(1, 1, 0, 0)),
        Candidate(0.5, minhash=(1, 1, 2, 2)),
    ]
    assert selected(candidates, 2, replace(NOTHING, duplicate_overlap=0.5)) == [0]
    assert selected(candidates, 2, replace(NOTHING, duplicate_overlap=0.51)) == [0, 1]


DUPLICATES = [
    Candidate(1.0, minhash=(1, 1, 1, 1), time=1.0),
    Candidate(0.9, minhash=(1, 1, 2, 2), time=3.0),
    Candidate(0.85, minhash=(9, 9, 9, 9), time=9.0),
    Candidate(0.8, minhash=(3, 3, 2, 2), time=2.0),
]
"""The last shares nothing with the first, but half with what shares half with it."""
HALF = replace(NOTHING, duplicate_overlap=0.5)


def test_the_newest_telling_takes_the_place_that_the_best_has_earned() -> None:
    found = selection(DUPLICATES, 4, HALF)
    assert found.positions.tolist() == [1, 2]
    assert found.removals.tolist() == [Removal.DUPLICATE, 0, 0, Removal.DUPLICATE]
    assert found.because_of.tolist() == [1, -1, -1, 1]


def test_an_update_of_a_reprint_is_the_same_story() -> None:
    newest_last = [*DUPLICATES[:3], replace(DUPLICATES[3], time=4.0)]
    assert selected(newest_last, 4, HALF) == [3, 2]
    assert selected([DUPLICATES[0], DUPLICATES[3]], 2, HALF) == [0, 1]


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        ((nan, nan), 0),  # the better value
        ((nan, 0.0), 1),  # the undated are oldest
        ((5.0, nan), 0),
        ((5.0, 5.0), 0),
        ((-2.0, -1.0), 1),
    ],
)
def test_what_is_newest_is_told_by_time_and_then_by_value(
    times: tuple[float, float], newest: int
) -> None:
    candidates = [
        Candidate(0.5 - place / 4, minhash=(1, 1, 1, 1), time=time)
        for place, time in enumerate(times)
    ]
    assert selected(candidates, 2, HALF) == [newest]
    assert selected(candidates[::-1], 2, HALF) == [1 - newest]


def test_of_the_same_text_at_the_same_hour_and_value_the_earlier_position_is_listed() -> None:
    assert selected([Candidate(0.5, minhash=(1, 1, 1, 1), time=1.0)] * 3, 3, HALF) == [0]


def test_the_cluster_of_the_seed_is_left_out_whole() -> None:
    found = selection(DUPLICATES, 4, HALF, seed_minhashes=[(1, 1, 1, 7)])
    assert found.positions.tolist() == [2]
    seeds = Removal.DUPLICATE_OF_SEED
    assert found.removals.tolist() == [seeds, seeds, Removal.NONE, seeds]
    assert found.because_of.tolist() == [-1] * 4


def test_the_cluster_of_a_listed_item_is_left_out_whole() -> None:
    found = selection(DUPLICATES, 4, HALF, listed=[Candidate(0.1, minhash=(1, 1, 1, 7))])
    assert found.positions.tolist() == [2]
    assert found.removals.tolist() == [Removal.DUPLICATE, Removal.DUPLICATE, 0, Removal.DUPLICATE]
    assert found.because_of.tolist() == [-1] * 4


def test_who_may_not_be_listed_still_makes_one_cluster_of_others() -> None:
    """The middle of three duplicates scored too low; its ends are one story all the same."""
    ends = [DUPLICATES[0], replace(DUPLICATES[1], listable=False, time=9.0), DUPLICATES[3]]
    found = selection(ends, 3, HALF)
    assert found.positions.tolist() == [2]
    assert found.removals.tolist() == [Removal.DUPLICATE, Removal.NONE, Removal.NONE]
    assert found.repeats.tolist() == [True, True, False]
    assert selected(ends, 3, HALF, seed_minhashes=[(1, 1, 1, 1)]) == []


def test_the_cluster_of_what_was_retold_above_is_left_out_whole() -> None:
    """As where a list is filled from one set of candidates after the other."""
    first = selection(DUPLICATES[:2], 1, HALF)
    assert first.positions.tolist() == [1]
    assert first.repeats.tolist() == [True, False]
    last = replace(DUPLICATES[3], minhash=(1, 1, 7, 8))
    shown = replace(DUPLICATES[0], listable=False)
    found = selection([last, DUPLICATES[2], shown], 2, HALF, shown_on_page=[2])
    assert found.positions.tolist() == [1]
    assert found.removals.tolist() == [Removal.DUPLICATE, Removal.NONE, Removal.NONE]
    assert found.because_of.tolist() == [-1, -1, -1]
    assert found.repeats.tolist() == [True, False, True]


def test_texts_without_words_repeat_nothing() -> None:
    candidates = [Candidate(1.0), Candidate(0.5)]
    assert selected(candidates, 2, replace(NOTHING, duplicate_overlap=0.25)) == [0, 1]
    assert selected(candidates, 2, replace(HALF), seed_minhashes=[(0, 0, 0, 0)]) == [0, 1]


def test_a_story_fills_no_more_than_its_cap() -> None:
    rules = replace(NOTHING, story_likeness=0.75, story_cap=2)
    story = [Candidate(1 - place / 16) for place in range(5)]
    found = selection([*story, Candidate(0.1, OTHER), Candidate(0.05, OTHER)], 12, rules)
    assert found.positions.tolist() == [0, 1, 5, 6]
    assert found.removals.tolist() == [0, 0, *[Removal.STORY_CAP] * 3, 0, 0]
    assert found.because_of.tolist() == [-1, -1, 1, 1, 1, -1, -1]


def test_who_would_make_one_story_of_two_is_counted_with_both() -> None:
    """Products of neighbours are 0.75, of the ends 0.5: with the middle they were one of three."""
    left, middle, right = HALVES[0], HALVES[1], HALVES[2]
    rules = replace(NOTHING, story_likeness=0.75, story_cap=2)
    candidates = [Candidate(1.0, left), Candidate(0.9, right), Candidate(0.8, middle)]
    assert selected(candidates, 3, rules) == [0, 1]
    assert selected(candidates, 3, replace(rules, story_cap=3)) == [0, 1, 2]


@pytest.mark.parametrize(("author", "host"), [(4, 0), (0, 4), (4, 4)])
def test_near_copies_of_one_source_fill_no_more_than_their_cap(author: int, host: int) -> None:
    rules = replace(NOTHING, duplicate_overlap=0.75, copy_overlap=0.25, copy_cap=2)
    notes = [
        Candidate(1 - place / 16, minhash=(7, 7, place, place), author=author, host=host)
        for place in range(1, 6)
    ]
    stranger = replace(notes[0], value=0.2, minhash=(7, 7, 9, 9), author=8, host=9)
    other_text = replace(notes[0], value=0.1, minhash=(8, 8, 8, 8))
    found = selection([*notes, stranger, other_text], 12, rules)
    assert found.positions.tolist() == [0, 1, 5, 6]
    assert found.removals.tolist() == [0, 0, *[Removal.COPY_CAP] * 3, 0, 0]


@pytest.mark.parametrize(
    ("author", "shared", "listed"), [(0, 17, 8), (0, 35, 8), (0, 36, 2), (5, 19, 8), (5, 20, 2)]
)
def test_briefs_with_one_footer_are_of_one_pattern_by_their_author_alone(
    author: int, shared: int, listed: int
) -> None:
    """All that a newsroom publishes has its host: that counts from 0.275 of 128 places on."""
    signatures = np.arange(1, 8 * 128 + 1, dtype=np.uint16).reshape(8, 128)
    signatures[:, :shared] = 9_999
    pool = CandidatePool(
        values=np.linspace(1, 0.1, 8),
        vectors=np.eye(8, dtype=np.float32),
        minhashes=signatures,
        text_clusters=np.zeros(8, np.int64),
        times=np.arange(8.0),
        authors=np.full(8, author),
        hosts=np.full(8, 7),
        embedded=np.ones(8, np.bool_),
        id_hashes=np.arange(8),
        translates=np.arange(8),
    )
    rules = replace(NOTHING, duplicate_overlap=0.4, copy_overlap=0.15, copy_cap=2)
    found = select(pool, 12, rules=rules, seed_minhashes=signatures[:0])
    assert found.positions.tolist() == [*range(listed)]


@pytest.mark.parametrize(
    ("copy", "duplicate", "host"),
    [(0.25, 0.75, 0.5), (0.5, 0.25, 0.5), (0.5, NEVER, 0.75), (NEVER, 0.5, NEVER), (1.0, 1.0, 1.0)],
)
def test_the_bound_of_a_host_is_midway_and_never_below_that_of_an_author(
    copy: float, duplicate: float, host: float
) -> None:
    """A duplicate rule out of force puts no other out of force."""
    rules = replace(NOTHING, copy_overlap=copy, duplicate_overlap=duplicate)
    assert rules.host_overlap == host


LANGUAGES = [
    Candidate(1.0, id_hash=1),
    Candidate(0.9, id_hash=2, translates=1, time=9.0),
    Candidate(0.8, id_hash=3, translates=2),
    Candidate(0.7, id_hash=4, translates=77),
    Candidate(0.6, id_hash=5, translates=77),
    Candidate(0.5, id_hash=6),
]
"""An original, its translation, and one of that; two of a group; and one for itself."""


def test_of_translations_the_best_stays_and_not_the_newest() -> None:
    found = selection(LANGUAGES, 9)
    assert found.positions.tolist() == [0, 3, 5]
    gone = Removal.TRANSLATION
    assert found.removals.tolist() == [0, gone, gone, 0, gone, 0]
    assert found.because_of.tolist() == [-1, 0, 0, -1, 3, -1]
    assert found.repeats.tolist() == [False, True, True, False, True, False]
    assert selected(LANGUAGES[::-1], 9) == [5, 2, 0]


def test_translations_of_a_listed_item_are_left_out() -> None:
    found = selection(LANGUAGES[1:], 9, listed=LANGUAGES[:1])
    assert found.positions.tolist() == [2, 4]
    assert found.because_of.tolist() == [-1, -1, -1, 2, -1]
    assert selected(LANGUAGES[3:], 9, listed=[Candidate(0.1, translates=77)]) == [2]


def test_whoever_may_not_be_listed_still_links_translations() -> None:
    unlisted = replace(LANGUAGES[1], listable=False)
    assert selected([LANGUAGES[0], unlisted, LANGUAGES[2]], 9) == [0]
    assert selected([LANGUAGES[0], LANGUAGES[2]], 9) == [0, 1]


def test_translations_of_a_reprint_of_what_was_told_are_left_out() -> None:
    """And their reprints, and who translates those: however far the links go."""
    story = [
        Candidate(1.0, id_hash=2, minhash=(1, 1, 1, 1)),
        Candidate(0.9, id_hash=3, minhash=(2, 2, 2, 2), translates=2),
        Candidate(0.8, id_hash=4, minhash=(2, 2, 2, 2)),
        Candidate(0.7, id_hash=5, minhash=(3, 3, 3, 3), translates=4),
        Candidate(0.6, id_hash=6, minhash=(4, 4, 4, 4)),
    ]
    seeds, again = Removal.DUPLICATE_OF_SEED, Removal.TRANSLATION
    found = selection(story, 9, HALF, seed_minhashes=[(1, 1, 1, 1)])
    assert found.positions.tolist() == [4]
    assert found.removals.tolist() == [seeds, again, seeds, again, 0]
    here = [replace(story[0], listable=False), *story[1:]]
    found = selection(here, 9, HALF, shown_on_page=[0])
    assert found.positions.tolist() == [4]
    assert found.removals.tolist() == [0, again, Removal.DUPLICATE, again, 0]
    assert found.repeats.tolist() == [True, True, True, True, False]
    assert found.because_of.tolist() == [-1] * 5


def test_a_reprint_of_a_translation_and_a_translation_of_a_reprint_are_left_out() -> None:
    reprints = [
        Candidate(1.0, id_hash=1, minhash=(1, 1, 1, 1)),
        Candidate(0.9, id_hash=2, minhash=(1, 1, 1, 1)),
        Candidate(0.8, id_hash=3, minhash=(2, 2, 2, 2), translates=2),
        Candidate(0.7, id_hash=4, minhash=(2, 2, 2, 2)),
        Candidate(0.6, id_hash=5, minhash=(3, 3, 3, 3)),
    ]
    found = selection(reprints, 9, HALF)
    assert found.positions.tolist() == [0, 4]
    copy = Removal.DUPLICATE
    assert found.removals.tolist() == [0, copy, Removal.TRANSLATION, copy, 0]
    assert found.because_of.tolist() == [-1, 0, 0, 0, -1]


@given(CANDIDATES)
def test_stories_are_those_that_translations_link(candidates: list[Candidate]) -> None:
    pool = pool_of(candidates)
    found = translation_groups(pool.id_hashes, pool.translates)
    stories = np.arange(len(candidates)) if found is None else found
    for place in range(len(candidates)):
        group = translations(candidates, {place})
        assert set(np.flatnonzero(stories == stories[place]).tolist()) == group


def test_a_long_chain_of_translations_is_one_story() -> None:
    own = np.random.default_rng(3).permutation(1_000)
    found = translation_groups(own, np.maximum(own - 1, 0))
    assert found is not None
    assert len(np.unique(found)) == 1


def test_copies_are_those_of_the_telling_that_is_listed() -> None:
    """Of two duplicates the newer is listed; one note resembles it, one the older."""
    older = Candidate(1.0, minhash=(1, 1, 1, 1), time=1.0, author=4)
    newer = replace(older, value=0.9, minhash=(1, 1, 2, 3), time=2.0)
    of_newer = replace(older, value=0.8, minhash=(9, 9, 2, 9))
    of_older = replace(older, value=0.7, minhash=(9, 9, 1, 9))
    rules = replace(HALF, copy_overlap=0.25, copy_cap=1)
    found = selection([older, newer, of_newer, of_older], 4, rules)
    assert found.positions.tolist() == [1, 3]
    assert found.removals.tolist() == [Removal.DUPLICATE, 0, Removal.COPY_CAP, 0]


def test_nobody_is_no_author_and_nowhere_no_host() -> None:
    rules = replace(NOTHING, copy_overlap=0.5, copy_cap=1)
    candidates = [Candidate(0.5, minhash=(7, 7, 7, 7))] * 3
    assert selected(candidates, 3, rules) == [0, 1, 2]


def test_what_is_listed_above_counts_to_the_caps() -> None:
    rules = replace(NOTHING, copy_overlap=0.5, copy_cap=2)
    notes = [
        Candidate(1 - place / 16, minhash=(7, 7, place, place), author=4) for place in range(1, 5)
    ]
    found = selection(notes[1:], 3, rules, listed=notes[:1])
    assert found.positions.tolist() == [0]
    assert found.because_of.tolist() == [-1, 0, 0]
    assert selected(notes[2:], 3, rules, listed=notes[:2]) == []


SKIES = ("clear", "cloudy", "hazy", "stormy", "grey", "bright", "low", "heavy", "dark", "pale")
TOWNS = (
    "Khorog",
    "Murghab",
    "Osh",
    "Naryn",
    "Talas",
    "Batken",
    "Isfara",
    "Kulob",
    "Hisor",
    "Vahdat",
)


def weather(day: int) -> Article:
    """A daily note of one author: every second sentence is the same each day."""
    sky, town, other = SKIES[day], TOWNS[day], TOWNS[(3 * day + 1) % 10]
    own = (
        f"Over {town} the morning of day {day} begins {sky} with {day + 3} degrees, and {other} "
        f"reports a wind of {day + 11} metres that {sky} fronts bring down from pass number {day}. "
        f"Herders near {town} moved {day + 40} flocks to {other} before noon, said inspector {day}."
    )
    return Article(
        id=f"weather-{day}",
        title=f"Weather for day {day}: {sky}",
        body=f"{own} The forecast is made each morning by the hydrometeorological service and read "
        "at six on the first channel. Drivers are asked to call ahead before they cross the pass.",
    )


def test_daily_notes_of_one_author_do_not_fill_a_list() -> None:
    """Of ten notes that share a quarter to a third of their text two are listed, and no copies."""
    signatures = np.stack([compute_minhash(weather(day)) for day in range(10)])
    shares = np.concatenate(
        [estimate_jaccard(one, signatures[:at]) for at, one in enumerate(signatures)]
    )
    assert shares.min() > 0.2
    assert shares.max() < 0.4
    others = np.random.default_rng(0).integers(1, 2**16, (10, signatures.shape[1]))
    pool = CandidatePool(
        values=np.linspace(1, 0.1, 20),
        vectors=np.eye(20, dtype=np.float32),
        minhashes=np.concatenate([signatures, others]).astype(np.uint16),
        text_clusters=np.zeros(20, np.int64),
        times=np.arange(20.0),
        authors=np.repeat([7, 0], 10),
        hosts=np.zeros(20, np.int64),
        embedded=np.ones(20, np.bool_),
        id_hashes=np.arange(20),
        translates=np.arange(20),
    )
    rules = replace(NOTHING, duplicate_overlap=0.4, copy_overlap=0.15, copy_cap=2)
    found = select(pool, 12, rules=rules, seed_minhashes=signatures[:0])
    assert found.positions.tolist() == [0, 1, *range(10, 20)]
    assert found.removals.tolist() == [0, 0, *[Removal.COPY_CAP] * 8, *[0] * 10]


def variants(number: int) -> NDArray[np.uint16]:
    """Signatures of machine-written texts: many overlap by 0.4 or more, none is another's copy."""
    rng = np.random.default_rng(0)
    own = rng.integers(1, 2**16, (number, 128))
    return np.where(rng.random((number, 128)) < 0.63, own[0], own).astype(np.uint16)


def chain(number: int) -> NDArray[np.uint16]:
    """Each shares half with the one before, and nothing with all others."""
    rng = np.random.default_rng(0)
    found = rng.integers(1, 2**16, (number, 128))
    for at in range(1, number):
        half = slice(64) if at % 2 else slice(64, 128)
        found[at, half] = found[at - 1, half]
    return rng.permutation(found).astype(np.uint16)


def pool_with(signatures: NDArray[np.uint16]) -> CandidatePool:
    number, rng = len(signatures), np.random.default_rng(1)
    vectors = rng.normal(size=(number, 384)).astype(np.float32)
    return CandidatePool(
        values=rng.random(number),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        minhashes=signatures,
        text_clusters=np.zeros(number, np.int64),
        times=rng.random(number),
        authors=np.ones(number, np.int64),
        hosts=np.ones(number, np.int64),
        embedded=np.ones(number, np.bool_),
        id_hashes=np.arange(number),
        translates=np.arange(number),
    )


@pytest.mark.parametrize("make", [variants, chain])
def test_no_text_is_asked_for_its_copies_twice(
    make: Callable[[int], NDArray[np.uint16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the seed, nor for listed items, nor for selected ones."""
    asked: list[int] = []

    def near(places: Any, seed_minhashes: Any, least: int) -> Any:
        asked.append(len(seed_minhashes))
        return _near(places, seed_minhashes, least)

    monkeypatch.setattr(duplicates, "_near", near)
    signatures, rules = make(400), replace(NOTHING, duplicate_overlap=0.4)
    listed, seed_minhashes = pool_with(signatures[:50]), signatures[50:90]
    pool = pool_with(np.concatenate([signatures[90:], signatures[90:190]]))
    shown_on_page = np.arange(len(pool)) < 40
    select(
        pool,
        12,
        rules=rules,
        seed_minhashes=seed_minhashes[:2],
        listed=listed,
        listable=~shown_on_page,
        shown_on_page=shown_on_page,
    )
    assert sum(asked) <= 50 + 2 + 40 + 310 + 12


@pytest.mark.parametrize("make", [variants, chain])
def test_eight_hundred_variants_of_one_text_cost_little(
    make: Callable[[int], NDArray[np.uint16]],
) -> None:
    pool, rules, spent = pool_with(make(800)), SelectionRules.of(Policy(), 12), []
    for _ in range(5):
        begun = process_time()
        select(pool, 12, rules=rules, seed_minhashes=pool.minhashes[:1])
        spent.append(process_time() - begun)
    assert min(spent) < 0.06


@examples(200)
@given(CANDIDATES, BOUNDS, st.lists(SEED_MINHASHES, max_size=3))
def test_duplicate_clusters_are_those_of_the_slow_oracle(
    candidates: list[Candidate], bound: float, batches: list[list[MinHash]]
) -> None:
    """What was claimed before is not claimed again."""
    texts, taken = [c.minhash for c in candidates], set[int]()
    clusters = DuplicateClusters(
        pool_of(candidates).minhashes, np.zeros(len(candidates), np.int64), bound
    )
    for seed_minhashes in batches:
        found = clusters.claim(np.array(seed_minhashes, np.uint16).reshape(-1, 4))
        wanted = repeats_of(seed_minhashes, texts, bound)
        assert set(np.flatnonzero(found).tolist()) == wanted - taken
        taken |= wanted


@examples(200)
@given(CANDIDATES, LIMITS, RULES, SEED_MINHASHES, ABOVE, st.sets(st.integers(0, 8)))
def test_the_numbers_of_text_clusters_change_no_list(
    candidates: list[Candidate],
    limit: int,
    rules: SelectionRules,
    seed_minhashes: list[MinHash],
    above: list[Candidate],
    changed: set[int],
) -> None:
    """They only save comparisons; rows of the delta have none."""
    pool, listed = (
        replace(one, minhashes=np.repeat(one.minhashes, 32, axis=1))
        for one in (pool_of(candidates), pool_of(above))
    )
    numbers = number_text_clusters(np.concatenate([pool.minhashes, listed.minhashes]))
    known = numbers[: len(pool)].copy()
    known[[place for place in changed if place < len(pool)]] = UNKNOWN_CLUSTER
    numbered = replace(pool, text_clusters=known)
    texts = np.repeat(np.array(seed_minhashes, np.uint16).reshape(-1, 4), 32, axis=1)
    with_numbers, without = (
        select(
            one,
            limit,
            rules=rules,
            seed_minhashes=texts,
            listed=replace(listed, text_clusters=numbers[len(pool) :] * (one is numbered)),
        )
        for one in (numbered, pool)
    )
    for each in fields(Selection):
        np.testing.assert_array_equal(getattr(with_numbers, each.name), getattr(without, each.name))


def test_a_text_without_a_number_may_resemble_any_other() -> None:
    """One row of the delta beside two that a build has numbered."""
    texts = [(1, 1, 1, 1), (2, 2, 2, 2), (1, 1, 1, 2)]
    candidates = [Candidate(1 - place / 8, minhash=text) for place, text in enumerate(texts)]
    pool = pool_of(candidates)
    numbered = replace(
        pool,
        minhashes=np.repeat(pool.minhashes, 32, axis=1),
        text_clusters=np.array([1, 2, UNKNOWN_CLUSTER]),
    )
    selected = select(
        numbered,
        3,
        rules=replace(NOTHING, duplicate_overlap=0.5, story_cap=3),
        seed_minhashes=np.empty((0, 128), np.uint16),
    )
    assert selected.positions.tolist() == [0, 1]
    assert selected.removals.tolist() == [Removal.NONE, Removal.NONE, Removal.DUPLICATE]


@examples(100)
@given(st.data())
def test_texts_that_resemble_each_other_have_one_number(data: st.DataObject) -> None:
    """By brute force over all pairs: components of pairs that share 20 of 128 places."""
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    base = draw.integers(1, 2**16, (4, 128))
    texts = base[draw.integers(0, 4, 40)]
    shared = draw.integers(0, 129, 40)[:, np.newaxis]
    places = np.argsort(draw.random((40, 128)), axis=1)
    texts = np.where(places < shared, texts, draw.integers(1, 2**16, (40, 128)))
    texts[draw.random(40) < 0.1] = 0
    alike = (texts[:, np.newaxis] == texts).sum(axis=2) >= 20
    with_words = np.array([any(text) for text in texts])
    alike &= np.logical_and.outer(with_words, with_words)
    reached = np.eye(40, dtype=np.bool_) | alike
    for _ in range(6):
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    numbers = number_text_clusters(texts.astype(np.uint16))
    assert numbers.tolist() == (reached.argmax(axis=1) + 1).tolist()


def test_many_texts_of_one_template_are_numbered_without_comparing_all_pairs() -> None:
    texts = np.full((3_000, 128), 7, np.uint16)
    texts[:, 64:] = np.random.default_rng(3).integers(8, 2**16, (3_000, 64))
    begun = process_time()
    assert set(number_text_clusters(texts).tolist()) == {1}
    assert process_time() - begun < 10


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_an_empty_pool_gives_an_empty_list(diversity: float) -> None:
    rules = replace(HALF, diversity=diversity)
    found = selection([], 5, rules, [(1, 1, 1, 1)], listed=[])
    assert [found.positions.tolist(), found.removals.tolist(), found.because_of.tolist()] == [
        [],
        [],
        [],
    ]


def test_a_limit_beyond_the_pool_gives_the_pool() -> None:
    assert selected([Candidate(0.5), Candidate(1.0)], 99) == [1, 0]


@pytest.mark.parametrize(
    "values",
    [(-3.0, -1.0, -2.0), (-1e18, 1.7e9, 1.7e9 + 1, 1.7e9 + 2), (-1e18, -5.0, -1e18)],
)
def test_times_before_1970_and_the_undated_still_descend(values: tuple[float, ...]) -> None:
    candidates = [Candidate(value) for value in values]
    assert selected(candidates, 9) == sorted(
        range(len(values)), key=lambda place: (-values[place], place)
    )


def test_what_comes_out_has_the_types_that_are_promised() -> None:
    found = selection(DUPLICATES, 2, HALF)
    assert [str(a.dtype) for a in (found.positions, found.removals, found.because_of)] == [
        "int64",
        "int8",
        "int64",
    ]


def test_a_pool_knows_its_size_and_its_parts() -> None:
    pool = pool_of(DUPLICATES)
    assert len(pool) == 4
    assert pool.at(np.array([2, 0])).values.tolist() == [0.85, 1.0]
    assert pool.at(np.array([3])).under(pool.at(np.array([1]))).times.tolist() == [3.0, 2.0]
