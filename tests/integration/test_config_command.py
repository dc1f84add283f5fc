"""`read-also config check` and `--config`: what an operator and every process sees."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recommender.cli import main
from recommender.settings import VARIABLES, Settings
from tests.support.archives import after_announcement
from tests.support.servers import ask, is_ready, served
from tests.support.waiting import free_port, until

SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's
NO_CONFIG = {"READ_ALSO_CONFIG": None}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a good settings file and its secrets."""
    monkeypatch.chdir(tmp_path)
    Path("keys").touch(mode=0o600)
    Path("keys").write_text(f"cms:read+write:{SECRET}\n", "utf-8")
    Path("news.toml").write_text('workers = 3\napi_keys = { file = "keys" }\n', "utf-8")
    return tmp_path


def check(*options: str, **environment: str) -> Result:
    own = NO_CONFIG | {f"READ_ALSO_{name}": value for name, value in environment.items()}
    return CliRunner().invoke(main, [*options, "config", "check"], env=own)


@pytest.mark.usefixtures("folder")
def test_every_setting_is_printed_with_its_value_and_where_it_was_given() -> None:
    done = check("--config", "news.toml", DATABASE_URL=f"postgresql://n:{SECRET}@db/x")
    assert (done.exit_code, after_announcement(done.stderr)) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[1:]] == [variable.name.lower() for variable in VARIABLES]
    assert ["workers", "3", "news.toml"] in rows
    assert ["api_keys", "(hidden)", "news.toml"] in rows
    assert ["database_url", "postgresql://n:(hidden)@db/x", "environment"] in rows
    assert ["data_dir", "var", "default"] in rows
    assert ["config", "news.toml", "environment"] in rows
    assert SECRET not in done.output


def test_a_store_that_nobody_names_is_that_of_the_data_folder(folder: Path) -> None:
    done = check(DATA_DIR=str(folder / "data"))
    assert f"sqlite:///{folder}/data/read-also.db" in done.stdout


@pytest.mark.usefixtures("folder")
def test_all_faults_are_told_and_the_exit_code_is_one() -> None:
    Path("bad.toml").write_text("wokers = 3\npublic_reads = 2\nworkers = 99\n", "utf-8")
    done = check("--config", "bad.toml", API_KEYS=f"cms:{SECRET}")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 4
    for said in ("wokers", "public_reads", "workers: '99'", "READ_ALSO_API_KEYS"):
        assert said in done.stderr
    assert SECRET not in done.output


@pytest.mark.long
def test_every_process_that_serve_starts_reads_the_file(
    folder: Path, own_desk: Settings, environment_of: Callable[..., dict[str, str]]
) -> None:
    """Web workers know its key and its store; the indexer makes what is pushed visible."""
    toml = folder / "news.toml"
    toml.write_text(
        f'data_dir = "{own_desk.data_dir}"\ndatabase_url = "{own_desk.database_url}"\n'
        f'model = "{own_desk.model}"\napi_keys = {{ file = "{folder}/keys" }}\n',
        "utf-8",
    )
    port = free_port()
    path = "/v1/articles/harbour-2/related"
    with served(environment_of(), port, folder=folder, options=("--config", str(toml))):
        assert until(lambda: is_ready(port))
        assert ask(port, path)[0] == 401
        assert ask(port, path, SECRET)[0] == 200
        assert until(own_desk.data.draft_socket.exists)


@pytest.mark.usefixtures("folder")
def test_the_option_reaches_the_processes_that_a_command_starts() -> None:
    """They read it from the environment, in which the option is a variable."""
    runner = CliRunner()
    with runner.isolation(env={"READ_ALSO_CONFIG": "other.toml"}):
        import os  # noqa: PLC0415 - only to look at what a child would get

        main(["--config", "news.toml", "config", "check"], standalone_mode=False)
        assert os.environ["READ_ALSO_CONFIG"] == "news.toml"
