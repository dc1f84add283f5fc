"""Gives the wheel the README with links that work outside the repository; the rest is in pyproject.

`python -m build`, and pip, call it.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
RELATIVE_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)\s]+)\)")

repository = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
    "Repository"
]
setup(
    long_description=RELATIVE_LINK.sub(
        rf"]({repository}/\1)", (ROOT / "README.md").read_text("utf-8")
    ),
    long_description_content_type="text/markdown",
)
