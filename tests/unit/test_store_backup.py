"""A backup: the store at one moment, complete or not there at all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import alembic.command
import pysqlite3
import pytest
import sqlalchemy as sa
from alembic.config import Config

from recommender.api import Override
from recommender.errors import DeletedArticle, StoreUnusable
from recommender.progress import Advance
from recommender.store import ArticleStore, open_store, schema
from recommender.store import backup as backup_module
from recommender.store.backup import ROWS_AT_ONCE, back_up, restore
from recommender.store.database import MIGRATIONS
from tests.support.features import make_embedding, make_features
from tests.support.full_disks import files_of_at_most
from tests.support.stores import log_of, make_article
from tests.support.waiting import PATIENCE_SECONDS

Open = Callable[..., ArticleStore]


@contextmanager
def opened(path: Path) -> Iterator[ArticleStore]:
    with closing(open_store(f"sqlite:///{path}")) as store:
        yield store


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tables_of(store: ArticleStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the epoch, in order; times without their zone."""
    with store.engine.begin() as connection:
        tables = {
            table.name: sorted(repr(_plain(row)) for row in connection.execute(sa.select(table)))
            for table in schema.metadata.sorted_tables
        }
    tables["store_facts"] = [row for row in tables["store_facts"] if "'epoch'" not in row]
    return tables  # type: ignore[return-value]


def _plain(row: Any) -> list[Any]:
    return [f"{v:%Y%m%dT%H%M%S.%f}" if hasattr(v, "tzinfo") else v for v in row]


def fill(store: ArticleStore, articles: int = 40) -> None:
    """Articles of every kind, a deleted one among them, and what was read of two."""
    store.write_many(
        [make_article(f"a-{n:04}", section="s" if n % 2 else None) for n in range(articles)]
    )
    store.put(make_article("markup", body="", body_html="<p>B</p>", status="draft", version=7))
    store.put(make_article("gone"))
    store.delete("gone")
    embeddings = {"h1": make_embedding([1, 1, 1]), "h2": make_embedding([0, 0, 0])}
    store.features.add_embeddings(embeddings, "m")
    store.features.add_terms({"h1": make_features("en", [4], counts=[2])}, "a")
    store.features.add_texts({"h1": "B"}, "x")
    store.policies.put('{"ü": 1}')
    store.overrides.put("markup", "pins", (Override(id="a-0000"),), "an editor")


@pytest.mark.long
def test_a_backup_holds_everything_and_is_another_store(
    store: ArticleStore, tmp_path: Path
) -> None:
    fill(store, 2 * ROWS_AT_ONCE + 3)
    before, folder = store.state(), tmp_path / "to"
    folder.mkdir()
    epochs = {before.epoch}
    for name in ("one.db", "two.db"):
        back_up(store, folder / name)
        with opened(folder / name) as copy:
            assert tables_of(copy) == tables_of(store)
            assert log_of(copy) == log_of(store)
            assert copy.state().newest == before.newest
            assert len(copy.state().epoch) == len(before.epoch)
            epochs.add(copy.state().epoch)
            with pytest.raises(DeletedArticle):
                copy.get("gone")
            assert copy.put(make_article("fresh")).change == before.change + 1
    assert len(epochs) == 3
    assert store.state() == before
    assert names(folder) == ["one.db", "two.db"]


def test_an_empty_store_can_be_backed_up(store: ArticleStore, tmp_path: Path) -> None:
    back_up(store, tmp_path / "copy.db")
    with opened(tmp_path / "copy.db") as copy:
        assert (copy.state().change, log_of(copy)) == (0, [])


EXISTING: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_bytes(b"precious"),
    "folder": Path.mkdir,
    "dangling link": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", EXISTING.values(), ids=EXISTING)
def test_an_existing_target_is_left_alone(
    reopen: Open, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "to").mkdir()
    target = tmp_path / "to" / "copy.db"
    make(target)
    before = target.lstat()
    with pytest.raises(FileExistsError, match="name another file"):
        back_up(reopen(), target)
    assert names(target.parent) == ["copy.db"]
    after = target.lstat()  # but for st_atime: to look where a link leads is to read it
    for part in ("st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns"):
        assert getattr(after, part) == getattr(before, part)


def before_it_is_finished(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something when a copy is made, but has not its name yet."""
    finish = backup_module._finish  # noqa: SLF001 - the moment between

    def interrupted(aside: Path) -> int:
        act()
        return finish(aside)

    patch.setattr(backup_module, "_finish", interrupted)


def test_a_file_that_came_meanwhile_is_left_alone(
    store: ArticleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    (tmp_path / "to").mkdir()
    target = tmp_path / "to" / "copy.db"
    before_it_is_finished(monkeypatch, lambda: target.write_bytes(b"precious"))
    with pytest.raises(FileExistsError):
        back_up(store, target)
    assert target.read_bytes() == b"precious"
    assert names(target.parent) == ["copy.db"]


def test_a_folder_that_is_missing_is_an_error_of_the_disk(
    store: ArticleStore, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        back_up(store, tmp_path / "none" / "copy.db")
    assert not (tmp_path / "none").exists()


def test_a_failure_leaves_nothing(
    store: ArticleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    (tmp_path / "to").mkdir()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        before_it_is_finished(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            back_up(store, tmp_path / "to" / "copy.db")
    assert names(tmp_path / "to") == []
    back_up(store, tmp_path / "to" / "copy.db")


def test_a_backup_is_on_the_disk_before_it_has_its_name(
    store: ArticleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite syncs nothing that VACUUM INTO writes."""
    target, sync, seen = tmp_path / "copy.db", os.fsync, []

    def fsync(handle: int) -> None:
        seen.append((target.exists(), os.fstat(handle).st_size))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    back_up(store, target)
    assert [exists for exists, _ in seen[-2:]] == [False, True]
    assert seen[-2][1] == target.stat().st_size


@pytest.mark.postgresql_daily
def test_the_progress_of_a_server_backup_counts_every_row(
    store: ArticleStore, tmp_path: Path
) -> None:
    fill(store)
    advanced: dict[str, list[int]] = {}

    @contextmanager
    def meter(label: str, total: int, _unit: str) -> Iterator[Advance]:
        advanced[label] = [total, 0]

        def advance(done: int) -> None:
            advanced[label][1] += done

        yield advance

    back_up(store, tmp_path / "copy.db", meter)
    assert bool(advanced) == (store.engine.dialect.name == "postgresql")
    assert [label for label, (total, done) in advanced.items() if total != done] == []


def test_a_backup_taken_while_two_write_is_a_prefix_of_the_log(
    reopen: Open, tmp_path: Path
) -> None:
    """And neither of them waits for it."""
    store, stop, rounds = reopen(), threading.Event(), {"x": 0, "y": 0}
    fill(store)
    before = len(log_of(store))

    def write(mark: str) -> None:
        writer = reopen()
        while not stop.is_set():
            name, text = f"{mark}-{rounds[mark] % 50}", f"round {rounds[mark]}"
            writer.put(make_article(name, body=text))
            rounds[mark] += 1

    def wait_for_both() -> None:
        begun, until = dict(rounds), time.monotonic() + PATIENCE_SECONDS
        while any(rounds[mark] < begun[mark] + 2 for mark in rounds):
            assert time.monotonic() < until, "a writer waits for the backup"
            time.sleep(0.001)

    copies = [tmp_path / f"copy-{number}.db" for number in range(3)]
    with ThreadPoolExecutor(2) as threads:
        writing = [threads.submit(write, mark) for mark in rounds]
        try:
            wait_for_both()
            for path in copies:
                back_up(store, path)
                wait_for_both()
        finally:
            stop.set()
    for each in writing:
        each.result()
    whole = log_of(store)
    for path in copies:
        with opened(path) as copy, copy.scan() as view:
            log = log_of(copy)
            assert before < len(log) <= len(whole)
            assert log == whole[: len(log)]
            newest = {entry.article_id: entry.number for entry in log if entry.kind == "upsert"}
            del newest["gone"]
            assert {stored.article.id: stored.change for stored in view} == newest


# --- SQLite alone ---


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[ArticleStore]:
    with opened(tmp_path / "own.db") as store:
        fill(store)
        yield store


def damage(path: Path) -> None:
    """Overwrite a page in the middle of a file that nobody has open."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)


def test_a_damaged_store_is_not_passed_off_as_a_backup(
    file_store: ArticleStore, tmp_path: Path
) -> None:
    file_store.close()
    damage(tmp_path / "own.db")
    (tmp_path / "to").mkdir()
    with pytest.raises(StoreUnusable, match="damaged"):
        back_up(file_store, tmp_path / "to" / "copy.db")
    assert names(tmp_path / "to") == []


def test_a_full_disk_is_reported_and_leaves_nothing(
    file_store: ArticleStore, tmp_path: Path
) -> None:
    (tmp_path / "to").mkdir()
    with files_of_at_most(32_768), pytest.raises(OSError, match="cannot be made"):
        back_up(file_store, tmp_path / "to" / "copy.db")
    assert names(tmp_path / "to") == []
    back_up(file_store, tmp_path / "to" / "copy.db")


KILLED = """
import sys, os, signal
from pathlib import Path
from recommender.store import backup, open_store

backup._finish = lambda aside: os.kill(os.getpid(), signal.SIGKILL)
backup.back_up(open_store(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.long
def test_a_backup_killed_in_the_middle_leaves_no_target(
    file_store: ArticleStore, tmp_path: Path
) -> None:
    target = tmp_path / "to" / "copy.db"
    target.parent.mkdir()
    command = [sys.executable, "-c", KILLED, f"sqlite:///{tmp_path / 'own.db'}", str(target)]
    done = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])  # noqa: S603 - our own
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert file_store.put(make_article("after")).result == "created"
    back_up(file_store, target)
    with opened(target) as copy:
        assert copy.get("after").id == "after"


# --- Restoring ---


@pytest.fixture
def file_address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'own.db'}"


@pytest.fixture
def copy(file_store: ArticleStore, tmp_path: Path) -> Path:
    """A copy of the store as it was before its newest changes; nobody has the store open."""
    path = tmp_path / "copies" / "a copy#1.db"
    path.parent.mkdir()
    back_up(file_store, path)
    file_store.write_many([make_article(f"late-{n}", body="late " * 500) for n in range(50)])
    file_store.delete("a-0001")
    file_store.close()
    return path


def tables_at(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with opened(path) as store:
        return tables_of(store)


def execute(path: Path, *statements: str) -> None:
    """Change a file behind the program's back."""
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_restored_store_holds_what_the_backup_holds(
    file_store: ArticleStore, file_address: str, copy: Path, tmp_path: Path
) -> None:
    before = copy.read_bytes()
    assert restore(file_address, copy) == 41
    assert copy.read_bytes() == before
    assert names(copy.parent) == [copy.name]
    assert [name for name in names(tmp_path) if name.startswith(".")] == []
    with opened(copy) as kept:
        newest = kept.state().change
        assert tables_of(file_store) == tables_of(kept)
    assert file_store.find_damage() == ()
    assert file_store.put(make_article("fresh")).change == newest + 1


def test_every_restore_makes_another_store(
    file_store: ArticleStore, file_address: str, copy: Path
) -> None:
    with opened(copy) as kept:
        epochs = {kept.state().epoch, file_store.state().epoch}
    for _ in range(2):
        file_store.close()
        restore(file_address, copy)
        epochs.add(file_store.state().epoch)
    assert [len(epoch) for epoch in epochs] == [16] * 4


def test_a_backup_of_an_earlier_schema_is_upgraded_in_the_store_and_stays(
    file_store: ArticleStore, file_address: str, copy: Path
) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0001")
    engine.dispose()
    before = copy.read_bytes()
    assert restore(file_address, copy) == 41
    assert copy.read_bytes() == before
    assert file_store.get("a-0001").title == "T"
    assert file_store.put(make_article("fresh")).result == "created"


def make_foreign(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE precious (name TEXT)", "INSERT INTO precious VALUES ('mine')")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def miscount_free_pages(path: Path) -> None:
    """Damage of the file that copying its rows would leave behind, and hide."""
    text = "x" * 20_000
    execute(path, f"CREATE TABLE passing AS SELECT '{text}' AS name", "DROP TABLE passing")
    data = bytearray(path.read_bytes())
    free = int.from_bytes(data[36:40])
    assert free > 1
    data[36:40] = (free - 1).to_bytes(4)
    path.write_bytes(data)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (damage, "damaged|malformed"),
    "damaged in its free pages": (miscount_free_pages, "it is damaged: .*"),
    "cut off": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged|malformed"),
    "foreign": (make_foreign, "no backup of an article store"),
    "newer": (
        lambda path: execute(path, "UPDATE alembic_version SET version_num = '9999'"),
        "newer than this program",
    ),
    "nameless": (lambda path: execute(path, "DELETE FROM store_facts"), "no epoch"),
    "text": (lambda path: path.write_text('{"id": "a"}\n' * 200), "not a database"),
    "short text": (lambda path: path.write_text("a"), "not a database|no backup"),
    "empty": (lambda path: path.write_bytes(b""), "no backup of an article store"),
    "missing": (Path.unlink, "unable to open"),
    "folder": (make_folder, "error|unable"),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", REFUSED)
def test_an_unsound_backup_is_refused_and_nothing_is_changed(
    file_store: ArticleStore, file_address: str, copy: Path, tmp_path: Path, kind: str
) -> None:
    spoil, reason = REFUSED[kind]
    before = (file_store.state(), tables_of(file_store))
    file_store.close()
    spoil(copy)
    files = names(tmp_path)
    with pytest.raises(StoreUnusable, match=f"#1.db is not restored.*({reason})"):
        restore(file_address, copy)
    assert names(tmp_path) == files
    assert (file_store.state(), tables_of(file_store)) == before


def test_a_store_cannot_be_restored_from_itself(
    file_store: ArticleStore, file_address: str, tmp_path: Path
) -> None:
    before = file_store.state()
    (tmp_path / "link.db").symlink_to(tmp_path / "own.db")
    with pytest.raises(StoreUnusable, match="is the article store itself"):
        restore(file_address, tmp_path / "link.db")
    assert file_store.state() == before


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [
        ("postgresql://a:secret@localhost/b", "PostgreSQL.*export.*import"),
        ("sqlite://", "in memory"),
        ("nonsense", "malformed"),
    ],
)
def test_a_backup_replaces_a_file_only(copy: Path, elsewhere: str, reason: str) -> None:
    with pytest.raises(StoreUnusable, match=reason) as refusal:
        restore(elsewhere, copy)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(
            *(make_foreign, "database of another program"),
            id="the database of another program",
        ),
        pytest.param(
            *(
                lambda path: path.write_text("no database\n" * 1000),
                r"move .*theirs.db away.*restore again",
            ),
            id="no database",
        ),
    ],
)
def test_a_file_that_is_no_article_store_is_left_alone(
    copy: Path, tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    target = tmp_path / "theirs.db"
    target.touch()
    make(target)
    before = target.read_bytes()
    with pytest.raises(StoreUnusable, match=reason):
        restore(f"sqlite:///{target}", copy)
    assert target.read_bytes() == before


def test_a_missing_store_is_made_with_its_folder(copy: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "store.db"
    assert restore(f"sqlite:///{target}", copy) == 41
    assert tables_at(target) == tables_at(copy)


def test_the_log_of_a_store_that_is_gone_is_not_taken_for_the_new_ones(
    file_store: ArticleStore, copy: Path, tmp_path: Path
) -> None:
    target, log = tmp_path / "store.db", tmp_path / "store.db-wal"
    file_store.write_many([make_article(f"more-{n}", body="more " * 500) for n in range(50)])
    log.write_bytes((tmp_path / "own.db-wal").read_bytes())
    assert log.stat().st_size > 100_000
    restore(f"sqlite:///{target}", copy)
    assert tables_at(target) == tables_at(copy) != tables_of(file_store)


def test_a_damaged_store_is_replaced_by_the_backup(file_address: str, copy: Path) -> None:
    path = copy.parent.parent / "own.db"
    damage(path)
    with opened(path) as store:
        assert store.find_damage() != ()
    restore(file_address, copy)
    assert tables_at(path) == tables_at(copy)


def test_a_store_that_others_have_open_is_not_replaced(
    file_store: ArticleStore, file_address: str, copy: Path, tmp_path: Path
) -> None:
    """Even if they do nothing with it just now."""
    before = tables_of(file_store)
    file_store.close()
    with opened(tmp_path / "own.db") as other:
        other.state()
        with pytest.raises(StoreUnusable, match="in use; stop everything that uses it"):
            restore(file_address, copy)
    assert tables_of(file_store) == before
    file_store.close()
    restore(file_address, copy)
    assert tables_of(file_store) == tables_at(copy)


def test_no_process_opens_a_store_while_it_is_replaced(
    file_address: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = []

    def open_meanwhile() -> None:
        with pytest.raises(StoreUnusable) as refusal:
            open_store(file_address, patience_seconds=0.1)
        refusals.append(str(refusal.value))

    before_it_is_finished(monkeypatch, open_meanwhile)
    restore(file_address, copy)
    assert len(refusals) == 1
    assert "locked" in refusals[0]


def test_a_full_disk_leaves_the_store_as_it_was(
    file_store: ArticleStore, file_address: str, copy: Path, tmp_path: Path
) -> None:
    before = (file_store.state(), tables_of(file_store))
    file_store.close()
    files = names(tmp_path)
    with files_of_at_most(32_768), pytest.raises(StoreUnusable, match="is not restored"):
        restore(file_address, copy)
    assert names(tmp_path) == files
    assert (file_store.state(), tables_of(file_store)) == before
    file_store.close()
    restore(file_address, copy)


def test_files_left_by_a_kill_are_removed_by_the_next_run(
    file_address: str, copy: Path, tmp_path: Path
) -> None:
    for ending in ("part", "part-wal", "part-journal", "restoring", "restoring-shm"):
        (tmp_path / f".own.db.0123abcd.{ending}").write_bytes(b"left")
    others = [".other.db.0123abcd.part", ".own.db.bak.0123abcd.part"]
    for name in others:
        (tmp_path / name).write_bytes(b"not ours")
    restore(file_address, copy)
    assert [n for n in names(tmp_path) if n.startswith(".")] == others
