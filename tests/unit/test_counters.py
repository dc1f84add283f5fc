"""Counters over several processes: sums that outlive kills, restarts and damage."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.counters import FIGURES, METRIC_PREFIX, Counters, read_counters

pytestmark = pytest.mark.usefixtures("counters_end")
COUNT = """
import sys, os, signal
from pathlib import Path
from recommender.counters import Counters
counters = Counters(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    counters.requests.labels("/a", "GET", "200").inc()
    counters.request_seconds.labels("/a").observe(0.003)
if sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
print("counted", flush=True)
sys.stdin.read()
"""


def start(folder: Path, count: int, end: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-c", COUNT, str(folder), str(count), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def sums(folder: Path) -> dict[str, float]:
    """By the name of the sample, and the bound of a bucket."""
    return {
        sample.name.removeprefix(METRIC_PREFIX) + sample.labels.get("le", ""): sample.value
        for metric in read_counters(folder)
        for sample in metric.samples
    }


def total(folder: Path) -> float:
    return sums(folder).get("requests_total", 0.0)


def test_sums_are_over_all_processes_and_outlive_those_that_are_killed(tmp_path: Path) -> None:
    with start(tmp_path, 3) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "counted\n"
        with start(tmp_path, 4, "kill") as killed:
            assert killed.wait() == -signal.SIGKILL
        assert total(tmp_path) == 7
        files = len(list(tmp_path.iterdir()))
        for _ in range(2):  # each adds what the one before has counted, once
            with start(tmp_path, 5, "kill"):
                pass
        assert total(tmp_path) == 17
        assert len(list(tmp_path.iterdir())) == files + 2  # the total; no file of the first killed
    found = sums(tmp_path)
    assert found["request_seconds_count"] == found["request_seconds_bucket0.005"] == 17
    assert found["request_seconds_bucket0.0025"] == 0
    assert found["request_seconds_sum"] == pytest.approx(0.051)


def test_all_disk_space_is_reserved_before_anything_is_mapped(tmp_path: Path) -> None:
    """To write into a hole of a mapped file on a full disk kills the process."""
    counters = Counters(tmp_path)
    for route in range(30):
        for status in ("200", "304", "404", "503"):
            counters.requests.labels(f"/v1/articles/<article_id>/{route}", "GET", status).inc()
        counters.request_seconds.labels(f"/v1/articles/<article_id>/{route}").observe(1)
    for path in tmp_path.iterdir():
        status_of = path.stat()
        assert status_of.st_blocks * 512 >= status_of.st_size == 2**18


def test_where_no_space_can_be_reserved_a_process_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    counters = Counters(tmp_path)
    counters.text_failures.inc()
    (seen,) = [m for m in counters.collect() if m.name == "read_also_text_failures"]
    assert [s.value for s in seen.samples if s.name.endswith("_total")] == [1.0]
    assert list(tmp_path.iterdir()) == []
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize(
    "damage", [b"\xff\xff\xff\x7f", b"\x40\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00not JSON"]
)
@pytest.mark.parametrize("damaged", ["counter_1-a.db", "counter_total.db"])
def test_a_damaged_file_costs_its_own_counts_only(
    damaged: str, damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with start(tmp_path, 4, "kill"):
        pass
    (tmp_path / damaged).write_bytes(damage + bytes(2**18 - len(damage)))
    (tmp_path / "histogram_1-a.db").write_bytes(bytes(2**18))
    counters = Counters(tmp_path)
    counters.requests.labels("/a", "GET", "200").inc()
    assert total(tmp_path) == 5
    assert "cannot be read" in caplog.text


def test_every_figure_is_counted_and_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert {metric.name for metric in Counters().collect()} == {
        METRIC_PREFIX + f.name for f in FIGURES
    }
    assert list(read_counters(tmp_path / "missing")) == []
