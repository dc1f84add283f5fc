"""After `read-also erase` nothing of an article is left on the disk but its tombstone."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

import pytest
from click.testing import Result

from index import Catalog, View
from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer
from recommender.analysis.embedding import Model
from recommender.api import ListOptions, Override
from recommender.articles import parse_article
from recommender.errors import (
    DeletedArticle,
    GateRefused,
    ReadAlsoError,
    StoreUnusable,
)
from recommender.indexing.compaction import compact
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import rebuild
from recommender.live import Follower
from recommender.operations.erasure import Erased, erase
from recommender.ranking.candidates import ListRequest
from recommender.ranking.overrides import parse_overrides
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from service import WEB_PATIENCE_SECONDS
from tests.support.archives import (
    NOW,
    Document,
    after_announcement,
    fake_reader,
    run_command,
    write,
)
from tests.support.postgresql import PostgreSQL
from tests.support.stores import log_of
from tests.support.workers import follower_over

Run = Callable[..., Result]

TABLES_LIE_IN: Final = "SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()"
MARK: Final = "Zyxomma"  # a word that stands in no other article
EVERY: Final = 1_000_000
DOOMED: Final = "doomed"


def marked(version: int, **fields: object) -> dict[str, Any]:
    """A version of the article that says its marker in every field that takes words."""
    words = f"{MARK} {'crane harbour ship ' * 20} v{version}"
    return {
        "id": DOOMED,
        "title": f"Title {MARK} {version}",
        "summary": f"Summary {words}",
        "body": f"Body {words}",
        "tags": [f"tag {MARK}"],
        "authors": [f"author {MARK}"],
        "attributes": {"place": f"place {MARK}"},
        "section": f"section {MARK}",
        "url": f"https://news.example/{MARK}/{version}",
        "image_url": f"https://news.example/{MARK}/{version}.jpg",
        "language": "en",
    } | fields


def in_markup(version: int, markup: str = "") -> dict[str, Any]:
    document = marked(version)
    return document | {"body": None, "body_html": f"<p>{document['body']}</p>{markup}"}


@dataclass
class Archive:
    """An archive in which the marked article left its traces everywhere."""

    store: ArticleStore
    settings: Settings
    reader: Analyzer
    hashes: list[str]

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.settings.data.snapshots)

    def put(self, document: Document) -> None:
        write(self.store, document)
        if document["id"] == DOOMED:
            self.hashes.append(self.store.get(DOOMED).text_hash)

    def index(self) -> None:
        Indexer(self.store, self.reader).drain()

    def rebuild(self) -> None:
        rebuild(self.store, self.catalog, self.reader)

    def publish(self) -> str:
        return compact(self.store, self.catalog, self.reader.model, keep=EVERY).generation

    def erase(self, article_id: str = DOOMED) -> Erased:
        return erase(self.store, self.catalog, self.settings.data, article_id, self.publish)

    def follow(self) -> Follower:
        """A worker that has shown everything and written it to its journal."""
        follower = follower_over(self.settings.data, lambda: self.store, self.reader.model)
        follower.refresh()
        return follower

    def features(self) -> list[str]:
        """Of the texts that the article ever had, those that still have features."""
        cache = self.store.features
        return [
            *cache.vectors(self.hashes, self.reader.model.fingerprint),
            *cache.terms(self.hashes, ANALYZER_VERSION),
            *cache.texts(self.hashes, self.reader.versions.markup),
        ]


@pytest.mark.long
def test_overrides_of_other_articles_stay(archive: Archive) -> None:
    archive.erase()
    versions = archive.store.overrides.history("harbour-2", "blocks")
    assert [[one.id for one in parse_overrides(row.document)] for row in versions] == [
        ["harbour-4"],
        ["harbour-4"],
        [],
    ]
    assert versions[0].by == "erase" not in {row.by for row in versions[1:]}
    assert archive.store.overrides.history(DOOMED, "pins") == ()
    assert log_of(archive.store, versions[0].change - 1)[0].kind == "choice"


def lists_of(settings: Settings) -> dict[str, list[str]]:
    """By id, the ids listed under each article of the live generation."""
    view = View.of(Catalog(settings.data.snapshots).open_live())
    listed = {}
    for key in map(view.snapshot.id_of, range(len(view))):
        answer = list_related(ListRequest(view, find_seed(view, key), ListOptions(), Policy(), NOW))
        listed[key] = [item.id for item in answer.items]
    return listed


def holders(folder: Path, mark: str = MARK) -> list[str]:
    """Every file under a folder, the database and its log among them, that holds the marker."""
    spellings = {mark.encode(), mark.lower().encode(), mark.encode("utf-16-le")}
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(one in path.read_bytes() for one in spellings)
    )


def fill(archive: Archive, documents: Iterable[dict[str, Any]]) -> None:
    """Three generations with three versions of the article, a worker's journal with two more."""
    write(archive.store, *documents)
    for version, document in enumerate((marked(0), in_markup(1), marked(2))):
        archive.put(document | {"version": version})
        archive.rebuild()
    choose(archive.store)
    archive.put(in_markup(3) | {"version": 3})
    archive.index()
    follower = archive.follow()
    archive.put(in_markup(4) | {"version": 4})
    archive.index()
    follower.refresh()
    follower.stop()
    archive.settings.data.texts_in_hand.write_text(json.dumps({DOOMED: 7}))
    (archive.catalog.folder / ".building-0").mkdir()
    (archive.catalog.folder / ".building-0" / "display.bin").write_text(MARK)


def choose(store: ArticleStore) -> None:
    """What editors said of the article, under it and under another one, more than once."""
    said = Override(id=DOOMED, why=f"for {MARK}")
    store.overrides.put(DOOMED, "pins", (Override(id="harbour-2", why=f"of {MARK}"),), "editor")
    store.overrides.put("harbour-2", "blocks", (said,), "editor")
    store.overrides.put(
        "harbour-2", "blocks", (Override(id="harbour-4", why="stale"), said), "editor"
    )


def give_up(archive: Archive) -> None:
    """One more version, which cannot be read, and a fault that quotes it."""
    archive.put(in_markup(5, "<poison>") | {"version": 5})
    archive.store.queue.give_up(DOOMED, archive.hashes[-1], f"cannot read {MARK}")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, desk_documents: dict[str, Any]) -> Archive:
    """The archive that tests get copies of; its store is closed."""
    folder = tmp_path_factory.mktemp("filled")
    address = f"sqlite:///{folder / 'a.db'}"
    with closing(open_store(address)) as store:
        made = Archive(store, Settings(address, folder), fake_reader(), [])
        fill(made, desk_documents.values())
    return made


@pytest.fixture
def archive(filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive of the test's own, in which the gate, the slowest part, lets everything pass."""
    monkeypatch.setattr("recommender.indexing.rebuild.admit", lambda *_, **__: None)
    shutil.copytree(filled.settings.data_dir, tmp_path, dirs_exist_ok=True)
    address = f"sqlite:///{tmp_path / 'a.db'}"
    with closing(open_store(address)) as store:
        made = Archive(store, Settings(address, tmp_path), fake_reader(), [*filled.hashes])
        give_up(made)
        yield made


def check_there(archive: Archive) -> None:
    """Before, the marker is found: a test that looks in the wrong places must fail."""
    found = holders(archive.settings.data_dir)
    assert sum(name.endswith("display.bin") for name in found) == 4
    assert sum(name.startswith("changes/") for name in found) == 1
    assert {name for name in found if name.startswith("a.db")} == {"a.db", "a.db-wal"}
    assert archive.features()


def check_gone(archive: Archive) -> None:
    assert holders(archive.settings.data_dir) == []
    assert archive.features() == []
    assert not archive.settings.data.texts_in_hand.exists()
    with pytest.raises(DeletedArticle):
        archive.store.get(DOOMED)
    for name in archive.catalog.generations():
        assert archive.catalog.open(name).row_of(DOOMED) is None


def test_nothing_of_an_erased_article_is_left(archive: Archive) -> None:
    check_there(archive)
    before = archive.catalog.generations()
    done = archive.erase()
    check_gone(archive)
    assert done.generations == tuple(before)
    assert done.published == archive.catalog.live()
    assert archive.catalog.generations() == [done.published]
    assert done.features > 0
    assert {path.name for path in done.files} == {"indexer.reading", f"{before[-1]}.changes"}
    assert done.change == archive.store.delete(DOOMED).change


@pytest.mark.long
def test_the_other_articles_and_their_lists_are_as_if_it_had_never_been(
    archive: Archive, desk_documents: dict[str, Any], desk_settings: Settings
) -> None:
    archive.erase()
    assert lists_of(archive.settings) == lists_of(desk_settings)
    with archive.store.scan() as view:
        remaining = {stored.article.id: stored.article for stored in view}
    assert remaining == {
        key: parse_article(json.dumps(document)) for key, document in desk_documents.items()
    }


def test_a_second_erasure_finds_nothing_to_do(archive: Archive) -> None:
    first = archive.erase()
    again = archive.erase()
    assert again == Erased(first.change, None, (), (), 0)
    check_gone(archive)


@pytest.mark.long
def test_an_article_named_only_by_an_override_in_the_journal_is_erased_from_it(
    archive: Archive,
) -> None:
    """Overrides are JSON within JSON, so its id stands there in escaped quotes alone."""
    archive.erase()
    archive.put(marked(6) | {"version": 6})
    archive.index()
    named = Override(id=DOOMED, why=f"for {MARK}")
    archive.store.overrides.put("harbour-2", "blocks", (named,), "editor")
    archive.store.delete(DOOMED)
    archive.rebuild()
    archive.follow().stop()
    live = archive.catalog.live()
    assert archive.catalog.open(live).row_of(DOOMED) is None
    assert f"changes/{live}.changes" in holders(archive.settings.data_dir)
    archive.erase()
    check_gone(archive)


@pytest.mark.long
def test_an_article_in_no_generation_is_erased_from_the_journal(
    archive: Archive, make_story: Callable[..., dict[str, Any]]
) -> None:
    archive.erase()
    live = archive.catalog.live()
    archive.put(marked(6) | {"version": 6})
    archive.index()
    archive.put(make_story("new"))
    follower = archive.follow()
    follower.refresh()
    assert f"changes/{live}.changes" in holders(archive.settings.data_dir)
    done = archive.erase()
    check_gone(archive)
    assert done.published not in {None, live}
    follower.refresh()
    assert follower.current().view.snapshot.generation == done.published
    follower.stop()
    check_gone(archive)


def test_a_following_worker_does_not_write_it_to_the_journal_again(archive: Archive) -> None:
    follower = archive.follow()
    archive.erase()
    archive.put({"id": "another", "title": "Another"})
    archive.index()
    follower.refresh()
    follower.refresh()
    assert len(list(archive.settings.data.journals.glob("*.changes"))) == 1
    follower.stop()
    check_gone(archive)


def test_the_features_of_a_text_that_another_article_has_stay(archive: Archive) -> None:
    texts = {key: marked(2)[key] for key in ("title", "summary", "body")}
    archive.put(texts | {"id": "twin"})
    archive.index()
    archive.erase()
    twin = archive.store.get("twin")
    known = archive.store.features.vectors([twin.text_hash], archive.reader.model.fingerprint)
    assert list(known) == [twin.text_hash]


def test_a_generation_that_cannot_be_read_is_removed_since_it_may_hold_it(
    archive: Archive,
) -> None:
    oldest, live = archive.catalog.generations()[0], archive.catalog.live()
    (archive.catalog.folder / oldest / "ids.bin").unlink()
    (archive.catalog.folder / live / "ids.bin").write_bytes(b"")
    assert {oldest, live} <= set(archive.erase().generations)
    check_gone(archive)


def test_a_damaged_pointer_does_not_prevent_an_erasure(archive: Archive) -> None:
    (archive.catalog.folder / "live").write_text("nonsense\n")
    archive.erase()
    check_gone(archive)


@pytest.mark.long
def test_a_generation_without_the_article_stays(
    archive: Archive, desk_documents: dict[str, Any]
) -> None:
    archive.erase()
    archive.put({"id": "fresh", "title": "Fresh words"})
    archive.rebuild()
    free, holding = archive.catalog.generations()
    done = archive.erase("fresh")
    assert done.generations == (holding,)
    assert archive.catalog.generations() == [free, done.published]
    assert len(archive.catalog.open_live()) == len(desk_documents)


@pytest.mark.long
def test_the_only_article_of_an_archive_can_be_erased(tmp_path: Path) -> None:
    settings = Settings(f"sqlite:///{tmp_path / 'a.db'}", tmp_path)
    with closing(open_store(settings.database_url)) as store:
        archive = Archive(store, settings, fake_reader(), [])
        archive.put(marked(0))
        archive.rebuild()
        archive.erase()
        check_gone(archive)
        assert len(archive.catalog.open_live()) == 0


STEPS: Final = (
    "recommender.store.ArticleStore.delete",
    "recommender.operations.erasure.scrub",
    "index.catalog.Catalog.stage",
    "index.catalog.Catalog.publish",
    "index.catalog.Catalog.prune",  # at the end of publishing
    "pathlib.Path.rename",  # of the first generation that is removed
    "recommender.operations.erasure._remove_generations",
    "pathlib.Path.unlink",  # of the first file that is removed
    "recommender.operations.erasure._remove",
    "recommender.store.feature_cache.FeatureCache.prune",
    "recommender.operations.erasure.overwrite_free_space",
)


class Died(BaseException):
    """What no code of ours catches, as the end of a process."""


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_interrupted_after_any_step_is_finished_by_the_next_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real = resolve_name(step)

    def dying(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(step, dying)
        with pytest.raises(Died):
            archive.erase()
    assert lists_of(archive.settings)
    archive.erase()
    check_gone(archive)


@pytest.mark.long
def test_an_article_pushed_again_and_published_meanwhile_stays_listed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = archive.publish

    def pushed_again() -> str:
        publish()
        archive.put(marked(9))
        archive.rebuild()
        return archive.catalog.live()

    monkeypatch.setattr(archive, "publish", pushed_again)
    with pytest.raises(ReadAlsoError, match="was published meanwhile"):
        archive.erase()
    assert archive.catalog.open_live().row_of(DOOMED) is not None


def test_while_others_read_the_log_the_command_asks_to_be_run_again(
    own_desk: Settings, fake_model: Model
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    with (
        closing(open_store(own_desk.database_url, patience_seconds=0.2)) as store,
        closing(open_store(own_desk.database_url)) as other,
    ):

        def publish() -> str:
            return compact(store, catalog, fake_model).generation

        with other.scan(), pytest.raises(StoreUnusable, match="run it again"):
            erase(store, catalog, own_desk.data, "harbour-1", publish)
        assert erase(store, catalog, own_desk.data, "harbour-1", publish).published is None


def test_a_deletion_leaves_the_text_in_the_write_ahead_log_of_sqlite_until_that_is_emptied(
    tmp_path: Path,
) -> None:
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        write(store, marked(0))
        store.delete(DOOMED)
        checkpoint(store, "PASSIVE")
        assert holders(tmp_path) == ["a.db-wal"]
        checkpoint(store, "TRUNCATE")
        assert holders(tmp_path) == []


def checkpoint(store: ArticleStore, how: str) -> None:
    with closing(store.engine.raw_connection()) as raw:
        raw.cursor().execute(f"PRAGMA wal_checkpoint({how})").fetchone()


def test_nothing_is_left_in_the_tables_of_a_database_server(
    postgresql: PostgreSQL, tmp_path: Path, desk_documents: dict[str, Any]
) -> None:
    name = postgresql.make_database()
    tables = postgresql.folder / "data" / postgresql.execute(TABLES_LIE_IN, name)[0][0]
    with closing(open_store(postgresql.url(name))) as store:
        archive = Archive(store, Settings("", tmp_path), fake_reader(), [])
        fill(archive, desk_documents.values())
        give_up(archive)
        postgresql.execute("CHECKPOINT", name)
        assert len(holders(tables)) > 1
        archive.erase()
        check_gone(archive)
        postgresql.execute("CHECKPOINT", name)
        assert holders(tables) == []
    postgresql.drop_database(name)


# --- The command ---


def test_of_machines_that_share_a_server_each_is_erased_by_itself_and_the_command_says_so(
    postgresql: PostgreSQL,
    tmp_path: Path,
    desk_documents: dict[str, Any],
    fake_model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.cli.maintenance.model_in_use", lambda *_: fake_model)
    name = postgresql.make_database()
    here, there = (Settings(postgresql.url(name), tmp_path / one) for one in ("here", "there"))
    with closing(open_store(here.database_url)) as store:
        archives = [Archive(store, one, fake_reader(), []) for one in (here, there)]
        write(store, *desk_documents.values(), marked(0))
        for one in archives:
            one.rebuild()
        said = run_command(here, "erase", "--yes", DOOMED)
        assert said.exit_code == 0, said.stderr
        assert said.stdout.splitlines()[-1] == (
            "data folders of other machines were not looked at; on each machine that has one, "
            f"run: read-also erase {DOOMED}"
        )
        assert (holders(here.data_dir), holders(there.data_dir) == []) == ([], False)
        assert run_command(there, "erase", "--yes", DOOMED).exit_code == 0
        assert holders(there.data_dir) == []
        assert archives[1].catalog.open_live().row_of("harbour-1") is not None
    postgresql.drop_database(name)


@pytest.fixture
def run(own_desk: Settings, monkeypatch: pytest.MonkeyPatch, fake_model: Model) -> Run:
    """Runs the command over the desk: `run("harbour-1", answer="y")`."""
    monkeypatch.setattr("recommender.cli.maintenance.model_in_use", lambda *_: fake_model)
    return partial(run_command, own_desk, "erase")


@pytest.fixture
def catalog(own_desk: Settings) -> Catalog:
    return Catalog(own_desk.data.snapshots)


def test_the_command_asks_first_and_prints_what_it_removed(run: Run, catalog: Catalog) -> None:
    before = catalog.live()
    assert run("harbour-1", answer="n\n").exit_code == 1
    assert catalog.live() == before
    done = run("harbour-1", answer="y\n")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()[1:]
    assert lines[0].startswith("erased harbour-1; its tombstone is change ")
    assert lines[1:3] == [f"published {catalog.live()}", f"removed generation {before}"]
    assert "other machines" not in done.stdout


def test_the_help_says_for_how_long_a_write_waits_while_the_database_is_rewritten(run: Run) -> None:
    words = " ".join(run("--help").stdout.split())
    assert f"waits for up to {WEB_PATIENCE_SECONDS:.0f} s; then it is refused with 503" in words


def test_with_yes_the_command_does_not_ask_and_may_be_repeated(run: Run) -> None:
    assert [run("--yes", "harbour-1").exit_code for _ in range(2)] == [0, 0]


def test_the_command_says_that_an_id_is_unknown_before_it_asks(run: Run, catalog: Catalog) -> None:
    before = catalog.generations()
    result = run("nobody")
    assert result.exit_code == 1
    assert "no article 'nobody'" in result.stderr
    assert "Erase" not in result.stdout
    assert catalog.generations() == before


def test_during_a_rebuild_the_command_deletes_and_asks_to_be_run_again(
    run: Run, catalog: Catalog, own_desk: Settings
) -> None:
    with catalog.lock():
        result = run("--yes", "harbour-1")
    assert result.exit_code == 75
    assert "not erased yet; to finish it, run: read-also erase harbour-1\n" in result.stderr
    with closing(open_store(own_desk.database_url)) as store, pytest.raises(DeletedArticle):
        store.get("harbour-1")
    assert run("--yes", "harbour-1").exit_code == 0
    assert catalog.open_live().row_of("harbour-1") is None


def test_after_a_refusal_of_the_gate_the_command_names_force_which_continues(
    run: Run, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GateRefused(("rows: too few",))

    before = catalog.live()
    monkeypatch.setattr("recommender.indexing.rebuild.admit", refuse)
    result = run("--yes", "harbour-1")
    assert result.exit_code == 1
    assert "rows: too few" in result.stderr
    assert "not erased yet; to finish it, run: read-also erase harbour-1 --force" in result.stderr
    assert catalog.live() == before
    monkeypatch.setattr("recommender.cli.maintenance.Analyzer", lambda *_: fake_reader())
    assert run("--yes", "--force", "harbour-1").exit_code == 0
    assert catalog.open_live().row_of("harbour-1") is None


def test_after_a_rollback_the_command_names_the_rebuild_that_lets_it_finish(
    run: Run, catalog: Catalog, own_desk: Settings
) -> None:
    before = catalog.live()
    with closing(open_store(own_desk.database_url)) as store:
        write(store, {"id": "another", "title": "Another"})
        rebuild(store, catalog, fake_reader())
        assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
        for _ in range(2):
            refused = run("--yes", "harbour-1")
            assert refused.exit_code == 1
            first, second = after_announcement(refused.stderr).splitlines()
            assert first == (
                "not erased yet; to finish it, run: read-also rebuild, which ends the rollback; "
                "then read-also erase harbour-1"
            )
            assert second.startswith(f"read-also: rolled back to {before}; ")
        assert catalog.live() == before
        rebuild(store, catalog, fake_reader())
        assert catalog.open_live().row_of("harbour-1") is None
        assert before in catalog.generations()
        assert run("--yes", "harbour-1").exit_code == 0
    assert catalog.generations() == [catalog.live()]
