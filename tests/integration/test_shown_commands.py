"""Each command that a page shows is run, or there is a reason why not; the program takes them all.

The README's console blocks run in `tests/endpoint/test_readme.py`, docs/operations.md in
`tests/deployment/test_operations_page.py`. The others run here, page by page, each in a fresh place
with a copy of the sample archive.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

import click
import pytest

from recommender.cli import main
from tests.support.archives import clean_environment
from tests.support.missing_software import skip_or_fail
from tests.support.serving import KEY, Place, Server
from tests.support.shown_commands import (
    PAGES,
    ShownCommand,
    blocks_of,
    commands_on,
    words_and_numbers,
)
from tests.support.webhook_sites import ReceiverSite, open_receiver

ROOT: Final = Path(__file__).parents[2]
ALL: Final = [each for page in PAGES for each in commands_on(page)]
PROGRAM: Final = re.compile(r"^(?:\w+=\S+ )*read-also(?= |$)")

NOT_RUN: Final = {
    "make demo": "the fixture demo_folder runs the demonstration",
    "make test ": "it is what runs this",
    "pip install": "the network; test_client_wheel.py, test_wheel.py and test_recipes.py",
    "cd clients/javascript": "the network; test_javascript_client.py packs and installs it",
    "npm install": "the network; test_javascript_client.py packs and installs it",
    "openapi-python-client": "tests/generators runs it",
    "npx openapi-typescript": "tests/generators runs it",
    "python manage.py": "it needs a Django project; test_recipes.py starts one",
    "read-also import https:": "a placeholder of a site; test_sources.py pulls sites",
    "read-also import export.xml agency.json": "placeholders of sites; test_sources.py",
    "export READ_ALSO_API_KEYS": "it does not end; tests/support/serving.py starts it",
    "export READ_ALSO_TITLE_MODEL": "a placeholder of a model; test_two_encoders.py",
    "export READ_ALSO_ENCODER": "a placeholder of a server; test_remote_encoder.py",
    "READ_ALSO_MODEL=BAAI": "a placeholder of a model; test_evaluate.py",
    "read-also adapt": "it takes an hour; test_adapt.py",
    "read-also evaluate --compare": "its generations are another archive's; test_evaluate_live.py",
    "read-also evaluate --from-links": "it needs links of editors; test_evaluate.py",
    "export READ_ALSO_URL": "it does not end; test_recipes.py starts it so",
    "pg_isready": "PostgreSQL; test_postgresql.py",
    "systemctl": "a machine of its own; test_operations_page.py",
    "journalctl -u read-also -n": "a machine of its own; test_operations_page.py",
    "uptime; vmstat": "it only looks at the machine",
}
"""By the beginning of a command the reason why it is not run here, or which tests run the like."""

SERVED: Final = "docs/runbook.md"
"""The page whose commands ask a service that runs."""

MEANT: Final = {"ID": "guiyang-smart-city", "NAME": "cms"}
"""What stands for the placeholders in capitals."""

BEFORE: Final = {
    "cat policy.json": """
        echo '{"threshold": 0.15, "half_lives": {"sport": 7, "explainers": 900}}' > policy.json""",
    "READ_ALSO_MODEL=multilingual": """
        rm -r "$READ_ALSO_DATA_DIR"/snapshots  # or the gate refuses: lists get short""",
    "read-also status": """
        for _ in $(seq 120); do read-also status && break; sleep 0.5; done  # it reads its model""",
    "read-also audit --since": "read-also keys add cms --scopes write",
    "read-also import archive.jsonl": """
        read-also export archive.jsonl
        echo '<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>' \
            '<link>https://news.example/</link></channel></rss>' > export.xml""",
    'cat "$READ_ALSO_DATA_DIR"/snapshots/refused': """
        echo 'half of the articles are gone' > "$READ_ALSO_DATA_DIR"/snapshots/refused""",
    "read-also webhooks list": "read-also webhooks add cms $HOOK || true",
    "read-also evaluate recommender/sample": f"ln -s '{ROOT / 'recommender'}' recommender",
}
"""By the beginning of a command what has happened before its page shows it."""


def is_run_elsewhere(each: ShownCommand) -> bool:
    return each.page == "docs/operations.md" or (
        each.page == "README.md" and each.output is not None
    )


def beginning_of(command: str, beginnings: dict[str, str]) -> str | None:
    return next((each for each in beginnings if command.startswith(each)), None)


RUN_HERE: Final = [
    each
    for each in ALL
    if not is_run_elsewhere(each) and beginning_of(each.command, NOT_RUN) is None
]
PAGES_RUN_HERE: Final = sorted({each.page for each in RUN_HERE})


def test_every_block_names_its_language_and_none_hides_a_command() -> None:
    programs = ("read-also ", "$ ", "curl ", "systemctl ", "pip ", "npm ", "journalctl ")
    hidden = [
        (page, block)
        for page in PAGES
        for block in blocks_of(page)
        if not block.language or (block.language == "text" and block.text.startswith(programs))
    ]
    assert hidden == []


def test_every_reason_is_that_of_a_command_which_is_shown() -> None:
    not_run = [each.command for each in ALL if not is_run_elsewhere(each)]
    for beginnings in (NOT_RUN, BEFORE):
        unused = [each for each in beginnings if not any(c.startswith(each) for c in not_run)]
        assert unused == []


@pytest.mark.parametrize(
    "line",
    [line for each in ALL for line in each.command.splitlines() if PROGRAM.match(line)],
    ids=lambda line: line[:60],
)
def test_the_program_takes_a_command_that_is_shown(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its names of commands and options are right; what it names of files need not be there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recommender").symlink_to(ROOT / "recommender")
    arguments = PROGRAM.sub("", line)
    words = shlex.split(arguments, comments=True)
    words = list(takewhile(lambda word: word not in {">", "|", ";", "&&"}, words))
    command: click.Command = main
    context = click.Context(main, info_name="read-also", **main.context_settings)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    for word in words:
        if re.fullmatch(r"[\w./-]+\.(?:json|jsonl|xml|db)", word) and not word.startswith("/"):
            (tmp_path / word).touch()
    try:
        # A command keeps its first help option, whose names are those of its parent's context.
        command.make_context(command.name, [*words], parent=context)
    except click.BadParameter as fault:
        assert "does not exist" in fault.message  # noqa: PT017 - a path of another machine


@dataclass(frozen=True)
class Desk:
    """A fresh place: its folder, what is served from it, and who receives its messages."""

    folder: Path
    server: Server
    receiver: ReceiverSite

    def type(self, command: str) -> str:
        """Run a command there, with what stands for its placeholders; what it prints."""
        for name, meaning in MEANT.items():
            command = re.sub(rf"\b{name}\b", meaning, command)
        command = command.replace("https://cms.example/read-also", self.receiver.url)
        done = subprocess.run(  # noqa: S603 - the pages' own commands
            ["/bin/bash", "-c", f"set -eo pipefail\n{command}"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        path = (self.folder / "bin", Path(sys.executable).parent, os.environ["PATH"])
        place = self.server.place
        return clean_environment(
            MODEL="auto", DATA_DIR=place.folder, DATABASE_URL=f"sqlite:///{place.store}"
        ) | {
            "PATH": os.pathsep.join(map(str, path)),
            "READ_ALSO": self.server.address,
            "KEY": KEY,
            "HOOK": self.receiver.url,
        }


@contextmanager
def open_desk(page: str, archive: Path, folder: Path) -> Iterator[Desk]:
    """A place of its own for a page; its copy of the archive is served if the page asks it."""
    data, desk = folder / "data", folder / "desk"
    shutil.copytree(archive, data)
    (desk / "bin").mkdir(parents=True)
    journal = desk / "bin" / "journalctl"
    journal.write_text(f"#!/bin/sh\ncat {data / 'serve.log'}\n")
    journal.chmod(0o755)
    server = Server(Place(data, more={"READ_ALSO_LOG": "json"}))
    with open_receiver() as receiver, server if page == SERVED else nullcontext():
        yield Desk(desk, server, receiver)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES_RUN_HERE)
def test_the_commands_of_a_page_do_what_it_says(
    page: str, demo_folder: Path, tmp_path: Path
) -> None:
    if page == SERVED and shutil.which("jq") is None:
        skip_or_fail("jq is not installed; install it: apt-get install jq")
    with open_desk(page, demo_folder / "demo", tmp_path) as desk:
        for shown in (each for each in RUN_HERE if each.page == page):
            before = beginning_of(shown.command, BEFORE)
            if before:
                desk.type(BEFORE[before])
            printed = desk.type(shown.command)
            if shown.output is not None:
                assert words_and_numbers(printed) == words_and_numbers(shown.output)
