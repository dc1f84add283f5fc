"""Nothing that was acknowledged is missing after kill -9."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.kills import Group, draw_round
from tests.faults.harness.ledger import Deed, Effect, History, Ledger, Seen, read_ledger
from tests.faults.harness.tally import Tally

KILLS = 50
SEED = 20261124
ROOT = Path(__file__).parents[2]
SUITE = ("-m", "tests.faults.harness.kills")

HALF_A_CALL = """
from tests.faults.harness.kills import main
from recommender.errors import StaleVersion
from recommender.store import ArticleStore

def write_many(self, articles):
    return [put(self, article) for article in articles]

def put(self, article):
    try:
        return self.put(article)
    except StaleVersion as refusal:
        return refusal

ArticleStore.write_many = write_many
main()
"""


def run_kills(
    tally: Path, kills: int, *program: str, options: tuple[str, ...] = ()
) -> dict[str, Any]:
    """In a process of its own: this one has used FAISS, and forks of it could hang."""
    command = [sys.executable, *program, "--kills", str(kills), "--seed", str(SEED)]
    command += ["--tally", str(tally), *options]
    subprocess.run(command, cwd=ROOT, check=False, timeout=300)  # noqa: S603 - our own program
    kept: dict[str, Any] = json.loads(tally.read_text("utf-8"))
    return kept


@pytest.mark.long
def test_nothing_acknowledged_is_missing_after_kills(tmp_path: Path) -> None:
    tally = tmp_path / "tally.json"
    first = run_kills(tally, KILLS, *SUITE)
    kept = run_kills(tally, 2, *SUITE)
    assert (first["seeds"], kept["seeds"]) == ({str(SEED): KILLS}, {str(SEED): KILLS + 2})
    counts = kept["counts"]
    assert kept["findings"] == []
    assert counts["kills"] == KILLS + 2
    assert counts["writes missing"] == 0
    assert counts["writes checked, each after every kill"] > counts["writes acknowledged"] > 0
    # Else the kills fell beside what they are about.
    assert counts["kills while a write was under way"] > KILLS / 2
    assert counts["kills while a publish was under way"] > 0


@pytest.mark.long
def test_a_store_that_keeps_half_a_call_is_found(tmp_path: Path) -> None:
    kept = run_kills(
        tmp_path / "tally.json", 15, "-c", HALF_A_CALL, options=("--folder", str(tmp_path))
    )
    assert kept["counts"]["findings"] > 0
    assert "not acknowledged, yet there in part" in " ".join(kept["findings"])


# --- the judge ---

ONE, TWO, GONE = Effect("a", "1"), Effect("b", "2"), Effect("a", None)
LOG = {1: ("a", "upsert"), 2: ("b", "upsert"), 3: ("a", "delete")}


def history(*deeds: Deed) -> History:
    made = History()
    assert made.add(deeds) == []
    return made


def test_what_is_as_acknowledged_is_right() -> None:
    known = history(Deed((ONE, TWO), (1, 2)), Deed((GONE,), (3,)))
    settled = known.settle([], Seen(1, LOG, {"b": "2"}))
    assert (settled.wrong, settled.missing, settled.entries) == ((), 0, {})
    assert known.state(through=2) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("log", "held"),
    [
        ({1: ("a", "upsert"), 3: ("a", "delete")}, {"b": "2"}),
        (LOG, {}),
        (LOG, {"b": "other"}),
        (LOG, {"a": "1", "b": "2"}),
        (LOG, {"b": "2", "c": "3"}),
        (LOG | {4: ("c", "upsert")}, {"b": "2"}),
    ],
    ids=["not in the log", "not there", "altered", "not deleted", "not written", "nobody's"],
)
def test_what_is_otherwise_is_found(log: dict[int, tuple[str, str]], held: dict[str, str]) -> None:
    known = history(Deed((ONE, TWO), (1, 2)), Deed((GONE,), (3,)))
    assert known.settle([], Seen(1, log, held)).wrong


CUT = Deed((TWO, GONE), None)


@pytest.mark.parametrize(
    ("log", "held", "kept"),
    [
        ({1: ("a", "upsert")}, {"a": "1"}, 0),
        (LOG, {"b": "2"}, 1),
        ({1: ("a", "upsert"), 2: ("b", "upsert")}, {"a": "1", "b": "2"}, None),
        ({1: ("a", "upsert")}, {"a": "1", "b": "2"}, None),
    ],
    ids=["absent", "whole", "half", "half, unlogged"],
)
def test_what_was_cut_short_is_whole_or_absent(
    log: dict[int, tuple[str, str]], held: dict[str, str], kept: int | None
) -> None:
    settled = history(Deed((ONE,), (1,))).settle([CUT], Seen(1, log, held))
    assert bool(settled.wrong) == (kept is None)
    assert settled.kept == (kept or 0)


def test_content_tells_which_of_two_came_last() -> None:
    cut = [Deed((Effect("a", "x"),), None), Deed((Effect("a", "y"),), None)]
    log = {1: ("a", "upsert"), 2: ("a", "upsert"), 3: ("a", "upsert")}
    settled = history(Deed((ONE,), (1,))).settle(cut, Seen(1, log, {"a": "x"}))
    assert [settled.entries[n].digest for n in (2, 3)] == ["y", "x"]


def test_a_trimmed_log_is_read_from_where_it_starts() -> None:
    known = history(Deed((ONE, TWO), (1, 2)), Deed((GONE,), (3,)))
    trimmed = {3: ("a", "delete")}
    assert known.settle([], Seen(3, trimmed, {"b": "2"})).wrong == ()
    assert known.settle([], Seen(2, trimmed, {"b": "2"})).missing == 1


def test_numbers_ascend_in_order_of_acknowledgement() -> None:
    assert History().add([Deed((ONE,), (2,)), Deed((TWO,), (1,))])
    assert History().add([Deed((ONE,), (1,)), Deed((TWO,), (1,))])
    assert History().add([Deed((ONE, TWO), (1,))])
    assert history(Deed((ONE,), (1,))).add([Deed((TWO,), (1,))])


# --- the instruments ---


def test_a_line_cut_short_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    ledger.write("try", [["a", "1"]])
    ledger.close()
    with path.open("ab") as file:
        file.write(b'["done", [1')
    assert list(read_ledger(path)) == [("try", [["a", "1"]])]
    assert list(read_ledger(tmp_path / "absent")) == []


def test_rounds_are_drawn_by_seed_and_number() -> None:
    rounds = [draw_round(1, number) for number in range(200)]
    assert rounds == [draw_round(1, number) for number in range(200)]
    assert rounds != [draw_round(2, number) for number in range(200)]
    assert {len(planned.writers) for planned in rounds} == {1, 2, 3}
    assert {planned.publisher for planned in rounds} == {False, True}


def test_a_group_that_never_started_is_killed_in_peace() -> None:
    assert Group().kill() == 0


def test_a_tally_keeps_only_so_many_words(tmp_path: Path) -> None:
    tally = Tally(path=tmp_path / "tally.json")
    for number in islice(range(1_000), 60):
        tally.find(f"wrong {number}")
    tally.save()
    kept = Tally.load(tally.path)
    assert (kept.counts["findings"], len(kept.findings)) == (60, 50)
    assert os.listdir(tmp_path) == ["tally.json"]  # noqa: PTH208 - names are enough
