"""Which release of the program this is. The number is written in `pyproject.toml` alone."""

from importlib.metadata import version
from typing import Final

__all__ = ["RELEASE", "USER_AGENT"]

RELEASE: Final = version("read-also")
USER_AGENT: Final = f"read-also/{RELEASE}"
"""How the program names itself to the servers that it asks."""
