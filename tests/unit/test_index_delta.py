"""DeltaWriter: a snapshot with its delta gives the same answers as brute force."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import (
    BUCKETS,
    BadRows,
    Catalog,
    DeltaWriter,
    Passages,
    Rows,
    Snapshot,
    TermCounts,
    View,
    quantize,
)
from index.delta import Buffer
from tests.support.index_rows import STAMP, brute_force, grid_vectors, random_units
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from index.arrays import Array, Bools, Codes, Floats, Ints
    from index.vector_search import Hits

KINDS = 40
WORDS = ["tg", "ru", "fa", "en", "русӣ"]
VECTORS = grid_vectors(KINDS, seed=11)

VOCABULARY = np.r_[0, np.arange(1, 49) * 7919, BUCKETS - 1].astype(np.int32)


@cache
def terms_of(kind: int) -> tuple[Ints, Floats]:
    """Some of 50 buckets, the lowest and the highest among them; every tenth kind has none."""
    rng = np.random.default_rng(kind)
    size = 0 if kind % 10 == 9 else rng.integers(1, 20)
    places = np.sort(rng.choice(50, size, replace=False))
    return VOCABULARY[places], rng.integers(1, 9, size).astype(np.float32)


def tags_of(kind: int) -> list[str]:
    """None, one or two tags."""
    return ["even", "odd"][kind % 2 :: 2][: kind % 3] + [f"by {kind % 7}"] * (kind % 5 == 0)


@cache
def passages_of(kind: int, dim: int) -> Codes:
    """Up to four passages; every fourth kind has none."""
    return quantize(random_units(kind % 4, dim, seed=kind))


def numbers_of(kind: int) -> dict[str, list[float]]:
    """Under `size` two numbers, under `half` one; every third kind has none."""
    return {"size": [kind, -kind % 7], "half": [kind / 2]} if kind % 3 else {}


def rows_of(kinds: Mapping[str, int], vectors: Floats = VECTORS) -> Rows:
    """Make rows for some ids; all but the id depends on the kind."""
    ids = sorted(kinds)
    chosen = np.array([kinds[row_id] for row_id in ids], np.int64)
    words = [WORDS[kind % len(WORDS)] for kind in chosen.tolist()]
    vocabulary = sorted(set(words))
    return Rows(
        ids=ids,
        vectors=vectors[chosen],
        passages=Passages.of(
            [passages_of(kind, vectors.shape[1]) for kind in chosen.tolist()], vectors.shape[1]
        ),
        terms=TermCounts.of([terms_of(kind) for kind in chosen.tolist()]),
        columns={
            "language": np.array([vocabulary.index(word) for word in words], np.int32),
            "published": chosen * 3600.0,
            "withheld": chosen % 5 == 0,
            "sections": (chosen[:, None] * np.arange(3)).astype(np.uint16),
        },
        labels={"language": vocabulary},
        keywords=[tags_of(kind) for kind in chosen.tolist()],
        numbers=[numbers_of(kind) for kind in chosen.tolist()],
        display=[b"display %d" % kind for kind in chosen.tolist()],
    )


def publish(folder: Any, rows: Rows, **stamp: Any) -> Snapshot:
    return Catalog(folder).publish_rows(rows, **STAMP, **stamp, grouped_by="language")


@dataclass
class Archive:
    """The expected content: by row its id and kind, and by id its current row."""

    rows: list[tuple[str, int]] = field(default_factory=list)
    present: dict[str, int] = field(default_factory=dict)
    built: tuple[int, ...] = ()

    @classmethod
    def of(cls, kinds: Mapping[str, int]) -> Archive:
        archive = cls(built=tuple(kinds.values()))
        archive.apply(kinds, ())
        return archive

    def apply(self, kinds: Mapping[str, int], gone: Collection[str]) -> None:
        for row_id in sorted(kinds):
            self.present[row_id] = len(self.rows)
            self.rows.append((row_id, kinds[row_id]))
        for row_id in gone:
            self.present.pop(row_id, None)

    @property
    def kinds(self) -> Array:
        return np.array([kind for _, kind in self.rows], np.int64)

    @property
    def mask(self) -> Bools:
        mask = np.zeros(len(self.rows), np.bool_)
        mask[list(self.present.values())] = True
        return mask

    def weights(self, kind: int) -> Floats:
        """TF-IDF of a kind over VOCABULARY by the frequencies of what was built: float64."""
        held = Counter(b for one in self.built for b in terms_of(one)[0].tolist())
        peers = sum(one % len(WORDS) == kind % len(WORDS) for one in self.built)
        dense = np.zeros(len(VOCABULARY))
        for bucket, count in zip(*terms_of(kind), strict=True):
            rarity = np.log((1 + peers) / (1 + min(held[int(bucket)], peers))) + 1
            dense[np.searchsorted(VOCABULARY, bucket)] = (1 + np.log(count)) * rarity
        scaled: Floats = dense / (np.linalg.norm(dense) or 1)
        return scaled


IDS = [f"article-{number:05d}" for number in range(30)]
BUILT: dict[str, dict[str, int]] = {
    "nothing": {},
    "one": {IDS[3]: 7},
    "few": {row_id: at * 3 % KINDS for at, row_id in enumerate(IDS[:9])},
    "alike": {row_id: at % 2 for at, row_id in enumerate(IDS[5:25])},
    "many": {row_id: at * 11 % KINDS for at, row_id in enumerate(IDS)},
}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    """Built once; the empty one has one dimension, as in the first rebuild of a newsroom."""
    folder = tmp_path_factory.mktemp("overlays")
    made = {name: publish(folder / name, rows_of(kinds)) for name, kinds in BUILT.items() if kinds}
    nothing = rows_of({}, np.zeros((KINDS, 1), np.float32))
    return made | {"nothing": publish(folder / "nothing", nothing)}


ids = st.sampled_from([*IDS, "a", "article-00003-b", "new-1", "new-2", "z", "ӣ"])
Change = tuple[dict[str, int], set[str]]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    put = draw(st.dictionaries(ids, st.integers(0, KINDS - 1), max_size=6))
    return put, draw(st.sets(ids, max_size=4)) - put.keys()


built = st.sampled_from(sorted(BUILT))
histories = st.lists(changes(), max_size=7)


def steps(snapshot: Snapshot, name: str, history: list[Change]) -> Iterator[tuple[View, Archive]]:
    """Each view of a history, with its expected content."""
    delta_writer, archive = DeltaWriter(View.of(snapshot)), Archive.of(BUILT[name])
    yield delta_writer.view, archive
    for put, gone in history:
        archive.apply(put, gone)
        assert delta_writer.apply(rows_of(put), gone) is delta_writer.view
        yield delta_writer.view, archive


def last(snapshot: Snapshot, name: str, history: list[Change]) -> tuple[View, Archive]:
    return list(steps(snapshot, name, history))[-1]


@given(name=built, history=histories)
@examples(150)
def test_every_id_leads_to_its_newest_row_and_rows_keep_their_content(
    snapshots: dict[str, Snapshot], name: str, history: list[Change]
) -> None:
    view, archive = last(snapshots[name], name, history)
    kinds = archive.kinds
    assert view.present.tolist() == archive.mask.tolist()
    asked = {*(row_id for row_id, _ in archive.rows), *IDS, "unknown", "\ud800"}
    assert {row_id: view.row_of(row_id) for row_id in asked} == {
        row_id: archive.present.get(row_id) for row_id in asked
    }
    for row, (row_id, kind) in enumerate(archive.rows):
        assert view.id_of(row) == row_id
        assert view.display_of(row) == b"display %d" % kind
        assert view.label_of("language", row) == WORDS[kind % len(WORDS)]
        assert view.keywords_of(row) == set(tags_of(kind))
    for tag in ("even", "odd", "by 0", "by 3", "unknown", "\ud800"):
        tagged = [row for row, kind in enumerate(kinds.tolist()) if tag in tags_of(kind)]
        assert view.rows_with(tag).tolist() == tagged
        prefixed = {one for part in view.parts for one in part.keywords_beginning_with(tag[:2])}
        every = {one for kind in kinds.tolist() for one in tags_of(kind)}
        assert prefixed == {one for one in every if one.startswith(tag[:2])}
    for named, least, most in (("size", 2, 5.5), ("half", 3, 3), ("half", 9, 1), ("other", 0, 9)):
        inside = [
            row
            for row, kind in enumerate(kinds.tolist())
            if any(least <= one <= most for one in numbers_of(kind).get(named, []))
        ]
        assert rows_between(view, named, least, most) == inside
    shuffled = np.random.default_rng(0).permutation(np.r_[: len(view), : len(view)])
    for column in ("published", "withheld", "sections"):
        taken = view.take(column, shuffled)
        np.testing.assert_array_equal(taken, rows_of_all(kinds).columns[column][shuffled])
    if len(view):
        np.testing.assert_array_equal(view.fetch(shuffled), VECTORS[kinds[shuffled]])


def rows_between(view: View, named: str, least: float, most: float) -> list[int]:
    """The rows with such a number, each once, of both parts."""
    old, new = (part.rows_between(named, least, most) for part in view.parts)
    return sorted({*old.tolist(), *(new + len(view.snapshot)).tolist()})


def rows_of_all(kinds: Array) -> Rows:
    return rows_of({f"{row:05d}": kind for row, kind in enumerate(kinds.tolist())})


@given(
    name=built,
    history=histories,
    asked=st.integers(0, 99),
    limit=st.integers(-1, 60),
    share=st.sampled_from([0.0, 0.3, 1.0]),
)
@examples(200)
def test_nearest_rows_equal_brute_force_with_ties(
    snapshots: dict[str, Snapshot],
    name: str,
    history: list[Change],
    asked: int,
    limit: int,
    share: float,
) -> None:
    query = grid_vectors(1, asked)[0]
    view, archive = last(snapshots[name], name, history)
    query = query if view.dim == len(query) else np.ones(view.dim, np.float32)
    allowed = view.present & (np.random.default_rng(asked).random(len(view)) < share)
    hits = view.nearest(query, limit, allowed)
    stored = VECTORS[archive.kinds][:, : view.dim]
    rows, similarities = brute_force(stored, query, max(limit, 0), allowed)
    np.testing.assert_array_equal(hits.rows, rows)
    np.testing.assert_array_equal(hits.similarities, similarities)
    assert (hits.rows.dtype.name, hits.similarities.dtype.name) == ("int64", "float32")


@given(name=built, history=histories, share=st.sampled_from([0.3, 1.0]))
@examples(60)
def test_terms_are_weighed_by_the_frequencies_of_the_build(
    snapshots: dict[str, Snapshot], name: str, history: list[Change], share: float
) -> None:
    view, archive = last(snapshots[name], name, history)
    if not len(view):
        return
    weights = {kind: archive.weights(kind) for kind in set(archive.kinds.tolist())}
    seed = len(view) - 1
    query = view.text_of(seed).terms
    own = weights[archive.rows[seed][1]]
    np.testing.assert_array_equal(query.buckets, VOCABULARY[own > 0])
    np.testing.assert_allclose(query.weights, own[own > 0], atol=6e-4)
    rows = np.arange(len(view))[::-1].copy()
    found = view.similarities(query, rows)
    wanted = np.array([min(1.0, float(weights[k] @ own)) for k in archive.kinds[rows].tolist()])
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    allowed = view.present & (np.random.default_rng(1).random(len(view)) < share)
    for limit in (0, 1, 5, 100):
        check_order(view.nearest_by_terms(query, limit, allowed), found[::-1], limit, allowed)


def check_order(hits: Hits, similarities: Floats, limit: int, allowed: Bools) -> None:
    """The most similar rows; sums may differ in the last bit between parts."""
    alike = np.flatnonzero(allowed & (similarities > 0))
    assert len(hits) == min(limit, len(alike))
    assert set(hits.rows.tolist()) <= set(alike.tolist())
    np.testing.assert_allclose(hits.similarities, similarities[hits.rows], atol=1e-6)
    pairs = list(zip(-hits.similarities, hits.rows.tolist(), strict=True))
    assert pairs == sorted(pairs)
    left = np.setdiff1d(alike, hits.rows)
    if len(left) and len(hits):
        assert similarities[left].max() <= hits.similarities[-1] + 1e-6


def answers(view: View, archive_rows: int) -> list[bytes]:
    """What a view answers, as bytes."""
    rows = np.arange(archive_rows)
    found = [view.present.tobytes(), view.fetch(rows).tobytes()]
    found += [view.take(column, rows).tobytes() for column in ("published", "withheld", "sections")]
    for row in rows.tolist():
        query = view.text_of(row).terms
        parts = (view.id_of(row), view.label_of("language", row), view.row_of(view.id_of(row)))
        found += [repr(parts).encode(), view.display_of(row), query.buckets.tobytes()]
        found += [query.weights.tobytes(), view.similarities(query, rows).tobytes()]
        found.append(view.text_of(row).passages.tobytes())
    found += [view.rows_with(tag).tobytes() for tag in ("even", "odd", "by 0")]
    found.append(repr(rows_between(view, "size", 0, 9)).encode())
    for row in rows[::7].tolist():
        dense = view.nearest(view.fetch(rows[[row]])[0], 9, view.present)
        alike = view.nearest_by_terms(view.text_of(row).terms, 9, view.present)
        found += [part.tobytes() for h in (dense, alike) for part in (h.rows, h.similarities)]
    return found


@given(name=built, history=histories)
@examples(30)
def test_an_earlier_view_keeps_giving_the_same_answers(
    snapshots: dict[str, Snapshot], name: str, history: list[Change]
) -> None:
    handed = [
        (view, len(view), answers(view, len(view)))
        for view, _ in steps(snapshots[name], name, history)
    ]
    for view, rows, before in handed:
        assert len(view) == rows
        assert answers(view, rows) == before


@pytest.mark.parametrize("at_once", [1, 70])
def test_moving_the_memory_does_not_change_earlier_views(
    snapshots: dict[str, Snapshot], at_once: int
) -> None:
    """Over 300 rows the memory behind a delta moves three times; it is looked at on the way."""
    delta_writer, handed = DeltaWriter(View.of(snapshots["few"])), []
    for number in range(0, 300, at_once):
        many = {f"n-{at:05d}": at % KINDS for at in range(number, number + at_once)}
        view = delta_writer.apply(rows_of(many), {f"n-{number - 1:05d}"})
        if number % 50 < at_once:
            handed.append((view, len(view), answers(view, len(view))))
    for view, rows, before in handed:
        assert answers(view, rows) == before


def test_the_arrays_of_a_view_are_read_only(snapshots: dict[str, Snapshot]) -> None:
    delta_writer = DeltaWriter(View.of(snapshots["few"]))
    delta = delta_writer.apply(rows_of({"a": 1, "b": 2}), ()).delta
    arrays = [delta.vectors, delta.terms.words, delta.terms.scales, *delta.columns.values()]
    assert [array.flags.writeable for array in arrays] == [False] * len(arrays)


# --- over a snapshot of nothing ---


@pytest.mark.parametrize("widths", [(1, 8), (8, 1), (1, 1, 8, 256, 8)])
def test_without_a_snapshot_the_widest_vectors_set_the_dimension(
    snapshots: dict[str, Snapshot], widths: tuple[int, ...]
) -> None:
    """A text that was not read yet has a vector of one number; what it lacks are zeros."""
    delta_writer, handed = DeltaWriter(View.of(snapshots["nothing"])), []
    wanted = np.zeros((len(widths), max(widths)), np.float32)
    for row, width in enumerate(widths):
        vectors = np.eye(KINDS, width, dtype=np.float32)
        vectors[:, 0] += vectors.sum(axis=1) == 0
        view = delta_writer.apply(rows_of({f"{row}": row}, vectors), ())
        wanted[row, :width] = vectors[row]
        so_far = wanted[: row + 1, : max(widths[: row + 1])]
        np.testing.assert_array_equal(view.fetch(np.arange(row + 1)), so_far)
        hits = view.nearest(so_far[0], 9, view.present)
        rows, similarities = brute_force(so_far, so_far[0], 9, view.present)
        np.testing.assert_array_equal(hits.rows, rows)
        np.testing.assert_array_equal(hits.similarities, similarities)
        handed.append((view, answers(view, row + 1)))
    for row, (view, before) in enumerate(handed):
        assert answers(view, row + 1) == before
    for row, width in enumerate(widths):
        codes = passages_of(row, width).astype(np.float64)
        units = codes / np.linalg.norm(codes, axis=1, keepdims=True)
        padded = np.pad(units, ((0, 0), (0, max(widths) - width)))
        np.testing.assert_allclose(view.text_of(row).passages, padded, atol=1e-6)


# --- what does not fit ---


def bad_rows() -> dict[str, Rows]:
    good = rows_of({"a": 1, "b": 2})
    fewer = {name: good.columns[name] for name in ("language", "published", "withheld")}
    return {
        "other width": rows_of({"a": 1, "b": 2}, random_units(KINDS, 9)),
        "a column too few": replace(good, columns=fewer),
        "a column too many": replace(good, columns=dict(good.columns, more=np.zeros(2))),
        "unsorted ids": replace(good, ids=["b", "a"]),
        "NaN": replace(good, vectors=np.full((2, 8), np.nan, np.float32)),
        "passages of another dimension": replace(
            good, passages=Passages.of([passages_of(1, 5), passages_of(2, 5)], 5)
        ),
        "too few keywords": replace(good, keywords=[[]]),
        "too few numbers": replace(good, numbers=[{}]),
        "too few display fields": replace(good, display=[b""]),
        "a count of 0": replace(good, terms=TermCounts.of([terms_of(1), zero_count()])),
    }


def zero_count() -> tuple[Ints, Floats]:
    return np.array([5], np.int32), np.zeros(1, np.float32)


@pytest.mark.parametrize("rows", bad_rows().values(), ids=bad_rows().keys())
def test_rows_that_do_not_fit_are_refused_and_change_nothing(
    snapshots: dict[str, Snapshot], rows: Rows
) -> None:
    delta_writer, archive = DeltaWriter(View.of(snapshots["few"])), Archive.of(BUILT["few"])
    before = delta_writer.view
    with pytest.raises(BadRows):
        delta_writer.apply(rows, {IDS[0]})
    assert delta_writer.view is before
    archive.apply({"a": 5}, {IDS[0]})
    view = delta_writer.apply(rows_of({"a": 5}), {IDS[0]})
    assert view.present.tolist() == archive.mask.tolist()
    assert view.display_of(len(view) - 1) == b"display 5"
    np.testing.assert_array_equal(view.fetch(np.array([len(view) - 1]))[0], VECTORS[5])


# --- memory that grows ---


@given(shape=st.sampled_from([(), (1,), (3,)]), sizes=st.lists(st.integers(0, 150), max_size=8))
@examples(100)
def test_a_buffer_keeps_all_in_order_and_its_earlier_arrays_stay(
    shape: tuple[int, ...], sizes: list[int]
) -> None:
    buffer, given_rows, shown = Buffer(np.empty((0, *shape))), [np.empty((0, *shape))], []
    for size in sizes:
        given_rows.append(np.random.default_rng(size).random((size, *shape)))
        buffer.extend(given_rows[-1])
        shown.append((buffer.rows(), np.concatenate(given_rows)))
    for rows, wanted in shown:
        np.testing.assert_array_equal(rows, wanted)
    assert len(buffer) == sum(sizes)


def test_memory_at_least_doubles_so_that_many_small_steps_stay_cheap() -> None:
    buffer, addresses = Buffer(np.empty(0)), set()
    for _ in range(10_000):
        buffer.extend(np.zeros(1))
        addresses.add(buffer.rows().ctypes.data)
    assert len(addresses) <= 9  # 64, 128, ... 16,384
