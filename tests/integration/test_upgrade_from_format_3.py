"""A data folder as release f832dfc left it: 23 articles, overrides, a policy, a waiting text.

That release wrote `data/format-3.tar.xz`. `data/format-3-lists.json` has its lists after a rebuild:
by article, `[id, score, reason]` of each item, or the HTTP status.
"""

import json
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from click.testing import Result
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.archives import archive_settings, run_command

DATA = Path(__file__).parent / "data"
EXPECTED: dict[str, Any] = json.loads((DATA / "format-3-lists.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The folder as that release has left it."""
    return unpacked(tmp_path_factory.mktemp("format-3"))


def unpacked(folder: Path) -> Settings:
    with tarfile.open(DATA / "format-3.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return replace(archive_settings(folder), model="auto")


@pytest.fixture(scope="module")
def refused(earlier: Settings) -> list[Result]:
    """What is refused before the upgrade, in this order; the store stays as it was."""
    commands = (
        ["upgrade"],
        ["upgrade", "--backup", str(earlier.data.database)],
        ["snapshots", "verify"],
    )
    return [run_command(earlier, *words) for words in commands]


@pytest.fixture(scope="module")
def copy(earlier: Settings) -> Path:
    """Where the upgrade copies the store."""
    return earlier.data_dir / "before.db"


@pytest.fixture(scope="module")
def done(earlier: Settings, copy: Path, refused: list[Result]) -> Result:
    """What `read-also upgrade` said."""
    assert all(result.exit_code for result in refused)
    return run_command(earlier, "upgrade", "--backup", str(copy))


@pytest.fixture(scope="module")
def upgraded(earlier: Settings, done: Result) -> Settings:
    """The folder of that release, after this release's `read-also upgrade` with its defaults."""
    assert done.exit_code == 0, done.output
    return earlier


KEPT = {
    "articles": "id, change, version, deleted, text_hash, document",
    "choices": 'change, article_id, kind, document, "by", at',
    "policies": "version, change, document, at",
    "cursors": "source, document, at",
}
"""By table, the columns of what people have written: no program can make them anew."""


def written_rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What people have written into a store file."""
    with closing(pysqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return {
            table: database.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - our own names
            for table, columns in KEPT.items()
        }


def schema_of(path: Path) -> str:
    with closing(pysqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        (version,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(version)


def test_a_service_that_is_started_without_it_upgrades_the_store_and_says_what_it_lacks(
    tmp_path: Path, client_of: Callable[..., FlaskClient]
) -> None:
    client = client_of(unpacked(tmp_path), "reader")
    ready = client.get("/readyz").get_json()
    assert (ready["status"], ready["store"]) == ("ready", "ok")
    assert "format 3 is of an earlier release" in ready["unserved"]
    assert "run: read-also rebuild" in ready["unserved"]
    assert schema_of(tmp_path / "read-also.db") != "0005"
    article = client.get("/v1/articles/guiyang-smart-city").get_json()
    assert article["section"] == "china-smart-cities"
    assert client.get("/v1/articles/guiyang-smart-city/related").status_code == 200


def test_without_a_place_for_a_copy_nothing_is_upgraded(refused: list[Result]) -> None:
    without, over_the_store, snapshots = refused
    assert without.exit_code == 2
    assert "the store has schema 0005" in without.stderr
    assert "--backup FILE" in without.stderr
    assert (over_the_store.exit_code, snapshots.exit_code) == (73, 1)
    assert "exists already" in over_the_store.stderr
    assert "format 3 is of an earlier release" in snapshots.stdout
    assert "run: read-also rebuild" in snapshots.stdout


@pytest.mark.long
def test_the_upgrade_says_what_it_did_and_how_to_go_back(done: Result, copy: Path) -> None:
    assert done.exit_code == 0, done.output
    assert f"copied the store of schema 0005 to {copy}; to go back: stop the service" in done.stdout
    assert f"read-also restore {copy}" in done.stdout
    assert "the store has schema 00" in done.stdout
    assert "23 articles" in done.stdout
    assert "model: bundled (the stored vectors are its own)" in done.stderr


def test_the_copy_is_the_store_of_the_earlier_release(upgraded: Settings, copy: Path) -> None:
    assert schema_of(copy) == "0005"
    assert schema_of(upgraded.data.database) != "0005"


def test_nothing_that_people_wrote_is_lost(upgraded: Settings, copy: Path, tmp_path: Path) -> None:
    with tarfile.open(DATA / "format-3.tar.xz") as archive:
        archive.extract("./read-also.db", tmp_path, filter="data")
    before = written_rows(tmp_path / "read-also.db")
    assert [len(before[table]) for table in KEPT] == [24, 2, 1, 0]
    assert written_rows(copy) == before
    assert written_rows(upgraded.data.database) == before


def test_a_second_upgrade_finds_nothing_to_do(upgraded: Settings) -> None:
    again = run_command(upgraded, "upgrade")
    assert again.exit_code == 0
    assert again.stdout.splitlines() == [
        "the store is of this release",
        "the snapshots are of this release",
    ]
    checked = run_command(upgraded, "check")
    assert checked.exit_code == 0, checked.output
    assert "all is well: 23 articles" in checked.stdout


def listed(client: FlaskClient, article_id: str) -> list[str] | int:
    """The ids of a list now, or the status of its refusal."""
    answer = client.get(f"/v1/articles/{article_id}/related?limit=12")
    if answer.status_code != 200:
        return answer.status_code
    return [item["id"] for item in answer.get_json()["items"]]


def test_the_lists_hold_what_those_of_the_earlier_release_held(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    """In another order: this release weighs signals otherwise."""
    client = client_of(upgraded, "reader")
    for article_id, expected in EXPECTED.items():
        found = listed(client, article_id)
        if isinstance(expected, int) or isinstance(found, int):
            assert found == expected, article_id
            continue
        assert sorted(found) == sorted(name for name, _, _ in expected), article_id


def test_pins_and_blocks_are_kept_with_who_set_them(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    client = client_of(upgraded, "reader")
    pins = client.get("/v1/articles/guiyang-smart-city/pins").get_json()["pins"]
    blocks = client.get("/v1/articles/guiyang-smart-city/blocks").get_json()["blocks"]
    assert [(pin["id"], pin["by"]) for pin in pins] == [("glacier-hockey-club", "a: Editor")]
    assert [(block["id"], block["by"]) for block in blocks] == [
        ("bijie-data-labellers", "a: Editor")
    ]


def test_a_text_that_waited_to_be_read_is_listed(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    found = listed(client_of(upgraded, "reader"), "guiyang-smart-city")
    assert not isinstance(found, int)
    assert "lanzhou-buses" in found
