"""Disks without room: a limit on the files of this process, and a small full file system."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

__all__ = ["files_of_at_most", "filled", "mounted"]

BLOCK = bytes(4_096)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk: a longer file is refused with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[None]:
    """Mount a file system in memory, which only root may; else the test is skipped."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603 - words of our own
        pytest.skip("only root may mount a file system, and not everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)  # noqa: S603, S607 - as above


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte is free on the file system of a folder while the block runs."""
    filling = folder / "filling"
    file = os.open(filling, os.O_WRONLY | os.O_CREAT)
    try:
        with suppress(OSError):
            while True:
                os.write(file, BLOCK)
        yield
    finally:
        os.close(file)
        filling.unlink()
