"""When a write shows in every worker of this machine."""

import time
from typing import Final

import numpy as np

from index import View
from recommender.live import Follower
from recommender.ranking.filters import on_show
from recommender.store import Receipt

__all__ = ["WAIT_SECONDS", "becomes_visible", "is_shown"]

WAIT_SECONDS: Final = 5.0


def becomes_visible(follower: Follower, receipt: Receipt, *, text: bool) -> bool:
    """Wait until a write shows in every worker of this machine; False if that takes too long.

    With `text`, a text has to be read for that, unless it is of an article that is in no list.
    """
    until = time.monotonic() + WAIT_SECONDS
    while not _shows(follower, receipt, text=text):
        if time.monotonic() > until:
            return False
        follower.await_refresh(until - time.monotonic())
    reached = follower.current().change
    while min(follower.heartbeats.read(), default=reached) < reached:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def is_shown(view: View, row: int, now: float) -> bool:
    """Whether a reader may see a row at `now`, seconds since 1970 in UTC."""
    size = len(view.snapshot)
    part, at = (view.snapshot, row) if row < size else (view.delta, row - size)
    return bool(on_show(part, now, slice(at, at + 1))[0])


def _shows(follower: Follower, receipt: Receipt, *, text: bool) -> bool:
    live = follower.current()
    row = live.view.row_of(receipt.id)
    if not text:
        return live.change >= receipt.change
    if row is None:
        return False
    at = np.array([row])
    is_of = {name: live.view.take(name, at)[0] for name in ("change", "settled")}
    listable = is_shown(live.view, row, time.time()) and live.view.take("recommendable", at)[0]
    return bool(is_of["change"] >= receipt.change and (is_of["settled"] or not listable))
