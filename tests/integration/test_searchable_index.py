"""The contract of an index that lists are made from: a snapshot with a delta keeps it, and Milvus.

Answers are compared with brute force over the rows that went in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index import BUCKETS, Catalog, NoSnapshot, Passages, Query, Rows, View
from index.arrays import normalize
from index.conditions import (
    Between,
    Compared,
    Condition,
    Every,
    Flag,
    HasId,
    HasKeyword,
    Labelled,
    Not,
    OneOf,
    Some,
)
from index.milvus import Milvus, MilvusCollection
from index.statistics import (
    Statistics,
    read_statistics,
    statistics_of,
    store_rows,
    view_of,
    write_statistics,
)
from index.stored_rows import read_stored
from tests.support.index_rows import STAMP, as_scipy, part_of, sample_rows, unpacked
from tests.support.searched_indexes import SEARCHED, LocalIndex, each, row_meets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index import Snapshot
    from index.searchable import SearchableIndex

COUNT = 60
ENGINES = ["local", pytest.param("milvus", marks=pytest.mark.long)]
ALL = Every(())


def awkward_rows(count: int = COUNT, seed: int = 0) -> Rows:
    rows = sample_rows(count, seed=seed)
    times = 1.7e9 + 100.0 * np.random.default_rng(seed).permutation(count)
    times[::7], times[1::9], times[2::11] = np.nan, np.inf, -np.inf
    places = np.arange(count)
    columns = {
        "language": (places % 2).astype(np.int32),
        "published": places % 5 != 0,
        "shown": places % 3 != 0,
        "until": times,
        "number": np.random.default_rng(seed).integers(-(2**62), 2**62, count),
        "minhash": np.arange(count * 3, dtype=np.uint16).reshape(count, 3),
    }
    keywords = [['tag:a "quoted" \\ one', "русӣ", f"tag:{n % 4}"][: n % 4] for n in range(count)]
    numbers = [{"size": [float(n), 0.5], 'od"d': [-1.0]} if n % 4 else {} for n in range(count)]
    return replace(rows, columns=columns, keywords=keywords, numbers=numbers)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return awkward_rows()


@pytest.fixture(scope="module")
def snapshot(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    options: dict[str, Any] = {"grouped_by": "language", "reliable_by": "shown", "centred": True}
    folder = tmp_path_factory.mktemp("snapshots")
    return Catalog(folder).publish_rows(rows, **options, **STAMP)


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    engine = Milvus(str(tmp_path_factory.mktemp("milvus") / "milvus.db"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def statistics(snapshot: Snapshot) -> Statistics:
    return statistics_of(snapshot)


def in_milvus(milvus: Milvus, snapshot: Snapshot, name: str) -> MilvusCollection:
    layout = statistics_of(snapshot).layout
    collection = milvus.create(milvus.name_of(name), layout, SEARCHED)
    for some in read_stored(snapshot):
        collection.upsert(some)
    return collection


@pytest.fixture(params=ENGINES, scope="module")
def whole(request: pytest.FixtureRequest, snapshot: Snapshot, milvus: Milvus) -> SearchableIndex:
    """An index of all rows, which no test changes."""
    if request.param == "local":
        return LocalIndex(snapshot)
    return in_milvus(milvus, snapshot, "whole")


@pytest.fixture(params=ENGINES)
def changed(request: pytest.FixtureRequest, snapshot: Snapshot, milvus: Milvus) -> SearchableIndex:
    """An index of all rows, for a test that changes it."""
    if request.param == "local":
        return LocalIndex(snapshot)
    return in_milvus(milvus, snapshot, "changed")


CONDITIONS: dict[str, Condition] = {
    "all": ALL,
    "flag": Flag("published"),
    "not-flag": Not(Flag("published")),
    "label": Labelled("language", frozenset({"русӣ"})),
    "unknown-label": Labelled("language", frozenset({"xx"})),
    "no-label": Not(Labelled("language", frozenset({"русӣ", "xx"}))),
    "from": Compared("until", ">=", 1.7e9 + 2_000),
    "before": Compared("until", "<", 1.7e9 + 2_000),
    "up-to": Compared("until", "<=", 1.7e9 + 2_000),
    "after": Compared("until", ">", 1.7e9 + 2_000),
    "id": HasId(frozenset({"article-00003", "article-00017", "unknown"})),
    "not-id": Not(HasId(frozenset({"article-00003"}))),
    "no-id": HasId(frozenset()),
    "keyword": HasKeyword(frozenset({'tag:a "quoted" \\ one'})),
    "one-of-keywords": HasKeyword(frozenset({"русӣ", "tag:3"})),
    "not-keyword": Not(HasKeyword(frozenset({"русӣ"}))),
    "no-keyword": HasKeyword(frozenset()),
    "number": Between("size", 10, 20),
    "second-number": Between("size", 0.4, 0.6),
    "odd-name": Between('od"d', -1, -1),
    "not-number": Not(Between("size", 0, 30)),
    "no-such-name": Between("weight", -1e9, 1e9),
    "nothing": Some(()),
    "together": Every(
        (
            Flag("shown"),
            Compared("until", ">", 1.7e9),
            Some((Flag("published"), HasKeyword(frozenset({"русӣ"})))),
            Not(HasId(frozenset({"article-00004"}))),
        )
    ),
}


def meeting(rows: Rows, condition: Condition) -> list[int]:
    return [at for at in range(len(rows)) if row_meets(rows, at, condition)]


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_kind_of_condition_finds_the_rows_that_meet_it(
    whole: SearchableIndex, rows: Rows, name: str
) -> None:
    found = whole.matching(1_000, CONDITIONS[name])
    wanted = [rows.ids[at] for at in meeting(rows, CONDITIONS[name])]
    assert sorted(found.rows.ids) == wanted


def test_whole_numbers_are_compared_in_all_their_bits(whole: SearchableIndex, rows: Rows) -> None:
    numbers = rows.columns["number"][[3, 8]].tolist()
    near = {number + 1 for number in numbers}
    assert not len(whole.matching(9, OneOf("number", frozenset(near))))
    found = whole.matching(9, OneOf("number", frozenset({*near, *numbers})))
    assert sorted(found.rows.ids) == [rows.ids[3], rows.ids[8]]


@pytest.mark.parametrize("name", ["all", "flag", "label", "keyword", "number", "together"])
def test_vectors_find_what_brute_force_finds(
    whole: SearchableIndex, snapshot: Snapshot, rows: Rows, name: str
) -> None:
    stored = snapshot.vectors.fetch_stored(np.arange(COUNT))
    query = normalize(stored[[7]] + stored[[8]])[0]
    allowed = meeting(rows, CONDITIONS[name])
    found = whole.nearest(query, 10, CONDITIONS[name])
    best = sorted(allowed, key=lambda row: -float(stored[row] @ query))[:10]
    assert [*found.stored.rows.ids] == [rows.ids[row] for row in best]
    np.testing.assert_allclose(found.similarities, stored[best] @ query, atol=1e-5)


@pytest.mark.parametrize("name", ["all", "flag", "label", "keyword", "number", "together"])
def test_words_find_what_brute_force_finds(
    whole: SearchableIndex, snapshot: Snapshot, rows: Rows, name: str
) -> None:
    weights = as_scipy(unpacked(snapshot.lexicon.terms))
    query = View.of(snapshot).text_of(7).terms
    dense = np.zeros(BUCKETS, np.float32)
    dense[query.buckets] = query.weights
    similarities = weights.astype(np.float32) @ dense
    allowed = [row for row in meeting(rows, CONDITIONS[name]) if similarities[row] > 0]
    found = whole.nearest_by_terms(query, 10, CONDITIONS[name])
    best = sorted(allowed, key=lambda row: -float(similarities[row]))[:10]
    wanted = np.minimum(similarities[best], 1)
    np.testing.assert_allclose(np.minimum(found.similarities, 1), wanted, atol=1e-5)
    # Rows of the same words may come in any order.
    got = [similarities[rows.ids.index(one)] for one in found.stored.rows.ids]
    np.testing.assert_allclose(np.minimum(got, 1), wanted, atol=1e-5)
    assert {*found.stored.rows.ids} <= {rows.ids[row] for row in allowed}


def test_words_of_no_row_find_nothing(whole: SearchableIndex) -> None:
    nothing = Query(np.empty(0, np.int32), np.empty(0, np.float32))
    assert not len(whole.nearest_by_terms(nothing, 5, ALL).stored)


@pytest.mark.parametrize("name", ["all", "flag", "together"])
def test_the_newest_come_first_and_rows_without_a_time_last(
    whole: SearchableIndex, rows: Rows, name: str
) -> None:
    finite = Every((CONDITIONS[name], Compared("until", "<", 1e12), Compared("until", ">", 0)))
    allowed = meeting(rows, finite)
    found = whole.newest(5, finite)
    best = sorted(allowed, key=lambda row: -float(rows.columns["until"][row]))[:5]
    assert [*found.stored.rows.ids] == [rows.ids[row] for row in best]
    every = [*whole.newest(COUNT, CONDITIONS[name]).stored.rows.ids]
    assert len(every) == len(meeting(rows, CONDITIONS[name]))
    dated = [bool(np.isfinite(rows.columns["until"][rows.ids.index(one)])) for one in every]
    assert dated == sorted(dated, reverse=True)


def test_a_found_row_is_what_was_put_in(
    whole: SearchableIndex, snapshot: Snapshot, statistics: Statistics
) -> None:
    found = whole.fetch(["article-00005", "article-00041", "unknown"])
    view, of_snapshot = view_of(statistics, found), View.of(snapshot)
    assert len(view) == 2
    for row_id in ("article-00005", "article-00041"):
        row, other = view.row_of(row_id), of_snapshot.row_of(row_id)
        assert row is not None
        assert other is not None
        assert view.display_of(row) == of_snapshot.display_of(other)
        assert view.keywords_of(row) == of_snapshot.keywords_of(other)
        assert view.label_of("language", row) == of_snapshot.label_of("language", other)
        one, two = np.array([row]), np.array([other])
        for column in ("published", "until", "number", "minhash"):
            np.testing.assert_array_equal(view.take(column, one), of_snapshot.take(column, two))
        text, same = view.text_of(row), of_snapshot.text_of(other)
        np.testing.assert_array_equal(text.vector, same.vector)
        np.testing.assert_array_equal(text.passages, same.passages)
        np.testing.assert_array_equal(text.terms.buckets, same.terms.buckets)
        np.testing.assert_array_equal(text.terms.weights, same.terms.weights)
        np.testing.assert_array_equal(view.hubness(one), of_snapshot.hubness(two))
        smoothed = of_snapshot.fetch_smoothed(two, 0.7)
        np.testing.assert_allclose(view.fetch_smoothed(one, 0.7), smoothed, atol=1e-3)


def test_a_change_is_seen_at_once(
    changed: SearchableIndex, rows: Rows, statistics: Statistics
) -> None:
    query = statistics.centre(rows.vectors[[3]], "русӣ")[0]
    assert changed.nearest(query, 1, ALL).stored.rows.ids == ["article-00003"]
    for number in range(20):
        changed.remove(["article-00003", "unknown"])
        assert "article-00003" not in changed.nearest(query, COUNT, ALL).stored.rows.ids
        assert not len(changed.fetch(["article-00003"]))
        assert changed.count() == COUNT - 1
        again = part_of(rows, np.array([3]))
        again = replace(again, display=[b"%d" % number], columns={**again.columns})
        again.columns["published"] = np.array([bool(number % 2)])  # type: ignore[index]
        changed.upsert(store_rows(statistics, again))
        assert changed.count() == COUNT
        (found,) = each(changed.nearest(query, 1, ALL).stored)
        assert found.rows.ids == ["article-00003"]
        assert [*found.rows.display] == [b"%d" % number]
        of_published = changed.matching(COUNT, Flag("published"))
        assert ("article-00003" in of_published.rows.ids) == bool(number % 2)


def test_a_new_row_is_found_by_vector_words_and_time(
    changed: SearchableIndex, statistics: Statistics
) -> None:
    new = part_of(awkward_rows(seed=5), np.array([9]))
    columns = {**new.columns, "until": np.array([1.9e9])}
    new = replace(new, ids=["brand-new"], columns=columns)
    stored = store_rows(statistics, new)
    changed.upsert(stored)
    assert changed.count() == COUNT + 1
    assert changed.nearest(stored.rows.vectors[0], 1, ALL).stored.rows.ids == ["brand-new"]
    words = Query.of_row(stored.terms, 0)
    assert "brand-new" in changed.nearest_by_terms(words, 3, ALL).stored.rows.ids
    dated = Compared("until", "<", 1e12)
    assert changed.newest(1, dated).stored.rows.ids == ["brand-new"]


def test_statistics_are_read_back_as_they_were(snapshot: Snapshot, statistics: Statistics) -> None:
    again = read_statistics(write_statistics(snapshot))
    buckets = np.arange(BUCKETS)
    np.testing.assert_array_equal(
        again.lexicon.document_frequency(buckets), snapshot.lexicon.document_frequency(buckets)
    )
    assert again.manifest == replace(snapshot.manifest, rows=0)
    assert again.generation == snapshot.generation == statistics.generation
    vectors = sample_rows(4, seed=2).vectors
    np.testing.assert_array_equal(again.centre(vectors, "русӣ"), snapshot.centre(vectors, "русӣ"))
    assert again.is_centred


@pytest.mark.long
def test_vectors_of_many_rows_are_found_by_milvus(
    milvus: Milvus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of a few rows it compares all; the index of many is approximate, as a server has it."""
    count = 1_500
    draw = np.random.default_rng(11)
    centres = draw.standard_normal((20, 32))
    drawn = centres[draw.integers(20, size=count)] + draw.standard_normal((count, 32))
    rows = replace(awkward_rows(count), vectors=normalize(drawn.astype(np.float32)))
    rows = replace(rows, passages=Passages.of([np.empty((0, 32), np.int8)] * count, 32))
    folder = tmp_path_factory.mktemp("many")
    snapshot = Catalog(folder).publish_rows(rows, grouped_by="language", **STAMP)
    many = in_milvus(milvus, snapshot, "many")
    many.settle()
    stored = snapshot.vectors.fetch_stored(np.arange(count))
    wanted = Flag("published")
    allowed = np.array(meeting(rows, wanted))
    for row in range(0, count, 75):
        best = allowed[np.argsort(-(stored[allowed] @ stored[row]), kind="stable")[:200]]
        found = many.nearest(stored[row], 200, wanted).stored.rows.ids
        assert len({*found} & {rows.ids[one] for one in best}) >= 198


@pytest.mark.long
def test_an_alias_leads_to_one_whole_collection_or_the_other(
    milvus: Milvus, snapshot: Snapshot
) -> None:
    with pytest.raises(NoSnapshot):
        milvus.live()
    names: list[str] = []
    for name in ("000000000001-aaaaaaaaaaaa", "000000000002-bbbbbbbbbbbb"):
        in_milvus(milvus, snapshot, name)
        milvus.write_note(milvus.name_of(name), "statistics", name.encode() * 9_000)
        assert milvus.live() == names[-1] if names else True
        milvus.publish(milvus.name_of(name))
        names.append(milvus.name_of(name))
        assert milvus.live() == names[-1]
        assert milvus.read_note(milvus.live(), "statistics") == name.encode() * 9_000
    milvus.publish(names[0])
    assert milvus.live() == names[0]
    assert {*names} <= {*milvus.collections()}
    milvus.drop(names[1])
    assert names[1] not in milvus.collections()
    with pytest.raises(NoSnapshot):
        milvus.read_note(names[1], "statistics")
