"""Which process holds a lock file, for the message of a command that is refused by it."""

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["name_holder"]

KERNEL_LOCKS: Final = Path("/proc/locks")


def name_holder(message: str) -> str:
    """Add the process that holds the lock, if it is known, to the message of a `Locked`.

    Args:
        message: begins with the path of the lock file and a colon.
    """
    path, _, _ = message.partition(": ")
    holder = _find_holder(Path(path))
    return message if holder is None else f"{message} (process {holder})"


def _find_holder(path: Path) -> int | None:
    """The id of the process; None where the kernel does not tell, as of another container's."""
    try:
        found, locks = path.stat(), KERNEL_LOCKS.read_text("ascii")
    except (OSError, ValueError):
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    held = re.search(rf"^\d+: FLOCK +\w+ +\w+ +([1-9]\d*) {place} ", locks, re.MULTILINE)
    return None if held is None else int(held[1])
