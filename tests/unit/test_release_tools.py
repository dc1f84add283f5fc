"""What `make audit` and `make sbom` say, and that the version is written in one place."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recommender.cli import main
from recommender.release import RELEASE, USER_AGENT
from recommender.web.openapi import document_of

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / script), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ours


def test_the_list_of_what_is_shipped_has_what_is_needed_and_no_tools() -> None:
    done = run("shipped")
    lines = [line for line in done.stdout.splitlines() if line[:1].isalnum()]
    names = {canonicalize_name(Requirement(line.removesuffix(" \\")).name) for line in lines}
    needed = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert needed - names == set()
    assert {"werkzeug", "psycopg-binary", "markupsafe", "safetensors", "protobuf"} <= names
    assert names & {"pytest", "mypy", "ruff", "hypothesis", "schemathesis", "playwright"} == set()
    assert done.stdout.startswith(LOCK.splitlines()[1])
    assert lines[-1] == "torch>=2.6,<3"


def answering(answer: str) -> list[str]:
    """A command that answers as pip-audit would."""
    return [sys.executable, "-c", f"print({answer!r})"]


FAULTY = {
    "name": "flask",
    "version": "0.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.2"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
CLEAN: dict[str, Any] = {"name": "click", "version": "8.2", "vulns": []}
UNKNOWN = {"name": "numpy", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], 0, ["1 packages looked up, 0 of them with advisories"]),
        (
            [CLEAN, FAULTY],
            1,
            [
                "flask 0.1: PYSEC-1, mended in 0.2",
                "flask 0.1: PYSEC-2, mended in no release",
                "2 packages looked up, 1 of them with advisories",
            ],
        ),
        ([UNKNOWN], 0, ["0 packages looked up, 0 of them with advisories", "NOT LOOKED UP: 1 "]),
    ],
)
def test_advisories_are_told_and_packages_that_nobody_knows_are_counted(
    packages: list[dict[str, Any]], code: int, said: list[str]
) -> None:
    done = run("advisories", *answering(json.dumps({"dependencies": packages})))
    assert done.returncode == code
    for line, begins in zip(done.stdout.splitlines(), said, strict=True):
        assert line.startswith(begins)


def test_an_audit_without_an_answer_is_no_clean_one() -> None:
    done = run("advisories", *answering("no network"))
    assert done.returncode == 1
    assert "NOTHING WAS LOOKED UP" in done.stderr


def test_the_version_is_written_in_one_place() -> None:
    ours = version("read-also")
    assert document_of(Flask("nothing"))["info"]["version"] == ours
    assert (ours, f"read-also/{ours}") == (RELEASE, USER_AGENT)
    assert (
        CliRunner().invoke(main, ["--version"], prog_name="read-also").output
        == f"read-also, version {ours}\n"
    )


def test_the_release_has_a_dated_section_under_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{PROJECT['version']}\] - \d{{4}}-\d\d-\d\d", headings[1])
