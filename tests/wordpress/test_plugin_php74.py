"""The plugin on PHP 7.4, the oldest that it is for: a real one, built as WebAssembly for Node."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.missing_software import skip_or_fail
from tests.wordpress.plugin import PLUGIN

pytestmark = pytest.mark.long

HERE: Final = Path(__file__).parent
RUN: Final = HERE / "php74/run.mjs"
POLYFILLED: Final = {"str_contains", "str_starts_with", "str_ends_with"}
"""What WordPress 6.0 brings for a PHP that lacks it."""
NAMES = re.compile(r"(?<![>:$\w\\])\\?([a-z_0-9]+)\s*\(", re.IGNORECASE)
INTERNAL = "echo json_encode(get_defined_functions()['internal']);"


def run(*scripts: str) -> list[str]:
    """Run scripts on PHP 7.4, the plugin in `/plugin`; what each printed, no fault among it."""
    if shutil.which("node") is None or not (RUN.parent / "node_modules").exists():
        skip_or_fail("PHP 7.4 is not installed: make oldest-php")
    files = {
        f"/plugin/{path.relative_to(PLUGIN)}": path.read_text()
        for path in PLUGIN.rglob("*")
        if path.suffix in {".php", ".js"}
    }
    done = subprocess.run(  # noqa: S603 - a program of the system, words of our own
        ["node", RUN],  # noqa: S607 - wherever it is installed
        input=json.dumps({"files": files, "scripts": [f"<?php {one}" for one in scripts]}),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert [one["errors"] for one in answers] == [""] * len(scripts)
    return [one["text"] for one in answers]


def test_every_file_compiles() -> None:
    """Each but plain data ends where it asks for WordPress, but is compiled before."""
    paths = [f"/plugin/{path.relative_to(PLUGIN)}" for path in PLUGIN.rglob("*.php")]
    first, *said = run("echo PHP_VERSION;", *(f"include '{path}'; echo 'ran';" for path in paths))
    assert first.startswith("7.4.")
    assert said == ["ran" * path.endswith(".asset.php") for path in paths]


def test_no_function_is_called_that_php_got_later() -> None:
    """Of PHP's own: what the PHP of this machine has and 7.4 has not."""
    called = {
        name.lower() for path in PLUGIN.rglob("*.php") for name in NAMES.findall(path.read_text())
    }
    newest = subprocess.run(  # noqa: S603 - a program of the system, words of our own
        ["/usr/bin/php", "-r", INTERNAL], capture_output=True, text=True, check=True
    )
    of_php = called & set(json.loads(newest.stdout))
    assert "strlen" in of_php
    there = json.loads(run(INTERNAL)[0])
    assert of_php - set(there) - POLYFILLED == set()


def test_what_it_decides_is_the_same() -> None:
    """The record of failures, and an item taken out of a list, by the plugin's own functions."""
    script = (HERE / "php/plain.php").read_text().removeprefix("<?php")
    code = """
        $record = ReadAlso\\read_record(null);
        foreach ([true, false, false, false] as $answered) {
            $record = ReadAlso\\reckon($record, $answered, 100, ...ReadAlso\\PATIENCE['read']);
        }
        return [$record['until'], ReadAlso\\without_items('<ul><li>a</li><li>b</li></ul>', [0])];"""
    given = {"plugin": "/plugin", "code": code, "arguments": []}
    words = json.dumps(json.dumps(given)).replace("$", "\\$")
    (said,) = run(script.replace("stream_get_contents( STDIN )", words))
    assert json.loads(said) == [105, "<ul><li>b</li></ul>"]
