"""Commands say which archive and which model they work with, and reading creates nothing."""

import logging
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recommender.cli import main
from recommender.settings import Settings
from tests.support.archives import clean_environment, run_command

STORY = "guiyang-smart-city"
READING = (
    *("related a", "export out.jsonl", "check", "audit", "keys list", "policy show"),
    *("webhooks list", "snapshots list", "snapshots verify", "status", "config check"),
    *("evaluate --from-links", "evaluate --compare x y", "backup copy.db"),
)
DEMONSTRATION = "this is the demonstration, since there is no archive in"


def run(folder: Path, *arguments: str, **more: str) -> Result:
    """Run a command where only the data folder is set."""
    environment: dict[str, str | None] = {**clean_environment(DATA_DIR=folder, **more)}
    environment["READ_ALSO_DATABASE_URL"] = None
    return CliRunner().invoke(main, list(arguments), env=environment)


@pytest.fixture
def beside_demo(demo_folder: Path, tmp_path: Path) -> Path:
    """A data folder with the demonstration's in it, and nothing else."""
    (tmp_path / "demo").symlink_to(demo_folder / "demo")
    return tmp_path


def test_what_only_reads_creates_nothing_and_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in READING:
        done = run(tmp_path / "none", *command.split(), MODEL="auto")
        said = f"read-also: data in {tmp_path}/none, model none yet (the first rebuild chooses)"
        assert done.stderr.splitlines()[0] == said, command
        assert list(tmp_path.iterdir()) == [], command
    absent = run(tmp_path / "none", "related", "a")
    assert absent.exit_code == 69
    assert f"there is no article store at sqlite:///{tmp_path}/none/read-also.db" in absent.stderr


def test_right_after_the_demonstration_its_lists_are_printed(beside_demo: Path) -> None:
    done = run(beside_demo, "related", STORY)
    assert done.exit_code == 0
    assert done.stdout.startswith("Read also, under: Cables or buses?")
    assert done.stderr == (
        f"read-also: data in {beside_demo}/demo, model bundled; {DEMONSTRATION} {beside_demo} yet\n"
    )


def test_what_writes_never_takes_the_demonstrations_archive(beside_demo: Path) -> None:
    assert run(beside_demo, "backup", str(beside_demo / "copy.db")).exit_code == 69
    made = run(beside_demo, "keys", "add", "cms", "--scopes", "read")
    assert made.exit_code == 0
    assert DEMONSTRATION not in made.stderr
    assert (beside_demo / "read-also.db").exists()


def test_from_then_on_ones_own_archive_is_read(beside_demo: Path) -> None:
    run(beside_demo, "keys", "add", "cms", "--scopes", "read")
    assert "cms" in run(beside_demo, "keys", "list").stdout
    assert run(beside_demo, "related", STORY).exit_code == 1  # there is no such article


def test_a_store_that_was_lost_is_noticed(beside_demo: Path, own_desk: Settings) -> None:
    shutil.copytree(own_desk.data.snapshots, beside_demo / "snapshots")
    done = run(beside_demo, "related", STORY)
    assert done.exit_code == 69
    assert DEMONSTRATION not in done.stderr


def test_a_store_elsewhere_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://desk:hunter2-hunter2@127.0.0.1:1/x"
    place = Settings(url, tmp_path).place
    assert place == f"data in {tmp_path}, store postgresql://desk:(hidden)@127.0.0.1:1/x"


def test_in_a_log_of_json_the_line_is_an_entry(
    own_desk: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    done = run_command(own_desk, "snapshots", "list", LOG="json")
    assert not done.stderr.startswith("read-also:")
    assert caplog.messages == [f"data in {own_desk.data_dir}, model {own_desk.model}"]


@pytest.mark.parametrize("command", ["serve", "web", "indexer"])
def test_what_serves_logs_the_model_of_the_live_snapshot(
    own_desk: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    for started in ("serve.serve_all", "serve.serve_web", "indexer_command.index_forever"):
        monkeypatch.setattr(f"recommender.cli.{started}", lambda *_: None)
    monkeypatch.setattr("os._exit", lambda _: None)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    caplog.set_level(logging.INFO)
    run_command(own_desk, command, MODEL="auto")
    shutil.rmtree(own_desk.data.snapshots)
    run_command(own_desk, command, MODEL="auto")
    place = f"data in {own_desk.data_dir}, model"
    assert caplog.messages == [f"{place} fake", f"{place} none yet (the first rebuild chooses)"]
