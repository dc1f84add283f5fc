"""The power may go at any moment: what was acknowledged is there, and a forgotten sync is noticed.

The states are drawn by a seed. `python -m tests.faults.harness.powerloss` looks at thousands.
"""

import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import which

import pytest

from tests.faults.harness.powerloss import (
    REPOSITORY,
    WORKLOADS,
    Outages,
    Outcome,
    Tally,
    examine,
    lose,
    trace,
)
from tests.faults.harness.replay import (
    SECTOR,
    Control,
    Disk,
    Luck,
    Outage,
    Tree,
    Workload,
    draw_outages,
    lay_out,
    replay,
)
from tests.faults.harness.replay_catalog import CATALOG
from tests.faults.harness.replay_store import STORE, WRITES
from tests.faults.harness.tally import memory_folder
from tests.faults.harness.trace import (
    ROOT,
    Acknowledge,
    Call,
    Enter,
    Leave,
    Move,
    Operation,
    Resize,
    Sync,
    TraceFault,
    Unfollowed,
    Write,
    follow,
    read_calls,
    run_traced,
    why_untraceable,
)
from tests.support.missing_software import skip_or_fail

SEED = 20261124
STATES = {STORE: 200, CATALOG: 120}
STATES_OF_A_CONTROL = 20

traced = pytest.mark.usefixtures("_tracing")


@pytest.fixture(scope="module")
def _tracing() -> None:
    if reason := why_untraceable():
        skip_or_fail(reason, installable=which("strace") is None)


# --- the product ---


@dataclass(frozen=True, slots=True)
class Traced:
    operations: list[Operation]
    left: Tree


@cache
def traced_once(workload: Workload) -> Traced:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        return Traced(trace(workload, Path(folder)), tree_of(Path(folder)))


def tree_of(folder: Path) -> Tree:
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


@traced
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_nothing_acknowledged_is_lost(workload: Workload) -> None:
    done = traced_once(workload).operations
    outages = draw_outages(done, STATES[workload], SEED)
    tally = examine(workload, done, outages, Tally())
    assert (tally.states, tally.losses) == (STATES[workload], 0), tally.first
    assert tally.checked > STATES[workload] / 2


@pytest.mark.long
@traced
def test_a_store_in_a_new_folder_is_as_durable() -> None:
    workload = replace(STORE, place="of the newsroom/data")
    done = traced_once(workload).operations
    tally = examine(workload, done, draw_outages(done, 50, SEED), Tally())
    assert tally.losses == 0, tally.first


@pytest.mark.long
@traced
@pytest.mark.parametrize(
    ("workload", "control"),
    [(workload, control) for workload in WORKLOADS for control in workload.controls],
    ids=lambda either: either.name,
)
def test_a_forgotten_sync_loses_something(workload: Workload, control: Control) -> None:
    done = traced_once(workload).operations
    assert lose(workload, done, control, Outages(STATES_OF_A_CONTROL, SEED)).losses


@traced
def test_the_store_was_checkpointed_and_opened_again() -> None:
    done = traced_once(STORE).operations
    assert sum(isinstance(op, Acknowledge) for op in done) == WRITES
    assert sum(op == Sync(op.node, "read-also.db") for op in done if isinstance(op, Sync)) >= 10
    assert sum(isinstance(op, Enter) and op.name.endswith("-wal") for op in done) == 3


# --- the trace ---

EVERY_CALL = """
import os, shutil, sys
from pathlib import Path
root = Path(sys.argv[1])
(root / "a" / "b, c").mkdir(parents=True)
with (root / "a" / 'quo"te' ).open("wb", buffering=0) as file:
    file.write(b"0123456789" * 200)
    file.seek(5)
    file.write(b"\\x00\\xff,)= ")
    file.truncate(1500)
    os.fsync(file.fileno())
with (root / "a" / 'quo"te').open("ab") as file:
    file.write(b"appended")
handle = os.open(root / "a" / "b, c" / "placed", os.O_CREAT | os.O_WRONLY)
os.pwrite(handle, b"far", 3000)
os.writev(handle, [b"one", b"two"])
os.pwritev(handle, [b"three", b"four"], 10)
copy = os.dup(handle)
os.write(copy, b"behind")
os.close(handle)
os.posix_fallocate(copy, 0, 5000)
os.fdatasync(copy)
os.close(copy)
os.link(root / "a" / "b, c" / "placed", root / "linked")
os.rename(root / "a" / "b, c", root / "a" / "moved")
os.replace(root / "linked", root / "kept")
(root / "gone").write_bytes(b"gone")
(root / "gone").unlink()
(root / "tree").mkdir()
(root / "tree" / "leaf").write_bytes(b"leaf")
(root / "cut").write_bytes(b"long")
(root / "cut").write_bytes(b"")
shutil.rmtree(root / "tree")
folder = os.open(root, os.O_RDONLY)
os.fsync(folder)
os.close(folder)
os.write(1, b"ack everything\\n")
"""


def follow_program(program: str, root: Path) -> list[Operation]:
    command = [sys.executable, "-IS", "-c", program, str(root)]
    return list(follow(run_traced(command, REPOSITORY), root))


def kept_whole(operations: list[Operation]) -> Tree:
    (state,) = replay(operations, [Outage(len(operations), Luck(kept=1))])
    return state.tree


@traced
def test_a_replay_in_which_all_is_kept_gives_the_folder_the_program_left(tmp_path: Path) -> None:
    done = follow_program(EVERY_CALL, tmp_path)
    assert kept_whole(done) == tree_of(tmp_path)
    assert sorted(tree_of(tmp_path)) == [
        "a",
        "a/moved",
        "a/moved/placed",
        'a/quo"te',
        "cut",
        "kept",
    ]
    assert done[-2:] == [Sync(ROOT, "/"), Acknowledge("everything")]


@traced
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_workload_replayed_gives_the_folder_it_left(workload: Workload) -> None:
    once = traced_once(workload)
    assert kept_whole(once.operations) == once.left


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
def test_what_cannot_be_followed_is_refused(program: str, tmp_path: Path) -> None:
    with pytest.raises(Unfollowed):
        follow_program(program, tmp_path)


@traced
def test_a_program_that_fails_has_no_trace(tmp_path: Path) -> None:
    with pytest.raises(TraceFault, match="no such thing"):
        follow_program("raise SystemExit('no such thing')", tmp_path)


def test_calls_of_several_threads_are_put_together() -> None:
    lines = [
        '7  write(3</x>, "\\x61", 2 <unfinished ...>\n',
        "8  fsync(4<\\x2f\\x78>) = -1 EIO (Input/output error)\n",
        "7  <... write resumed>) = 1\n",
        "8  close(4 <unfinished ...>\n",
    ]
    assert list(read_calls(lines)) == [
        Call("fsync", ("4<\\x2f\\x78>",), (), -1),
        Call("write", ("3</x>", "$", "2"), (b"a",), 1),
    ]


def test_a_write_that_was_recorded_in_part_is_refused() -> None:
    with pytest.raises(Unfollowed, match="write of more"):
        list(read_calls(['7 write(3</x>, "\\x61"..., 2) = 2\n']))


# --- the disk ---

OLD, NEW = b"a" * 4 * SECTOR, b"b" * 4 * SECTOR


def file_of(content: bytes, name: str = "f", node: int = 1) -> list[Operation]:
    """A file that is on the disk, and its name too."""
    made = Enter(ROOT, name, node), Write(node, 0, content)
    return [*made, Sync(node, name), Sync(ROOT, "/")]


def states(*operations: Operation, draws: int = 200, torn: float = 0.5) -> list[Tree]:
    """What a disk may hold after some operations, drawn many times."""
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    return [disk.after_outage(Luck(0.5, torn, seed)) for seed in range(draws)]


def test_what_is_synced_with_its_folder_is_there() -> None:
    assert states(*file_of(OLD)) == [{"f": OLD}] * 200


def test_a_file_without_its_folders_sync_may_be_missing() -> None:
    found = states(Enter(ROOT, "f", 1), Write(1, 0, OLD), Sync(1, "f"))
    assert {len(tree) for tree in found} == {0, 1}
    assert all(tree.get("f", OLD) == OLD for tree in found)


def test_a_write_is_kept_lost_or_torn_at_sectors() -> None:
    durable = file_of(OLD)
    found = {tree["f"] for tree in states(*durable, Write(1, SECTOR + 100, NEW[: 2 * SECTOR]))}
    old, new = b"a", b"b"
    sectors = [
        {old * SECTOR},
        {old * SECTOR, old * 100 + new * (SECTOR - 100)},
        {old * SECTOR, new * SECTOR},
        {old * SECTOR, new * 100 + old * (SECTOR - 100)},
    ]
    assert len(found) == 8
    for image in found:
        assert image is not None
        parts = [image[at : at + SECTOR] for at in range(0, len(image), SECTOR)]
        assert all(part in wanted for part, wanted in zip(parts, sectors, strict=True))


def test_a_file_may_get_its_size_without_its_bytes() -> None:
    durable = file_of(b"")
    found = {tree["f"] for tree in states(*durable, Write(1, 0, b"b" * SECTOR))}
    assert found == {b"", b"b" * SECTOR, bytes(SECTOR), b"\xa5" * SECTOR}


def test_a_resize_happens_or_not() -> None:
    durable = file_of(b"abc")
    assert {tree["f"] for tree in states(*durable, Resize(1, 1))} == {b"abc", b"a"}
    assert {tree["f"] for tree in states(*durable, Resize(1, 5))} == {b"abc", b"abc\0\0"}


def test_a_rename_happens_at_one_stroke() -> None:
    durable = [*file_of(b"old", "live", 1), *file_of(b"new", "aside", 2)]
    found = states(*durable, Move(ROOT, "aside", "live", 2))
    assert {tuple(sorted(tree.items())) for tree in found} == {
        (("aside", b"new"), ("live", b"old")),
        (("live", b"new"),),
    }


def test_changes_of_a_folder_come_through_in_any_combination() -> None:
    durable = file_of(b"", "a")
    found = states(*durable, Leave(ROOT, "a"), Enter(ROOT, "b", 2), Enter(ROOT, "c", 3))
    assert len({tuple(sorted(tree)) for tree in found}) == 8


def test_what_lies_in_a_missing_folder_is_missing() -> None:
    done: list[Operation] = [Enter(ROOT, "d", 1, is_folder=True), Enter(1, "f", 2), Sync(1, "d/")]
    assert {tuple(tree) for tree in states(*done)} == {(), ("d", "d/f")}


def test_the_last_change_may_be_the_only_one_that_differs() -> None:
    disk = Disk()
    for operation in (Enter(ROOT, "a", 1), Enter(ROOT, "b", 2), Enter(ROOT, "c", 3)):
        disk.apply(operation)
    assert set(disk.after_outage(Luck(kept=0, last_differs=True))) == {"c"}
    assert set(disk.after_outage(Luck(kept=1, last_differs=True))) == {"a", "b"}


def test_a_tree_is_laid_out(tmp_path: Path) -> None:
    tree: Tree = {"d": None, "d/f": b"x", "e": b""}
    lay_out(tree, tmp_path)
    assert tree_of(tmp_path) == tree


# --- the outages ---

TWO_WRITES: list[Operation] = [
    Enter(ROOT, "f", 1),
    Sync(ROOT, "/"),
    Write(1, 0, b"a"),
    Sync(1, "f"),
    Acknowledge("1"),
    Write(1, 1, b"b"),
    Sync(1, "f"),
    Acknowledge("2"),
]


def test_outages_are_drawn_alike_by_the_same_seed_and_meet_every_turning_point() -> None:
    drawn = draw_outages(TWO_WRITES, 200, 1)
    assert drawn == draw_outages(TWO_WRITES, 200, 1) != draw_outages(TWO_WRITES, 200, 2)
    assert [outage.at for outage in drawn] == sorted(outage.at for outage in drawn)
    lost = {outage.at for outage in drawn if outage.luck == Luck(kept=0)}
    assert lost == {1, 3, 5, 6, 8}


def test_a_state_knows_what_had_been_acknowledged() -> None:
    found = replay(TWO_WRITES, [Outage(at, Luck(kept=0)) for at in (4, 5, 5, 8)])
    told = [(state.acknowledged, state.tree["f"]) for state in found]
    assert told == [(0, b"a"), (1, b"a"), (1, b"a"), (2, b"ab")]


def test_a_control_leaves_out_one_sync_until_the_next_makes_up_for_it() -> None:
    left, moments = Control("", "f", 0).forget(TWO_WRITES)
    assert left == [*TWO_WRITES[:3], *TWO_WRITES[4:]]
    assert moments == range(3, 6)
    left, moments = Control("", "f").forget(TWO_WRITES)
    assert [op for op in left if isinstance(op, Sync)] == [Sync(ROOT, "/")]
    assert moments == range(3, 7)
    with pytest.raises(IndexError):
        Control("", "/", 0, answered=True).forget(TWO_WRITES)


# --- the figures ---


@pytest.mark.parametrize(
    ("honest", "control", "passed"),
    [
        (Tally(states=9), Tally(states=9, losses=1), True),
        (Tally(states=9), Tally(states=9), False),
        (Tally(states=9, losses=1), Tally(states=9, losses=1), False),
        (Tally(), Tally(states=9, losses=1), False),
    ],
)
def test_a_workload_passes_when_nothing_but_its_controls_loses(
    honest: Tally, control: Tally, *, passed: bool
) -> None:
    assert Outcome("store", honest, {"a sync": control}).passed == passed


def test_one_line_tells_of_a_workload() -> None:
    outcome = Outcome("store", Tally(9, 70, 0), {"a sync": Tally(5, 30, 12)})
    assert str(outcome) == (
        "store: 9 states, 70 acknowledged writes checked, 0 losses; "
        "control losses: 12 without a sync"
    )
