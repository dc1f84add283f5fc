"""The example calls of the page: each of them is run, in each language, against the service."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from recommender.web.openapi.calls import example_calls
from tests.support.missing_software import skip_or_fail
from tests.support.servers import served_demo

pytestmark = pytest.mark.long

CLIENT = Path(__file__).parents[2] / "clients" / "python"
KEY = "abcdefgh12345678"
LANGUAGES = {"curl": ("sh", "-eu"), "Python": (sys.executable,), "JavaScript": ("node",)}
SUFFIXES = {"curl": ".sh", "Python": ".py", "JavaScript": ".mjs"}
FOR_OPERATORS = "/metrics"


@pytest.fixture(scope="module")
def site(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_demo(demo_folder, tmp_path_factory.mktemp("site") / "demo", KEY) as address:
        yield address


def is_last(call: tuple[str, str, dict[str, Any]]) -> tuple[bool, bool]:
    """Deletions come last, and the one of the article after those of its pins and blocks."""
    return call[0] == "delete", call[2]["operationId"] == "deleteArticle"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_is_answered(site: str, language: str, tmp_path: Path) -> None:
    """Articles are put first and deleted last, as the examples name the same ones."""
    program = shutil.which(LANGUAGES[language][0])
    if program is None:
        skip_or_fail(f"{LANGUAGES[language][0]} is not installed")
    document = httpx.get(f"{site}/openapi.json", timeout=60).json()
    calls = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path != FOR_OPERATORS  # elsewhere it is 404
    ]
    environment = {"READ_ALSO_URL": site, "READ_ALSO_KEY": KEY, "PATH": os.environ["PATH"]}
    environment |= {"PYTHONPATH": str(CLIENT)}
    for method, path, operation in sorted(calls, key=is_last):
        texts = {one.language: one.text for one in example_calls(method, path, operation)}
        script = tmp_path / f"{operation['operationId']}{SUFFIXES[language]}"
        script.write_text(texts[language], "utf-8")
        done = subprocess.run(  # noqa: S603 - the page's own examples
            [program, *LANGUAGES[language][1:], script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, (script.name, done.stderr, done.stdout)
        assert done.stdout.strip() or "204" in operation["responses"], script.name
