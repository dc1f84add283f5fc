"""Catalog: a snapshot is live whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index import BadRows, Catalog, Locked, NoSnapshot, Snapshot, SnapshotDamaged
from index.build import build
from index.manifest import Files
from index.vector_search import Vectors
from tests.support.index_rows import STAMP, random_units, sample_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from index import Rows


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "snapshots")


def publish(catalog: Catalog, change: int, epoch: str = "e0") -> str:
    stamp = STAMP | {"change": change, "epoch": epoch}
    return catalog.publish_rows(sample_rows(5, seed=change), **stamp).generation


def names(catalog: Catalog) -> set[str]:
    return {path.name for path in catalog.folder.iterdir()}


def test_a_published_snapshot_is_live(catalog: Catalog) -> None:
    snapshot = catalog.publish_rows(sample_rows(5), **STAMP)
    assert catalog.live() == snapshot.generation
    assert catalog.open_live().manifest == snapshot.manifest
    assert names(catalog) == {"live", snapshot.generation}
    assert (catalog.folder / "live").read_text() == f"{snapshot.generation}\n"


def test_a_staged_snapshot_answers_before_it_is_live(catalog: Catalog) -> None:
    old = publish(catalog, 1)
    staged = catalog.stage(sample_rows(5), **STAMP | {"change": 2})
    assert staged.snapshot.row_of("article-00003") == 3
    assert catalog.live() == old
    assert catalog.publish(staged) == catalog.live() == staged.generation
    assert staged.snapshot.row_of("article-00003") == 3


def test_a_discarded_snapshot_leaves_nothing(catalog: Catalog) -> None:
    old = publish(catalog, 1)
    catalog.discard(catalog.stage(sample_rows(5), **STAMP | {"change": 2}))
    assert names(catalog) == {"live", old}


def test_publishing_the_same_rows_again_changes_nothing(catalog: Catalog) -> None:
    first = publish(catalog, 1)
    inode = (catalog.folder / first).stat().st_ino
    assert publish(catalog, 1) == first
    assert names(catalog) == {"live", first}
    assert (catalog.folder / first).stat().st_ino == inode


def test_publishing_the_same_rows_again_heals_a_damaged_copy(catalog: Catalog) -> None:
    first = publish(catalog, 1)
    (catalog.folder / first / Files.DISPLAY).write_bytes(b"")
    assert publish(catalog, 1) == first
    assert catalog.open_live().display_of(0) == b"display \x00 0"
    catalog.prune(1)
    assert names(catalog) == {"live", first}


def test_a_snapshot_outlives_its_files(catalog: Catalog) -> None:
    old = catalog.publish_rows(sample_rows(5), **STAMP)
    publish(catalog, 8)
    catalog.prune(1)
    assert old.display_of(4) == b"display \x00 4"
    hits = old.vectors.nearest(random_units(5, 8)[2], 1, np.ones(5, bool))
    assert hits.rows.tolist() == [2]


# --- failures ---


def test_a_build_that_fails_or_is_interrupted_leaves_the_live_one_alone(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = publish(catalog, 1)
    with pytest.raises(BadRows):
        catalog.publish_rows(sample_rows(5, display=[]), **STAMP)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("index.groups.Pairs.over", interrupt)
    with pytest.raises(KeyboardInterrupt):
        publish(catalog, 2)
    assert names(catalog) == {"live", old}


class DiskFull(OSError):
    """The error of the injected failure, different from all real ones."""


def failing(real: Callable[..., Any], after: int) -> Callable[..., Any]:
    """Let `after` calls through, fail the next one, and let the rest through."""
    calls = itertools.count()

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls) == after:
            raise DiskFull(errno.ENOSPC, "No space left on device")
        return real(*arguments, **options)

    return call


def interrupted_publish(catalog: Catalog, patch: pytest.MonkeyPatch, name: str, after: int) -> bool:
    """Publish with one failing system call; return whether it was reached."""
    with patch.context() as patched:
        patched.setattr(os, name, failing(getattr(os, name), after))
        try:
            publish(catalog, 2)
        except DiskFull:
            return True
    return False


@pytest.mark.long
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_the_live_snapshot_stays_intact_wherever_the_disk_fails(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    """Each file is synced once, and the pointer; a folder is opened and synced three times."""
    old = publish(catalog, 1)
    reached = 0
    while interrupted_publish(catalog, monkeypatch, call, reached):
        reached += 1
        live = catalog.open_live()
        # The very last step syncs a pointer that is replaced already.
        assert live.generation == old or live.manifest.change == 2
        assert names(catalog) == {"live", *catalog.generations()}
        for generation in catalog.generations():
            catalog.open(generation)
        catalog.flip(catalog.open(old))
        catalog.prune(0)
    files = len(list((catalog.folder / old).iterdir()))
    assert reached == (files + 1 + 3 if call == "fsync" else 3)
    assert catalog.open_live().manifest.change == 2


def test_bytes_that_change_between_build_and_reading_are_caught(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build_and_spoil(rows: Rows, folder: Path, **options: Any) -> None:
        build(rows, folder, **options)
        (folder / Files.DISPLAY).write_bytes(b"x" * 40)

    monkeypatch.setattr("index.catalog.build", build_and_spoil)
    with pytest.raises(SnapshotDamaged, match=r"display\.bin"):
        publish(catalog, 1)
    assert names(catalog) == set()


def test_a_row_that_does_not_find_itself_is_not_published(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = Vectors.fetch
    monkeypatch.setattr(Vectors, "fetch", lambda self, rows: honest(self, (rows + 1) % 5))
    with pytest.raises(SnapshotDamaged, match="article-00000"):
        publish(catalog, 1)


def test_duplicates_of_one_article_all_find_themselves(catalog: Catalog) -> None:
    vectors = np.repeat(random_units(2, 8), 60, axis=0)
    snapshot = catalog.publish_rows(sample_rows(120, vectors=vectors), **STAMP)
    assert catalog.live() == snapshot.generation


# --- the pointer ---


def test_before_the_first_publish_there_is_no_snapshot(catalog: Catalog) -> None:
    with pytest.raises(NoSnapshot, match="rebuild"):
        catalog.live()
    with pytest.raises(NoSnapshot):
        catalog.open_live()
    assert catalog.generations() == []


HOSTILE = {
    "empty": b"",
    "climbing": b"../x\n",
    "absolute": b"/etc\n",
    "no newline": b"000000000001-0123456789ab",
    "two newlines": b"000000000001-0123456789ab\n\n",
    "two names": b"000000000001-0123456789ab\n000000000001-0123456789ab\n",
    "capitals": b"000000000001-0123456789AB\n",
    "arabic digits": ("\N{ARABIC-INDIC DIGIT ONE}" * 12 + "-0123456789ab\n").encode(),
    "long": b"0" * 1_000_000,
    "NUL": b"000000000001-0123456789a\0\n",
    "no UTF-8": b"\xff" * 25 + b"\n",
    "missing": b"000000000001-0123456789ab\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_pointer_is_refused(catalog: Catalog, content: bytes) -> None:
    publish(catalog, 1)
    (catalog.folder / "live").write_bytes(content)
    with pytest.raises(SnapshotDamaged, match="live"):
        catalog.live()
    with pytest.raises(SnapshotDamaged, match="live"):
        catalog.open_live()


def test_a_generation_under_another_name_is_refused(catalog: Catalog) -> None:
    name = publish(catalog, 1)
    other = "000000000009-0123456789ab"
    (catalog.folder / name).rename(catalog.folder / other)
    (catalog.folder / "live").write_text(f"{other}\n")
    with pytest.raises(SnapshotDamaged, match=name):
        catalog.open_live()


def test_a_reader_follows_a_flip_that_overtakes_it(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(catalog, 1)
    honest = Catalog.open

    def overtaken(self: Catalog, generation: str) -> Snapshot:
        monkeypatch.setattr(Catalog, "open", honest)
        publish(self, 2)
        self.prune(1)
        return honest(self, generation)

    monkeypatch.setattr(Catalog, "open", overtaken)
    assert catalog.open_live().manifest.change == 2


# --- flip, list, prune, lock ---


@pytest.mark.parametrize("name", ["", "..", "../x", "live", "000000000009-0123456789ab"])
def test_no_other_name_is_a_generation(catalog: Catalog, name: str) -> None:
    publish(catalog, 1)
    with pytest.raises(NoSnapshot):
        catalog.open(name)
    with pytest.raises(NoSnapshot):
        catalog.bytes_of(name)


def test_generations_are_listed_oldest_first_and_nothing_else(catalog: Catalog) -> None:
    made = [publish(catalog, change) for change in (10, 9, 100)]
    (catalog.folder / "000000000001-NOTAGENERAT").mkdir()
    (catalog.folder / "000000000001-0123456789ab").write_bytes(b"a file")
    assert catalog.generations() == [made[1], made[0], made[2]]


def test_the_size_of_a_generation_is_that_of_its_files(catalog: Catalog) -> None:
    name = publish(catalog, 1)
    sizes = [len(path.read_bytes()) for path in (catalog.folder / name).iterdir()]
    assert catalog.bytes_of(name) == sum(sizes)


@pytest.mark.long
@pytest.mark.parametrize(
    ("keep", "left"),
    [(0, [1]), (1, [1, 4]), (2, [1, 3, 4]), (4, [1, 2, 3, 4]), (9, [1, 2, 3, 4])],
)
def test_prune_keeps_the_newest_and_the_live_one(
    catalog: Catalog,
    keep: int,
    left: list[int],
) -> None:
    made = {change: publish(catalog, change) for change in (1, 2, 3, 4)}
    catalog.flip(catalog.open(made[1]))
    removed = catalog.prune(keep)
    assert catalog.generations() == [made[change] for change in left]
    assert removed == [made[change] for change in made if change not in left]
    assert catalog.open_live().generation == made[1]


def test_prune_sweeps_what_failed_builds_left(catalog: Catalog) -> None:
    live = publish(catalog, 1)
    (catalog.folder / ".building-0").mkdir()
    (catalog.folder / ".building-0" / "x").write_bytes(b"x")
    (catalog.folder / ".building-1").write_bytes(b"x")
    (catalog.folder / "notes").write_bytes(b"x")
    assert catalog.prune(1) == []
    assert names(catalog) == {"live", "notes", live}


@pytest.mark.parametrize("fault", [None, KeyboardInterrupt])
def test_a_scratch_folder_is_removed_and_begins_without_leftovers(
    catalog: Catalog, fault: type[BaseException] | None
) -> None:
    live = catalog.publish_rows(sample_rows(3), **STAMP).generation
    (catalog.folder / ".building-0").mkdir()
    with suppress(KeyboardInterrupt), catalog.scratch() as folder:
        assert list(catalog.folder.glob(".building-*")) == [folder]
        (folder / "x").write_bytes(b"x")
        if fault is not None:
            raise fault
    assert names(catalog) == {"live", live}


def test_prune_removes_nothing_when_the_pointer_is_damaged(catalog: Catalog) -> None:
    made = [publish(catalog, change) for change in (1, 2)]
    (catalog.folder / "live").write_bytes(b"?")
    with pytest.raises(SnapshotDamaged):
        catalog.prune(0)
    assert catalog.generations() == made


@pytest.mark.long
def test_prune_removes_generations_of_another_store_first(catalog: Catalog) -> None:
    """A new store counts from 1 again, below the numbers of the old one."""
    old = [publish(catalog, change) for change in (50, 51, 52)]
    new = [publish(catalog, change, epoch="another") for change in (1, 2)]
    assert catalog.prune(3) == old[:2]
    assert catalog.generations() == [*new, old[2]]
    assert catalog.prune(2) == [old[2]]
    assert catalog.live() == new[1]


def test_the_lock_is_held_until_the_block_ends_or_fails(catalog: Catalog) -> None:
    with (
        catalog.lock(),
        pytest.raises(Locked, match="another rebuild"),
        Catalog(catalog.folder).lock(),
    ):
        pass
    with pytest.raises(KeyError), catalog.lock():
        raise KeyError
    with catalog.lock():
        pass
