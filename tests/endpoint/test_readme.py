"""The README is true: its console blocks are run, its targets and files are there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.servers import LOADING_SECONDS, is_ready, reads_drafts, served
from tests.support.shown_commands import ShownCommand, commands_on, words_and_numbers
from tests.support.waiting import free_port, until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
KEY = "a-key-for-the-readme-alone"
SHOWN = [each for each in commands_on("README.md") if each.output is not None]


@pytest.fixture(scope="module")
def site(
    demo_folder: Path,
    environment_of: Callable[..., dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a server over a copy of the demonstration's data."""
    data = tmp_path_factory.mktemp("site") / "demo"
    shutil.copytree(demo_folder / "demo", data)
    environment = environment_of(
        DATABASE_URL=f"sqlite:///{data / 'read-also.db'}",
        DATA_DIR=data,
        API_KEYS=f"demo:read+write:{KEY}",
        PUBLIC_READS="1",
    )
    port = free_port()
    with served(environment, port, workers=1):
        assert until(lambda: is_ready(port) and reads_drafts(port, KEY), LOADING_SECONDS, 0.5)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def shell(
    site: str,
    environment_of: Callable[..., dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, str]]:
    """A folder with the README's archive, and an environment in which its commands run."""
    folder = tmp_path_factory.mktemp("newcomer")
    cat = next(step for step in SHOWN if step.command.startswith("cat "))
    (folder / "archive.jsonl").write_text(cat.output or "", "utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return folder, {**environment_of(), "SITE": site, "KEY": KEY, "PATH": path}


@pytest.mark.parametrize("step", SHOWN, ids=lambda step: step.command.split("\n")[0][:60])
def test_a_command_prints_what_the_readme_says(
    step: ShownCommand, shell: tuple[Path, dict[str, str]]
) -> None:
    folder, environment = shell
    done = subprocess.run(  # noqa: S603 - the README's own commands
        ["/bin/bash", "-c", step.command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    words, numbers = words_and_numbers(done.stdout)
    expected_words, expected_numbers = words_and_numbers(step.output or "")
    assert words == expected_words
    assert numbers == pytest.approx(expected_numbers, abs=0.02)


def test_the_targets_it_names_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named >= {"demo", "test"}
    assert named <= targets


def test_the_files_it_links_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert "docs/http-api.md" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_list_it_shows_is_the_demos_list(sample_client: FlaskClient) -> None:
    answer = sample_client.get("/v1/articles/guiyang-smart-city/related?limit=5").get_json()
    block = README.split("```text\nRead also, under")[1].split("```")[0]
    headlines = [line.split("  ")[-1].rstrip("…") for line in block.splitlines()[2:] if line]
    assert len(headlines) == 5
    for headline, listed in zip(headlines, answer["items"], strict=True):
        assert listed["title"].startswith(headline)


def test_the_generated_docs_are_fresh() -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
