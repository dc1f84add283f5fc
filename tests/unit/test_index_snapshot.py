"""Snapshot: what went in comes out, and nothing damaged ever does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from index import (
    BackgroundSimilarity,
    BadQuery,
    Catalog,
    Snapshot,
    SnapshotDamaged,
)
from index.build import STAGES, build
from index.manifest import MOST_MANIFEST_BYTES, Files
from tests.support.index_rows import STAMP, random_units, sample_rows
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 40
SAMPLE = sample_rows(ROWS)
AT_ONCE = (
    "index.arrays._BATCH",
    "index.build._BLOCK",
    "index.groups._BATCH",
    "index.lexical._ROWS_AT_ONCE",
    "index.lexical._COUNTED_AT_ONCE",
    "index.plane._BLOCK",
    "index.postings._BUCKETS_AT_ONCE",
    "index.postings._ENTRIES_AT_ONCE",
    "index.postings._ROWS_AT_ONCE",
    "index.rows._CHECKED_AT_ONCE",
)
ENTRIES = len(SAMPLE.terms.buckets)
EVERY_FILE = [
    *Files,
    "column-language.npy",
    "column-published.npy",
    "column-sections.npy",
    "column-withheld.npy",
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish the sample, with an IVF index, so that every kind of file is there."""
    catalog = Catalog(tmp_path_factory.mktemp("published"))
    catalog.publish_rows(SAMPLE, **STAMP, ivf_above=0)
    return catalog.folder


@pytest.fixture
def catalog(published: Path, tmp_path: Path) -> Catalog:
    """Make a copy to damage; files are links until `rewrite` replaces one."""
    shutil.copytree(published, tmp_path / "copy", copy_function=os.link)
    return Catalog(tmp_path / "copy")


def live_file(catalog: Catalog, name: str) -> Path:
    return catalog.folder / catalog.live() / name


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.fixture(scope="module")
def snapshot(published: Path) -> Snapshot:
    return Catalog(published).open_live()


def test_a_snapshot_returns_what_was_built_and_is_read_only(
    published: Path, snapshot: Snapshot
) -> None:
    assert snapshot.labels == {"language": ("tg", "русӣ")}
    assert snapshot.columns.keys() == SAMPLE.columns.keys()
    arrays = [(snapshot.columns[name], column) for name, column in SAMPLE.columns.items()]
    arrays += [
        (snapshot.passages.codes, SAMPLE.passages.codes),
        (snapshot.passages.indptr, SAMPLE.passages.indptr),
    ]
    folder, around = published / snapshot.generation, snapshot.neighbours
    for name, stored in (
        (Files.PASSAGE_SCALES, snapshot.passages.scales),
        (Files.MEANS, snapshot.means.vectors.vectors),
        (Files.PASSAGE_MEANS, snapshot.means.passages.vectors),
        (Files.NEIGHBOUR_ROWS, around.rows),
        (Files.NEIGHBOUR_WEIGHTS, around.weights),
        (Files.HUBNESS, around.hubness),
    ):
        arrays.append((stored, np.load(folder / name)))
    for found, wanted in arrays:
        np.testing.assert_array_equal(found, wanted)
        assert (found.dtype, found.flags.writeable) == (wanted.dtype, False)
    with pytest.raises(TypeError):
        snapshot.columns["other"] = np.zeros(ROWS)  # type: ignore[index]


def test_the_manifest_holds_the_options_of_the_build(snapshot: Snapshot) -> None:
    manifest = snapshot.manifest
    assert {name: getattr(manifest, name) for name in STAMP} == STAMP
    assert (manifest.rows, manifest.dim, manifest.passage_dim) == (ROWS, 8, 8)
    assert set(manifest.files) == set(EVERY_FILE) - {Files.MANIFEST}


def test_files_are_mapped_and_not_read_into_memory(published: Path, snapshot: Snapshot) -> None:
    maps = Path("/proc/self/maps").read_text()
    folder = published / snapshot.generation
    read = [name for name in EVERY_FILE if str(folder / name) not in maps]
    assert read == [Files.MANIFEST, Files.LABELS]


@pytest.mark.parametrize("row", [-1, ROWS])
def test_a_row_that_is_not_here_is_refused(snapshot: Snapshot, row: int) -> None:
    with pytest.raises(BadQuery):
        snapshot.id_of(row)
    with pytest.raises(BadQuery):
        snapshot.display_of(row)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(records=st.dictionaries(texts, st.binary(max_size=20), max_size=12), absent=texts)
@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_ids_and_display_fields_come_back(
    tmp_path: Path,
    records: dict[str, bytes],
    absent: str,
) -> None:
    folder = tmp_path / "snapshot"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ids = sorted(records)
    display = [records[row_id] for row_id in ids]
    build(sample_rows(len(ids), ids=ids, display=display), folder, **STAMP)
    snapshot = Snapshot.open(folder)
    assert [snapshot.id_of(row) for row in range(len(ids))] == ids
    assert {row_id: snapshot.display_of(snapshot.row_of(row_id) or 0) for row_id in ids} == records
    assert [snapshot.row_of(row_id) for row_id in ids] == list(range(len(ids)))
    assert (snapshot.row_of(absent) is None) == (absent not in records)


def test_an_empty_archive_builds_and_answers(tmp_path: Path) -> None:
    snapshot = Catalog(tmp_path).publish_rows(sample_rows(0), **STAMP, ivf_above=0)
    assert len(snapshot) == 0
    nobody = np.empty(0, bool)
    assert len(snapshot.vectors.nearest(random_units(1, 8)[0], 5, nobody)) == 0
    assert snapshot.vectors.fetch(np.empty(0, np.int64)).shape == (0, 8)
    query = snapshot.lexicon.weigh(np.array([3], np.int32), np.ones(1, np.float32))
    assert query.weights.tolist() == [1]
    assert len(snapshot.lexicon.nearest(query, 5, nobody)) == 0
    assert snapshot.row_of("a") is None
    assert snapshot.columns["published"].shape == (0,)
    assert (snapshot.manifest.background, snapshot.manifest.recall) == (
        {"": BackgroundSimilarity(0, 0.0, 0.0, 0.0)},
        1,
    )


@pytest.mark.parametrize(
    "stamp",
    [{}, {"grouped_by": "language", "reliable_by": "withheld", "centred": True, "ivf_above": 0}],
    ids=["plain", "with all there is"],
)
def test_building_twice_gives_the_same_bytes(tmp_path: Path, stamp: dict[str, Any]) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        build(sample_rows(ROWS), folder, **STAMP, **stamp)
    one, two = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert one == two


def test_the_bytes_do_not_depend_on_how_many_rows_are_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "many", tmp_path / "few"]
    for folder in folders:
        folder.mkdir()
        build(SAMPLE, folder, **STAMP, centred=True, grouped_by="language", ivf_above=0)
        for name in AT_ONCE:
            monkeypatch.setattr(name, 7)
    many, few = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert many == few


@pytest.mark.parametrize("options", [{"ivf_above": 0, "reliable_by": "withheld"}, {}])
def test_a_build_says_what_it_begins_and_counts_it_to_the_end(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    pieces, done = {}, {}

    def begin(stage: str, count: int, _piece: str) -> Callable[[int], object]:
        pieces[stage], done[stage] = count, 0
        return lambda more: done.update({stage: done[stage] + more})

    build(SAMPLE, tmp_path, **STAMP, **options, begin=begin)
    few = {"training", "lists", "recall"} if not options else set()
    assert list(pieces) == [stage for stage in STAGES if stage not in few]
    assert done == pieces
    assert pieces["neighbours"] == ROWS


def test_a_build_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / Files.IDS).write_bytes(b"")
    with pytest.raises(FileExistsError):
        build(SAMPLE, tmp_path, **STAMP)


# --- damage ---

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "cut by a byte": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "first bit": lambda data: flipped(data, 0),
    "last bit": lambda data: flipped(data, len(data) * 8 - 1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_damaged_file_is_named_and_never_served(
    catalog: Catalog,
    name: str,
    damage: Callable[[bytes], bytes],
) -> None:
    rewrite(live_file(catalog, name), damage)
    with pytest.raises(SnapshotDamaged, match=f"{name}.*rebuild"):
        catalog.open_live()


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(catalog: Catalog, name: str) -> None:
    live_file(catalog, name).unlink()
    with pytest.raises(SnapshotDamaged, match=name):
        catalog.open_live()


@pytest.mark.parametrize("name", [Files.IDS, Files.VECTORS, "column-language.npy"])
def test_a_link_in_place_of_a_file_is_refused(catalog: Catalog, name: str) -> None:
    path = live_file(catalog, name)
    path.rename(catalog.folder / "elsewhere")
    path.symlink_to(catalog.folder / "elsewhere")
    with pytest.raises(SnapshotDamaged, match=name):
        catalog.open_live()


@pytest.mark.parametrize("name", ["column-more.npy", "notes.txt", ".hidden"])
def test_an_extra_file_is_refused(catalog: Catalog, name: str) -> None:
    live_file(catalog, name).write_bytes(b"")
    with pytest.raises(SnapshotDamaged, match=name):
        catalog.open_live()


def test_an_endless_manifest_is_not_read_through(catalog: Catalog) -> None:
    rewrite(live_file(catalog, Files.MANIFEST), lambda data: data + b" " * MOST_MANIFEST_BYTES)
    with pytest.raises(SnapshotDamaged, match="longer than"):
        catalog.open_live()


def test_a_folder_that_is_not_there_is_damage(tmp_path: Path) -> None:
    with pytest.raises(SnapshotDamaged, match="missing"):
        Snapshot.open(tmp_path / "nowhere")


def test_sizes_are_checked_even_without_checksums(catalog: Catalog) -> None:
    rewrite(live_file(catalog, Files.DISPLAY), lambda data: data[:-1])
    with pytest.raises(SnapshotDamaged, match="long, not"):
        catalog.open_live()


# --- files that fit their checksums and yet not each other ---


def plain(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def npy(array: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path, array)


def raw(*offsets: int) -> Callable[[Path], None]:
    return lambda path: np.array(offsets, "<i8").tofile(path)


def with_one(numbers: Any, odd: float) -> Any:
    changed = numbers.astype(np.float32)
    changed[len(changed) // 2] = odd
    return changed


STARTS = SAMPLE.passages.indptr
PASSAGES = int(STARTS[-1])
KEYWORDS = sum(map(len, SAMPLE.keywords))
NUMBERS = 2 * ROWS
MISFITS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "short column": ("column-language.npy", npy(np.zeros(ROWS - 1))),
    "column of strings": ("column-language.npy", npy(np.zeros(ROWS, "U3"))),
    "column of three axes": ("column-language.npy", npy(np.zeros((ROWS, 1, 1)))),
    "column of no axis": ("column-language.npy", npy(np.zeros(()))),
    "words of two axes": (Files.TERM_WORDS, npy(np.zeros((ENTRIES, 1), np.uint32))),
    "no array": ("column-language.npy", plain(b"x")),
    "falling indptr": (Files.TERM_STARTS, npy(np.arange(ROWS + 1)[::-1])),
    "indptr off zero": (Files.TERM_STARTS, npy(np.ones(ROWS + 1, np.int64))),
    "few words": (Files.TERM_WORDS, npy(np.zeros(1, np.uint32))),
    "words with a sign": (Files.TERM_WORDS, npy(np.zeros(ENTRIES, np.int32))),
    "few scales of words": (Files.TERM_SCALES, npy(np.ones(ROWS - 1, np.float32))),
    "scales of words below zero": (Files.TERM_SCALES, npy(with_one(np.ones(ROWS), -1))),
    "scales of words that are no number": (Files.TERM_SCALES, npy(with_one(np.ones(ROWS), np.nan))),
    "frequencies below zero": (Files.TERM_FREQUENCY, npy(np.full(2**20, -1, np.int32))),
    "few codes": (Files.POSTING_CODES, npy(np.ones(1, np.uint8))),
    "few postings": (Files.POSTING_STARTS, npy(np.zeros(2**20 + 1, np.int64))),
    "offsets past the end": (Files.IDS_OFFSETS, raw(*range(ROWS), 10**9)),
    "too few offsets": (Files.IDS_OFFSETS, raw(0, ROWS * 13)),
    "falling offsets": (Files.IDS_OFFSETS, raw(0, 99, *range(ROWS - 2), ROWS * 13)),
    "torn offset": (Files.IDS_OFFSETS, plain(b"123")),
    "short passage starts": (Files.PASSAGE_STARTS, npy(np.zeros(ROWS, np.int64))),
    "falling passage starts": (
        Files.PASSAGE_STARTS,
        npy(np.r_[0, 9, 8, np.full(ROWS - 2, PASSAGES)]),
    ),
    "passage starts off zero": (Files.PASSAGE_STARTS, npy(np.full(ROWS + 1, PASSAGES))),
    "passage starts past the end": (Files.PASSAGE_STARTS, npy(np.r_[np.zeros(ROWS, int), 10**9])),
    "passage starts of the other end": (Files.PASSAGE_STARTS, npy(STARTS.astype(">i8"))),
    "narrow passages": (Files.PASSAGE_CODES, npy(np.ones((PASSAGES, 7), np.int8))),
    "passages in 16 bits": (Files.PASSAGE_CODES, npy(np.ones((PASSAGES, 8), np.int16))),
    "few scales": (Files.PASSAGE_SCALES, npy(np.ones(PASSAGES - 1, np.float32))),
    "scales of nothing": (Files.PASSAGE_SCALES, npy(with_one(np.ones(PASSAGES), 0))),
    "scales without end": (Files.PASSAGE_SCALES, npy(with_one(np.ones(PASSAGES), np.inf))),
    "few means": (Files.MEANS, npy(np.zeros((1, 8), np.float32))),
    "short means of passages": (Files.PASSAGE_MEANS, npy(np.zeros((3, 7), np.float32))),
    "means of NaN": (Files.MEANS, npy(np.full((2, 8), np.nan, np.float32))),
    "a neighbour past the end": (Files.NEIGHBOUR_ROWS, npy(np.full((ROWS, 2), ROWS, np.int32))),
    "a neighbour before all": (Files.NEIGHBOUR_ROWS, npy(np.full((ROWS, 2), -2, np.int32))),
    "three neighbours": (Files.NEIGHBOUR_ROWS, npy(np.zeros((ROWS, 3), np.int32))),
    "a share above 1": (Files.NEIGHBOUR_WEIGHTS, npy(np.full((ROWS, 2), 1.5, np.float32))),
    "a share below 0": (Files.NEIGHBOUR_WEIGHTS, npy(np.full((ROWS, 2), -0.5, np.float32))),
    "hubness without end": (Files.HUBNESS, npy(with_one(np.zeros(ROWS), np.inf))),
    "hubness of few": (Files.HUBNESS, npy(np.zeros(ROWS - 1, np.float32))),
    "a code past its words": ("column-language.npy", npy(np.full(ROWS, 2, np.int16))),
    "a code before its words": ("column-language.npy", npy(np.full(ROWS, -1, np.int16))),
    "a code of half a word": ("column-language.npy", npy(np.full(ROWS, 0.5))),
    "labels of no column": (Files.LABELS, plain(b'{"nothing": []}')),
    "labels of numbers": (Files.LABELS, plain(b'{"a": [1]}')),
    "labels in a list": (Files.LABELS, plain(b"[]")),
    "labels nested deep": (Files.LABELS, plain(b"[" * 99_999)),
    "keywords without offsets": (Files.KEYWORDS_OFFSETS, plain(b"")),
    "keywords past their end": (Files.KEYWORDS, plain(b"")),
    "rows of more keywords": (Files.KEYWORD_STARTS, npy(np.arange(9))),
    "a keyword of no row": (Files.KEYWORD_ROWS, npy(np.full(KEYWORDS, ROWS, np.int32))),
    "a keyword of a row before all": (Files.KEYWORD_ROWS, npy(np.full(KEYWORDS, -1, np.int32))),
    "rows of few keywords": (Files.KEYWORD_ROWS, npy(np.zeros(KEYWORDS - 1, np.int32))),
    "numbers past their end": (Files.NUMBERS, plain(b"")),
    "rows of more numbers": (Files.NUMBER_STARTS, npy(np.arange(9))),
    "a number of no row": (Files.NUMBER_ROWS, npy(np.full(NUMBERS, ROWS, np.int32))),
    "rows of few numbers": (Files.NUMBER_ROWS, npy(np.zeros(NUMBERS - 1, np.int32))),
    "numbers that fall": (Files.NUMBER_VALUES, npy(np.arange(NUMBERS)[::-1] / 2)),
    "a number without end": (Files.NUMBER_VALUES, npy(np.full(NUMBERS, np.inf))),
}


@pytest.fixture
def no_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.snapshot._check_sums", lambda *_, **__: None)


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize(("name", "write"), MISFITS.values(), ids=MISFITS.keys())
def test_files_that_do_not_fit_are_refused(
    catalog: Catalog, name: str, write: Callable[[Path], None]
) -> None:
    path = live_file(catalog, name)
    path.unlink()
    write(path)
    with pytest.raises(SnapshotDamaged):
        catalog.open_live()


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        pytest.param("column-withheld.npy", npy(np.zeros(ROWS, np.int8)), id="no bools"),
        pytest.param("column-withheld.npy", npy(np.zeros((ROWS, 1), bool)), id="bools in a matrix"),
        pytest.param("column-language.npy", npy(np.zeros((ROWS, 1), np.int16)), id="codes in one"),
        pytest.param(Files.MEANS, npy(np.zeros((2, 8), np.float32)), id="a mean too few"),
        pytest.param(Files.LABELS, plain(b"{}"), id="groups without labels"),
    ],
)
def test_columns_that_the_manifest_names_must_fit(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """The groups' codes and the bools that say whose vectors mean something."""
    catalog = Catalog(tmp_path)
    catalog.publish_rows(SAMPLE, **STAMP, grouped_by="language", reliable_by="withheld")
    write(live_file(catalog, name))
    with pytest.raises(SnapshotDamaged):
        catalog.open_live()
