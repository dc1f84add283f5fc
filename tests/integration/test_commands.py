"""`read-also` through its commands: what they print, and with which code they leave."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from numpy.typing import NDArray

from index import Catalog, NoSnapshot, SnapshotDamaged
from recommender import cli as commands
from recommender.analysis.embedding import Encoder, Model
from recommender.articles import Article
from recommender.cli import main
from recommender.cli.terminal import EXIT_CODES, bar, leave, warn
from recommender.errors import InvalidArticle, ModelRefused
from recommender.progress import Advance
from recommender.settings import DataFolder, Settings
from recommender.store import open_store

Run = Callable[..., Result]
COMMANDS = [
    [],
    ["import"],
    ["rebuild"],
    ["compact"],
    ["related"],
    ["serve"],
    ["web"],
    ["indexer"],
    ["snapshots"],
    ["snapshots", "list"],
    ["snapshots", "verify"],
    ["snapshots", "rollback"],
    ["snapshots", "prune"],
    ["export"],
    ["backup"],
    ["restore"],
    ["check"],
    ["erase"],
    ["policy"],
    ["policy", "show"],
    ["policy", "set"],
    ["evaluate"],
    ["demo"],
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command over an archive: `run(settings, "related", "id")`."""
    for name in [name for name in os.environ if name.startswith("READ_ALSO_")]:
        monkeypatch.delenv(name)

    def invoke(settings: Settings, *arguments: str, **more: str) -> Result:
        own = {"DATABASE_URL": settings.database_url, "DATA_DIR": str(settings.data_dir)} | more
        environment = {f"READ_ALSO_{name}": value for name, value in own.items()}
        return CliRunner().invoke(main, list(arguments), env=environment)

    return invoke


@pytest.fixture
def fake_rebuild(
    monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> pytest.MonkeyPatch:
    """Makes `rebuild` use the fake encoder."""
    monkeypatch.setattr("recommender.cli.snapshot_commands.find_model", lambda *_: fake_model)
    monkeypatch.setattr(
        "recommender.cli.snapshot_commands.load_encoder", lambda *_, **__: fake_encoder
    )
    return monkeypatch


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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(command: list[str], flag: str) -> None:
    result = CliRunner().invoke(main, [*command, flag])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {' '.join(command)}".rstrip())


def test_no_command_is_left_untested() -> None:
    assert {words[0] for words in COMMANDS if words} == set(commands.COMMANDS)


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
def test_a_command_that_reads_makes_no_store_and_says_where_it_looked(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    data = DataFolder(tmp_path / "elsewhere")
    settings = Settings(data.database_url, data.path)
    result = run(settings, *[word.format(path=tmp_path / "out") for word in command])
    assert result.exit_code == 69
    assert "there is no article store at " in result.stderr
    assert f"{data.database}" in result.stderr
    assert "none was created" in result.stderr
    assert not data.database.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("command", "code"), [("list", 0), ("verify", 0), ("rollback", 69)])
def test_where_there_are_no_snapshots_looking_for_them_makes_no_folder(
    run: Run, tmp_path: Path, command: str, code: int
) -> None:
    data = DataFolder(tmp_path / "elsewhere")
    result = run(Settings(data.database_url, data.path), "snapshots", command)
    assert result.exit_code == code
    assert str(data.snapshots) in result.stderr
    assert "run: read-also rebuild" in result.stderr
    assert not data.path.exists()


def test_exit_codes_are_the_contracts() -> None:
    named = {kind.__name__: code for kind, code in EXIT_CODES}
    assert named == {
        "BadParameter": 2,
        "BadSettings": 2,
        "SourceAway": 69,
        "BadInput": 65,
        "PartMissing": 69,
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
def test_a_kind_that_has_no_code_of_its_own_leaves_with_that_of_its_kin(
    kind: type[Exception], code: int
) -> None:
    with pytest.raises(SystemExit) as left:
        leave(kind)
    assert left.value.code == code


def test_import_counts_what_it_did(run: Run, bare: Settings, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", GOOD, '{"id": "b", "title": "B"}', "")
    first = run(bare, "import", str(path))
    assert first.exit_code == 0
    assert first.stdout == f"{path}: 2 created, 0 updated, 0 unchanged, 0 rejected\n"
    write_lines(path, GOOD, '{"id": "b", "title": "Bee"}', '{"id": "c", "title": "C"}')
    second = run(bare, "import", str(path))
    assert second.stdout == f"{path}: 1 created, 1 updated, 1 unchanged, 0 rejected\n"


def test_import_takes_several_files_and_a_byte_order_mark(
    run: Run, bare: Settings, tmp_path: Path
) -> None:
    one = write_lines(tmp_path / "one.jsonl", b"\xef\xbb\xbf" + GOOD.encode(), b"\r")
    two = write_lines(tmp_path / "two.jsonl", '{"id": "b", "title": "B"}')
    result = run(bare, "import", str(one), str(two), "--format", "jsonl")
    assert (result.exit_code, result.stdout.count("1 created")) == (0, 2)


def test_import_reports_bad_lines_by_place_and_field_and_goes_on(
    run: Run, bare: Settings, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", *BAD_LINES)
    result = run(bare, "import", str(path))
    assert result.exit_code == 65
    assert result.stdout == f"{path}: 2 created, 0 updated, 0 unchanged, 5 rejected\n"
    place = re.escape(str(path))
    said = dict(re.findall(rf"(?:^|\r){place}:(\d+): (.+)", result.stderr, re.MULTILINE))
    assert list(said) == ["3", "4", "5", "6", "7"]
    assert "/url: " in said["3"]
    assert "/colour: " in said["3"]
    assert "/id: " in said["7"]
    store = open_store(bare.database_url)
    assert [store.get(one).title for one in ("a", "g")] == ["A", "G"]
    store.close()


def test_import_strict_stops_at_the_first_bad_line(
    run: Run, bare: Settings, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", *BAD_LINES)
    result = run(bare, "import", "--strict", str(path))
    assert result.exit_code == 65
    assert f"{path}:3: " in result.stderr
    assert f"{path}:4: " not in result.stderr
    store = open_store(bare.database_url)
    with store.scan() as view:
        assert [stored.article.id for stored in view] == ["a"]
    store.close()


def test_import_reports_an_older_version(run: Run, bare: Settings, tmp_path: Path) -> None:
    newer = write_lines(tmp_path / "a.jsonl", '{"id": "a", "title": "A", "version": 2}')
    older = write_lines(tmp_path / "b.jsonl", "", '{"id": "a", "title": "Old", "version": 1}')
    result = run(bare, "import", str(newer), str(older))
    assert result.exit_code == 65
    assert f"{newer}: 1 created, 0 updated, 0 unchanged, 0 rejected" in result.stdout
    assert f"{older}: 0 created, 0 updated, 0 unchanged, 1 rejected" in result.stdout
    assert f"{older}:2: " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["import"],
        ["import", "missing.jsonl"],
        ["import", "--format", "csv", "."],
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
        ["nonsense"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(run: Run, bare: Settings, arguments: list[str]) -> None:
    result = run(bare, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("command", [["rebuild"], ["related", "a"], ["snapshots", "list"]])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("PUBLIC_READS", "maybe"),
        ("API_KEYS", "cms:write:short"),
        ("API_KEYS", "cms:own:0123456789abcdef"),
        ("API_KEYS", "a:read:0123456789abcdef,a:read:0123456789abcdeg"),
        ("WORKER", "3"),
    ],
)
def test_a_malformed_setting_is_2_and_named(
    run: Run, bare: Settings, command: list[str], name: str, value: str
) -> None:
    result = run(bare, *command, **{name: value})
    assert result.exit_code == 2
    assert f"READ_ALSO_{name}" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "0123456789abcdef" not in result.stderr


@pytest.mark.parametrize("command", [["rebuild"], ["import", "{file}"]])
@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/none/x.db", "odd://host/db"])
def test_a_store_that_cannot_be_opened_is_69(
    run: Run, bare: Settings, tmp_path: Path, command: list[str], url: str
) -> None:
    path = write_lines(tmp_path / "a.jsonl", GOOD)
    result = run(bare, *(part.format(file=path) for part in command), DATABASE_URL=url)
    assert result.exit_code == 69
    assert result.stderr.startswith("read-also: cannot open the article store")


def test_a_data_folder_that_cannot_be_written_is_73(run: Run, bare: Settings) -> None:
    result = run(bare, "rebuild", DATA_DIR="/proc/none")
    assert result.exit_code == 73
    assert "/proc/none" in result.stderr


def test_without_a_snapshot_related_asks_the_changes_alone(
    run: Run, bare: Settings, fake_rebuild: pytest.MonkeyPatch, fake_model: Model
) -> None:
    fake_rebuild.setattr("recommender.cli.serve.find_model", lambda *_: fake_model)
    store = open_store(bare.database_url)
    store.put(Article(id="fresh", title="Fresh"))
    store.close()
    result = run(bare, "related", "fresh")
    assert result.exit_code == 0
    assert result.stdout == "Read also, under: Fresh\n\n(few_eligible)\n"


def test_an_unknown_article_is_1(run: Run, desk_settings: Settings) -> None:
    result = run(desk_settings, "related", "nobody")
    assert result.exit_code == 1
    assert result.stderr == "read-also: no article 'nobody'; push it with PUT /v1/articles/nobody\n"


def test_a_refused_model_is_1(
    run: Run, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise ModelRefused("the weights are not the pinned ones")

    monkeypatch.setattr("recommender.cli.snapshot_commands.find_model", refuse)
    result = run(own_desk, "rebuild")
    assert (result.exit_code, "not the pinned ones" in result.stderr) == (1, True)


def test_a_folder_without_weights_is_no_model(run: Run, bare: Settings, tmp_path: Path) -> None:
    result = run(bare, "rebuild", MODEL=str(tmp_path))
    assert result.exit_code == 1
    assert ".safetensors" in result.stderr


def test_related_prints_the_list_of_the_api(
    run: Run, desk_settings: Settings, desk: FlaskClient
) -> None:
    result = run(desk_settings, "related", "harbour-2", "--json", "-n", "7")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert list(answer) == ["article_id", "items", "requested", "returned", "mode", "generation"]
    expected = desk.get("/v1/articles/harbour-2/related?limit=7").get_json()
    assert [list(item) for item in answer["items"]] == [list(item) for item in expected["items"]]
    assert (answer["requested"], answer["returned"]) == (7, 7)


def test_related_prints_ranks_scores_and_headlines(run: Run, sample_settings: Settings) -> None:
    answer = json.loads(run(sample_settings, "related", "ru-arpa-gruzy", "--json").stdout)
    lines = run(sample_settings, "related", "ru-arpa-gruzy").stdout.splitlines()
    assert lines[:2] == ["Read also, under: Хватит ли вагонов для дороги через Тянь-Шань", ""]
    for line, item in zip(lines[2:], answer["items"], strict=False):
        assert line.startswith(f"{item['rank']:3}. {item['score']:.2f}  {item['title'][:30]}")
        assert (f"[{item['reason']}]" in line) is (item["reason"] != "semantic")
    short = answer["short_because"]
    assert lines[-1] == f"({short})"


def test_related_explains(run: Run, desk_settings: Settings) -> None:
    text = run(desk_settings, "related", "harbour-2", "-n", "2", "--explain").stdout
    for line in ("score 0.", "place 0.", "words ", "seed  ", "item  "):
        assert text.count(f"  {line}") >= 2, line
    assert "Not listed" not in text
    explained = run(desk_settings, "related", "harbour-2", "--explain", "--json", "-n", "1")
    assert list(json.loads(explained.stdout)["items"][0]["explanation"]) == [
        *("dense", "passages", "lexical", "dense_weight", "passage_weight", "lexical_weight"),
        *("recency", "hubness", "ranking_value", "grounds"),
    ]


def test_related_tells_what_was_dropped(run: Run, desk_settings: Settings) -> None:
    text = run(desk_settings, "related", "harbour-2", "-n", "2", "--explain", "all").stdout
    _, dropped = text.split("Not listed, the nearest first:")
    assert any("never_recommend  " in line for line in dropped.splitlines())
    explained = run(desk_settings, "related", "harbour-2", "--json", "--explain", "all")
    rules = {one["id"]: one["rule"] for one in json.loads(explained.stdout)["dropped"]}
    assert rules["harbour-never"] == "never_recommend"
    assert run(desk_settings, "related", "harbour-2", "--explain", "some").exit_code == 2


@pytest.mark.parametrize("mode", ["mixed", "background", "latest"])
def test_related_takes_a_mode(run: Run, desk_settings: Settings, mode: str) -> None:
    result = run(desk_settings, "related", "harbour-9", "--json", "--mode", mode)
    assert json.loads(result.stdout)["mode"] == mode


@pytest.mark.usefixtures("fake_rebuild")
def test_rebuild_says_what_it_did(
    run: Run, own_desk: Settings, desk_documents: dict[str, Any]
) -> None:
    result = run(own_desk, "rebuild")
    name, count = Catalog(own_desk.data.snapshots).live(), len(desk_documents)
    assert result.exit_code == 0
    # Each was written, and then read.
    said = f"published {name}: {count} articles, 0 embedded, up to change {2 * count}, in "
    assert result.stdout.startswith(said)
    full = run(own_desk, "rebuild", "--full")
    assert full.stdout.startswith(said.replace(" 0 embedded", f" {count} embedded"))


class Broken:
    """An encoder whose machine has no memory left."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        raise OSError(12, f"Cannot allocate memory for {len(texts)} texts ({advance})")


def test_a_rebuild_that_fails_says_so_and_leaves_the_live_snapshot(
    run: Run, own_desk: Settings, fake_rebuild: pytest.MonkeyPatch
) -> None:
    fake_rebuild.setattr(
        "recommender.cli.snapshot_commands.load_encoder", lambda *_, **__: Broken()
    )
    before = Catalog(own_desk.data.snapshots).live()
    result = run(own_desk, "rebuild", "--full")
    assert result.exit_code == 73
    assert result.stderr.splitlines()[-1].startswith("read-also: ")
    assert Catalog(own_desk.data.snapshots).live() == before
    assert len(Catalog(own_desk.data.snapshots).open_live()) > 0


@pytest.mark.usefixtures("fake_rebuild")
def test_a_rebuild_beside_another_is_75(run: Run, own_desk: Settings) -> None:
    with Catalog(own_desk.data.snapshots).lock():
        result = run(own_desk, "rebuild")
    assert result.exit_code == 75
    assert "another rebuild is at work" in result.stderr
    assert run(own_desk, "rebuild").exit_code == 0


@pytest.mark.usefixtures("fake_rebuild")
def test_rebuild_keeps_as_many_generations_as_told(run: Run, own_desk: Settings) -> None:
    store = open_store(own_desk.database_url)
    for number in (2, 3):
        store.delete(f"harbour-{number}")
        assert run(own_desk, "rebuild", "--keep", "1").exit_code == 0
        assert len(Catalog(own_desk.data.snapshots).generations()) == 1
    store.close()


@pytest.mark.usefixtures("fake_rebuild")
def test_snapshots_are_listed_oldest_first_with_the_live_one_marked(
    run: Run, own_desk: Settings
) -> None:
    store = open_store(own_desk.database_url)
    store.delete("harbour-2")
    store.close()
    run(own_desk, "rebuild")
    catalog = Catalog(own_desk.data.snapshots)
    old, new = catalog.generations()
    lines = run(own_desk, "snapshots", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [old, f"{catalog.bytes_of(old) / 1e6:.1f}"],
        ["*", new],
    ]


def test_an_empty_catalog_lists_nothing(run: Run, bare: Settings) -> None:
    result = run(bare, "snapshots", "list")
    assert (result.exit_code, result.stdout) == (0, "")


def test_an_interrupt_is_130_and_says_that_nothing_is_lost(
    run: Run, own_desk: Settings, fake_rebuild: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Model, **_options: object) -> NoReturn:
        raise KeyboardInterrupt

    fake_rebuild.setattr("recommender.cli.snapshot_commands.load_encoder", interrupt)
    result = run(own_desk, "rebuild", "--full")
    assert result.exit_code == 130
    assert "run it again" in result.stderr


def test_an_article_that_was_not_read_yet_has_the_ladder(run: Run, own_desk: Settings) -> None:
    store = open_store(own_desk.database_url)
    store.put(Article(id="fresh", title="Fresh", section="farm"))
    store.close()
    result = run(own_desk, "related", "fresh", "--json", "-n", "6")
    assert result.exit_code == 0
    items = json.loads(result.stdout)["items"]
    assert {item["reason"] for item in items} == {"fallback:section"}
    assert {item["section"] for item in items} == {"farm"}
