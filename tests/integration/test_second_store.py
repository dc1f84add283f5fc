"""No second store is created where the store of the snapshots is missing."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recommender.cli import main
from tests.support.archives import after_announcement


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with snapshots, but without the store that they are of."""
    for name in [name for name in os.environ if name.startswith("READ_ALSO_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    (folder / "snapshots" / "000000000007-0123456789ab").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "articles.jsonl").write_text('{"id": "a", "title": "A"}\n')
    (tmp_path / "policy.json").write_text("{}")
    return folder


def run(data: Path, *arguments: str, **more: str) -> Result:
    environment = {"READ_ALSO_DATA_DIR": str(data)} | more
    return CliRunner().invoke(main, list(arguments), env=environment)


@pytest.mark.parametrize(
    "arguments", [["import", "../articles.jsonl"], ["rebuild"], ["policy", "set", "../policy.json"]]
)
def test_no_store_is_created_where_snapshots_of_another_store_lie(
    data: Path, arguments: list[str]
) -> None:
    result = run(data, *arguments)
    assert result.exit_code == 2
    assert after_announcement(result.stderr) == (
        f"read-also: {data} has snapshots of a store, but the store {data}/read-also.db is "
        "missing; move it there, or name it in READ_ALSO_DATABASE_URL; to begin anew remove "
        f"{data}/snapshots\n"
    )
    assert [path.name for path in data.iterdir()] == ["snapshots"]


def test_a_store_is_created_if_it_is_named_or_there_are_no_snapshots(data: Path) -> None:
    url = f"sqlite:///{data.parent / 'named.db'}"
    assert run(data, "import", "../articles.jsonl", READ_ALSO_DATABASE_URL=url).exit_code == 0
    (data / "snapshots" / "000000000007-0123456789ab").rmdir()
    assert run(data, "import", "../articles.jsonl").exit_code == 0
    assert (data / "read-also.db").is_file()
