"""`read-also` through its commands: what they print, and with which code they leave."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from index import Catalog, NoSnapshot, SnapshotDamaged
from recommender import cli as commands
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.cli import main
from recommender.cli.terminal import EXIT_CODES, bar, leave, warn
from recommender.errors import InvalidArticle
from recommender.settings import DataFolder, Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import after_announcement, run_command


def commands_under(command: click.Command, *words: str) -> Iterator[list[str]]:
    """The words of a command and of all below it."""
    yield [*words]
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from commands_under(below, *words, name)


def write_lines(path: Path, *lines: str | bytes) -> Path:
    data = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path.write_bytes(b"\n".join(data))
    return path


GOOD = '{"id": "a", "title": "A"}'
BAD_LINES: list[str | bytes] = [
    GOOD,
    "",
    '{"id": "b", "title": "B", "url": "ftp://x.example", "colour": 1}',
    '{"id": "c"',
    b'{"id": "d", "title": "\xff"}',
    "[]",
    '{"id": "e f", "title": "E"}',
    '{"id": "g", "title": "G"}',
]


def test_every_command_has_help() -> None:
    words = list(commands_under(main))
    assert ["snapshots", "rollback"] in words
    for command in words:
        for flag in ("--help", "-h"):
            result = CliRunner().invoke(main, [*command, flag])
            assert result.exit_code == 0
            assert result.stdout.startswith(f"Usage: main {' '.join(command)}".rstrip())


def test_the_help_of_all_commands_imports_none_of_them() -> None:
    heavy = ("numpy", "faiss", "sqlalchemy", "index", "recommender.store", "recommender.ranking")
    code = (
        "import sys; from recommender.cli import main; main(['--help'], standalone_mode=False); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert [name for name in commands.COMMANDS if f"  {name} " not in done.stdout] == []


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_help_of_all_commands_says_what_that_of_each_begins_with(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    first = (command.help or "").split("\n\n")[0]
    assert first == commands.COMMANDS[name].help


def test_no_progress_is_shown_where_standard_error_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bar("embedding", 3, "text") as advance:
        advance(3)
    warn("a record is bad")
    assert capsys.readouterr() == ("", "a record is bad\n")


READING_COMMANDS = [
    ["export", "{path}"],
    ["backup", "{path}"],
    ["check"],
    ["compact"],
    ["erase", "--yes", "a"],
    ["policy", "show"],
    ["related", "a"],
    ["evaluate", "--from-links"],
    ["evaluate", "--compare", "a", "b"],
    ["snapshots", "prune"],
]


@pytest.mark.parametrize("command", READING_COMMANDS, ids=" ".join)
def test_a_reading_command_creates_no_store_and_names_the_missing_one(
    tmp_path: Path, command: list[str]
) -> None:
    data = DataFolder(tmp_path / "elsewhere")
    settings = Settings(data.database_url, data.path)
    result = run_command(settings, *[word.format(path=tmp_path / "out") for word in command])
    assert result.exit_code == 69
    assert "there is no article store at " in result.stderr
    assert f"{data.database}" in result.stderr
    assert "none was created" in result.stderr
    assert not data.database.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("command", "code"), [("list", 0), ("verify", 0), ("rollback", 69)])
def test_listing_snapshots_creates_no_folder(tmp_path: Path, command: str, code: int) -> None:
    data = DataFolder(tmp_path / "elsewhere")
    result = run_command(Settings(data.database_url, data.path), "snapshots", command)
    assert result.exit_code == code
    assert str(data.snapshots) in result.stderr
    assert "run: read-also rebuild" in result.stderr
    assert not data.path.exists()


def test_exit_codes_are_those_of_the_contract() -> None:
    named = {kind.__name__: code for kind, code in EXIT_CODES}
    assert named == {
        "BadParameter": 2,
        "BadSettings": 2,
        "SourceAway": 69,
        "BadInput": 65,
        "PartMissing": 69,
        "EncoderAway": 69,
        "EngineAway": 69,
        "ClusterAway": 69,
        "ReceiverAway": 69,
        "NoSnapshot": 69,
        "StoreUnusable": 69,
        "OSError": 73,
        "Locked": 75,
        "ReadAlsoError": 1,
        "IndexFault": 1,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [(SnapshotDamaged, 1), (NoSnapshot, 69), (InvalidArticle, 65), (FileNotFoundError, 73)],
)
def test_an_error_without_an_exit_code_has_that_of_its_base_class(
    kind: type[Exception], code: int
) -> None:
    with pytest.raises(SystemExit) as left:
        leave(kind)
    assert left.value.code == code


def test_import_reports_bad_lines_by_place_and_field_and_continues(
    bare: Settings, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", *BAD_LINES)
    result = run_command(bare, "import", str(path))
    assert result.exit_code == 65
    assert result.stdout == f"{path}: 2 created, 0 updated, 0 unchanged, 5 rejected\n"
    place = re.escape(str(path))
    said = dict(re.findall(rf"(?:^|\r){place}:(\d+): (.+)", result.stderr, re.MULTILINE))
    assert list(said) == ["3", "4", "5", "6", "7"]
    assert "/url: " in said["3"]
    assert "/colour: " in said["3"]
    assert "/id: " in said["7"]
    with closing(open_store(bare.database_url)) as store:
        assert [store.get(one).title for one in ("a", "g")] == ["A", "G"]
    strict = run_command(bare, "import", "--strict", str(path))
    assert (strict.exit_code, f"{path}:4: " in strict.stderr) == (65, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["import"],
        ["import", "missing.jsonl"],
        ["import", "--format", "xls", "."],
        ["related"],
        ["related", "a", "-n", "0"],
        ["related", "a", "-n", "101"],
        ["related", "a", "--mode", "odd"],
        ["rebuild", "--keep", "0"],
        ["rebuild", "now"],
        ["serve", "--port", "65536"],
        ["evaluate", "missing"],
        ["rebuild", "--force", "yes"],
        ["snapshots", "burn"],
        ["snapshots", "rollback", "one", "two"],
        ["snapshots", "verify", "one", "two"],
        ["snapshots", "prune", "--keep", "0"],
        ["export"],
        ["backup"],
        ["backup", "one", "two"],
        ["restore", "missing.db", "--yes"],
        ["related", "a", "--explain", "some"],
        ["nonsense"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(bare: Settings, arguments: list[str]) -> None:
    result = run_command(bare, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("command", [["rebuild"], ["related", "a"], ["serve"]], ids=" ".join)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("API_KEYS", "a:read:0123456789abcdef,a:read:0123456789abcdeg"),
        ("WORKER", "3"),
    ],
)
def test_a_malformed_setting_is_2_and_named(
    bare: Settings, command: list[str], name: str, value: str
) -> None:
    result = run_command(bare, *command, **{name: value})
    assert result.exit_code == 2
    assert f"READ_ALSO_{name}" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "0123456789abcdef" not in result.stderr


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/none/x.db", "odd://host/db"])
def test_a_store_that_cannot_be_opened_is_69(bare: Settings, url: str) -> None:
    result = run_command(bare, "rebuild", DATABASE_URL=url)
    assert result.exit_code == 69
    said = after_announcement(result.stderr)
    assert said.startswith("read-also: cannot open the article store")


def test_a_data_folder_that_cannot_be_written_is_73(bare: Settings) -> None:
    result = run_command(bare, "rebuild", DATA_DIR="/proc/none")
    assert result.exit_code == 73
    assert "/proc/none" in result.stderr


def test_related_without_a_snapshot_lists_from_the_changes(
    bare: Settings, fake_rebuild: pytest.MonkeyPatch, fake_model: Model
) -> None:
    fake_rebuild.setattr("recommender.indexing.archive_model.find_model", lambda *_: fake_model)
    with closing(open_store(bare.database_url)) as store:
        store.put(Article(id="fresh", title="Fresh"))
    result = run_command(bare, "related", "fresh")
    assert result.exit_code == 0
    assert result.stdout == "Read also, under: Fresh\n\n(not_read_yet)\n"


def test_an_unknown_article_is_1(desk_settings: Settings) -> None:
    result = run_command(desk_settings, "related", "nobody")
    assert result.exit_code == 1
    said = after_announcement(result.stderr)
    assert said == "read-also: no article 'nobody'; push it with PUT /v1/articles/nobody\n"


def test_related_prints_the_list_of_the_api(desk_settings: Settings, desk: FlaskClient) -> None:
    result = run_command(desk_settings, "related", "harbour-2", "--json", "-n", "7")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert list(answer) == ["article_id", "items", "requested", "returned", "mode", "generation"]
    expected = desk.get("/v1/articles/harbour-2/related?limit=7").get_json()
    assert [list(item) for item in answer["items"]] == [list(item) for item in expected["items"]]
    assert (answer["requested"], answer["returned"]) == (7, 7)


def test_related_explains_what_is_listed_and_what_was_dropped(desk_settings: Settings) -> None:
    ask = (desk_settings, "related", "harbour-2", "-n", "2", "--explain")
    text = run_command(*ask).stdout
    for line in ("score 0.", "place ", "words ", "seed  ", "item  "):
        assert text.count(f"  {line}") >= 2, line
    assert "Not listed" not in text
    _, dropped = run_command(*ask, "all").stdout.split("Not listed, the nearest first:")
    assert any("never_recommend  " in line for line in dropped.splitlines())
    explained = json.loads(run_command(*ask, "all", "--json").stdout)
    assert "grounds" in explained["items"][0]["explanation"]
    rules = {one["id"]: one["rule"] for one in explained["dropped"]}
    assert rules["harbour-never"] == "never_recommend"


def test_related_takes_the_filters_of_the_api(desk_settings: Settings) -> None:
    filters = ("section=-city,economy", "attr.price=-10..", "published_after=2026-10-04")
    words = [word for one in filters for word in ("--filter", one)]
    result = run_command(desk_settings, "related", "harbour-2", "--json", *words)
    items = json.loads(result.stdout)["items"]
    assert {item["section"] for item in items} == {"economy"}
    assert min(item["published_at"] for item in items) == "2026-10-04T08:00:00Z"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["limit=5"], "/limit: unknown"),
        (["tag"], "/tag: must have at least 1 character"),
        (["tag=a", "tag=b"], "/tag: unknown, or given twice"),
        (["attr.Price=1"], "/attr/Price: String should match"),
        (["published_after=now"], "/published_after: must be a date"),
    ],
)
def test_related_names_a_filter_that_it_does_not_take(
    desk_settings: Settings, words: list[str], problem: str
) -> None:
    options = [part for word in words for part in ("--filter", word)]
    result = run_command(desk_settings, "related", "harbour-2", *options)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_related_takes_a_mode(desk_settings: Settings) -> None:
    result = run_command(desk_settings, "related", "harbour-9", "--json", "--mode", "latest")
    assert json.loads(result.stdout)["mode"] == "latest"


@pytest.mark.long
@pytest.mark.usefixtures("fake_rebuild")
def test_rebuild_says_what_it_did(own_desk: Settings, desk_documents: dict[str, Any]) -> None:
    result = run_command(own_desk, "rebuild")
    name, count = Catalog(own_desk.data.snapshots).live(), len(desk_documents)
    assert result.exit_code == 0
    # Each was written, and then read.
    said = f"published {name}: {count} articles, 0 embedded, up to change {2 * count}, in "
    assert result.stdout.startswith(said)
    full = run_command(own_desk, "rebuild", "--full")
    assert full.stdout.startswith(said.replace(" 0 embedded", f" {count} embedded"))


@pytest.mark.long
@pytest.mark.usefixtures("fake_rebuild")
def test_rebuild_keeps_as_many_generations_as_it_is_given(
    own_desk: Settings, desk_store: ArticleStore
) -> None:
    for number in (2, 3):
        desk_store.delete(f"harbour-{number}")
        assert run_command(own_desk, "rebuild", "--keep", "1").exit_code == 0
        assert len(Catalog(own_desk.data.snapshots).generations()) == 1


@pytest.mark.usefixtures("fake_rebuild")
def test_snapshots_are_listed_oldest_first_with_the_live_one_marked(
    own_desk: Settings, desk_store: ArticleStore
) -> None:
    desk_store.delete("harbour-2")
    run_command(own_desk, "rebuild")
    catalog = Catalog(own_desk.data.snapshots)
    old, new = catalog.generations()
    lines = run_command(own_desk, "snapshots", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [old, f"{catalog.bytes_of(old) / 1e6:.1f}"],
        ["*", new],
    ]


def test_an_interrupt_exits_with_130_and_says_that_nothing_is_lost(
    own_desk: Settings, fake_rebuild: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Model, **_options: object) -> NoReturn:
        raise KeyboardInterrupt

    fake_rebuild.setattr("recommender.cli.snapshot_commands.load_encoder", interrupt)
    result = run_command(own_desk, "rebuild", "--full")
    assert result.exit_code == 130
    assert "run it again" in result.stderr
