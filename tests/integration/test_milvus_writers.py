"""Whoever is killed, replaced or delayed while it writes to a Milvus server: nobody reads half.

The server is milvus-lite, in this process. What was under way when a writer was replaced is held
back here, and let through later.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from index import Catalog, Snapshot
from index.errors import EngineAway
from index.milvus import Milvus, MilvusCollection
from index.milvus_notes import rows_of_note
from index.statistics import statistics_of
from index.stored_rows import read_stored
from index.tenures import Stamp
from recommender.errors import StoreRestored
from recommender.indexing.collection_catalog import (
    FORGOTTEN_SECONDS,
    SEARCHED,
    STATE,
    CollectionCatalog,
    deletions_of,
    open_collection,
    read_tenures,
)
from recommender.indexing.rebuild import rebuild
from recommender.operations.collection_feed import CollectionFeed
from recommender.operations.collection_writer import CollectionWriter
from recommender.operations.erasure import Erased, erase
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import (
    HARBOUR,
    Document,
    fake_reader,
    index_fake,
    story,
    write,
)

pytestmark = pytest.mark.long
LARGE = {f"size_{name}": [*range(50)] for name in range(50)}
"""Numbers that an article may have, and a collection cannot hold."""
Unlucky = type("Unlucky", (Exception,), {})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    with closing(Milvus(str(tmp_path_factory.mktemp("milvus") / "milvus.db"))) as milvus:
        yield milvus


@pytest.fixture
def milvus(server: Milvus) -> Milvus:
    """The server, without any collection."""
    for name in server.collections():
        server.drop(name)
    return server


@pytest.fixture
def catalog(own_desk: Settings, milvus: Milvus) -> CollectionCatalog:
    """A desk whose generation is live on the server."""
    made = CollectionCatalog(own_desk.data.snapshots, milvus)
    made.flip(made.open_live())
    return made


@pytest.fixture
def store(own_desk: Settings, catalog: CollectionCatalog) -> Iterator[ArticleStore]:  # noqa: ARG001 - made first
    with closing(open_store(own_desk.database_url)) as store:
        yield store


def put(settings: Settings, store: ArticleStore, *documents: Document) -> None:
    write(store, *documents)
    index_fake(settings)


def titled(article_id: str, title: str) -> Document:
    return story(article_id, HARBOUR, section="city", title=title)


def titles(milvus: Milvus, *ids: str) -> dict[str, str]:
    """By id, the titles of the articles that a worker finds which begins now."""
    rows = open_collection(milvus).index.fetch(ids).rows
    shown = (json.loads(one) for one in rows.display)
    return dict(zip(rows.ids, (one["title"] for one in shown), strict=True))


def whole_of(writer: CollectionWriter, store: ArticleStore) -> None:
    while not writer.step(store):
        pass


@contextmanager
def held_back(milvus: Milvus, method: str) -> Iterator[list[Callable[[], object]]]:
    """Within the block what one method of the driver sends is under way, and nobody answers."""
    sent, real = list[Callable[[], object]](), getattr(milvus.client, method)

    def send(name: str, *given: Any, **more: Any) -> object:
        if name.endswith("_notes"):
            return real(name, *given, **more)
        sent.append(partial(real, name, *given, **more))
        raise Unlucky

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus.client, method, send)
        yield sent


def test_a_note_is_the_one_before_or_the_next_wherever_its_writer_is_killed(
    milvus: Milvus, desk_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, real, left = milvus.name_of("any"), milvus.client.upsert, [0]
    statistics = statistics_of(Catalog(desk_settings.data.snapshots).open_live())
    milvus.create(name, statistics.layout, SEARCHED)
    old = b"A" * 40
    milvus.write_note(name, "some", old)

    def upsert(*given: Any, **more: Any) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Unlucky
        return real(*given, **more)

    monkeypatch.setattr(milvus.client, "upsert", upsert)
    for size in (90, 200_000, 90_000, 90):
        new, ends = size.to_bytes(4) * (size // 4), 0
        while milvus.read_note(name, "some") == old:
            left[0], ends = ends, ends + 1
            with suppress(Unlucky):
                milvus.write_note(name, "some", new)
                assert milvus.read_note(name, "some") == new
        assert milvus.read_note(name, "some") == new
        assert ends == len(rows_of_note("some", new)) + 1  # each write but the last left the old
        old = new


def test_two_machines_that_fill_one_generation_leave_one_whole_collection(
    own_desk: Settings, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Catalog(own_desk.data.snapshots).open_live()
    one, other = (CollectionCatalog(own_desk.data.snapshots, milvus) for _ in range(2))
    real, seen = MilvusCollection.upsert, list[str]()

    def upsert(self: MilvusCollection, stored: Any) -> None:
        if not seen:  # the first machine has sent nothing yet, and the second does all its work
            seen.append(self.name)
            other.flip(snapshot)
            seen.append(milvus.live())
            assert seen[0] in milvus.collections()  # nobody drops what is being filled
        real(self, stored)

    monkeypatch.setattr(MilvusCollection, "upsert", upsert)
    one.flip(snapshot)
    assert seen[0] != seen[1]
    assert milvus.live() == seen[1]
    assert milvus.collections() == [seen[1]]
    assert open_collection(milvus).index.count() == len(snapshot)


def test_a_machine_drops_nothing_that_another_has_made_live_meanwhile(
    own_desk: Settings,
    store: ArticleStore,
    milvus: Milvus,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    first, machines = milvus.live(), list[tuple[CollectionCatalog, Snapshot]]()
    for number in range(2):
        put(own_desk, store, titled(f"new-{number}", "New"))
        folder = tmp_path / f"machine-{number}"
        rebuild(store, Catalog(folder), fake_reader())
        machines.append((CollectionCatalog(folder, milvus), Catalog(folder).open_live()))
    real, moments = CollectionCatalog._sign, list[str]()  # noqa: SLF001 - right after the alias

    def sign(self: CollectionCatalog, name: str, *, is_filling: bool) -> None:
        if not is_filling and not moments:
            moments.append(name)
            machines[1][0].flip(machines[1][1])
        real(self, name, is_filling=is_filling)

    monkeypatch.setattr(CollectionCatalog, "_sign", sign)
    machines[0][0].flip(machines[0][1])
    assert milvus.live() not in {first, *moments}
    assert open_collection(milvus).index.count() == len(machines[1][1])
    assert {*moments, milvus.live()} <= {*milvus.collections()}


def fill_in_part(milvus: Milvus, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> str:
    """Begin to fill a collection, and end before it is whole; return its name."""
    before = {*milvus.collections()}

    def settle(_: MilvusCollection) -> None:
        raise Unlucky

    with monkeypatch.context() as patch:
        patch.setattr(MilvusCollection, "settle", settle)
        patch.setattr(CollectionCatalog, "_find_whole", lambda *_: None)
        with pytest.raises(Unlucky):
            CollectionCatalog(Path(), milvus).flip(snapshot)
    (name,) = {*milvus.collections()} - before
    return name


def test_what_a_dead_machine_has_filled_in_part_is_dropped_an_hour_later(
    own_desk: Settings,
    store: ArticleStore,
    catalog: CollectionCatalog,
    monkeypatch: pytest.MonkeyPatch,
    milvus: Milvus,
) -> None:
    first = milvus.live()
    in_part, signed_late = (fill_in_part(milvus, catalog.open_live(), monkeypatch) for _ in "12")
    put(own_desk, store, titled("later", "One"))
    rebuild(store, catalog, fake_reader())
    second = milvus.live()
    assert {*milvus.collections()} == {first, in_part, signed_late, second}
    late = {"filling": True, "at": time.time() - FORGOTTEN_SECONDS - 1}
    milvus.write_note(signed_late, STATE, json.dumps(late).encode())
    put(own_desk, store, titled("later", "Two"))
    rebuild(store, catalog, fake_reader())
    assert {*milvus.collections()} == {in_part, second, milvus.live()}


def test_a_deleted_article_does_not_come_back_by_an_indexer_that_was_replaced(
    own_desk: Settings, store: ArticleStore, milvus: Milvus
) -> None:
    old = CollectionWriter(milvus, store)
    whole_of(old, store)
    put(own_desk, store, titled("doomed", "As it was"))
    with held_back(milvus, "upsert") as sent, pytest.raises(Unlucky):
        old.step(store)
    new = CollectionWriter(milvus, store)
    store.delete("doomed")
    whole_of(new, store)
    for send in sent:
        send()
    assert len(sent) == 1
    assert titles(milvus, "doomed") == {}
    assert open_collection(milvus).index.late_ids(9) == ["doomed"]  # it is there, and not counted


def test_what_an_indexer_overwrites_after_it_was_replaced_is_written_again(
    own_desk: Settings, store: ArticleStore, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.operations.collection_writer.REPAIR_SECONDS", 0.0)
    old = CollectionWriter(milvus, store)
    whole_of(old, store)
    put(own_desk, store, titled("edited", "As it was"), titled("doomed", "As it was"))
    with held_back(milvus, "upsert") as sent, pytest.raises(Unlucky):
        old.step(store)
    new = CollectionWriter(milvus, store)
    put(own_desk, store, titled("edited", "As it is"))
    store.delete("doomed")
    whole_of(new, store)
    assert titles(milvus, "edited") == {"edited": "As it is"}
    for send in sent:
        send()
    assert titles(milvus, "edited", "doomed") == {}
    whole_of(new, store)
    assert titles(milvus, "edited", "doomed") == {"edited": "As it is"}
    assert open_collection(milvus).index.late_ids(9) == []
    again = CollectionWriter(milvus, store)  # and the next one keeps it
    whole_of(again, store)
    assert titles(milvus, "edited", "doomed") == {"edited": "As it is"}


def test_a_deletion_that_arrives_late_removes_nothing_that_came_since(
    own_desk: Settings, store: ArticleStore, milvus: Milvus
) -> None:
    put(own_desk, store, titled("again", "As it was"))
    old = CollectionWriter(milvus, store)
    whole_of(old, store)
    store.delete("again")
    with held_back(milvus, "delete") as sent, pytest.raises(Unlucky):
        old.step(store)
    new = CollectionWriter(milvus, store)
    put(own_desk, store, titled("again", "Back"))
    whole_of(new, store)
    for send in sent:
        send()
    assert len(sent) == 1
    assert titles(milvus, "again") == {"again": "Back"}


class Unavailable(grpc.RpcError):  # type: ignore[misc]
    """What a call raises whose connection ends while it is under way."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "the connection has ended"


def test_rows_of_a_writer_are_not_sent_again_by_the_driver(
    own_desk: Settings, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent first might arrive after what is written next."""
    snapshot = Catalog(own_desk.data.snapshots).open_live()
    layout = statistics_of(snapshot).layout
    index = milvus.create(milvus.name_of("any"), layout, SEARCHED).by(Stamp(1, 1))
    (rows, *_), sent = read_stored(snapshot), list[object]()

    def lose(request: object, **_: object) -> None:
        sent.append(request)
        raise Unavailable

    stub = milvus.client._get_connection()._stub  # noqa: SLF001 - below all that repeats calls
    monkeypatch.setattr(stub, "Upsert", lose)
    with pytest.raises(EngineAway):
        index.upsert(rows)
    assert len(sent) == 1


def test_a_deletion_that_is_sent_again_removes_nothing_of_a_later_page(
    own_desk: Settings, store: ArticleStore, milvus: Milvus
) -> None:
    put(own_desk, store, titled("again", "As it was"))
    writer = CollectionWriter(milvus, store)
    whole_of(writer, store)
    store.delete("again")
    with held_back(milvus, "delete") as sent, pytest.raises(Unlucky):
        writer.step(store)
    whole_of(writer, store)  # the first one is still under way
    put(own_desk, store, titled("again", "Back"))
    whole_of(writer, store)
    for send in sent:
        send()
    assert len(sent) == 1
    assert titles(milvus, "again") == {"again": "Back"}


def test_of_two_writers_that_begin_at_once_one_is_the_later(
    store: ArticleStore, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever note of the two is written first."""
    real = Milvus.write_note
    for draws in ((1, 2), (2, 1)):
        numbers = iter(draws)
        monkeypatch.setattr("index.tenures.secrets.randbits", lambda _, n=numbers: next(n, 7))
        others = list[CollectionWriter]()

        def write_note(
            self: Milvus, name: str, key: str, data: bytes, *, others: list[Any] = others
        ) -> None:
            if key.startswith("tenure-") and not others:
                others.append(None)
                others[0] = CollectionWriter(self, store)
            real(self, name, key, data)

        with monkeypatch.context() as patch:
            patch.setattr(Milvus, "write_note", write_note)
            last = CollectionWriter(milvus, store)
        write(store, titled("once", "One"))
        whole_of(others[0], store)
        assert titles(milvus, "once") == {}  # it writes no more than what does not count
        whole_of(last, store)
        assert titles(milvus, "once") == {"once": "One"}
        store.delete("once")
        whole_of(last, store)


def test_an_indexer_begins_anew_when_the_note_of_a_replaced_one_arrives_late(
    own_desk: Settings, store: ArticleStore, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the number of the late one is the higher, though it was replaced."""
    monkeypatch.setattr("recommender.operations.collection_writer.REPAIR_SECONDS", 0.0)
    numbers, real, sent = iter((9, 1)), Milvus.write_note, list[Callable[[], object]]()
    monkeypatch.setattr("index.tenures.secrets.randbits", lambda _: next(numbers, 7))

    def write_note(self: Milvus, name: str, key: str, data: bytes) -> None:
        if key.startswith("tenure-") and not sent:
            sent.append(partial(real, self, name, key, data))
            raise Unlucky
        real(self, name, key, data)

    monkeypatch.setattr(Milvus, "write_note", write_note)
    with pytest.raises(Unlucky):
        CollectionFeed(lambda: milvus, lambda: store).step()
    feed = CollectionFeed(lambda: milvus, lambda: store)
    put(own_desk, store, titled("before", "Acknowledged"))
    while not feed.step():
        pass
    sent[0]()
    assert titles(milvus, "before") == {}
    put(own_desk, store, titled("after", "Acknowledged"))
    while not feed.step():
        pass
    assert {*titles(milvus, "before", "after")} == {"before", "after"}
    assert open_collection(milvus).index.late_ids(9) == []


def test_the_feed_writes_to_the_collection_that_is_live_now(
    own_desk: Settings, store: ArticleStore, catalog: CollectionCatalog, milvus: Milvus
) -> None:
    feed = CollectionFeed(lambda: milvus, lambda: store)
    put(own_desk, store, titled("one", "One"))
    while not feed.step():
        pass
    before = milvus.live()
    rebuild(store, catalog, fake_reader())
    assert milvus.live() != before
    put(own_desk, store, titled("two", "Two"))
    while not feed.step():
        pass
    assert {*titles(milvus, "one", "two")} == {"one", "two"}


def test_the_feed_asks_before_each_page_whether_it_still_may(
    store: ArticleStore, milvus: Milvus
) -> None:
    write(store, *(titled(f"many-{number}", "One") for number in range(150)))
    terms = [1]
    feed = CollectionFeed(lambda: milvus, lambda: store, lambda: terms[0])
    assert not feed.step()
    before = open_collection(milvus).index.count()
    terms[0] = 0
    assert feed.step()  # there is nothing to do for it
    assert open_collection(milvus).index.count() == before
    for terms[0] in (2, 3):  # elected again, between two looks the second time
        tenures = read_tenures(milvus, milvus.live()).keys()
        while not feed.step():
            pass
        assert read_tenures(milvus, milvus.live()).keys() > tenures
    assert len(titles(milvus, *(f"many-{number}" for number in range(150)))) == 150


def test_attempts_that_fail_leave_one_tenure(
    own_desk: Settings, store: ArticleStore, milvus: Milvus
) -> None:
    """While the server takes notes, and no rows."""
    put(own_desk, store, titled("usual", "Usual"))
    with held_back(milvus, "upsert") as sent:
        for _ in range(4):
            with pytest.raises(Unlucky):
                CollectionFeed(lambda: milvus, lambda: store).step()
    assert len(read_tenures(milvus, milvus.live())) == 2  # that, and the filling
    feed = CollectionFeed(lambda: milvus, lambda: store)
    while not feed.step():
        pass
    put(own_desk, store, titled("usual", "Edited"))
    while not feed.step():
        pass
    for send in sent:
        send()  # by tenures whose notes are gone
    assert titles(milvus, "usual") == {}
    assert open_collection(milvus).index.late_ids(9) == ["usual"]


def test_nothing_is_written_to_a_collection_of_another_store(
    milvus: Milvus, catalog: CollectionCatalog, tmp_path: Path
) -> None:
    name, rows = milvus.live(), len(catalog.open_live())
    tenures = read_tenures(milvus, name)
    with closing(open_store(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        write(other, titled("foreign", "Of another store"))
        feed = CollectionFeed(lambda: milvus, lambda: other)
        for _ in range(2):
            with pytest.raises(StoreRestored):
                feed.step()
    assert read_tenures(milvus, name) == tenures
    assert open_collection(milvus).index.count() == rows


def test_a_row_that_is_too_large_keeps_no_other_out(
    own_desk: Settings,
    store: ArticleStore,
    catalog: CollectionCatalog,
    milvus: Milvus,
    caplog: pytest.LogCaptureFixture,
) -> None:
    large = titled("large", "Large") | {"attributes": LARGE}
    put(own_desk, store, large, titled("usual", "Usual"))
    rebuild(store, catalog, fake_reader())
    assert titles(milvus, "large", "usual") == {"usual": "Usual"}
    (reason,) = open_collection(milvus).refused().values()
    assert "65,536" in reason
    assert "article large is not in the collection: its numbers are" in caplog.text
    put(own_desk, store, titled("usual", "Also large") | {"attributes": LARGE})
    put(own_desk, store, titled("other", "Other"), titled("large", "Small now"))
    whole_of(CollectionWriter(milvus, store), store)
    found = titles(milvus, "large", "usual", "other")
    assert found == {"large": "Small now", "other": "Other"}
    assert {*open_collection(milvus).refused()} == {"usual"}
    store.delete("usual")
    whole_of(CollectionWriter(milvus, store), store)
    assert open_collection(milvus).refused() == {}


def test_what_the_server_itself_refuses_keeps_no_other_out(
    own_desk: Settings, store: ArticleStore, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.milvus_language.LONGEST_ID", 10**6)  # as if the server had less
    put(own_desk, store, titled("usual", "Usual"), titled("also", "Usual"))
    real = milvus.client.upsert

    def upsert(name: str, rows: list[dict[str, Any]], **more: Any) -> object:
        for row in rows:
            if row["id"] == "usual":
                row["row_0"] += "=" * 70_000  # more than the field takes
        return real(name, rows, **more)

    monkeypatch.setattr(milvus.client, "upsert", upsert)
    whole_of(CollectionWriter(milvus, store), store)
    assert titles(milvus, "usual", "also") == {"also": "Usual"}
    assert {*open_collection(milvus).refused()} == {"usual"}


def test_an_erased_article_is_in_no_collection_and_no_statistics(
    own_desk: Settings, store: ArticleStore, catalog: CollectionCatalog, milvus: Milvus
) -> None:
    def publish() -> str:
        return rebuild(store, catalog, fake_reader()).generation

    def erased(article_id: str) -> Erased:
        return erase(store, catalog, own_desk.data, article_id, publish, catalog)

    publish()
    put(own_desk, store, titled("doomed", "Zyxomma"))
    whole_of(CollectionWriter(milvus, store), store)  # in the live one, and in no snapshot
    assert titles(milvus, "doomed") == {"doomed": "Zyxomma"}
    before = milvus.collections()
    done = erased("doomed")
    assert {*done.collections} == {*before}
    assert milvus.collections() == [milvus.live()]
    assert open_collection(milvus).statistics.manifest.change >= done.change
    assert titles(milvus, "doomed") == {}
    live = milvus.live()
    again = erased("doomed")
    assert (again.published, again.collections) == (None, ())
    assert milvus.live() == live


def test_what_was_deleted_since_a_snapshot_was_built_does_not_go_live_with_it(
    own_desk: Settings, store: ArticleStore, milvus: Milvus, tmp_path: Path
) -> None:
    """Another machine may have erased it before this one began to fill a collection."""
    before = milvus.live()
    put(own_desk, store, titled("doomed", "Of a snapshot"), titled("kept", "Kept"))
    rebuild(store, Catalog(tmp_path), fake_reader())
    store.delete("doomed")
    other = CollectionCatalog(tmp_path, milvus, deletions_of(own_desk.database_url))
    other.flip(other.open_live())
    assert milvus.live() != before
    assert titles(milvus, "doomed", "kept") == {"kept": "Kept"}
