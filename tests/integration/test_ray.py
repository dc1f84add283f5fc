"""A rebuild on Ray: the same bytes as without, whoever is killed meanwhile; by real processes."""

import os
import select
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from recommender.store import open_store
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "recommender" / "sample" / "articles.jsonl"
SECONDS = 900.0  # until a run is taken to hang
POISON = "guiyang-smart-city"
"""As in tests/support/dying_work.py, which is not imported here: it would import Ray."""


def start(folder: Path, event: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `read-also` over a data folder, in a group of processes of its own."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.support.ray_rebuild", event, *arguments],
        cwd=ROOT,
        env=os.environ | {"READ_ALSO_DATA_DIR": str(folder), "READ_ALSO_MODEL": "bundled"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, event: str, *arguments: str, code: int = 0) -> list[list[str]]:
    """The words of each line that it prints."""
    with start(folder, event, *arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == code, err
    return [line.split() for line in out.splitlines()]


def live(folder: Path) -> str:
    """The name of the live generation: it has a hash of all that is in it."""
    return (folder / "snapshots" / "live").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, imported and rebuilt without Ray."""
    folder = tmp_path_factory.mktemp("built")
    run(folder, "nothing", "import", str(SAMPLE))
    assert run(folder, "nothing", "rebuild")[-1] == ["imported", "False"]
    return folder


@pytest.fixture
def unread(built: Path, tmp_path: Path) -> Path:
    """The same archive without any features, and without snapshots."""
    return copy_without(built, tmp_path / "unread", "terms", "vectors")


@pytest.fixture
def unembedded(built: Path, tmp_path: Path) -> Path:
    """The same archive without vectors, and without snapshots."""
    return copy_without(built, tmp_path / "unembedded", "vectors")


def copy_without(folder: Path, copy: Path, *tables: str) -> Path:
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "snapshots")
    (path,) = copy.glob("*.db")
    with closing(sqlite3.connect(path)) as database, database:
        for table in tables:
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
    return copy


def test_a_local_ray_gives_the_same_bytes_listens_on_loopback_and_ends(
    built: Path, unread: Path
) -> None:
    lines = run(unread, "nothing", "rebuild", "--ray")
    assert live(unread) == live(built)
    assert [(line[0], line[1:]) for line in lines if "127.0.0.1" in line] == [
        ("terms", ["127.0.0.1"]),
        ("vectors", ["127.0.0.1"]),
    ]
    # They are told to end, and do so in their own time.
    assert until(lambda: not any(Path(f"/proc/{one}").exists() for one in lines[0][1:]))


def test_a_killed_actor_loses_nothing(built: Path, unread: Path) -> None:
    lines = run(unread, "kill", "rebuild", "--ray")
    assert len([line for line in lines if line[0] == "killed"]) == 2
    assert live(unread) == live(built)
    with closing(open_store(f"sqlite:///{next(unread.glob('*.db'))}")) as store:
        assert store.queue.dead_letter_ids() == frozenset()


def test_ctrl_c_ends_ray_and_a_second_run_goes_on(built: Path, unembedded: Path) -> None:
    with start(unembedded, "interrupt", "rebuild", "--ray") as process:
        assert process.stdout is not None
        started = [int(word) for word in process.stdout.readline().split()[1:]]
        ends = [*pidfds(started)]
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert "interrupted; finished work is kept" in err
    for end in ends:
        assert select.select([end], [], [], PATIENCE_SECONDS)[0]
        os.close(end)
    before = rows(unembedded, "vectors")
    assert 0 < before < rows(built, "vectors")
    *_, published, _ = run(unembedded, "nothing", "rebuild", "--ray", "local")
    assert f"{rows(built, 'vectors') - before} embedded," in " ".join(published)
    assert live(unembedded) == live(built)


def pidfds(processes: list[int]) -> Iterator[int]:
    for one in processes:
        with suppress(ProcessLookupError):
            yield os.pidfd_open(one)


def rows(folder: Path, table: str) -> int:
    (path,) = folder.glob("*.db")
    with closing(sqlite3.connect(path)) as database:
        query = f"SELECT count(*) FROM {table}"  # noqa: S608 - a name of ours
        return int(database.execute(query).fetchone()[0])


def test_a_text_that_kills_each_actor_is_a_dead_letter_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    run(tmp_path, "nothing", "import", str(SAMPLE))
    run(tmp_path, "poison", "rebuild", "--ray", code=130)
    with closing(open_store(f"sqlite:///{next(tmp_path.glob('*.db'))}")) as store:
        assert store.queue.dead_letter_ids() == {POISON}
    assert rows(tmp_path, "terms") == 136
