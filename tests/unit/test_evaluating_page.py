"""docs/evaluating.md is true: its commands are taken, its rows and columns are printed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from recommender.cli import main
from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.scoreboard import RELEVANCE, SERVED, TRAITS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluating.md").read_text("utf-8")


def shown() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("read-also")]


@pytest.mark.parametrize("command", shown())
def test_a_command_that_is_shown_is_taken(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, name, *words = shlex.split(command)
    assert command_of(name).make_context(name, words)


def command_of(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def test_every_option_that_is_named_is_there() -> None:
    command = command_of("evaluate")
    known = {name for parameter in command.params for name in parameter.opts}
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert len(named) >= 8
    assert named <= known
    assert isinstance(command, click.Command)


def test_every_row_and_column_is_explained() -> None:
    cells = set(re.findall(r"^\| `([a-z0-9]+)` \|", PAGE, re.MULTILINE))
    assert cells == {RELEVANCE, SERVED, *BASELINES, *TRAITS}
