"""Background similarities and means of groups, against brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Catalog, DeltaWriter, Passages, Snapshot, View, quantize
from index.arrays import ScaledPassages, normalize
from index.groups import (
    MOST_PAIRS,
    Means,
    Pairs,
    background_cosine,
    background_lexical,
    background_passages,
    measure_background,
)
from tests.support.index_rows import (
    STAMP,
    as_scipy,
    brute_match,
    part_of,
    random_terms,
    random_units,
    sample_rows,
    weighed,
)
from tests.support.properties import examples

if TYPE_CHECKING:
    from index import Rows
    from index.arrays import Floats, Longs

ROWS, DIM = 60, 24


def skewed(rows: int, seed: int = 0) -> Floats:
    """Unit vectors that lean one way, those of odd rows another."""
    lean = random_units(2, DIM, seed=77)[np.arange(rows) % 2]
    return normalize(random_units(rows, DIM, seed) + lean)


def skewed_rows(rows: int) -> Rows:
    return sample_rows(rows, vectors=skewed(rows))


def publish(folder: Path, rows: Rows) -> Snapshot:
    return Catalog(folder).publish_rows(rows, **STAMP, grouped_by="language", centred=True)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(tmp_path_factory.mktemp("means"), skewed_rows(ROWS))


def wanted_means(vectors: Floats) -> Floats:
    """By the formula, in float64: of even rows, of odd rows, of all."""
    everything = vectors.astype(np.float64).mean(axis=0)
    own = [vectors[at::2].astype(np.float64) for at in (0, 1)]
    drawn = [(len(v) * v.mean(axis=0) + 20 * everything) / (len(v) + 20) for v in own]
    return np.array([*drawn, everything], np.float32)


def plainly(vectors: Floats, means: Floats) -> Floats:
    rest = vectors.astype(np.float64) - means
    left: Floats = (rest / np.linalg.norm(rest, axis=1, keepdims=True)).astype(np.float32)
    return left


def test_vectors_and_passages_are_stored_without_their_groups_mean(snapshot: Snapshot) -> None:
    rows, means = skewed_rows(ROWS), wanted_means(skewed(ROWS))[np.arange(ROWS) % 2]
    np.testing.assert_allclose(
        snapshot.vectors.fetch(np.arange(ROWS)), plainly(rows.vectors, means), atol=1e-3
    )
    view = View.of(snapshot)
    for row in range(ROWS):
        own = rows.passages.codes[rows.passages.indptr[row] : rows.passages.indptr[row + 1]]
        wide = normalize(own.astype(np.float32))
        codes = quantize(plainly(wide, means[row]))
        stored = snapshot.passages.codes[snapshot.passages.indptr[row] :][: len(own)]
        assert np.abs(stored.astype(int) - codes).max(initial=0) <= 1
        assert view.text_of(row).passages.shape == wide.shape


def test_passages_of_another_encoder_lose_means_of_their_own(tmp_path: Path) -> None:
    """Each row with passages counts the same, however many it has."""
    lean = random_units(2, 6, seed=5)
    codes = [
        quantize(normalize(random_units(row % 4, 6, seed=row) + lean[row % 2])) for row in range(40)
    ]
    rows = replace(skewed_rows(40), passages=Passages.of(codes, 6))
    found = publish(tmp_path, rows)
    assert (found.manifest.dim, found.manifest.passage_dim) == (DIM, 6)
    units = {row: normalize(own.astype(np.float32)) for row, own in enumerate(codes) if len(own)}
    mean_of = {row: own.astype(np.float64).mean(axis=0) for row, own in units.items()}
    everything = np.mean([*mean_of.values()], axis=0)
    means = []
    for group in (0, 1):
        own_means = [mean for row, mean in mean_of.items() if row % 2 == group]
        means.append((np.sum(own_means, axis=0) + 20 * everything) / (len(own_means) + 20))
    view = View.of(found)
    for row, own in units.items():
        wanted = plainly(own, means[row % 2])
        np.testing.assert_allclose(view.text_of(row).passages, wanted, atol=0.01)
        centred = found.centre_passages(own, ["tg", "русӣ"][row % 2])
        np.testing.assert_allclose(centred, wanted, atol=1e-5)
    np.testing.assert_allclose(found.means.vectors.vectors, wanted_means(skewed(40)), atol=1e-6)
    later = DeltaWriter(view).apply(part_of(rows, np.arange(3)), ())
    for row in range(3):
        again = later.text_of(40 + row).passages
        assert again.tobytes() == view.text_of(row).passages.tobytes()


def test_without_any_passage_of_another_encoder_nothing_is_subtracted(tmp_path: Path) -> None:
    rows = replace(skewed_rows(9), passages=Passages.of([np.empty((0, 6), np.int8)] * 9, 6))
    found, asked = publish(tmp_path, rows), random_units(2, 6)
    np.testing.assert_allclose(found.centre_passages(asked, "tg"), asked, atol=1e-6)


def test_a_vector_from_outside_is_centred_as_the_rows(snapshot: Snapshot) -> None:
    means = wanted_means(skewed(ROWS))
    asked = random_units(5, DIM, seed=3)
    for place, group in enumerate(["tg", "русӣ", "unheard of"]):
        found = snapshot.centre(asked, group)
        np.testing.assert_allclose(found, plainly(asked, means[place]), atol=1e-6)
        assert found.dtype == np.float32
    assert snapshot.centre(asked[:0], "tg").shape == (0, DIM)


def test_a_row_of_a_new_group_loses_the_mean_of_all_rows(snapshot: Snapshot) -> None:
    strange = sample_rows(2, vectors=skewed(2), labels={"language": ["zh", "ja"]})
    later = DeltaWriter(View.of(snapshot)).apply(strange, ())
    wanted = plainly(skewed(2), wanted_means(skewed(ROWS))[2])
    np.testing.assert_allclose(later.fetch(np.array([ROWS, ROWS + 1])), wanted, atol=1e-3)


def test_without_centring_vectors_stay_bit_for_bit(tmp_path: Path) -> None:
    rows = skewed_rows(ROWS)
    plain = Catalog(tmp_path).publish_rows(rows, **STAMP, grouped_by="language")
    stored = np.load(tmp_path / plain.generation / "means.npy")
    assert (stored.shape, stored.any()) == ((3, DIM), False)
    assert plain.passages.codes.tobytes() == rows.passages.codes.tobytes()
    halves = rows.vectors.astype(np.float16).astype(np.float32)
    assert plain.vectors.fetch_stored(np.arange(ROWS)).tobytes() == halves.tobytes()
    asked = random_units(2, DIM, seed=3)
    assert plain.centre(asked, "tg").tobytes() == asked.tobytes()
    assert (plain.manifest.centred, plain.is_centred) == (False, False)


def test_without_groups_all_rows_have_one_mean(tmp_path: Path) -> None:
    plain = Catalog(tmp_path).publish_rows(skewed_rows(ROWS), **STAMP, centred=True)
    stored = np.load(tmp_path / plain.generation / "means.npy")
    np.testing.assert_allclose(stored, [skewed(ROWS).mean(axis=0)] * 2, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_very_few_rows_are_centred_as_far_as_possible(tmp_path: Path, rows: int) -> None:
    """A vector that is its own mean stays as it came, and so do its passages that are."""
    snapshot = publish(tmp_path, skewed_rows(rows))
    asked = random_units(2, DIM, seed=3)
    assert snapshot.is_centred == (rows > 0)
    assert (snapshot.centre(asked, "tg").tobytes() == asked.tobytes()) == (rows == 0)
    if rows == 1:
        np.testing.assert_allclose(snapshot.vectors.fetch(np.array([0])), skewed(1), atol=1e-3)
    view = DeltaWriter(View.of(snapshot)).apply(skewed_rows(3), ())
    assert view.fetch(np.arange(len(view))).shape == (rows + 3, DIM)


@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
    seed=st.integers(0, 99),
)
@examples(60)
def test_means_and_centred_vectors_are_those_of_brute_force(sizes: list[int], seed: int) -> None:
    owners = np.repeat(np.arange(len(sizes)), sizes)
    vectors = random_units(len(owners), 7, seed)
    groups: dict[str, Longs] = {f"g{at}": np.flatnonzero(owners == at) for at in range(len(sizes))}
    means = Means.measure(vectors.__getitem__, np.arange(len(vectors)), groups)
    everything = vectors.astype(np.float64).mean(axis=0)
    for at, size in enumerate(sizes):
        own = vectors[owners == at].astype(np.float64).sum(axis=0)
        wanted = (own + 20 * everything) / (size + 20)
        np.testing.assert_allclose(means.vectors[means.positions[f"g{at}"]], wanted, atol=1e-6)
    np.testing.assert_allclose(means.vectors[-1], everything, atol=1e-6)
    found = means.subtract(vectors, owners)
    for vector, mean, left in zip(vectors, means.vectors[owners], found, strict=True):
        rest = vector.astype(np.float64) - mean
        length = np.linalg.norm(rest)
        np.testing.assert_allclose(left, rest / length if length > 1e-3 else vector, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_centred_vector_does_not_depend_on_the_other_vectors() -> None:
    vectors = random_units(50, 384)
    means = Means.measure(vectors.__getitem__, np.arange(50), {"a": np.arange(50)})
    together = means.subtract(vectors, np.zeros(50, np.int64))
    alone = [means.subtract(vectors[[at]], np.zeros(1, np.int64)) for at in range(50)]
    assert np.concatenate(alone).tobytes() == together.tobytes()


def test_passages_of_more_than_a_batch_are_centred_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    passages = Passages.of([quantize(random_units(k, 9, seed=k)) for k in (3, 0, 4, 5)], 9)
    groups = {"a": np.arange(2), "b": np.arange(2, 4)}
    means = Means.measure(random_units(4, 9).__getitem__, np.arange(4), groups)
    places = np.array([0, 0, 1, 2])
    whole = means.subtract_from_passages(passages, places)
    monkeypatch.setattr("index.groups._BATCH", 4)
    assert means.subtract_from_passages(passages, places).codes.tobytes() == whole.codes.tobytes()
    assert whole.indptr is passages.indptr


def test_all_pairs_of_a_small_archive_are_measured() -> None:
    pairs = Pairs.over(4)
    found = sorted(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert found == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_pairs_of_a_large_archive_are_the_same_each_time_and_never_of_one_row() -> None:
    pairs, again = Pairs.over(1000), Pairs.over(1000)
    assert len(pairs.left) == len(pairs.right) == MOST_PAIRS
    assert (pairs.left != pairs.right).all()
    assert (pairs.right == again.right).all()
    assert np.unique(pairs.right).tolist() == list(range(1000))


@pytest.mark.parametrize(
    ("grouped_by", "groups"),
    [
        pytest.param("language", {"tg": range(0, 30, 2), "русӣ": range(1, 30, 2)}, id="languages"),
        pytest.param(None, {"": range(30)}, id="one group"),
    ],
)
def test_background_similarities_are_the_medians_of_pairs_inside_each_group(
    grouped_by: str | None, groups: dict[str, range]
) -> None:
    """Those of passages are of the pairs that both have some."""
    rows = sample_rows(30)
    passages, weights = ScaledPassages.of(rows.passages), weighed(rows.terms)
    lexical = (as_scipy(weights) @ as_scipy(weights).T).toarray()
    own = [passages.of_row(row) for row in range(30)]
    background = measure_background(
        rows.vectors.__getitem__, passages, weights.entries, rows.groups(grouped_by)
    )
    assert list(background) == list(groups)
    for name, members in groups.items():
        pairs = list(combinations(members, 2))
        cosines = [rows.vectors[one] @ rows.vectors[other] for one, other in pairs]
        overlaps = [lexical[pair] for pair in pairs]
        matches = [brute_match(own[a], own[b]) for a, b in pairs if len(own[a]) and len(own[b])]
        found = background[name]
        assert found.rows == len(members)
        assert found.similarity == pytest.approx(np.median(cosines), abs=1e-6)
        assert found.lexical == pytest.approx(np.median(overlaps), abs=1e-6)
        assert found.passages == pytest.approx(np.median(matches), abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1])
def test_without_pairs_background_similarities_are_zero(rows: int) -> None:
    pairs = Pairs.over(rows)
    assert background_cosine(random_units(rows, 4).__getitem__, pairs) == 0
    assert background_lexical(weighed(random_terms(rows)).entries, pairs) == 0


@pytest.mark.parametrize("with_some", [0, 1])
def test_without_pairs_that_have_passages_their_background_is_zero(with_some: int) -> None:
    some, none = np.ones((1, 8), np.int8), np.empty((0, 8), np.int8)
    passages = Passages.of([some] * with_some + [none] * 8, 8)
    assert background_passages(ScaledPassages.of(passages), Pairs.over(len(passages))) == 0


def test_the_background_of_duplicates_stays_within_range() -> None:
    vectors = np.repeat(random_units(1, 384), 5, axis=0)
    assert 0.99 < background_cosine(vectors.__getitem__, Pairs.over(5)) <= 1


def test_passages_of_many_pairs_are_compared_for_some_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passages = ScaledPassages.of(sample_rows(40).passages)
    whole = background_passages(passages, Pairs.over(40))
    monkeypatch.setattr("index.groups.MOST_MATCHED", 100)
    assert background_passages(passages, Pairs.over(40)) == pytest.approx(whole, abs=0.1)
    assert background_passages(passages, Pairs.over(40)) != whole
