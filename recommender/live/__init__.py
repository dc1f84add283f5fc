"""What a web worker searches: one immutable snapshot, and every change after it."""

from recommender.live.base import Base, empty_base, sound_bases
from recommender.live.board import Board
from recommender.live.copy import ChangesCopy
from recommender.live.followed import Followed, open_followed
from recommender.live.follower import TICK_SECONDS, Follower, Live

__all__ = [
    "TICK_SECONDS",
    "Base",
    "Board",
    "ChangesCopy",
    "Followed",
    "Follower",
    "Live",
    "empty_base",
    "open_followed",
    "sound_bases",
]
