"""After a power loss at any moment, acknowledged writes are there; a missing sync is noticed.

The states are drawn by a seed. `python -m tests.faults.harness.powerloss` looks at thousands.
"""

import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import which

import pytest

from tests.faults.harness.powerloss import WORKLOADS, examine, trace
from tests.faults.harness.replay import (
    SECTOR,
    Control,
    Disk,
    Luck,
    Outage,
    Tree,
    Workload,
    draw_outages,
    replay,
)
from tests.faults.harness.replay_catalog import CATALOG
from tests.faults.harness.replay_store import REOPENED_AT, STORE, WRITES
from tests.faults.harness.tally import memory_folder
from tests.faults.harness.trace import (
    ROOT,
    Acknowledge,
    Enter,
    Leave,
    Move,
    Operation,
    Resize,
    Sync,
    Unfollowed,
    Write,
    follow,
    run_traced,
    why_untraceable,
)
from tests.support.missing_software import skip_or_fail
from tests.support.serving import ROOT as REPOSITORY

SEED = 20261124
STATES = {STORE: 200, CATALOG: 120}
STATES_OF_A_CONTROL = 20

traced = pytest.mark.usefixtures("_tracing")


@pytest.fixture(scope="module")
def _tracing() -> None:
    if reason := why_untraceable():
        skip_or_fail(reason, installable=which("strace") is None)


# --- the product ---


def tree_of(folder: Path) -> Tree:
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


@cache
def traced_once(workload: Workload) -> list[Operation]:
    """What a workload did; replayed with all of it kept, it gives the folder it left."""
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        done = trace(workload, Path(folder))
        (whole,) = replay(done, [Outage(len(done), Luck(kept=1))])
        assert whole.tree == tree_of(Path(folder))
        return done


@traced
@pytest.mark.long
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_nothing_acknowledged_is_lost(workload: Workload) -> None:
    done = traced_once(workload)
    outages = draw_outages(done, STATES[workload], SEED)
    count = examine(workload, done, outages)
    assert (count.states, count.losses) == (STATES[workload], []), count
    assert count.checked > STATES[workload] / 2


@pytest.mark.long
@traced
def test_a_store_in_a_new_folder_is_as_durable() -> None:
    workload = replace(STORE, place="of the newsroom/data")
    done = traced_once(workload)
    assert examine(workload, done, draw_outages(done, 50, SEED)).losses == []


@pytest.mark.long
@traced
@pytest.mark.parametrize(
    ("workload", "control"),
    [(workload, control) for workload in WORKLOADS for control in workload.controls],
    ids=lambda either: either.name,
)
def test_a_forgotten_sync_loses_something(workload: Workload, control: Control) -> None:
    left, moments = control.forget(traced_once(workload))
    assert examine(workload, left, draw_outages(left, STATES_OF_A_CONTROL, SEED, moments)).losses


@traced
def test_the_workload_checkpoints_and_reopens_the_store() -> None:
    done = traced_once(STORE)
    assert sum(isinstance(op, Acknowledge) for op in done) == WRITES
    assert sum(op == Sync(op.node, "read-also.db") for op in done if isinstance(op, Sync)) >= 10
    opened = sum(isinstance(op, Enter) and op.name.endswith("-wal") for op in done)
    assert opened == 2 + len(REOPENED_AT)  # the schema is made by a connection of its own


# --- the instruments ---

UNFOLLOWED = {
    "a shared map": """
import mmap, sys
with open(sys.argv[1] + "/f", "w+b") as file:
    file.truncate(4096)
    mmap.mmap(file.fileno(), 4096)
""",
    "a copy inside the kernel": """
import os, sys
with open(sys.argv[1] + "/f", "wb") as file, open(sys.executable, "rb") as source:
    os.sendfile(file.fileno(), source.fileno(), 0, 100)
""",
    "a symbolic link": "import os, sys; os.symlink('x', sys.argv[1] + '/f')",
    "a write after reads": """
import os, sys
handle = os.open(sys.argv[1] + "/f", os.O_RDWR | os.O_CREAT)
os.write(handle, b"x")
""",
    "a descriptor of a parent": """
import os, sys
handle = os.open(sys.argv[1] + "/f", os.O_WRONLY | os.O_CREAT)
if os.fork() == 0:
    os.close(handle)
    handle = os.open(sys.argv[1] + "/g", os.O_WRONLY | os.O_CREAT)
else:
    os.wait()
os.write(handle, b"x")
""",
    "another folder": """
import os, sys
os.mkdir(sys.argv[1] + "/d")
open(sys.argv[1] + "/f", "wb").close()
os.rename(sys.argv[1] + "/f", sys.argv[1] + "/d/f")
""",
    "a sync of everything": "import os; os.sync()",
}


@traced
@pytest.mark.parametrize("program", UNFOLLOWED.values(), ids=UNFOLLOWED.keys())
def test_a_program_that_cannot_be_followed_is_refused(program: str, tmp_path: Path) -> None:
    command = [sys.executable, "-IS", "-c", program, str(tmp_path)]
    with pytest.raises(Unfollowed):
        list(follow(run_traced(command, REPOSITORY), tmp_path))


def made(content: bytes, name: str = "f", node: int = 1) -> list[Operation]:
    """A file that is on the disk, and its name too."""
    written = Enter(ROOT, name, node), Write(node, 0, content)
    return [*written, Sync(node, name), Sync(ROOT, "/")]


A, B = b"a" * SECTOR, b"b" * SECTOR


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        pytest.param(made(A), [{"f": A}], id="what is synced with its folder is there"),
        pytest.param(
            [Enter(ROOT, "f", 1), Write(1, 0, A), Sync(1, "f")],
            [{}, {"f": A}],
            id="without its folder's sync a file may be missing",
        ),
        pytest.param(
            [*made(A + A), Write(1, 100, B)],
            [
                {"f": A + A},
                {"f": A[:100] + B[100:] + A},
                {"f": A + B[:100] + A[100:]},
                {"f": A[:100] + B + A[100:]},
            ],
            id="a write is kept, lost or torn at sectors",
        ),
        pytest.param(
            [*made(b""), Write(1, 0, B)],
            [{"f": b""}, {"f": B}, {"f": bytes(SECTOR)}, {"f": b"\xa5" * SECTOR}],
            id="a file may get its size without its bytes",
        ),
        pytest.param([*made(A), Resize(1, 1)], [{"f": A}, {"f": b"a"}], id="a resize"),
        pytest.param(
            [*made(A, "live", 1), *made(B, "aside", 2), Move(ROOT, "aside", "live", 2)],
            [{"live": A, "aside": B}, {"live": B}],
            id="a rename happens at one stroke",
        ),
        pytest.param(
            [*made(A, "a"), Leave(ROOT, "a"), Enter(ROOT, "b", 2)],
            [{"a": A}, {}, {"a": A, "b": b""}, {"b": b""}],
            id="changes of a folder come through in any combination",
        ),
        pytest.param(
            [Enter(ROOT, "d", 1, is_folder=True), Enter(1, "f", 2), Sync(1, "d/")],
            [{}, {"d": None, "d/f": b""}],
            id="what lies in a missing folder is missing",
        ),
    ],
)
def test_a_disk_may_hold_any_part_of_unsynced_writes(
    done: list[Operation], expected: list[Tree]
) -> None:
    disk = Disk()
    for operation in done:
        disk.apply(operation)
    found = [disk.after_outage(Luck(0.5, 0.5, seed)) for seed in range(200)]
    assert all(tree in expected for tree in found)
    assert all(tree in found for tree in expected)
