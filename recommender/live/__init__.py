"""The archive that a web worker searches: one immutable snapshot, and every change after it."""

from recommender.live.archive_reading import ADVICE, ArchiveReading
from recommender.live.folder_health import DiskRoom, FolderHealth, measure_disk
from recommender.live.follower import REFRESH_SECONDS, Follower, LiveState
from recommender.live.heartbeat import Heartbeats
from recommender.live.journal import Journal
from recommender.live.replica import (
    BaseSnapshot,
    Replica,
    empty_base_snapshot,
    open_base_snapshots,
    open_replica,
)

__all__ = [
    "ADVICE",
    "REFRESH_SECONDS",
    "ArchiveReading",
    "BaseSnapshot",
    "DiskRoom",
    "FolderHealth",
    "Follower",
    "Heartbeats",
    "Journal",
    "LiveState",
    "Replica",
    "empty_base_snapshot",
    "measure_disk",
    "open_base_snapshots",
    "open_replica",
]
