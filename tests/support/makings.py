"""Tells a test which request waits for a list that another one makes."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from recommender.web import state as states
from tests.support.waiting import PATIENCE_SECONDS

__all__ = ["watch_makings"]


def watch_makings(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Let all wait as long as it takes; what is given is released as often as one begins to."""
    waits = threading.Semaphore(0)

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.release()
            return super().wait(timeout)

    monkeypatch.setattr(states, "TURN_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(states, "SHARED_SECONDS", PATIENCE_SECONDS)
    making: Callable[..., Any] = states._Making  # noqa: SLF001 - to know who waits
    monkeypatch.setattr(states, "_Making", lambda live: making(Watched(), live=live))
    return waits
