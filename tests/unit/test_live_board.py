"""The board: living workers tell how far they are; the dead are forgotten."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.live import Board

POST = """
import sys
from pathlib import Path
from recommender.live import Board
board = Board(Path(sys.argv[1]))
board.post(7)
print("posted", flush=True)
sys.stdin.read()
"""


def test_every_worker_of_a_board_tells_its_newest_number(tmp_path: Path) -> None:
    one, two = Board(tmp_path / "workers"), Board(tmp_path / "workers")
    assert one.positions() == []
    one.post(3)
    two.post(10**12)
    one.post(4)
    assert sorted(one.positions()) == sorted(two.positions()) == [4, 10**12]
    two.close()
    assert one.positions() == [4]
    one.close()
    assert list((tmp_path / "workers").iterdir()) == []


def test_a_worker_that_left_may_come_back(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.post(3)
    board.close()
    board.close()
    board.post(5)
    assert board.positions() == [5]
    board.close()


def test_a_worker_that_died_is_forgotten(tmp_path: Path) -> None:
    own = Board(tmp_path)
    own.post(9)
    command = [sys.executable, "-c", POST, str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"posted\n"
        assert sorted(own.positions()) == [7, 9]
        worker.kill()
    assert own.positions() == [9]
    assert len(list(tmp_path.iterdir())) == 1
    own.close()


def test_a_worker_that_just_comes_is_not_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Board(tmp_path), Board(tmp_path)
    lock = fcntl.flock

    def late(file: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            two.positions()
        lock(file, how)

    monkeypatch.setattr("recommender.live.board.fcntl.flock", late)
    one.post(5)
    positions = two.positions()
    one.close()
    assert positions == [5]
