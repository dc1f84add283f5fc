"""The stages of an interrupted build: what is gone on with, and what is not."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from index import BadRows, Catalog, KeptStages, RowSpool, keep_stages, open_rows
from index.build import STAGES
from index.catalog import KEPT
from index.disk import replace_file
from tests.support.index_rows import STAMP, sample_rows

ORIGIN: Final = {"change": 1, "notes": {"mark": "x"}}
KEPT_STAGES: Final = (
    "vectors",
    "lists",
    "passages",
    "words",
    "background",
    "neighbours",
    "places",
    "fields",
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "snapshots")


def publish(
    catalog: Catalog, stop_at: str = "", origin: dict[str, Any] = ORIGIN
) -> tuple[str, list[str], list[str]]:
    """Build and publish, as a rebuild does; interrupted where a stage begins.

    Returns:
        The name of the generation, what was there, and the stages that began.
    """
    begun = list[str]()

    def begin(stage: str, _pieces: int, _piece: str) -> Callable[[int], object]:
        begun.append(stage)
        if stage == stop_at:
            raise KeyboardInterrupt
        return bool

    with keep_stages(catalog, origin) as kept:
        there = [*kept.done]
        rows = open_rows(kept.rows, kept.do("gathering", lambda: spooled(kept.rows, begin)))
        staged = catalog.stage(rows, **STAMP, ivf_above=0, writer=kept, begin=begin)
    return catalog.publish(staged), there, begun


def spooled(folder: Path, begin: Callable[..., object]) -> dict[str, Any]:
    begin("gathering", 0, "row")
    spool = RowSpool(folder)
    spool.append(sample_rows(40))
    return spool.told()


def files_of(catalog: Catalog, generation: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (catalog.folder / generation).iterdir()}


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    """The files of a build that nothing interrupts, and that keeps nothing."""
    whole, spool = Catalog(tmp_path / "whole"), RowSpool(tmp_path)
    spool.append(sample_rows(40))
    snapshot = whole.publish_rows(spool.rows(), **STAMP, ivf_above=0)
    return files_of(whole, snapshot.generation)


def check(catalog: Catalog, generation: str, expected: dict[str, bytes]) -> None:
    """The files are the expected ones, and nothing is left of the build."""
    assert files_of(catalog, generation) == expected
    assert {path.name for path in catalog.folder.iterdir()} == {"live", generation}


def test_a_build_interrupted_in_any_stage_goes_on_to_the_same_bytes(
    catalog: Catalog, expected: dict[str, bytes]
) -> None:
    """In each stage once, one after the other; what is there does not begin again."""
    for stage in ("gathering", *STAGES, "verifying"):
        with pytest.raises(KeyboardInterrupt):
            publish(catalog, stage)
    generation, there, begun = publish(catalog)
    assert there == ["gathering", *KEPT_STAGES]
    assert begun == ["checking", "verifying"]
    check(catalog, generation, expected)


@pytest.mark.long
def test_a_build_interrupted_amid_its_files_goes_on_to_the_same_bytes(
    catalog: Catalog, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first sync, of what is left at the second one, and so on."""
    sync, left = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        sync(handle)

    monkeypatch.setattr("index.disk.os.fsync", fsync)
    for attempt in range(1, 100):
        left = attempt
        try:
            generation, there, _ = publish(catalog)
        except KeyboardInterrupt:
            continue
        break
    assert 8 < attempt < 99
    assert there
    check(catalog, generation, expected)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build leaves that is interrupted when all is there but what is as it was given."""
    catalog = Catalog(tmp_path_factory.mktemp("interrupted"))
    with pytest.raises(KeyboardInterrupt):
        publish(catalog, "fields")
    return catalog.folder / KEPT


def copied(folder: Path, to: Path) -> Path:
    """A copy that shares its files, which are never written over."""
    return Path(shutil.copytree(folder, to, copy_function=os.link))


@pytest.fixture
def left(interrupted: Path, catalog: Catalog) -> Path:
    copied(interrupted, catalog.folder / KEPT)
    assert KeptStages(catalog.folder / KEPT, ORIGIN).done == ("gathering", *KEPT_STAGES[:-1])
    return catalog.folder / KEPT


def begins_anew(folder: Path, **origin: object) -> bool:
    """Whether nothing of a folder is gone on with; if so, all of it is removed."""
    done = KeptStages(folder, {**ORIGIN, **origin}).done
    files = [path for path in folder.rglob("*") if path.is_file()]
    return done == () and files == []


def test_one_damaged_file_is_enough_to_begin_anew(left: Path, tmp_path: Path) -> None:
    """A byte in the middle is another one, the last byte is missing, or the whole file is."""
    names = sorted(path.relative_to(left) for path in left.rglob("*") if path.is_file())
    assert {name.parts[0] for name in names} == {"state.json", "rows", "snapshot", "results"}
    for at, name in enumerate(names):
        copy = copied(left, tmp_path / f"copy-{at}")
        data, half = (copy / name).read_bytes(), (copy / name).stat().st_size // 2
        (copy / name).unlink()
        if at % 3:
            flipped = data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :] if data else b"x"
            (copy / name).write_bytes(flipped if at % 3 == 1 or not data else data[:-1])
        assert begins_anew(copy), name
    assert not begins_anew(left)


def test_a_state_that_says_something_else_begins_anew(left: Path) -> None:
    """Also where it is JSON, and all files are as it says."""
    state = left / "state.json"
    data = state.read_bytes().replace(b'"told": null', b'"told": true', 1)
    assert data != state.read_bytes()
    state.unlink()  # the other copies share the file
    state.write_bytes(data)
    assert begins_anew(left)


def test_all_files_are_on_the_disk_before_the_state_names_them(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, named = set[tuple[int, int]](), list[str]()
    sync, replace_state = os.fsync, replace_file

    def note(fd: int) -> None:
        sync(fd)
        synced.add((os.fstat(fd).st_ino, os.fstat(fd).st_size))

    def check(path: Path, data: bytes) -> None:
        stages = json.loads(data.partition(b"\n")[2])["stages"]
        names = [name for stage in stages.values() for name in stage["files"]]
        for name in names:
            told = (path.parent / name).stat()
            assert (told.st_ino, told.st_size) in synced, name
            assert any(ino == (path.parent / name).parent.stat().st_ino for ino, _ in synced), name
        named.extend(names)
        replace_state(path, data)

    monkeypatch.setattr("os.fsync", note)
    monkeypatch.setattr("index.kept_stages.replace_file", check)
    publish(catalog)
    assert {name.partition("/")[0] for name in named} == {"rows", "snapshot", "results"}


def test_other_rows_or_options_begin_anew(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = (copied(left, tmp_path / f"copy-{at}") for at in range(4))
    assert not begins_anew(next(copies), change=1)
    assert begins_anew(next(copies), change=2)
    assert begins_anew(next(copies), more="x")
    monkeypatch.setattr("index.kept_stages.FORMAT", 0)
    assert begins_anew(next(copies))


def test_what_was_half_written_is_removed(left: Path) -> None:
    for folder in ("rows", "snapshot", "results"):
        (left / folder / "half").write_bytes(b"x")
    KeptStages(left, ORIGIN)
    assert list(left.rglob("half")) == []


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), BadRows("bad")])
def test_an_error_leaves_nothing(catalog: Catalog, left: Path, fault: Exception) -> None:
    (catalog.folder / ".building-0").mkdir()
    with suppress(type(fault)), keep_stages(catalog, ORIGIN) as kept:
        assert [*catalog.folder.glob(".building-*")] == [left]
        assert kept.done
        raise fault
    assert [*catalog.folder.iterdir()] == []


def test_an_error_that_passes_leaves_what_was_done(catalog: Catalog, left: Path) -> None:
    before = sorted(left.rglob("*"))
    passing = (TimeoutError,)
    with suppress(*passing), keep_stages(catalog, ORIGIN, passing=passing) as kept:
        assert kept.done
        raise TimeoutError
    assert sorted(left.rglob("*")) == before


@pytest.mark.parametrize("removes", [Catalog.sweep, partial(Catalog.prune, keep=1)])
def test_what_is_kept_goes_with_what_failed_builds_left(
    catalog: Catalog, left: Path, removes: Callable[[Catalog], object]
) -> None:
    removes(catalog)
    assert not left.exists()


def test_a_snapshot_that_is_not_published_goes_as_a_whole(catalog: Catalog) -> None:
    with keep_stages(catalog, ORIGIN) as kept:
        staged = catalog.stage(sample_rows(40), **STAMP, writer=kept)
    catalog.discard(staged)
    assert [*catalog.folder.iterdir()] == []
