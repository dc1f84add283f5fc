"""Whichever system call fails or is the last: what was acknowledged is there, and work goes on."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.faults.harness.injection import (
    ALWAYS,
    WORKS,
    Call,
    Injection,
    Point,
    calls_in,
    choose,
    open_injection,
)
from tests.faults.harness.tally import Tally
from tests.faults.harness.trace import why_unattachable
from tests.support.missing_software import skip_or_fail

SEED = 20261124
SAMPLE = {"write": 10, "open and write": 8, "publish": 8, "prune": 4}

POINTS_TOO_EARLY = """
from tests.faults.harness.injection_worker import main
from index import Catalog

def publish(self, staged):
    self._point_to(staged.generation)
    self._place(staged)
    return staged.generation

Catalog.publish = publish
main()
"""

TRACE = """\
11 openat(AT_FDCWD</x>, "/x/other", O_RDONLY) = 3</x/other>
11 openat(AT_FDCWD</x>, "/x/data/file", O_RDONLY) = 3</x/data/file>
12 fsync(3</x/data/file>) = 0
11 fsync(3</x/data/file>) = 0
11 fsync(4</x/other>) = 0
11 rename("/x/data/a", "/x/data/b") = 0
11 +++ exited with 0 +++
"""


@pytest.fixture(scope="module")
def traced() -> Iterator[tuple[Injection, Tally]]:
    if reason := why_unattachable():
        skip_or_fail(reason, installable=which("strace") is None)
    tally = Tally()
    with open_injection(tally) as injection:
        yield injection, tally


@pytest.mark.long
@pytest.mark.parametrize("work", WORKS)
def test_no_fault_at_a_system_call_loses_anything(
    traced: tuple[Injection, Tally], work: str
) -> None:
    injection, tally = traced
    points = injection.points(work, SAMPLE[work], SEED)
    before = tally.counts.get("points", 0)
    injection.run(work, points, SEED)
    assert tally.findings == []
    assert tally.counts["points"] == before + len(points) > before + SAMPLE[work]


# --- the instruments ---


@pytest.mark.long
def test_a_loss_would_be_found(tmp_path: Path) -> None:
    WORKS["write"].make(tmp_path)
    assert WORKS["write"].check(tmp_path, acknowledged=False) is None
    assert WORKS["write"].check(tmp_path, acknowledged=True) is not None


@pytest.mark.long
def test_a_pointer_that_is_replaced_too_early_would_be_found(
    traced: tuple[Injection, Tally],
) -> None:
    assert traced
    tally = Tally()
    with open_injection(tally, ("-c", POINTS_TOO_EARLY)) as injection:
        points = injection.points("publish", 0, SEED)
        renames = [p for p in points if p.call.name == "rename" and p.fault == "KILL"]
        injection.run("publish", renames, SEED)
    assert len(renames) == 2
    assert len(tally.findings) == 1
    assert "which is missing" in tally.findings[0]


def test_calls_are_counted_by_name_and_thread() -> None:
    calls = [(call.name, call.number) for call in calls_in(TRACE.splitlines(), Path("/x/data"))]
    assert calls == [("openat", 2), ("fsync", 1), ("fsync", 1), ("rename", 1)]


def test_every_fsync_and_rename_is_chosen() -> None:
    calls = [Call(name, number, "") for number in range(9) for name in ("write", *ALWAYS)]
    chosen = choose(calls, 3, SEED)
    assert [call for call in chosen if call.name in ALWAYS] == [
        call for call in calls if call.name in ALWAYS
    ]
    assert len([call for call in chosen if call.name == "write"]) == 3
    assert choose(calls, None, SEED) == calls
    assert choose(calls, 3, SEED) == chosen


def test_a_rule_says_which_call() -> None:
    rule = Point(Call("fsync", 3, ""), "EIO").rule
    assert rule == "inject=fsync:error=EIO:when=3"
    assert Point(Call("rename", 1, ""), "KILL").rule == "inject=rename:signal=KILL:when=1"
