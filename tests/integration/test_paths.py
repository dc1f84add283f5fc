"""How many files a reader opens who follows a request or a rebuild through the code."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILES, MOST_RETURNS, MOST_REBUILD_FILES = 25, 30, 40


@pytest.mark.long
def test_a_request_and_a_rebuild_pass_few_files() -> None:
    bounds = {
        "--most-files": MOST_FILES,
        "--most-returns": MOST_RETURNS,
        "--most-rebuild-files": MOST_REBUILD_FILES,
    }
    arguments = [word for name, most in bounds.items() for word in (name, str(most))]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.paths", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
