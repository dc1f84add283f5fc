"""Skip or fail tests whose real software is missing."""

import os
from typing import NoReturn

import pytest

__all__ = ["skip_or_fail"]


def skip_or_fail(reason: str, *, installable: bool = True) -> NoReturn:
    """Skip on a developer's machine; fail where `CI` is set: there, everything is installed.

    Args:
        reason: what is not there or does not work, and the remedy.
        installable: whether installing something is the remedy; what a kernel forbids is skipped.
    """
    if installable and os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
