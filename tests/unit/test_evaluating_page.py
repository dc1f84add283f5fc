"""docs/evaluating.md is true: its options, rows and columns are those of the program."""

import re
from pathlib import Path

import click

from recommender.cli import main
from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.scoreboard import RELEVANCE, SERVED, TRAITS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluating.md").read_text("utf-8")


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
