"""A program that writes and acknowledges, and a check of what it left after an outage."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.faults.replay_states import Control

__all__ = ["Check", "Verdict", "Workload", "acknowledge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many acknowledged writes were looked for in a state, and what is wrong with it."""

    checked: int
    losses: tuple[str, ...] = ()


Check: TypeAlias = Callable[[Path, int], Verdict]
"""Opens a data folder after so many acknowledgements, and looks at everything in it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is traced and checked.

    Attributes:
        name: of the workload.
        module: run as a program with the data folder as its only argument.
        check: the check of a state.
        controls: the syncs it needs; without any one of them a state must show losses.
        place: the data folder's below the watched one; missing at first, unless it is that one.
    """

    name: str
    module: str
    check: Check
    controls: tuple[Control, ...]
    place: str = ""


def acknowledge(what: object) -> None:
    """Tell the outside, by one write(2) at once, that something is safe."""
    os.write(1, f"ack {what}\n".encode())
