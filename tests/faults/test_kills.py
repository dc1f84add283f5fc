"""Nothing that was acknowledged is missing after kill -9."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.ledger import Deed, Effect, History, Seen
from tests.support.serving import ROOT

KILLS = 50
SEED = 20261124
SUITE = ("-m", "tests.faults.harness.kills")

HALF_A_CALL = """
from tests.faults.harness.kills import main
from recommender.store import ArticleStore

ArticleStore.write_many = lambda self, articles: [self.put(article) for article in articles]
main()
"""


def run_kills(
    tally: Path, kills: int, *program: str, options: tuple[str, ...] = ()
) -> dict[str, Any]:
    """In a process of its own: this one has used FAISS, and forks of it could hang."""
    command = [sys.executable, *program, "--kills", str(kills), "--seed", str(SEED)]
    command += ["--tally", str(tally), *options]
    subprocess.run(command, cwd=ROOT, check=False, timeout=1_200)  # noqa: S603 - our own program
    saved: dict[str, Any] = json.loads(tally.read_text("utf-8"))
    return saved


@pytest.mark.long
def test_nothing_acknowledged_is_missing_after_kills(tmp_path: Path) -> None:
    tally = tmp_path / "tally.json"
    first = run_kills(tally, KILLS, *SUITE)
    saved = run_kills(tally, 2, *SUITE)
    assert (first["seeds"], saved["seeds"]) == ({str(SEED): KILLS}, {str(SEED): KILLS + 2})
    counts = saved["counts"]
    assert saved["findings"] == []
    assert counts["kills"] == KILLS + 2
    assert counts["writes missing"] == 0
    assert counts["writes checked, each after every kill"] > counts["writes acknowledged"] > 0
    # Else the kills missed the moments that they test.
    assert counts["kills while a write was under way"] > KILLS / 2
    assert counts["kills while a publish was under way"] > 0


@pytest.mark.long
def test_a_store_that_keeps_half_a_call_is_found(tmp_path: Path) -> None:
    saved = run_kills(
        tmp_path / "tally.json", 15, "-c", HALF_A_CALL, options=("--folder", str(tmp_path))
    )
    assert saved["counts"]["findings"] > 0
    assert "not acknowledged, yet there in part" in " ".join(saved["findings"])


LOG = {1: ("a", "upsert"), 2: ("b", "upsert"), 3: ("a", "delete")}
HELD = {"b": "2"}
ACKNOWLEDGED = [
    Deed((Effect("a", "1"), Effect("b", "2")), (1, 2)),
    Deed((Effect("a", None),), (3,)),
]
CUT_SHORT = Deed((Effect("c", "3"), Effect("d", "4")), None)
C, D = ("c", "upsert"), ("d", "upsert")


@pytest.mark.parametrize(
    ("log", "stored", "found"),
    [
        pytest.param(LOG, HELD, (0, 0, 0), id="as acknowledged"),
        pytest.param(LOG | {4: C, 5: D}, HELD | {"c": "3", "d": "4"}, (1, 0, 0), id="a call more"),
        pytest.param(LOG | {4: C}, HELD | {"c": "3"}, (0, 0, 2), id="half a call more"),
        pytest.param(LOG, HELD | {"c": "3"}, (0, 0, 1), id="content that is not in the log"),
        pytest.param(LOG | {4: ("e", "upsert")}, HELD, (0, 0, 1), id="a change of nobody"),
        pytest.param({1: LOG[1], 3: LOG[3]}, HELD, (0, 1, 0), id="missing in the log"),
        pytest.param(LOG, {}, (0, 1, 0), id="missing content"),
        pytest.param(LOG, {"b": "other"}, (0, 1, 0), id="altered content"),
        pytest.param(LOG, HELD | {"a": "1"}, (0, 0, 1), id="not deleted"),
    ],
)
def test_reconciling_counts_present_missing_and_wrong_writes(
    log: dict[int, tuple[str, str]], stored: dict[str, str], found: tuple[int, int, int]
) -> None:
    history = History()
    assert list(history.add(ACKNOWLEDGED)) == []
    present, missing, wrong = history.reconcile([CUT_SHORT], Seen(1, log, stored))
    assert (present, len(missing), len(wrong)) == found
