"""Opening the database: its safety settings, its schema, and what is refused."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pysqlite3
import pytest
import sqlalchemy as sa

from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import ArticleStore, open_store
from recommender.store.database import PATIENCE_SECONDS, open_engine, writing
from recommender.store.sqlite import safe_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def execute(path: Path, statement: str) -> None:
    """Change the file behind the program's back."""
    with closing(pysqlite3.connect(str(path))) as connection, connection:
        connection.execute(statement)


def refusal(address: str) -> str:
    with pytest.raises(StoreUnusable) as refused:
        open_store(address)
    return str(refused.value)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 20_000),
        ("secure_delete", 1),
    ],
)
def test_every_connection_has_the_safety_settings(
    engine: sa.Engine, pragma: str, value: object
) -> None:
    with engine.connect() as one, engine.connect() as two, writing(engine).connect() as three:
        found = [each.exec_driver_sql(f"PRAGMA {pragma}").scalar() for each in (one, two, three)]
    assert found == [value] * 3


@pytest.mark.parametrize(
    ("version", "journal"),
    [
        *(((3, 51, 3), "WAL"), ((3, 51, 4), "WAL"), ((3, 52, 0), "WAL"), ((4, 0, 0), "WAL")),
        *(((3, 50, 7), "WAL"), ((3, 44, 6), "WAL")),
        *(((3, 51, 2), "DELETE"), ((3, 50, 6), "DELETE"), ((3, 49, 9), "DELETE")),
        *(((3, 45, 9), "DELETE"), ((3, 44, 5), "DELETE"), ((3, 40, 1), "DELETE")),
    ],
)
def test_only_a_repaired_sqlite_gets_a_write_ahead_log(
    version: tuple[int, int, int], journal: str
) -> None:
    kept = {"WAL": "FULL", "DELETE": "EXTRA"}[journal]
    assert safe_settings(version) == (f"journal_mode={journal}", f"synchronous={kept}")


def test_deleted_data_is_not_left_in_the_file(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    store.put(Article(id="a", title="T", body="the withdrawn sentence " * 5_000))
    store.delete("a")
    store.close()  # the last one to close moves the log into the file
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert b"withdrawn sentence" not in path.read_bytes()


def test_a_writer_takes_the_write_lock_at_its_start(engine: sa.Engine, path: Path) -> None:
    """While one connection writes, a second writer learns at once that it must wait."""
    with (
        writing(engine).begin(),
        closing(pysqlite3.connect(str(path), timeout=0)) as other,
        pytest.raises(pysqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


@pytest.fixture(params=[(3, 51, 3), (3, 46, 1)], ids=["log", "journal"])
def impatient(
    request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sa.Engine]:
    """A database whose users wait 0.3 s, with a write-ahead log and with a rollback journal."""
    settings = safe_settings(request.param)
    monkeypatch.setattr("recommender.store.sqlite.safe_settings", lambda _: settings)
    engine = open_engine(f"sqlite:///{path}", patience_seconds=0.3)
    yield engine
    engine.dispose()


def lent(engine: sa.Engine) -> int:
    """How many connections are in use."""
    assert isinstance(engine.pool, sa.QueuePool)
    return engine.pool.checkedout()


def refused_after(use: Callable[[], object]) -> float:
    """How many seconds it took to be refused; they are fewer than by default."""
    started = time.monotonic()
    with pytest.raises(StoreUnusable, match=r"locked.*try again"):
        use()
    took = time.monotonic() - started
    assert took < PATIENCE_SECONDS
    return took


def test_a_writer_that_does_not_get_the_lock_is_refused_and_may_try_again(
    impatient: sa.Engine, path: Path
) -> None:
    store = ArticleStore(impatient)
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(4):
            assert refused_after(lambda: store.put(Article(id="a", title="T"))) >= 0.3
        assert lent(impatient) == 0
        other.execute("ROLLBACK")
        assert store.put(Article(id="a", title="T")).change == 1
        other.execute("BEGIN IMMEDIATE")  # the store released the write lock
    assert lent(impatient) == 0


def test_readers_read_while_a_writer_waits_for_the_lock(impatient: sa.Engine, path: Path) -> None:
    store = ArticleStore(impatient)
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.state().change == 0


def test_an_exclusively_locked_file_is_refused_to_readers_and_writers(
    impatient: sa.Engine, path: Path
) -> None:
    store = ArticleStore(impatient)
    impatient.dispose()
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("INSERT INTO store_facts VALUES ('mood', 'bad')")
        assert refused_after(store.state) >= 0.2
        assert refused_after(lambda: store.put(Article(id="a", title="T"))) >= 0.2
        assert lent(impatient) == 0
    assert store.put(Article(id="a", title="T")).change == 1
    assert store.state().change == 1


@pytest.mark.long
def test_a_bulk_load_that_pauses_shortly_lets_a_single_writer_in(path: Path) -> None:
    """It gets the lock in the first pauses; by SQLite's own waiting it would miss most of them."""
    bulk, single = (open_store(f"sqlite:///{path}") for _ in range(2))
    loads: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            number = len(loads)
            bulk.write_many([Article(id=f"b{number}-{n}", title="T") for n in range(100)])
            loads.append(number)
            time.sleep(0.005)

    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(load)
        waited = []
        for number in range(20):
            before = len(loads)
            single.put(Article(id=f"s{number}", title="T"))
            waited.append(len(loads) - before)
            time.sleep(0.01)
        done.set()
        loading.result()
    assert sorted(waited)[len(waited) // 2] <= 2
    for store in (bulk, single):
        store.close()


def test_as_many_may_read_at_once_as_there_are_threads(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    with ExitStack() as views:
        for _ in range(40):
            views.enter_context(store.scan())
        assert store.put(Article(id="a", title="T")).change == 1
    store.close()


EMPTY_PAGES = 33
"""Of a store without articles: the schema and the roots of its tables."""


def test_a_damaged_file_is_reported_as_unusable(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    store.write_many(Article(id=f"a{number}", title="T", body="x" * 3_000) for number in range(50))
    store.close()
    with path.open("r+b") as file:
        file.seek(EMPTY_PAGES * 4096)
        file.write(b"\xff" * (path.stat().st_size - EMPTY_PAGES * 4096))
    damaged = open_store(f"sqlite:///{path}")
    for use in (lambda: damaged.get("a7"), lambda: damaged.put(Article(id="a7", title="U"))):
        with pytest.raises(StoreUnusable, match="malformed"):
            use()
    damaged.close()


def test_a_file_that_may_not_be_written_is_reported_as_unusable(path: Path) -> None:
    open_store(f"sqlite:///{path}").close()
    store = open_store(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreUnusable, match="readonly"):
        store.put(Article(id="a", title="T"))
    store.close()
    assert not Path("file:").exists()


def test_a_reader_blocks_no_writer(engine: sa.Engine, path: Path) -> None:
    with engine.begin() as reader:
        assert reader.scalar(sa.text("SELECT count(*) FROM articles")) == 0
        execute(path, "INSERT INTO store_facts VALUES ('mood', 'good')")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder with 100% space" / "a.db"
    open_store(f"sqlite:///{path}").close()
    assert path.is_file()


def test_a_newer_schema_is_refused_with_the_remedy_and_left_as_it_is(
    engine: sa.Engine, path: Path
) -> None:
    engine.dispose()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        said = refusal(f"sqlite:///{path}")
        assert [
            part
            for part in ("schema 9999", "install the newer program", str(path))
            if part not in said
        ] == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://editor:hunt@er2@host/db", "(malformed address)"),
        ("postgresql://editor:hunter2/x@ho@st/db", "(malformed address)"),
        ("postgresql+asyncpg://editor:hunter2@host/db", "postgresql+asyncpg://editor:***@host/db"),
        ("postgresql+nosuch://editor:hunter2@host/db", "postgresql+nosuch://editor:***@host/db"),
        ("postgresql:///db?host=/no&user=a&password=hunter2", "postgresql:///db?host=%2Fno&user=a"),
        ("postgres//editor:hunter2@host", "(malformed address)"),
        ("postgresql://editor:hunter2@localhost:port/news", "(malformed address)"),
        ("hunter2", "(malformed address)"),
        ("", "(malformed address)"),
        ("nosuch://editor:hunter2@host/db", "nosuch://editor:***@host/db"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str, shown: str) -> None:
    said = refusal(address)
    assert f"cannot open the article store {shown}" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "below", [pytest.param("", id="no database"), pytest.param("/b/c.db", id="no folder")]
)
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, below: str) -> None:
    path.write_bytes(b"this is no database " * 50)
    assert str(path) in refusal(f"sqlite:///{path}{below}")
    assert path.read_bytes() == b"this is no database " * 50


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(address: str) -> None:
    assert "memory" in refusal(address)


@pytest.mark.long
def test_processes_that_create_one_store_at_once_all_open_it(tmp_path: Path) -> None:
    """SQLite refuses, without waiting, one of two that change a new file's journal at once."""
    with ThreadPoolExecutor(4) as threads:
        for number in range(12):
            address = f"sqlite:///{tmp_path / f'{number}.db'}"
            stores = list(threads.map(open_store, [address] * 4))
            assert len({store.state().epoch for store in stores}) == 1
            for store in stores:
                store.close()


def test_ctrl_c_in_the_middle_of_a_statement_is_no_fault_of_the_store(path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with closing(open_store(f"sqlite:///{path}")) as store:
        store.put(Article(id="a", title="T"))
        sa.event.listen(store.engine, "do_execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.get("a")
        sa.event.remove(store.engine, "do_execute", interrupt)
        assert store.get("a").title == "T"


def test_the_write_ahead_log_is_given_back_with_what_was_deleted(path: Path) -> None:
    log = path.with_name("a.db-wal")
    with closing(open_store(f"sqlite:///{path}")) as store, store.engine.connect() as stays_open:
        stays_open.exec_driver_sql("SELECT 1").all()
        stays_open.rollback()
        store.put(Article(id="a", title="T", body="a secret of the desk"))
        store.delete("a")
        assert b"a secret of the desk" in log.read_bytes()
        store.empty_write_ahead_log()
        assert log.read_bytes() == b""
        assert b"a secret of the desk" not in path.read_bytes()
        store.put(Article(id="b", title="T"))
        assert stays_open.exec_driver_sql("SELECT count(*) FROM articles").scalar() == 2


def test_a_write_ahead_log_that_others_read_stays_for_the_next_time(path: Path) -> None:
    log = path.with_name("a.db-wal")
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.put(Article(id="a", title="T"))
        with store.engine.begin() as reading:
            reading.exec_driver_sql("SELECT * FROM articles").all()
            store.put(Article(id="b", title="T"))
            store.empty_write_ahead_log()
            assert log.stat().st_size > 0
            store.put(Article(id="c", title="T"))
        store.empty_write_ahead_log()
        assert log.stat().st_size == 0
        assert [store.get(one).id for one in "abc"] == ["a", "b", "c"]
        with store.engine.connect() as connection:
            patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
        assert patience == PATIENCE_SECONDS * 1_000
