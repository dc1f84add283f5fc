"""Opening the database: its safety settings, its schema, and what is refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest
import sqlalchemy as sa

from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import open_store
from recommender.store.database import BUSY_MS, open_engine, writing
from recommender.store.schema import metadata


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
    [("journal_mode", "wal"), ("synchronous", 2), ("busy_timeout", BUSY_MS), ("foreign_keys", 1)],
)
def test_every_connection_has_the_safety_settings(
    engine: sa.Engine, pragma: str, value: object
) -> None:
    with engine.connect() as one, engine.connect() as two, writing(engine).connect() as three:
        found = [each.exec_driver_sql(f"PRAGMA {pragma}").scalar() for each in (one, two, three)]
    assert found == [value] * 3


def test_sqlite_is_one_whose_write_ahead_log_is_repaired(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        version = str(connection.exec_driver_sql("SELECT sqlite_version()").scalar())
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)


def test_a_writer_takes_its_turn_at_its_start(engine: sa.Engine, path: Path) -> None:
    """While one writes, a second connection that would write is told at once that it must wait."""
    with (
        writing(engine).begin(),
        closing(pysqlite3.connect(str(path), timeout=0)) as other,
        pytest.raises(pysqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_reader_keeps_nobody_from_writing(engine: sa.Engine, path: Path) -> None:
    with engine.begin() as reader:
        assert reader.scalar(sa.text("SELECT count(*) FROM articles")) == 0
        execute(path, "INSERT INTO store_facts VALUES ('mood', 'good')")


def test_the_migrations_make_the_tables_that_the_program_knows(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    made = {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
        if name not in {"alembic_version", "sqlite_sequence"}
    }
    assert made == {
        name: {column.name for column in table.columns} for name, table in metadata.tables.items()
    }


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder with 100% space" / "a.db"
    open_store(f"sqlite:///{path}").close()
    assert path.is_file()


def test_opening_twice_changes_nothing(path: Path) -> None:
    first = open_store(f"sqlite:///{path}")
    first.put(Article(id="a", title="T"))
    second = open_store(f"sqlite:///{path}")
    assert second.state() == first.state()
    for store in (first, second):
        store.close()


def test_a_new_store_opened_by_two_at_once_is_made_once(path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(open_store, [f"sqlite:///{path}"] * 2)
    assert one.state() == two.state()
    for store in (one, two):
        store.close()


def test_two_stores_have_two_epochs(tmp_path: Path) -> None:
    stores = [open_store(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db")]
    assert len({store.state().epoch for store in stores}) == 2
    for store in stores:
        store.close()


def test_a_newer_schema_is_refused_with_the_remedy(engine: sa.Engine, path: Path) -> None:
    engine.dispose()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    said = refusal(f"sqlite:///{path}")
    assert "schema 9999" in said
    assert "install the newer program" in said
    assert str(path) in said


def test_a_newer_schema_is_left_as_it_is(engine: sa.Engine, path: Path) -> None:
    engine.dispose()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    refusal(f"sqlite:///{path}")
    with closing(pysqlite3.connect(str(path))) as connection:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert rows == [("9999",)]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgres//editor:hunter2@host", "(malformed address)"),
        ("hunter2", "(malformed address)"),
        ("", "(malformed address)"),
        ("nosuch://editor:hunter2@host/db", "nosuch://editor:***@host/db"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str, shown: str) -> None:
    said = refusal(address)
    assert f"cannot open the article store {shown}" in said
    assert "hunter2" not in said


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"this is no database " * 50)
    assert str(path) in refusal(f"sqlite:///{path}")
    assert path.read_bytes() == b"this is no database " * 50


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(f"sqlite:///{tmp_path}")


def test_a_folder_below_a_file_cannot_be_made(path: Path) -> None:
    path.write_bytes(b"")
    assert str(path) in refusal(f"sqlite:///{path}/b/c.db")


def test_a_port_that_is_none_is_refused_without_the_password() -> None:
    said = refusal("postgresql://editor:hunter2@localhost:port/news")
    assert "hunter2" not in said


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(address: str) -> None:
    assert "memory" in refusal(address)
