"""How this program starts processes of its own."""

import sys
from pathlib import Path
from typing import Final

__all__ = ["PROGRAM_FOLDER", "module_command"]

PROGRAM_FOLDER: Final = Path(__file__).resolve().parents[1]
"""Where the package `recommender` and the module `service` lie."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this program in a new process.

    `-P` keeps Python from importing modules of the current folder: it may be the folder of a CMS
    with a `service.py` of its own. It is left out in a checkout of this program that is not
    installed, where the modules can only be found in the current folder.
    """
    safe_path = [] if Path.cwd() == PROGRAM_FOLDER else ["-P"]
    return [sys.executable, *safe_path, "-m", module, *arguments]
