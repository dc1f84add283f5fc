"""The data folder: whether it takes what is written, looked at no more often than needed."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from recommender.live import DiskRoom, FolderHealth, measure_disk
from tests.support.full_disks import files_of_at_most


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is a new one."""
    monkeypatch.setattr("recommender.live.folder_health.LOOK_SECONDS", 0.0)


@pytest.mark.usefixtures("often")
def test_a_folder_without_room_is_full_until_there_is_room_and_nothing_is_left_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = FolderHealth(tmp_path)
    assert health.look() == "ok"
    with files_of_at_most(0):
        assert [health.look() for _ in range(3)] == ["full"] * 3
    assert health.look() == "ok"
    assert list(tmp_path.iterdir()) == []
    what = f"the data folder {tmp_path} takes no new files"
    assert caplog.messages == [f"{what}: [Errno 27] File too large", f"over, after 3 times: {what}"]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    ("number", "state"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EIO, "failing"),
    ],
)
def test_the_error_of_the_system_says_which_state_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, state: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("recommender.live.folder_health.os.posix_fallocate", refuse)
    assert FolderHealth(tmp_path).look() == state


def test_a_folder_that_is_missing_is_failing(tmp_path: Path) -> None:
    health = FolderHealth(tmp_path / "gone")
    assert health.look() == "failing"
    assert measure_disk(tmp_path / "gone") == DiskRoom()
    assert DiskRoom().free_share == 1.0


def test_a_disk_has_room_as_df_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for root, or above a quota, is never free, and so no part of the size."""
    blocks = SimpleNamespace(f_frsize=4096, f_blocks=1000, f_bfree=700, f_bavail=200)
    monkeypatch.setattr("recommender.live.folder_health.os.statvfs", lambda _: blocks)
    room = measure_disk(tmp_path)
    assert room == DiskRoom(free_bytes=200 * 4096, size_bytes=(300 + 200) * 4096)
    assert room.free_share == 0.4


def test_a_second_look_soon_after_asks_the_disk_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("recommender.live.folder_health.time.monotonic", lambda: now)
    health = FolderHealth(tmp_path)
    with files_of_at_most(0):
        assert health.look() == "full"
    now += 1.9
    assert health.look() == "full"
    now += 0.2
    assert health.look() == "ok"
