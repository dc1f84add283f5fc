"""What becomes of tests whose real parts are not installed."""

import os
from typing import NoReturn

import pytest

__all__ = ["go_without"]


def go_without(part: str, package: str) -> NoReturn:
    """Skip on a developer's machine; fail where `CI` is set: there, everything is installed."""
    told = f"{part} is not installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)
