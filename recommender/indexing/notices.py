"""What an operator or a refusal leaves for the next who looks: texts beside the generations."""

from pathlib import Path
from typing import Final

from index import Catalog

__all__ = ["Notice", "held", "refused"]

_HELD: Final = "held"
_REFUSED: Final = "refused"


class Notice:
    """A text in a file, as long as it holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def text(self) -> str | None:
        """What it says; None when it does not hold."""
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return None

    def say(self, text: str) -> None:
        """Make it hold."""
        self._path.write_text(text, "utf-8")

    def drop(self) -> None:
        """It holds no more."""
        self._path.unlink(missing_ok=True)


def held(catalog: Catalog) -> Notice:
    """Somebody has rolled back: nothing is compacted until the next rebuild by hand."""
    return Notice(catalog.folder / _HELD)


def refused(catalog: Catalog) -> Notice:
    """The gate has refused what was to be published last, and for what."""
    return Notice(catalog.folder / _REFUSED)
