"""Selection against a slow oracle in plain Python, and worked examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import inf, isnan, nan
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.minhash import compute_minhash, estimate_jaccard
from recommender.articles import Article
from recommender.ranking import duplicates
from recommender.ranking.candidates import CandidatePool
from recommender.ranking.duplicates import (
    UNKNOWN_CLUSTER,
    _near,
    number_text_clusters,
    translation_groups,
)
from recommender.ranking.policy import Policy
from recommender.ranking.selection import Removal, Selection, SelectionRules, select
from recommender.ranking.shares import NO_SHARE, ShareBounds
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
    members: frozenset[int] = frozenset()

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
        members=st.frozensets(st.integers(0, 1)),
    ),
    max_size=9,
).map(numbered)
PLACES = st.sets(st.integers(0, 8), max_size=3)
BOUNDS = st.sampled_from([0.25, 0.5, 0.75, 1.0, NEVER])
SHARES = st.builds(
    lambda least, more: ShareBounds(least, max(least + more, 1)), *[st.integers(0, 4)] * 2
)
RULES = st.builds(
    SelectionRules,
    st.sampled_from([0.0, 0.125, 0.5, 1.0]),
    BOUNDS,
    BOUNDS,
    st.integers(1, 4),
    BOUNDS,
    st.integers(1, 4),
    st.just(()) | st.tuples(SHARES, SHARES),
)
SEED_MINHASHES = st.lists(MINHASHES, max_size=2)


def pool_of(candidates: Sequence[Candidate]) -> CandidatePool:
    count = len(candidates)
    return CandidatePool(
        values=np.array([c.value for c in candidates], np.float64),
        vectors=np.array([c.vector for c in candidates], np.float32).reshape(count, 6),
        minhashes=np.array([c.minhash for c in candidates], np.uint16).reshape(count, 4),
        text_clusters=np.full(count, UNKNOWN_CLUSTER, np.int64),
        times=np.array([c.time for c in candidates], np.float64),
        authors=np.array([c.author for c in candidates], np.int64),
        hosts=np.array([c.host for c in candidates], np.int64),
        embedded=np.array([c.embedded for c in candidates], np.bool_),
        id_hashes=np.array([c.id_hash for c in candidates], np.int64),
        translates=np.array([c.story for c in candidates], np.int64),
        members=np.array([[k in c.members for k in (0, 1)] for c in candidates], np.bool_).reshape(
            count, 2
        ),
    )


def mask(places: set[int], size: int) -> NDArray[np.bool_]:
    return np.isin(np.arange(size), list(places))


def selection(
    candidates: Sequence[Candidate],
    limit: int,
    rules: SelectionRules = NOTHING,
    seed_minhashes: Sequence[MinHash] = (),
    listed: Sequence[Candidate] | None = None,
    shown_on_page: set[int] | None = None,
) -> Selection:
    return select(
        pool_of(candidates),
        limit,
        rules=rules,
        seed_minhashes=np.array(seed_minhashes, np.uint16).reshape(-1, 4),
        listable=np.array([c.listable for c in candidates], np.bool_),
        listed=None if listed is None else pool_of(listed),
        shown_on_page=None if shown_on_page is None else mask(shown_on_page, len(candidates)),
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


Link = Callable[[Candidate, Candidate], bool]


def linked(candidates: Sequence[Candidate], some: set[int], link: Link) -> set[int]:
    """Some positions, and all positions linked to them, directly or through others."""
    found: set[int] = set()
    more = set(some)
    while more:
        found |= more
        rest = set(range(len(candidates))) - found
        more = {p for p in rest if any(link(candidates[p], candidates[other]) for other in found)}
    return found


class SlowSelection:
    """Carbonell and Goldstein 1998 under the rules, from first principles for every place.

    Places count the candidates that are listed above, then those to select from.
    """

    def __init__(self, candidates: Sequence[Candidate], rules: SelectionRules) -> None:
        self.candidates, self.rules = candidates, rules
        self.left = {place for place, one in enumerate(candidates) if one.listable}
        self.listed: list[int] = []
        self.removals = [Removal.NONE] * len(candidates)
        self.because_of = [-1] * len(candidates)
        self.shares = [NO_SHARE] * len(candidates)
        self.repeats: set[int] = set()

    def remove(self, places: set[int], removal: Removal, item: int) -> None:
        for place in places & self.left:
            self.removals[place], self.because_of[place] = removal, item
        self.left -= places

    def is_copy(self, one: Candidate, two: Candidate) -> bool:
        return share(one.minhash, two.minhash) >= self.rules.duplicate_overlap

    def copies_of(self, places: set[int]) -> set[int]:
        return linked(self.candidates, places, self.is_copy)

    def remove_repeats(self, cluster: set[int], removal: Removal, item: int = -1) -> None:
        """Remove the rest of a cluster, its translations, their duplicates, and so on."""
        self.repeats |= cluster - {item}
        self.remove(cluster - {item}, removal, item)
        cluster = set(cluster)
        while more := linked(self.candidates, cluster, translate) - cluster:
            self.remove(more, Removal.TRANSLATION, item)
            more = self.copies_of(more)
            self.remove(more, removal, item)
            self.repeats |= more
            cluster |= more

    def put(self, item: int) -> None:
        """List an item; remove its repeats and the candidates over a cap."""
        self.listed.append(item)
        self.remove_repeats(self.copies_of({item}), Removal.DUPLICATE, item)
        self.left.discard(item)
        for removal, link, cap in (
            (Removal.STORY_CAP, of_one_story, self.rules.story_cap),
            (Removal.COPY_CAP, of_one_pattern, self.rules.copy_cap),
        ):
            full = {place for place in self.left if self.cluster_size(place, link) > cap}
            self.remove(full, removal, item)
        for share, bounds in enumerate(self.rules.shares):
            if share in self.candidates[item].members and self.listed_of(share) >= bounds.most:
                surplus = self.members_left(share)
                self.remove(surplus, Removal.SHARE_CAP, item)
                for place in surplus:
                    self.shares[place] = share

    def members_left(self, share: int) -> set[int]:
        return {place for place in self.left if share in self.candidates[place].members}

    def listed_of(self, share: int) -> int:
        return sum(share in self.candidates[place].members for place in self.listed)

    def owed(self, places: int) -> list[int]:
        """The shares to whose members all places that are left are owed; earlier shares first."""
        owed, free = [], places
        for share, bounds in enumerate(self.rules.shares):
            need = min(bounds.least - self.listed_of(share), len(self.members_left(share)), free)
            if need > 0:
                owed.append(share)
                free -= need
        return [] if free else owed

    def cluster_size(self, place: int, link: Callable[..., bool]) -> int:
        """How many items the cluster of a candidate would have, with it, if it were listed."""
        some = [self.candidates[one] for one in (place, *self.listed)]
        return len(linked(some, {0}, lambda one, two: link(one, two, self.rules)))

    def put_best(self, scale: tuple[float, float], places: int, *, first: bool) -> None:
        worst, best = scale
        owed = self.owed(places)
        among = set().union(*map(self.members_left, owed)) if owed else self.left

        def merit(place: int) -> tuple[float, int]:
            one = self.candidates[place]
            if first or not self.rules.diversity:
                return one.value, -place
            nearest = max(0.0, *(cosine(one, self.candidates[other]) for other in self.listed))
            scaled = (one.value - worst) / (best - worst) if best > worst else 0.0
            return (1 - self.rules.diversity) * scaled - self.rules.diversity * nearest, -place

        def newness(place: int) -> tuple[float, float, int]:
            one = self.candidates[place]
            return -inf if isnan(one.time) else one.time, one.value, -place

        pick = max(among, key=merit)
        item = max(self.copies_of({pick}) & among, key=newness)
        kept_by = [share for share in owed if share in self.candidates[item].members]
        self.shares[item] = kept_by[0] if kept_by else NO_SHARE
        self.put(item)


def slow(
    candidates: Sequence[Candidate],
    limit: int,
    rules: SelectionRules,
    seed_minhashes: Sequence[MinHash],
    above: Sequence[Candidate],
    shown_on_page: set[int],
) -> tuple[Sequence[int], ...]:
    """Positions, removals, why, repeats and shares, as a `Selection` holds them."""
    size = len(above)
    draft = SlowSelection([*above, *candidates], rules)
    seeds = [Candidate(0.0, minhash=text) for text in seed_minhashes]
    every = range(size + len(candidates))
    like_seed = {p for p in every if any(draft.is_copy(draft.candidates[p], one) for one in seeds)}
    draft.remove_repeats(draft.copies_of(like_seed), Removal.DUPLICATE_OF_SEED)
    draft.remove_repeats(draft.copies_of({size + p for p in shown_on_page}), Removal.DUPLICATE)
    draft.left |= set(range(size))
    for item in range(size):
        draft.put(item)
    values = [draft.candidates[place].value for place in draft.left]
    scale = (min(values, default=0.0), max(values, default=0.0))
    while draft.left and len(draft.listed) - size < limit:
        places = limit - (len(draft.listed) - size)
        draft.put_best(scale, places, first=len(draft.listed) == size)
    return (
        [place - size for place in draft.listed[size:]],
        draft.removals[size:],
        [max(-1, item - size) for item in draft.because_of[size:]],
        [place in draft.repeats for place in every[size:]],
        draft.shares[size:],
    )


def as_lists(found: Selection) -> tuple[Sequence[int], ...]:
    none = np.full(len(found.removals), NO_SHARE)
    shares = none if found.shares is None else found.shares
    parts = (found.positions, found.removals, found.because_of, found.repeats, shares)
    return tuple(part.tolist() for part in parts)


@examples(600)
@given(CANDIDATES, st.integers(0, 12), RULES, SEED_MINHASHES)
def test_a_selection_is_that_of_the_slow_oracle(
    candidates: list[Candidate], limit: int, rules: SelectionRules, seed_minhashes: list[MinHash]
) -> None:
    expected = slow(candidates, limit, rules, seed_minhashes, (), set())
    assert as_lists(selection(candidates, limit, rules, seed_minhashes)) == expected


ABOVE_WITH_A_TRANSLATION = numbered(
    [
        Candidate(1.0),
        Candidate(1.0),
        Candidate(1.0, HALVES[1], translates=0),  # near to both, and to the fourth
        Candidate(1.0, HALVES[2]),
    ]
)


@example(ABOVE_WITH_A_TRANSLATION, replace(NOTHING, story_likeness=0.75, story_cap=3), [], 3, set())
@examples(400)
@given(CANDIDATES, RULES, SEED_MINHASHES, st.integers(1, 3), PLACES)
def test_a_selection_under_listed_items_is_that_of_the_slow_oracle(
    candidates: list[Candidate],
    rules: SelectionRules,
    seed_minhashes: list[MinHash],
    above: int,
    shown: set[int],
) -> None:
    """Listed items may be duplicates, as pins may; other lists of the page show some."""
    listed, rest = candidates[:above], candidates[above:]
    shown = {place for place in shown if place < len(rest)}
    expected = slow(rest, 9, rules, seed_minhashes, listed, shown)
    assert as_lists(selection(rest, 9, rules, seed_minhashes, listed, shown)) == expected


OF_SHARE = frozenset({0})


def with_share(least: int, most: int) -> SelectionRules:
    nobody = ShareBounds(0, 9)
    return replace(NOTHING, shares=(ShareBounds(least, most), nobody))


@pytest.mark.parametrize(
    ("members", "rules", "listed"),
    [
        pytest.param({4, 5}, with_share(2, 9), [0, 1, 4, 5], id="the last places are kept"),
        pytest.param({0, 5}, with_share(2, 9), [0, 1, 2, 5], id="one earns its place"),
        pytest.param({0, 1, 5}, with_share(2, 9), [0, 1, 2, 3], id="both earn theirs"),
        pytest.param({5}, with_share(3, 9), [0, 1, 2, 5], id="there are too few"),
        pytest.param({0, 1, 2}, with_share(0, 1), [0, 3, 4, 5], id="at most one"),
        pytest.param({1, 2, 5}, with_share(2, 2), [0, 1, 2, 3], id="just two"),
    ],
)
def test_places_are_kept_for_a_share_and_bounded(
    members: set[int], rules: SelectionRules, listed: list[int]
) -> None:
    values = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    candidates = [
        Candidate(value, members=OF_SHARE if place in members else frozenset())
        for place, value in enumerate(values)
    ]
    assert selected(candidates, 4, rules) == listed


@pytest.mark.long
@examples(300)
@given(CANDIDATES, st.integers(0, 12), RULES, SEED_MINHASHES, st.integers(0, 4))
def test_a_share_has_its_places_as_long_as_a_member_may_be_listed(
    candidates: list[Candidate],
    limit: int,
    rules: SelectionRules,
    seed_minhashes: list[MinHash],
    least: int,
) -> None:
    rules = replace(rules, shares=(ShareBounds(least, 9), ShareBounds(0, 9)))
    found = selection(candidates, limit, rules, seed_minhashes)
    listed = set(found.positions.tolist())
    members = {place for place, one in enumerate(candidates) if 0 in one.members and one.listable}
    waiting = {place for place in members - listed if found.removals[place] == Removal.NONE}
    assert len(members & listed) >= min(least, limit) or not waiting


AWAY, ACROSS = (-0.5, -0.5, -0.5, -0.5, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("diversity", "others", "order"),
    [
        pytest.param(
            *(0.5, [Candidate(1.0), Candidate(0.75, OTHER)], [0, 2, 1, 3]),
            id="0.5 * 0.75 - 0.5 * 0.5 is more than 0.5 * 1 - 0.5 * 1",
        ),
        pytest.param(
            *(0.25, [Candidate(0.7), Candidate(0.2, OTHER)], [0, 1, 2, 3]),
            id="0.75 * 0.7 - 0.25 is more than 0.75 * 0.2 - 0.25 * 0.5",
        ),
        pytest.param(
            *(0.5, [Candidate(0.5, AWAY), Candidate(0.6, ACROSS)], [0, 2, 1, 3]),
            id="a cosine below 0 counts as 0, so that leaves half of 0.6 and half of 0.5",
        ),
    ],
)
def test_a_value_is_weighed_against_the_likeness_to_the_items_above(
    diversity: float, others: list[Candidate], order: list[int]
) -> None:
    rules = replace(NOTHING, diversity=diversity)
    candidates = [Candidate(1.0), *others, Candidate(0.0)]
    assert selected(candidates, 4, rules) == order
    weak = [replace(one, value=0.11 + one.value / 100) for one in candidates]
    assert selected(weak, 4, rules) == order  # only how values differ counts


def test_the_newest_duplicate_takes_the_rank_of_the_best_one() -> None:
    """The last shares nothing with the first, but half with a text between them."""
    candidates = [
        Candidate(1.0, minhash=(1, 1, 1, 1), time=1.0),
        Candidate(0.9, minhash=(1, 1, 2, 2), time=3.0),
        Candidate(0.85, minhash=(9, 9, 9, 9), time=9.0),
        Candidate(0.8, minhash=(3, 3, 2, 2), time=2.0),
    ]
    found = selection(candidates, 4, replace(NOTHING, duplicate_overlap=0.5))
    assert found.positions.tolist() == [1, 2]
    assert found.removals.tolist() == [Removal.DUPLICATE, 0, 0, Removal.DUPLICATE]
    assert found.because_of.tolist() == [1, -1, -1, 1]
    types = [str(part.dtype) for part in (found.positions, found.removals, found.because_of)]
    assert types == ["int64", "int8", "int64"]


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        pytest.param((nan, nan), 0, id="of the undated the better value"),
        pytest.param((nan, 0.0), 1, id="the undated are oldest"),
        pytest.param((5.0, 5.0), 0, id="of the equally new the better value"),
        pytest.param((-2.0, -1.0), 1, id="before 1970"),
    ],
)
def test_among_duplicates_time_decides_and_then_value(
    times: tuple[float, ...], newest: int
) -> None:
    candidates = [
        Candidate(0.5 - place / 4, minhash=(1, 1, 1, 1), time=time)
        for place, time in enumerate(times)
    ]
    rules = replace(NOTHING, duplicate_overlap=0.5)
    assert selected(candidates, 2, rules) == [newest]
    assert selected(candidates[::-1], 2, rules) == [1 - newest]


def test_a_template_is_that_of_the_duplicate_that_is_listed() -> None:
    """Of two duplicates the newer is listed; one note resembles it, one the older."""
    older = Candidate(1.0, minhash=(1, 1, 1, 1), time=1.0, author=4)
    newer = replace(older, value=0.9, minhash=(1, 1, 2, 3), time=2.0)
    of_newer = replace(older, value=0.8, minhash=(9, 9, 2, 9))
    of_older = replace(older, value=0.7, minhash=(9, 9, 1, 9))
    rules = replace(NOTHING, duplicate_overlap=0.5, copy_overlap=0.25, copy_cap=1)
    found = selection([older, newer, of_newer, of_older], 4, rules)
    assert found.positions.tolist() == [1, 3]
    assert found.removals.tolist() == [Removal.DUPLICATE, 0, Removal.COPY_CAP, 0]


def test_a_story_fills_no_more_than_its_cap() -> None:
    rules = replace(NOTHING, story_likeness=0.75, story_cap=2)
    story = [Candidate(1 - place / 16) for place in range(5)]
    found = selection([*story, Candidate(0.1, OTHER), Candidate(0.05, OTHER)], 12, rules)
    assert found.positions.tolist() == [0, 1, 5, 6]
    assert found.removals.tolist() == [0, 0, *[Removal.STORY_CAP] * 3, 0, 0]
    assert found.because_of.tolist() == [-1, -1, 1, 1, 1, -1, -1]


def pool_with(signatures: NDArray[Any], **columns: Any) -> CandidatePool:
    """Texts unlike each other in all but their MinHashes, by descending value."""
    size = len(signatures)
    plain: dict[str, Any] = {
        "values": np.linspace(1, 0.1, size),
        "vectors": np.eye(size, dtype=np.float32),
        "minhashes": signatures.astype(np.uint16),
        "text_clusters": np.full(size, UNKNOWN_CLUSTER),
        "times": np.arange(float(size)),
        "authors": np.zeros(size, np.int64),
        "hosts": np.zeros(size, np.int64),
        "embedded": np.ones(size, np.bool_),
        "id_hashes": np.arange(size),
        "translates": np.arange(size),
        "members": np.zeros((size, 0), np.bool_),
    }
    return CandidatePool(**plain | columns)


TEMPLATE_RULES = replace(NOTHING, duplicate_overlap=0.4, copy_overlap=0.15, copy_cap=2)
NO_SEED = np.empty((0, 128), np.uint16)


@pytest.mark.parametrize(
    ("author", "shared", "listed"), [(0, 17, 8), (0, 35, 8), (0, 36, 2), (5, 19, 8), (5, 20, 2)]
)
def test_briefs_with_one_footer_share_a_template_only_if_they_share_the_author(
    author: int, shared: int, listed: int
) -> None:
    """All that a newsroom publishes has its host: that counts from 0.275 of 128 places on."""
    signatures = np.arange(1, 8 * 128 + 1).reshape(8, 128)
    signatures[:, :shared] = 9_999
    pool = pool_with(signatures, authors=np.full(8, author), hosts=np.full(8, 7))
    found = select(pool, 12, rules=TEMPLATE_RULES, seed_minhashes=NO_SEED)
    assert found.positions.tolist() == [*range(listed)]


def test_articles_without_author_or_host_share_none() -> None:
    rules = replace(NOTHING, copy_overlap=0.5, copy_cap=1)
    assert selected([Candidate(0.5, minhash=(7, 7, 7, 7))] * 3, 3, rules) == [0, 1, 2]


@pytest.mark.parametrize(
    ("copy", "duplicate", "host"),
    [(0.25, 0.75, 0.5), (0.5, 0.25, 0.5), (0.5, NEVER, 0.75), (NEVER, 0.5, NEVER), (1.0, 1.0, 1.0)],
)
def test_the_bound_of_a_host_is_midway_and_never_below_that_of_an_author(
    copy: float, duplicate: float, host: float
) -> None:
    """Switching one duplicate rule off switches no other off."""
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


def test_among_translations_the_best_stays_and_not_the_newest() -> None:
    found = selection(LANGUAGES, 9)
    assert found.positions.tolist() == [0, 3, 5]
    gone = Removal.TRANSLATION
    assert found.removals.tolist() == [0, gone, gone, 0, gone, 0]
    assert found.because_of.tolist() == [-1, 0, 0, -1, 3, -1]
    assert found.repeats.tolist() == [False, True, True, False, True, False]
    assert selected(LANGUAGES[::-1], 9) == [5, 2, 0]


def test_a_long_chain_of_translations_is_one_group() -> None:
    own = np.random.default_rng(3).permutation(1_000)
    found = translation_groups(own, np.maximum(own - 1, 0))
    assert found is not None
    assert len(np.unique(found)) == 1


SKIES = ("clear", "cloudy", "hazy", "stormy", "grey", "bright", "low", "heavy", "dark", "pale")
TOWNS = (
    *("Khorog", "Murghab", "Osh", "Naryn", "Talas"),
    *("Batken", "Isfara", "Kulob", "Hisor", "Vahdat"),
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
    pool = pool_with(np.concatenate([signatures, others]), authors=np.repeat([7, 0], 10))
    found = select(pool, 12, rules=TEMPLATE_RULES, seed_minhashes=NO_SEED)
    assert found.positions.tolist() == [0, 1, *range(10, 20)]
    assert found.removals.tolist() == [0, 0, *[Removal.COPY_CAP] * 8, *[0] * 10]


def variants(number: int) -> NDArray[np.uint16]:
    """Signatures of machine-written texts: many overlap by 0.4 or more, none is another's copy."""
    rng = np.random.default_rng(0)
    own = rng.integers(1, 2**16, (number, 128))
    return np.where(rng.random((number, 128)) < 0.63, own[0], own).astype(np.uint16)


def chain(number: int) -> NDArray[np.uint16]:
    """Each shares half with the one before it, and nothing with the others."""
    rng = np.random.default_rng(0)
    found = rng.integers(1, 2**16, (number, 128))
    for at in range(1, number):
        half = slice(64) if at % 2 else slice(64, 128)
        found[at, half] = found[at - 1, half]
    return rng.permutation(found).astype(np.uint16)


def random_pool(signatures: NDArray[np.uint16]) -> CandidatePool:
    """Texts of one author, with values, vectors and times at random."""
    size, rng = len(signatures), np.random.default_rng(1)
    vectors = rng.normal(size=(size, 384)).astype(np.float32)
    return pool_with(
        signatures,
        values=rng.random(size),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        times=rng.random(size),
        authors=np.ones(size, np.int64),
        hosts=np.ones(size, np.int64),
    )


@pytest.mark.parametrize("make", [variants, chain])
def test_the_duplicates_of_a_text_are_searched_once(
    make: Callable[[int], NDArray[np.uint16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds for the seed, for listed items and for selected ones."""
    asked: list[int] = []

    def near(places: Any, seed_minhashes: Any, least: int) -> Any:
        asked.append(len(seed_minhashes))
        return _near(places, seed_minhashes, least)

    monkeypatch.setattr(duplicates, "_near", near)
    signatures, rules = make(400), replace(NOTHING, duplicate_overlap=0.4)
    listed, seed_minhashes = random_pool(signatures[:50]), signatures[50:90]
    pool = random_pool(np.concatenate([signatures[90:], signatures[90:190]]))
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
    """On any machine less than to compare all pairs of them once."""
    pool, rules = random_pool(make(800)), SelectionRules.of(Policy(), 12)

    def compare_all() -> None:
        for one in pool.minhashes:
            (one == pool.minhashes).sum(axis=1)

    little = least_seconds(
        lambda: select(pool, 12, rules=rules, seed_minhashes=pool.minhashes[:1]), times=5
    )
    assert little < least_seconds(compare_all, times=2)


def least_seconds(work: Callable[[], object], times: int) -> float:
    """The processor time of the cheapest of some runs."""
    spent = []
    for _ in range(times):
        begun = process_time()
        work()
        spent.append(process_time() - begun)
    return min(spent)


@pytest.mark.long
@examples(200)
@given(CANDIDATES, RULES, SEED_MINHASHES, PLACES)
def test_numbers_of_text_clusters_change_no_list(
    candidates: list[Candidate],
    rules: SelectionRules,
    seed_minhashes: list[MinHash],
    unnumbered: set[int],
) -> None:
    """They only save comparisons; rows of the delta have none."""
    pool = pool_of(candidates)
    wide = replace(pool, minhashes=np.repeat(pool.minhashes, 32, axis=1))
    numbers = number_text_clusters(wide.minhashes)
    numbers[mask(unnumbered, len(pool))] = UNKNOWN_CLUSTER
    seeds = np.repeat(np.array(seed_minhashes, np.uint16).reshape(-1, 4), 32, axis=1)
    with_numbers, without = (
        as_lists(select(one, 9, rules=rules, seed_minhashes=seeds))
        for one in (replace(wide, text_clusters=numbers), wide)
    )
    assert with_numbers == without


@pytest.mark.long
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


@pytest.mark.parametrize(
    "values",
    [(-3.0, -1.0, -2.0), (-1e18, 1.7e9, 1.7e9 + 1, 1.7e9 + 2), (-1e18, -5.0, -1e18)],
)
def test_times_before_1970_and_the_undated_still_descend(values: tuple[float, ...]) -> None:
    order = sorted(range(len(values)), key=lambda place: (-values[place], place))
    assert selected([Candidate(value) for value in values], 9) == order
