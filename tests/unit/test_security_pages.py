"""docs/threat-model.md and docs/privacy.md name tests, settings, commands and scopes that exist."""

import re
from pathlib import Path

import click
import pytest

from recommender.api_keys import SCOPES
from recommender.cli import main
from recommender.settings import PREFIX, VARIABLES
from recommender.store import schema

DOCS = Path(__file__).parents[2] / "docs"
ROOT = DOCS.parent
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("threat-model.md", "privacy.md")}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_it_names_exists(page: str) -> None:
    spans = re.findall(r"`([^`]+)`", PAGES[page])
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    named = [span for span in spans if re.fullmatch(r"(tests|recommender|index|deploy)/\S+", span)]
    short = [span for span in spans if re.fullmatch(r"test_\w+\.py", span)]
    linked = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page])
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert [name for name in short if name not in tests] == []
    assert [name for name in linked if not (DOCS / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_command_that_it_names_exists(page: str) -> None:
    known = {PREFIX + variable.name for variable in VARIABLES}
    assert set(re.findall(r"READ_ALSO_[A-Z_]+", PAGES[page])) - known == set()
    context = click.Context(main)
    for words in re.findall(r"`read-also ([a-z -]+)", PAGES[page]):
        command: click.Command | None = main
        for word in words.split():
            if isinstance(command, click.Group):
                command = command.get_command(context, word)
                assert command is not None, words
            elif word.startswith("--"):
                assert command is not None
                assert word in {name for one in command.params for name in one.opts}, words


def test_every_scope_has_its_row() -> None:
    rows = re.findall(r"\| a key with `(\w+)` \|", PAGES["threat-model.md"])
    assert rows == list(SCOPES)


def test_every_table_that_holds_what_people_wrote_is_named() -> None:
    """A table that is added makes whoever adds it look at this page."""
    named = set(re.findall(r"table `(\w+)`", PAGES["privacy.md"]))
    others = {"store_facts", "changes", "catalogs", "pending", "publications"}
    assert schema.metadata.tables.keys() - named == others
