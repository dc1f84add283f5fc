"""A store that an older program filled is brought up to date, on each database there is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import alembic.command
import numpy as np
import pytest
import sqlalchemy as sa
from alembic.config import Config

from recommender.analysis.features import Embedding
from recommender.articles import Article
from recommender.errors import InvalidArticle, StoreUnusable
from recommender.store import LOG_START, PolicyReceipt, QueueLength, open_store
from recommender.store.backup import back_up_unopened
from recommender.store.database import MIGRATIONS, find_upgrade, open_engine
from recommender.store.schema import metadata
from tests.support.postgresql import DATABASES, PostgreSQL

MOMENT = datetime(2026, 10, 1, 12, tzinfo=UTC)
COUNT = 600
"""More than one page of articles."""


@pytest.fixture(params=DATABASES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'a.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.make_database(template="template1")
    yield server.url(name)
    server.drop_database(name)


def written(number: int) -> Article:
    """The articles of the first program, ids in an order that no locale has."""
    mark = "aZ.~_"[number % 5]
    return Article(id=f"{mark}{number:04}", title=f"T{number}", body="Ёж 🙂 " * 20, section="city")


@contextmanager
def bare_engine(address: str) -> Iterator[sa.Engine]:
    """A database as it lies there, without our settings and migrations."""
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def migrate(address: str, revision: str) -> None:
    """Bring a database to a schema, up or down."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with bare_engine(address) as engine, engine.begin() as connection:
        config.attributes["connection"] = connection
        current = connection.dialect.has_table(connection, "pending")
        step = alembic.command.downgrade if current else alembic.command.upgrade
        step(config, revision)


def fill_first_schema(address: str) -> None:
    """The store of the first release: articles, one of them deleted, and their log."""
    names = ("articles", "changes", "vectors")
    rows = [
        {
            "id": article.id,
            "change": number,
            "version": number,
            "deleted": False,
            "text_hash": article.text_hash,
            "document": article.to_json(),
        }
        for number, article in enumerate(map(written, range(1, COUNT + 1)), start=1)
    ]
    gone = {"deleted": True, "text_hash": None, "document": None, "change": COUNT + 1}
    log = [{"article_id": row["id"], "kind": "upsert", "at": MOMENT} for row in rows]
    log.append({"article_id": rows[0]["id"], "kind": "delete", "at": MOMENT})
    with bare_engine(address) as engine, engine.begin() as connection:
        first = sa.MetaData()
        first.reflect(connection, only=names)
        articles, changes, vectors = (first.tables[name] for name in names)
        connection.execute(sa.insert(articles), [rows[0] | gone, *rows[1:]])
        connection.execute(sa.insert(changes), log)
        kept = {"text_hash": rows[1]["text_hash"], "fingerprint": "model", "vector": b"\0\x3c"}
        connection.execute(sa.insert(vectors), [kept])


@pytest.mark.postgresql_daily
def test_the_migrations_make_the_tables_that_the_program_knows(empty: str) -> None:
    engine = open_engine(empty)
    inspector = sa.inspect(engine)
    made = {
        name: {(column["name"], column["nullable"]) for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
        if name not in {"alembic_version", "sqlite_sequence"}
    }
    assert made == {
        name: {(column.name, bool(column.nullable)) for column in table.columns}
        for name, table in metadata.tables.items()
    }
    indexes = {index["name"] for name in made for index in inspector.get_indexes(name)}
    assert indexes == {index.name for table in metadata.tables.values() for index in table.indexes}
    engine.dispose()


def test_a_new_store_opened_by_four_at_once_is_made_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(open_store, [empty] * 4))
    assert len({store.state() for store in stores}) == 1
    for store in stores:
        store.close()


@pytest.mark.postgresql_daily
def test_a_filled_store_of_the_first_program_is_brought_up_to_date(empty: str) -> None:
    migrate(empty, "0001")
    fill_first_schema(empty)
    store = open_store(empty)
    kept = [written(number) for number in range(2, COUNT + 1)]
    with store.scan() as view:
        rows = list(view)
    assert [each.article for each in rows] == sorted(kept, key=lambda one: one.id.encode())
    assert {each.read_hash for each in rows} == {None}
    assert {each.article.id: each.change for each in rows} == {
        article.id: number for number, article in enumerate(kept, start=2)
    }
    assert store.features.vectors([kept[0].text_hash], "model")[kept[0].text_hash].tolist() == [1]
    assert store.queue.length() == QueueLength(single=0, bulk=COUNT - 1, dead=0)
    waiting = store.queue.next(COUNT, bulk=True)
    assert [each.article for each in waiting] == kept
    point, updates = store.updates_after(
        LOG_START, epoch=store.state().epoch, analyzer="words", model="model", limit=COUNT + 1
    )
    assert [(each.change, each.outline) for each in updates.updates] == [
        *((n, written(n).model_copy(update={"body": ""})) for n in range(2, COUNT + 1)),
        (COUNT + 1, None),
    ]
    assert point == store.state().newest
    assert point.mark == "20261001T120000.000000"
    assert store.policies.history() == ()
    assert store.policies.put("{}") == PolicyReceipt("created", 1, COUNT + 2)
    changed = written(7).model_copy(update={"title": "new", "version": 8})
    assert store.put(changed).change == COUNT + 3
    assert store.queue.next(9, bulk=False)[0].article == changed
    store.close()


def test_an_upgrade_is_found_without_being_made(empty: str, tmp_path: Path) -> None:
    if empty.startswith("postgresql"):  # a file that does not exist has no tables either
        with pytest.raises(StoreUnusable, match="there is no article store"):
            find_upgrade(empty)
    migrate(empty, "0005")
    found = find_upgrade(empty)
    assert found is not None
    assert (found.current, find_upgrade(empty)) == ("0005", found)
    copy = tmp_path / "copy.db"
    if empty.startswith("postgresql"):
        with pytest.raises(StoreUnusable, match="pg_dump"):
            back_up_unopened(empty, copy)
    else:
        open_store(empty).close()
        assert find_upgrade(empty) is None
    assert not copy.exists()


def test_a_store_that_does_not_exist_has_no_upgrade(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="there is no article store"):
        find_upgrade(f"sqlite:///{tmp_path / 'a.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("revision", "policies"),
    [pytest.param("0001", [], id="the first"), pytest.param("0002", ["{}"], id="before policies")],
)
def test_a_downgrade_to_an_earlier_program_works(
    empty: str, revision: str, policies: list[str]
) -> None:
    """The number of a policy's change, of which that one knows nothing, is never given again."""
    store = open_store(empty)
    store.put(written(1))
    for document in policies:
        store.policies.put(document)
    before = store.state()
    store.close()
    migrate(empty, revision)
    again = open_store(empty)
    assert again.state() == before
    assert again.get(written(1).id) == written(1)
    assert again.policies.history() == ()
    assert again.put(written(2)).change == 2 + len(policies)
    again.close()


@pytest.mark.postgresql_daily
def test_a_downgrade_forgets_embeddings_of_two_encoders(empty: str) -> None:
    """The program before would read their passages as many short ones."""
    store, passage = open_store(empty), np.ones((1, 2), np.int8)
    one, two = (Embedding(np.ones(dim, np.float16), passage) for dim in (2, 3))
    store.features.add_embeddings({"a": one, "b": two}, "model")
    store.close()
    migrate(empty, "0007")
    again = open_store(empty)
    kept = again.features.embeddings(["a", "b"], "model")
    assert {key: (len(found.vector), found.passages.shape[1]) for key, found in kept.items()} == {
        "a": (2, 2)
    }
    again.close()


def test_an_upgrade_that_breaks_on_the_way_leaves_the_first_schema(empty: str) -> None:
    migrate(empty, "0001")
    fill_first_schema(empty)
    with bare_engine(empty) as engine, engine.begin() as connection:
        connection.execute(sa.text("UPDATE articles SET document = '{}' WHERE change = 400"))
    with pytest.raises(InvalidArticle):
        open_store(empty)
    with bare_engine(empty) as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0001"
        assert not connection.dialect.has_table(connection, "pending")
        assert connection.scalar(sa.text("SELECT count(*) FROM articles")) == COUNT
