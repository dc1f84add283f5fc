"""The pages for operators quote messages, commands and metrics that exist."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from recommender.cli import main

ROOT = Path(__file__).parents[2]
PAGE, *OTHERS = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    for name in ("troubleshooting", "runbook", "watching")
)
PAGES = "\n".join([PAGE, *OTHERS])
SPANS = re.findall(r"`([^`\n]+)`", PAGES)
COMMANDS = {span for span in SPANS if span.startswith("read-also ")}
COMMANDS |= set(re.findall(r"^read-also .*$", PAGES, re.MULTILINE))
FOREIGN = {"database is locked", "disk is full", "No space left on device"}
"""Messages of SQLite and of the system."""


def quoted() -> set[str]:
    """The messages in the first columns, cut where the page leaves something out."""
    rows = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| ")]
    spans = (span for row in rows for span in re.findall(r"`([^`]+)`", row))
    parts = (part.strip() for span in spans for part in span.split("…"))
    return {part.removeprefix("unknown setting READ_ALSO_") for part in parts if " " in part}


@pytest.fixture(scope="module")
def messages() -> str:
    """All literal texts in the code."""
    trees = (
        ast.parse(path.read_text("utf-8"))
        for room in ("recommender", "index")
        for path in (ROOT / room).rglob("*.py")
    )
    nodes = (node for tree in trees for node in ast.walk(tree))
    return "\n".join(str(node.value) for node in nodes if isinstance(node, ast.Constant))


@pytest.mark.parametrize("part", sorted(quoted() - FOREIGN))
def test_a_message_that_is_quoted_is_one_of_the_program(part: str, messages: str) -> None:
    assert part in messages


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_that_is_named_is_there(command: str) -> None:
    found: click.Command | None = main
    for word in shlex.split(command)[1:]:
        if word.startswith("-"):
            assert isinstance(found, click.Command)
            options = {name for one in found.params for name in one.opts}
            assert word in {*options, "--version"}
        elif isinstance(found, click.Group):
            found = found.get_command(click.Context(found), word)
            assert found is not None


def test_every_metric_that_is_named_is_there(messages: str) -> None:
    for name in {span for span in SPANS if span.startswith("read_also_")}:
        assert f"{name.removeprefix('read_also_').removesuffix('_total')}\n" in f"{messages}\n"
