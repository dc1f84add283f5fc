"""Baselines and traits over the desk, against slow computations."""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Catalog, View
from recommender.analysis.minhash import compute_minhash
from recommender.analysis.tokens import tokenize
from recommender.api import ListOptions
from recommender.articles import Article, parse_article
from recommender.evaluation.baselines import BASELINES, run_baselines
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.runs import Bench, plain_articles
from recommender.evaluation.scoreboard import sample_evenly, sample_seeds, traits_of
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import open_store

Document = dict[str, Any]
NOW = datetime(2026, 10, 20, 12, tzinfo=UTC).timestamp()
SEED = "harbour-3"


@pytest.fixture(scope="module")
def articles(desk_settings: Settings) -> list[Article]:
    store = open_store(desk_settings.database_url)
    found = list(plain_articles(store))
    store.close()
    return found


@pytest.fixture(scope="module")
def bench(desk_settings: Settings, articles: list[Article]) -> Bench:
    view = View.of(Catalog(desk_settings.data.snapshots).open_live())
    return Bench(Dataset((), (), {}, (), None), view, texts=lambda: articles, now=NOW)


@pytest.fixture(scope="module")
def listed(bench: Bench) -> dict[str, tuple[str, ...]]:
    found = run_baselines(bench, [SEED], 100)
    assert list(found) == list(BASELINES)
    return {name: lists[SEED] for name, lists in found.items() if not isinstance(lists, str)}


@pytest.fixture(scope="module")
def allowed(bench: Bench) -> set[str]:
    """The articles that the product's filters allow for the seed."""
    seed = find_seed(bench.view, SEED)
    rows = ListRequest(bench.view, seed, bench.options(), RELEVANCE_ONLY, NOW).rows.eligible
    return {bench.view.id_of(row) for row in np.flatnonzero(rows).tolist()}


def test_every_baseline_keeps_to_the_filters(
    listed: dict[str, tuple[str, ...]], allowed: set[str]
) -> None:
    assert set(listed) == set(BASELINES)
    for ids in listed.values():
        assert set(ids) <= allowed
        assert len(set(ids)) == len(ids)


def test_latest_is_the_section_newest_first(
    listed: dict[str, tuple[str, ...]], allowed: set[str], desk_documents: dict[str, Document]
) -> None:
    section = desk_documents[SEED]["section"]
    here = {one for one in allowed if desk_documents[one].get("section") == section}
    dates = [desk_documents[one].get("published_at", "") for one in listed["latest"]]
    assert set(listed["latest"]) == here
    assert dates == sorted(dates, reverse=True)


def test_tags_are_most_shared_then_newest(
    listed: dict[str, tuple[str, ...]], allowed: set[str], desk_documents: dict[str, Document]
) -> None:
    own = set(desk_documents[SEED]["tags"])
    shared = {one: len(own & set(desk_documents[one].get("tags", ()))) for one in allowed}
    assert set(listed["tags"]) == {one for one, count in shared.items() if count}
    keys = [(shared[one], desk_documents[one].get("published_at", "")) for one in listed["tags"]]
    assert keys == sorted(keys, reverse=True)


def test_dense_is_the_nearest_by_vector_alone(
    listed: dict[str, tuple[str, ...]], allowed: set[str], bench: Bench
) -> None:
    ids = sorted(allowed)
    rows = np.array([bench.view.row_of(one) for one in ids], np.int64)
    vector = find_seed(bench.view, SEED).vector
    assert vector is not None
    cosines = dict(zip(ids, (bench.view.fetch(rows) @ vector).tolist(), strict=True))
    got = [cosines[one] for one in listed["dense"]]
    assert len(got) == len(ids)
    assert got == pytest.approx(sorted(cosines.values(), reverse=True), abs=1e-3)


def test_bm25_is_the_one_of_the_formula(
    bench: Bench, allowed: set[str], articles: list[Article]
) -> None:
    seed, lists = "orchard-1", run_baselines(bench, ["orchard-1"], 100)["bm25"]
    assert not isinstance(lists, str)
    allowed = allowed - {seed} | {SEED}
    bags = {a.id: Counter(tokenize(f"{a.title}\n{a.summary}\n{a.body}")) for a in articles}
    count, mean = len(bags), sum(bag.total() for bag in bags.values()) / len(bags)
    containing = Counter(word for bag in bags.values() for word in bag)

    def score(other: str) -> float:
        bag, total = bags[other], 0.0
        for word, times in bags[seed].items():
            rarity = math.log(max(1.0, (count - containing[word] + 0.5) / (containing[word] + 0.5)))
            frequency = bag[word]
            length = 0.25 + 0.75 * bag.total() / mean
            total += times * rarity * frequency / (frequency + 1.5 * length)
        return total

    scores = {one: score(one) for one in allowed}
    assert set(lists[seed]) == {one for one, value in scores.items() if value > 0}
    assert {f"orchard-{number}" for number in range(2, 7)} <= set(lists[seed])
    got = [scores[one] for one in lists[seed]]
    assert got == pytest.approx(sorted(got, reverse=True), rel=1e-4)


@pytest.mark.long
def test_a_baseline_without_its_data_says_so(
    bench: Bench, make_view: Callable[..., View], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(bench, view=make_view(), texts=tuple)
    found = run_baselines(bare, [], 10)
    assert found == {"latest": "no sections", "tags": "no tags", "bm25": {}, "dense": {}}
    undated = replace(bare, view=make_view(section="city"))
    assert run_baselines(undated, [], 10)["latest"] == "no dates"
    monkeypatch.setattr("recommender.evaluation.baselines.MOST_FOR_WORDS", 1)
    assert run_baselines(bare, [], 10)["bm25"] == "more than 1 articles"


@pytest.fixture
def make_view(
    bare: Settings,
    make_story: Callable[..., Document],
    rebuild_with_fake: Callable[..., object],
) -> Callable[..., View]:
    """Views of two stories."""

    def make(**fields: object) -> View:
        store = open_store(bare.database_url)
        store.write_many(
            [parse_article(json.dumps(make_story(f"story-{n}", **fields))) for n in range(2)]
        )
        store.close()
        rebuild_with_fake(bare)
        return View.of(Catalog(bare.data.snapshots).open_live())

    return make


def test_traits_are_the_ones_counted_by_hand(bench: Bench, articles: list[Article]) -> None:
    lists = {
        "harbour-1": ("harbour-2", "harbour-3", "harbour-undated"),
        "orchard-1": ("orchard-2", "harbour-2"),
        "harbour-5": ("harbour-1", "harbour-1-reprint"),
        "harbour-6": (),
    }
    related = {"harbour-1": 3, "orchard-1": 1, "harbour-5": 2, "harbour-6": 0}
    traits = traits_of(bench, lists, related, 2)
    by_id = {article.id: article for article in articles}

    def vector(one: str) -> NDArray[np.float64]:
        row = bench.view.row_of(one)
        assert row is not None
        found: NDArray[np.float64] = bench.view.fetch(np.array([row]))[0].astype(np.float64)
        return found

    def cosines(ids: tuple[str, ...]) -> list[float]:
        pairs = [(a, b) for at, a in enumerate(ids) for b in ids[at + 1 :]]
        return [float(vector(a) @ vector(b)) for a, b in pairs]

    alike = [np.mean(cosines(ids)) for ids in lists.values() if len(ids) > 1]
    assert traits.likeness == pytest.approx(np.mean(alike))
    assert traits.lists == 4
    assert traits.coverage == pytest.approx(6 / traits.articles)
    assert traits.short == pytest.approx(2 / 4)
    assert traits.reach == pytest.approx(2 / 4)  # harbour-2 stands in two of four
    # Days older than the seed: -1, -2; -1, and of a harbour story a month later; 4, 4.
    ages = [-1, -2, -1, -31, 4, 4]
    assert traits.age_days == pytest.approx(np.median(ages))
    signs = {one: compute_minhash(by_id[one]) for one in ("harbour-1", "harbour-1-reprint")}
    assert (signs["harbour-1"] == signs["harbour-1-reprint"]).mean() >= Policy().duplicate_overlap
    assert traits.repeats == pytest.approx(1 / 7)


def test_a_trait_that_cannot_be_measured_is_none(bench: Bench) -> None:
    nothing = traits_of(bench, {}, {}, 12)
    values = (nothing.likeness, nothing.short, nothing.age_days, nothing.repeats, nothing.reach)
    assert values == (None, None, None, None, None)
    undated = traits_of(bench, {"a~b:c.d_e-f": ("related",)}, {"a~b:c.d_e-f": 1}, 1)
    assert (undated.age_days, undated.likeness, undated.short) == (None, None, 0.0)


def test_only_what_may_be_listed_is_counted(bench: Bench, articles: list[Article]) -> None:
    traits = traits_of(bench, {}, {}, 12)
    hidden = {"draft", "withheld", "canceled", "embargoed", "scheduled", "expired"}
    hidden |= {"never", "untitled"}
    assert traits.articles == len(articles) - len(hidden)
    pool = replace(bench.dataset, pool=frozenset({"harbour-1", "harbour-2"}))
    pool = replace(pool, articles=tuple(articles))
    assert traits_of(replace(bench, dataset=pool), {}, {}, 12).articles == 2


def test_seeds_show_a_list_and_are_spread_evenly(bench: Bench) -> None:
    seeds = sample_seeds(bench)
    assert "harbour-silent" not in seeds
    assert "harbour-draft" not in seeds
    assert {"harbour-1", "harbour-untitled", "orchard-6"} <= set(seeds)
    assert seeds == sorted(seeds)
    assert sample_evenly([str(n) for n in range(10)], 4) == ["0", "3", "6", "9"]
    assert sample_evenly([], 4) == []
    pool = replace(bench.dataset, pool=frozenset({"harbour-1"}))
    assert sample_seeds(replace(bench, dataset=pool)) == ["harbour-1"]


def test_options_are_those_of_every_list(bench: Bench) -> None:
    assert bench.options().limit == ListOptions().limit
    assert bench.options(5).limit == 5
    assert bench.options().language is None
