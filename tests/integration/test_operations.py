"""Operating an archive: verify, roll back, prune, export and back up."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import Catalog
from index.manifest import Files
from recommender.articles import Article
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import copy_archive, run_command
from tests.support.features import make_embedding
from tests.support.generations import with_column
from tests.support.stores import log_of

Rebuild = Callable[..., Rebuilt]
NOBODY = "000000000009-0123456789ab"


@pytest.fixture(scope="module")
def grown_desk(
    desk_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    rebuild_with_fake: Rebuild,
) -> Settings:
    """The desk with three generations, the last one live. Only to be read."""
    settings = at(desk_settings, tmp_path_factory.mktemp("grown") / "desk")
    copy_archive(desk_settings.data_dir, settings.data_dir)
    for number in (2, 3):
        with closing(open_store(settings.database_url)) as store:
            store.delete(f"harbour-{number}")
        rebuild_with_fake(settings)
    return settings


@pytest.fixture
def own_desk(grown_desk: Settings, tmp_path: Path) -> Settings:
    """A copy of that, which a test may change."""
    settings = at(grown_desk, tmp_path / "desk")
    shutil.copytree(grown_desk.data_dir, settings.data_dir)
    return settings


def at(settings: Settings, folder: Path) -> Settings:
    url = f"sqlite:///{folder / 'read-also.db'}"
    return replace(settings, data_dir=folder, database_url=url)


@pytest.fixture
def catalog(own_desk: Settings) -> Catalog:
    return Catalog(own_desk.data.snapshots)


@pytest.fixture
def generations(catalog: Catalog) -> list[str]:
    """Three of them, the oldest first; the last one is live."""
    names = catalog.generations()
    assert (len(names), catalog.live()) == (3, names[-1])
    return names


def damage(catalog: Catalog, generation: str, file: str = Files.DISPLAY) -> None:
    """Flip one bit in the middle of a file."""
    path = catalog.folder / generation / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_store(settings: Settings) -> None:
    """Another store, of other articles, in the place of the desk's."""
    for path in settings.data_dir.glob("read-also.db*"):
        path.unlink()
    with closing(open_store(settings.database_url)) as store:
        store.write_many([Article(id=f"n-{n}", title=f"Number {n}") for n in range(60)])


# --- verify ---


@pytest.mark.long
def test_intact_generations_are_ok(own_desk: Settings, generations: list[str]) -> None:
    result = run_command(own_desk, "snapshots", "verify")
    assert result.exit_code == 0
    expected = [*(f"{name}: ok" for name in generations), f"live: {generations[-1]}"]
    assert result.stdout.splitlines() == expected
    one = run_command(own_desk, "snapshots", "verify", generations[1])
    assert (one.exit_code, one.stdout) == (0, f"{generations[1]}: ok\n")


@pytest.mark.parametrize("file", [Files.DISPLAY, Files.VECTORS, Files.MANIFEST, Files.LABELS])
def test_a_damaged_generation_is_named_with_its_file_and_the_others_are_not(
    own_desk: Settings, catalog: Catalog, generations: list[str], file: str
) -> None:
    damage(catalog, generations[1], file)
    result = run_command(own_desk, "snapshots", "verify")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.endswith(": ok") for line in lines[:3]] == [True, False, True]
    assert lines[1].startswith(f"{generations[1]}: ")
    # A manifest that was altered may still be one: it names the file it does not fit.
    assert file in lines[1] or file == Files.MANIFEST
    assert run_command(own_desk, "snapshots", "verify", generations[0]).exit_code == 0
    assert run_command(own_desk, "snapshots", "verify", generations[1]).exit_code == 1


def test_a_generation_of_other_columns_is_damaged_and_no_rollback_uses_it(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    live = generations[-1]
    catalog.flip(catalog.open(generations[1]))
    own = catalog.open_live().columns["id_hash"]
    forged = with_column(catalog, "id_hash", own.astype(np.int32))
    catalog.flip(catalog.open(live))
    for command in ("verify", "rollback"):
        result = run_command(own_desk, "snapshots", command, forged)
        assert result.exit_code == 1
        assert (
            "column-id_hash.npy: a column of int32, where lists need one of int64" in result.output
        )
    assert catalog.live() == live
    assert "column-id_hash.npy" in run_command(own_desk, "check").output


def test_a_generation_whose_rows_are_not_found_is_damaged(
    own_desk: Settings, generations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.catalog._finds_itself", lambda *_: False)
    result = run_command(own_desk, "snapshots", "verify", generations[0])
    assert result.exit_code == 1
    assert "does not find itself" in result.stdout


def test_generations_are_listed_though_the_pointer_is_damaged(own_desk: Settings) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    names = catalog.generations()
    (catalog.folder / "live").write_text("nonsense\n")
    result = run_command(own_desk, "snapshots", "list")
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == names
    assert "no snapshot is live: " in result.stderr


def test_a_damaged_pointer_is_reported_after_the_generations(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    (catalog.folder / "live").write_bytes(b"../etc\n")
    result = run_command(own_desk, "snapshots", "verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"{name}: ok" for name in generations]
    assert "live: holds" in result.stderr


@pytest.mark.parametrize("name", [NOBODY, "..", "../x", "live", ""])
@pytest.mark.parametrize("command", ["verify", "rollback"])
def test_an_unknown_generation_exits_with_69(
    own_desk: Settings, catalog: Catalog, command: str, name: str
) -> None:
    live = catalog.live()
    result = run_command(own_desk, "snapshots", command, name)
    assert result.exit_code == 69
    assert "no generation" in result.stderr
    assert catalog.live() == live


def test_there_is_nothing_to_verify_in_an_empty_catalog(bare: Settings) -> None:
    result = run_command(bare, "snapshots", "verify")
    assert (result.exit_code, result.stdout) == (0, "")


# --- rollback ---


def test_rollback_goes_back_one_at_a_time(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    old, middle, new = generations
    first = run_command(own_desk, "snapshots", "rollback")
    assert (first.exit_code, catalog.live()) == (0, middle)
    assert first.stdout == f"live now: {middle} (before: {new})\n"
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    assert catalog.live() == old
    last = run_command(own_desk, "snapshots", "rollback")
    assert last.exit_code == 69
    assert "no earlier snapshot" in last.stderr
    assert catalog.live() == old


def test_rollback_goes_to_the_one_named_also_forward(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    for name in (generations[0], generations[2], generations[2]):
        assert run_command(own_desk, "snapshots", "rollback", name).exit_code == 0
        assert catalog.live() == name


def test_rollback_refuses_a_damaged_generation(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    damage(catalog, generations[1])
    result = run_command(own_desk, "snapshots", "rollback")
    assert result.exit_code == 1
    assert Files.DISPLAY in result.stderr
    assert catalog.live() == generations[2]
    assert run_command(own_desk, "snapshots", "rollback", generations[0]).exit_code == 0


@pytest.mark.parametrize("file", [Files.DISPLAY, Files.MANIFEST])
def test_rollback_leaves_a_damaged_live_generation(
    own_desk: Settings, catalog: Catalog, generations: list[str], file: str
) -> None:
    damage(catalog, generations[2], file)
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    assert catalog.live() == generations[1]


@pytest.mark.parametrize("content", [b"?", b"", f"{NOBODY}\n".encode()])
def test_rollback_repairs_a_damaged_pointer(
    own_desk: Settings, catalog: Catalog, generations: list[str], content: bytes
) -> None:
    (catalog.folder / "live").write_bytes(content)
    result = run_command(own_desk, "snapshots", "rollback")
    assert result.exit_code == 0
    assert result.stdout == f"live now: {generations[2]} (before: none that can be read)\n"
    assert catalog.live() == generations[2]


def foreign_first(settings: Settings, catalog: Catalog, rebuild: Rebuild) -> str:
    """A live generation of another store, over those of the desk."""
    replace_store(settings)
    rebuild(settings)
    return catalog.live()


def test_rollback_refuses_a_generation_of_another_store(
    own_desk: Settings,
    catalog: Catalog,
    generations: list[str],
    rebuild_with_fake: Rebuild,
) -> None:
    live = foreign_first(own_desk, catalog, rebuild_with_fake)
    left = [name for name in generations if name in catalog.generations()]
    assert left
    for arguments in ([left[-1]], []):
        result = run_command(own_desk, "snapshots", "rollback", *arguments)
        assert result.exit_code == (2 if arguments else 69)
        assert catalog.live() == live
    assert "another store" in run_command(own_desk, "snapshots", "rollback", left[-1]).stderr


def test_with_a_damaged_pointer_a_rollback_goes_to_a_generation_of_the_store(
    own_desk: Settings,
    catalog: Catalog,
    generations: list[str],
    rebuild_with_fake: Rebuild,
) -> None:
    live = foreign_first(own_desk, catalog, rebuild_with_fake)
    left = [name for name in generations if name in catalog.generations()]
    (catalog.folder / "live").write_bytes(b"?")
    assert run_command(own_desk, "snapshots", "rollback", left[-1]).exit_code == 2
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    assert catalog.live() == live


@pytest.mark.parametrize("command", ["rollback", "prune"])
def test_during_a_rebuild_no_command_moves_the_pointer(
    own_desk: Settings, catalog: Catalog, generations: list[str], command: str
) -> None:
    with catalog.lock():
        result = run_command(own_desk, "snapshots", command)
    assert result.exit_code == 75
    assert "another rebuild is at work" in result.stderr
    assert result.stderr.endswith(f"wait for its end (process {os.getpid()})\n")
    assert (catalog.generations(), catalog.live()) == (generations, generations[-1])


def test_where_the_kernel_does_not_tell_who_holds_the_lock_nobody_is_named(
    own_desk: Settings, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.cli.lock_holder.KERNEL_LOCKS", tmp_path / "missing")
    with catalog.lock():
        result = run_command(own_desk, "snapshots", "rollback")
    assert result.exit_code == 75
    assert result.stderr.endswith("wait for its end\n")


def test_a_build_that_was_ended_lets_a_rollback_pass(
    own_desk: Settings, catalog: Catalog, generations: list[str]
) -> None:
    holding = (
        "import sys, time; from pathlib import Path; from index import Catalog\n"
        "with Catalog(Path(sys.argv[1])).lock(): print('locked', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", holding, str(catalog.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as build:  # noqa: S603 - words of this file
        assert build.stdout is not None
        assert build.stdout.readline() == b"locked\n"
        refused = run_command(own_desk, "snapshots", "rollback")
        assert refused.stderr.endswith(f"(process {build.pid})\n")
        build.terminate()
        build.wait()
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    assert catalog.live() == generations[-2]


# --- prune ---


def test_prune_removes_the_oldest_and_what_only_they_needed_of_the_log(
    own_desk: Settings, catalog: Catalog, desk_store: ArticleStore, generations: list[str]
) -> None:
    result = run_command(own_desk, "snapshots", "prune", "--keep", "2")
    assert (result.exit_code, result.stdout) == (0, f"removed {generations[0]}\n")
    assert catalog.generations() == generations[1:]
    oldest = int(generations[1].split("-")[0])
    assert [change.number for change in log_of(desk_store)[:1]] == [oldest]


def test_prune_keeps_the_live_one_and_what_it_needs(
    own_desk: Settings, catalog: Catalog, desk_store: ArticleStore, generations: list[str]
) -> None:
    run_command(own_desk, "snapshots", "rollback", generations[0])
    assert run_command(own_desk, "snapshots", "prune", "--keep", "1").exit_code == 0
    assert catalog.generations() == [generations[0], generations[2]]
    oldest = int(generations[0].split("-")[0])
    assert [change.number for change in log_of(desk_store)[:1]] == [oldest]


def test_prune_leaves_what_other_models_computed_to_the_next_rebuild(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    """It may be the work of a rebuild with another model, which was stopped and is to go on."""
    (key,) = desk_store.text_hashes(["harbour-1"]).values()
    desk_store.features.add_embeddings({key: make_embedding([1, 1, 1, 1])}, "another")
    assert run_command(own_desk, "snapshots", "prune", "--keep", "1").exit_code == 0
    assert desk_store.features.vectors([key], "another")
    rebuild_with_fake(own_desk)
    assert not desk_store.features.vectors([key], "another")


def test_prune_trims_no_log_by_the_numbers_of_another_store(
    own_desk: Settings, generations: list[str]
) -> None:
    replace_store(own_desk)
    assert generations
    assert run_command(own_desk, "snapshots", "prune", "--keep", "1").exit_code == 0
    with closing(open_store(own_desk.database_url)) as store:
        assert len(log_of(store)) == 60


@pytest.mark.long
@pytest.mark.usefixtures("fake_rebuild")
def test_a_refused_rebuild_is_1_names_the_check_and_is_let_through_by_force(
    own_desk: Settings,
    catalog: Catalog,
    desk_store: ArticleStore,
    desk_documents: dict[str, Any],
) -> None:
    live, before = catalog.live(), catalog.generations()
    for key in sorted(desk_documents)[: len(desk_documents) // 2]:
        desk_store.delete(key)
    result = run_command(own_desk, "rebuild")
    assert result.exit_code == 1
    assert "live rows: the live generation has" in result.stderr
    assert "read-also rebuild --force" in result.stderr
    assert (catalog.live(), catalog.generations()) == (live, before)
    assert list(catalog.folder.glob(".*")) == []
    assert run_command(own_desk, "rebuild", "--force").exit_code == 0
    assert catalog.live() != live


# --- export and backup ---


def test_an_export_can_be_imported_into_an_empty_store(
    own_desk: Settings, bare: Settings, tmp_path: Path, desk_documents: dict[str, Any]
) -> None:
    path = tmp_path / "all.jsonl"
    result = run_command(own_desk, "export", str(path))
    count = len(desk_documents) - 2  # deleted since
    assert (result.exit_code, result.stdout) == (0, f"{path}: {count} articles\n")
    assert f"{count} created" in run_command(bare, "import", "--strict", str(path)).stdout
    again = tmp_path / "again.jsonl"
    assert run_command(bare, "export", str(again)).exit_code == 0
    assert again.read_bytes() == path.read_bytes()


def test_an_export_to_standard_output_is_nothing_but_articles(
    own_desk: Settings, tmp_path: Path
) -> None:
    run_command(own_desk, "export", str(tmp_path / "all.jsonl"))
    result = run_command(own_desk, "export", "-")
    assert result.exit_code == 0
    assert result.stdout_bytes == (tmp_path / "all.jsonl").read_bytes()
    assert " articles" in result.stderr
    assert all(json.loads(line)["id"] for line in result.stdout.splitlines())


def test_a_backup_that_replaced_the_store_is_noticed(
    own_desk: Settings, catalog: Catalog, desk_store: ArticleStore, tmp_path: Path
) -> None:
    path = tmp_path / "copy.db"
    result = run_command(own_desk, "backup", str(path))
    assert result.exit_code == 0
    assert result.stdout.endswith(f"to use it: sqlite:///{path}\n")
    desk_store.delete("harbour-4")
    with closing(open_store(f"sqlite:///{path}")) as copy:
        assert copy.get("harbour-4").id == "harbour-4"
        assert copy.state().epoch != catalog.open_live().manifest.epoch == desk_store.state().epoch


def test_reading_commands_change_no_byte(
    own_desk: Settings, catalog: Catalog, generations: list[str], tmp_path: Path
) -> None:
    def sums() -> dict[str, str]:
        files = sorted(path for path in catalog.folder.rglob("*") if path.is_file())
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    before = sums()
    assert len(generations) == 3
    run_command(own_desk, "snapshots", "verify")
    run_command(own_desk, "snapshots", "list")
    run_command(own_desk, "export", str(tmp_path / "all.jsonl"))
    assert sums() == before
