"""Heartbeats: living workers say which change they show; dead workers are forgotten."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.live import Heartbeats
from tests.support.full_disks import files_of_at_most

POST = """
import sys
from pathlib import Path
from recommender.live import Heartbeats
heartbeats = Heartbeats(Path(sys.argv[1]))
heartbeats.write(7)
print("written", flush=True)
sys.stdin.read()
"""


def test_every_worker_of_a_folder_says_its_newest_number(tmp_path: Path) -> None:
    one, two = Heartbeats(tmp_path / "workers"), Heartbeats(tmp_path / "workers")
    assert one.read() == []
    one.write(3)
    two.write(10**12)
    one.write(4)
    assert sorted(one.read()) == sorted(two.read()) == [4, 10**12]
    two.close()
    assert one.read() == [4]
    one.close()
    assert list((tmp_path / "workers").iterdir()) == []


def test_a_worker_that_left_may_come_back(tmp_path: Path) -> None:
    heartbeats = Heartbeats(tmp_path)
    heartbeats.write(3)
    heartbeats.close()
    heartbeats.close()
    heartbeats.write(5)
    assert heartbeats.read() == [5]
    heartbeats.close()


def test_a_worker_that_died_is_forgotten(tmp_path: Path) -> None:
    own = Heartbeats(tmp_path)
    own.write(9)
    command = [sys.executable, "-c", POST, str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"written\n"
        assert sorted(own.read()) == [7, 9]
        worker.kill()
    assert own.read() == [9]
    assert len(list(tmp_path.iterdir())) == 1
    own.close()


def test_a_worker_that_just_comes_is_not_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Heartbeats(tmp_path), Heartbeats(tmp_path)
    lock = fcntl.flock

    def late(file: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            two.read()
        lock(file, how)

    monkeypatch.setattr("recommender.live.heartbeat.fcntl.flock", late)
    one.write(5)
    positions = two.read()
    one.close()
    assert positions == [5]


def test_a_heartbeat_that_finds_no_room_leaves_nothing_and_comes_when_there_is_room(
    tmp_path: Path,
) -> None:
    heartbeats, handles = Heartbeats(tmp_path), Path("/proc/self/fd")
    before = len(list(handles.iterdir()))
    with files_of_at_most(0):
        for _ in range(3):
            with pytest.raises(OSError, match="File too large"):
                heartbeats.write(7)
    assert len(list(handles.iterdir())) == before
    assert list(tmp_path.iterdir()) == []
    heartbeats.write(7)
    assert heartbeats.read() == [7]
    heartbeats.close()
