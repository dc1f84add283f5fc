"""Which release of the client this is. The number is written here alone."""

from typing import Final

__all__ = ["RELEASE", "USER_AGENT"]

RELEASE: Final = "0.1.0"
USER_AGENT: Final = f"read-also-client/{RELEASE}"
"""How the client names itself to the service."""
