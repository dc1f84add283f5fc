"""A list of which its basis says that it holds is the list that is made after a change.

The oracle is the list itself, made anew over the later view. Archives are small and drawn by number
(tests/support/drawn_archives.py); searches are cut after a few candidates, as they are in archives
a thousand times as large.
"""

import gc
import random
import tracemalloc
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from sys import getsizeof
from typing import Any, Final, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import DeltaWriter, View
from recommender.analysis.embedding import Encoder, Model
from recommender.api import MODES, ListOptions, Override
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.basis import Basis, Compared
from recommender.ranking.candidates import ListRequest
from recommender.ranking.overrides import HiddenArticles, Overrides
from recommender.ranking.policy import Policy
from recommender.ranking.related import MOST_CANDIDATES, list_related
from recommender.ranking.scoring import Seed, find_seed
from recommender.ranking.site_rules import Condition, SiteRule
from recommender.web.kept_answers import BASIS_BYTES, FILTER_BYTES
from tests.support.drawn_archives import (
    DIM,
    LANGUAGES,
    MODELS,
    NOW,
    ViewFactory,
    article_of,
    cut,
    drawn,
    fresh,
    model_of,
    name,
    status_fields,
)
from tests.support.properties import examples

LARGEST: Final = (6, 7, 8)
NOW_SECONDS: Final = NOW.timestamp()
VISITED: Final = "index.vector_search.Vectors.count_visited"
RULES: Final = (
    SiteRule(name="a", action="never", items=Condition(section="farm")),
    SiteRule(name="b", action="boost", by=0.2, items=Condition(tag="port")),
    SiteRule(name="c", action="share", at_least=1, items=Condition(section="city")),
)
options = st.builds(
    ListOptions,
    limit=st.integers(1, 3),
    offset=st.sampled_from([0, 0, 0, 2, 12]),
    mode=st.sampled_from([MODES[0], *MODES]),
    language=st.sampled_from([None, None, "any", "en", "ru,zgh", "-en"]),
    section=st.sampled_from([None, None, None, "city", "-farm"]),
    diversity=st.sampled_from([None, 0.0, 0.5]),
)
policies = st.builds(
    Policy,
    candidates=st.integers(2, 6),
    threshold=st.sampled_from([0.0, 0.02]),
    words_threshold=st.sampled_from([0.0, 0.02]),
    duplicate_overlap=st.sampled_from([0.3, 0.6]),
    fallback=st.booleans(),
    untitled=st.booleans(),
    neighbour_weight=st.sampled_from([0.0, 0.3]),
    rules=st.lists(st.sampled_from(RULES), max_size=2, unique_by=lambda one: one.name).map(tuple),
)


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, fake_encoder: Encoder) -> ViewFactory:
    return ViewFactory(tmp_path_factory.mktemp("archives"), fake_encoder)


@dataclass
class Newsroom:
    """An archive that changes: each change makes a later view of the same snapshot."""

    factory: ViewFactory
    model: Model
    draw: random.Random
    size: int
    writer: DeltaWriter

    @classmethod
    def of(cls, factory: ViewFactory, number: int, kind: str, salt: int, **build: int) -> Self:
        model, documents = model_of(kind), drawn(number)
        known = [factory.known(article_of(one)) for one in documents.values()]
        key = f"{number} {kind} {build}"
        if key not in factory.kept:
            view = factory.build(known, model, **build)
            factory.kept[key] = view, view
        writer = DeltaWriter(View.of(factory.kept[key][0].snapshot))
        draw = random.Random(f"changes {number} {salt}")  # noqa: S311
        return cls(factory, model, draw, len(documents), writer)

    def change(self) -> View:
        """Write, change or delete one article."""
        draw, at = self.draw, self.draw.randrange(self.size + 20)
        kind = draw.choices(["new", "text", "status", "gone", "unread"], (6, 3, 2, 2, 1))[0]
        tag = draw.choices([*LANGUAGES], (8, 4, 2, 3, 2))[0]
        article_id = f"new-{draw.randrange(10**6)}" if kind == "new" else name(at)
        if kind == "gone":
            return self.writer.apply(self.rows([]), {article_id})
        text = fresh(draw, tag)
        if kind == "text" and draw.random() < 0.5:
            text = cut(draw, text, tag)
        fields = status_fields(draw, at, self.size)
        article = article_of({"id": article_id, "language": tag} | fields | text)
        return self.writer.apply(
            self.rows([self.factory.known(article, read=kind != "unread")]), set()
        )

    def rows(self, known: Sequence[IndexedDocument]) -> Any:
        return build_rows(known, self.model, DIM)


def seeds_of(view: View) -> Iterator[Seed]:
    """The seeds whose text was read."""
    for row in range(len(view)):
        if view.present[row]:
            seed = find_seed(view, view.id_of(row))
            if seed.terms is not None:
                yield seed


def request_for(
    view: View, seed: Seed, wanted: ListOptions, policy: Policy, overrides: Overrides
) -> ListRequest:
    return ListRequest(view, seed, wanted, policy, NOW_SECONDS, overrides.at(NOW_SECONDS))


def count_visited(_: object, count: int, _limit: int) -> int:
    """A few lists of the index, as in an archive a thousand times as large."""
    return 1 + 120 // max(count, 1)


def compare(
    newsroom: Newsroom,
    wanted: ListOptions,
    policy: Policy,
    overrides: Overrides,
    *,
    before: int = 3,
    changes: int = 4,
) -> Counter[str]:
    """Make the lists of all seeds, change the archive, and compare those that hold."""
    view = newsroom.writer.view
    for _ in range(before):
        view = newsroom.change()
    made = []
    for seed in seeds_of(view):
        request = request_for(view, seed, wanted, policy, overrides)
        related = list_related(request)
        made.append((seed.id, related, Basis.of(request, related)))
    seen = Counter[str]({"made": len(made), "known": sum(one[2] is not None for one in made)})
    for _ in range(changes):
        view = newsroom.change()
        for article_id, related, basis in made:
            if basis is None or not basis.holds(view, NOW_SECONDS):
                continue
            seen["held"] += 1
            again = request_for(view, find_seed(view, article_id), wanted, policy, overrides)
            assert list_related(again) == related
    return seen


overrides = st.builds(
    Overrides,
    pins=st.sampled_from([(), (), (Override(id=name(3)),), (Override(id=name(30)),)]),
    blocks=st.sampled_from([(), (Override(id=name(4)),)]),
    hidden=st.just(HiddenArticles(frozenset({name(5)}))),
)
archives = st.tuples(
    st.sampled_from(LARGEST), st.sampled_from(sorted(MODELS)), st.integers(0, 10**6)
)


@pytest.mark.long
@examples(60)
@given(archive=archives, wanted=options, policy=policies, of_editors=overrides)
def test_a_list_that_holds_is_the_list_that_is_made_anew(
    factory: ViewFactory,
    archive: tuple[int, str, int],
    wanted: ListOptions,
    policy: Policy,
    of_editors: Overrides,
) -> None:
    compare(Newsroom.of(factory, *archive), wanted, policy, of_editors)


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(MODELS))
@pytest.mark.parametrize("ivf", [False, True])
def test_most_lists_hold_through_a_change_and_are_right(
    factory: ViewFactory, monkeypatch: pytest.MonkeyPatch, kind: str, *, ivf: bool
) -> None:
    """Otherwise the property would say nothing."""
    build = {"ivf_above": 20} if ivf else {}
    if ivf:
        monkeypatch.setattr(VISITED, count_visited)
    policy = Policy(candidates=3, threshold=0.0, words_threshold=0.0, story_cap=100, fallback=False)
    seen = Counter[str]()
    for salt in range(4):
        newsroom = Newsroom.of(factory, 8, kind, salt, **build)
        seen += compare(newsroom, ListOptions(limit=2), policy, Overrides())
    assert seen["known"] > seen["made"] / 3
    assert seen["held"] > seen["known"]  # of four times as many


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_list_does_not_hold_where_it_changes(factory: ViewFactory, kind: str) -> None:
    """Of lists that become others none holds, and such lists there are."""
    policy = Policy(candidates=3, threshold=0.0, words_threshold=0.0, fallback=False)
    changed = 0
    for salt in range(8):
        newsroom = Newsroom.of(factory, 8, kind, salt)
        view, wanted = newsroom.writer.view, ListOptions(limit=2)
        made = {
            seed.id: (request, list_related(request))
            for seed in seeds_of(view)
            for request in [request_for(view, seed, wanted, policy, Overrides())]
        }
        view = newsroom.change()
        for seed in seeds_of(view):
            if seed.id in made:
                request, before = made[seed.id]
                after = list_related(request_for(view, seed, wanted, policy, Overrides()))
                basis = Basis.of(request, before)
                if after != before and basis is not None:
                    assert not basis.holds(view, NOW_SECONDS)
                    changed += 1
    assert changed > 10


def test_a_list_does_not_hold_where_the_search_would_visit_more(
    factory: ViewFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer allowed rows are searched more thoroughly, which may find others."""
    newsroom = Newsroom.of(factory, 8, "of all languages", 0, ivf_above=20)
    monkeypatch.setattr(VISITED, lambda *_: 3)
    view, policy = newsroom.writer.view, Policy(candidates=3, threshold=0.0, fallback=False)
    wanted_of = set[int]()

    def visited(_: object, count: int, wanted: int) -> int:
        wanted_of.add(wanted)
        return 200 - count

    made = []
    for seed in seeds_of(view):
        request = request_for(view, seed, ListOptions(limit=1), policy, Overrides())
        basis = Basis.of(request, list_related(request))
        if basis is not None:
            made.append(basis)
    assert made
    unrelated = set(range(len(view))) - {row for basis in made for row in basis.rows.tolist()}
    gone = view.id_of(unrelated.pop())
    later = newsroom.writer.apply(build_rows([], newsroom.model, DIM), {gone})
    assert all(basis.holds(later, NOW_SECONDS) for basis in made)
    monkeypatch.setattr(VISITED, visited)
    assert not any(basis.holds(later, NOW_SECONDS) for basis in made)
    assert policy.candidates in wanted_of <= {policy.candidates, MOST_CANDIDATES}


@pytest.mark.parametrize("link", ["of the seed", "to what the seed translates", "itself"])
def test_a_list_does_not_hold_once_a_translation_of_its_seed_comes(
    factory: ViewFactory, link: str
) -> None:
    newsroom = Newsroom.of(factory, 8, "of English", 0)
    policy = Policy(candidates=3, threshold=0.0, words_threshold=0.0, fallback=False)
    seed_fields = {"id": "seed", "language": "en", "translation_of": "group", "section": "city"}
    draw = random.Random("a seed")  # noqa: S311
    article = article_of(seed_fields | fresh(draw, "en"))
    view = newsroom.writer.apply(newsroom.rows([factory.known(article)]), set())
    request = request_for(view, find_seed(view, "seed"), ListOptions(limit=1), policy, Overrides())
    basis = Basis.of(request, list_related(request))
    assert basis is not None
    links: dict[str, dict[str, Any]] = {
        "of the seed": {"id": "new", "translation_of": "seed"},
        "to what the seed translates": {"id": "new", "translation_of": "group"},
        "itself": {"id": "group"},
    }
    for fields, holds in (({"id": "other"}, True), (links[link], False)):
        text = fresh(random.Random("far"), "tg-Cyrl-TJ")  # noqa: S311
        arrived = article_of({"language": "tg-Cyrl-TJ", "section": "city"} | fields | text)
        view = newsroom.writer.apply(newsroom.rows([factory.known(arrived)]), set())
        assert basis.holds(view, NOW_SECONDS) == holds


def test_a_list_does_not_hold_without_a_translation_of_its_seed(factory: ViewFactory) -> None:
    """Whatever resembled the translation may be listed then."""
    newsroom = Newsroom.of(factory, 8, "of English", 0)
    policy = Policy(candidates=3, threshold=0.0, words_threshold=0.0, fallback=False)
    draw = random.Random("a seed")  # noqa: S311
    seed, other = (
        article_of({"id": one, "language": tag} | more | fresh(draw, tag))
        for one, tag, more in (
            *(("seed", "en", {}), ("other", "tg-Cyrl-TJ", {"translation_of": "seed"})),
        )
    )
    view = newsroom.writer.apply(newsroom.rows([*map(factory.known, (other, seed))]), set())
    request = request_for(view, find_seed(view, "seed"), ListOptions(limit=1), policy, Overrides())
    basis = Basis.of(request, list_related(request))
    assert basis is not None
    assert basis.holds(view, NOW_SECONDS)
    assert not basis.holds(newsroom.writer.apply(newsroom.rows([]), {"other"}), NOW_SECONDS)


def test_nothing_is_said_of_a_list_that_keeps_places_for_members_of_a_share(
    factory: ViewFactory,
) -> None:
    view = Newsroom.of(factory, 8, "of English", 0).writer.view
    known = Counter[bool]()
    for rules in ((), RULES):
        policy = Policy(candidates=3, threshold=0.0, words_threshold=0.0, rules=rules)
        for seed in seeds_of(view):
            request = request_for(view, seed, ListOptions(limit=1), policy, Overrides())
            known[bool(rules)] += Basis.of(request, list_related(request)) is not None
    assert known[False] > 0
    assert known[True] == 0


@pytest.mark.parametrize("tags", ["", ",".join(f"-{number:02}" for number in range(60))])
def test_the_memory_of_bases_is_no_more_than_what_is_counted(
    factory: ViewFactory, tags: str
) -> None:
    view = Newsroom.of(factory, 8, "of all languages", 0).change()
    policy = Policy(candidates=3, threshold=0.0)
    wanted = [ListOptions(limit=1, tag=tags or None) for _ in range(5)]
    requests = [
        request_for(view, seed, one, policy, Overrides())
        for one in wanted
        for seed in seeds_of(view)
    ]
    made = [(request, list_related(request)) for request in requests]
    Basis.of(*made[0])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for request, _ in made:
            vars(request).pop("wanted", None)  # is made again, with its own values
        bases = [*filter(None, (Basis.of(request, related) for request, related in made))]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(bases) > 50
    of_filters = FILTER_BYTES * len(f"tag={tags}") * len(bases) if tags else 0
    of_numbers = sum(getsizeof(basis.packed) for basis in bases)
    assert taken <= of_numbers + BASIS_BYTES * len(bases) + of_filters


numbers = st.integers(0, 2**40)
hashes = st.integers(-(2**63), 2**63 - 1)


@given(
    numbers=st.tuples(numbers, numbers, numbers, *[st.floats(-1, 1) | st.just(-inf)] * 2),
    searches=st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple),
    linked=st.lists(hashes, max_size=3).map(tuple),
    rows=st.sets(st.integers(0, 300) | numbers, min_size=1, max_size=9).map(sorted),
)
def test_what_was_compared_is_unpacked_as_it_was_packed(
    numbers: tuple[int, int, int, float, float],
    searches: tuple[tuple[int, int], ...],
    linked: tuple[int, ...],
    rows: list[int],
) -> None:
    compared = Compared(*numbers, searches, linked, np.array(rows, np.int64))
    again = Compared.unpack(compared.pack())
    assert (*again[:-1], again.rows.tolist()) == (*compared[:-1], rows)


def test_a_basis_keeps_no_view_open(factory: ViewFactory) -> None:
    view = Newsroom.of(factory, 8, "of English", 0).change()
    wanted, policy = ListOptions(limit=1), Policy(candidates=3)
    requests = (request_for(view, seed, wanted, policy, Overrides()) for seed in seeds_of(view))
    bases = (Basis.of(request, list_related(request)) for request in requests)
    assert not reaches(next(filter(None, bases)), view.snapshot)


def reaches(one: object, other: object) -> bool:
    """Whether an object refers to another, through any others but modules and types."""
    seen, todo = {id(one)}, [one]
    while todo:
        for found in gc.get_referents(todo.pop()):
            if found is other:
                return True
            if id(found) not in seen and not isinstance(found, (types.ModuleType, type)):
                seen.add(id(found))
                todo.append(found)
    return False
