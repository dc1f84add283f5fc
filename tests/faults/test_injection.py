"""After a fault at any system call, acknowledged writes are there and work continues."""

from collections.abc import Iterator
from shutil import which

import pytest

from tests.faults.harness.injection import WORKS, Injection, open_injection
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


@pytest.mark.long
def test_a_pointer_that_is_replaced_too_early_is_found(
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
