"""Both Python clients against the service, over HTTP: each test asks one and then the other."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from werkzeug.serving import make_server

from read_also_client import (
    Article,
    AsyncClient,
    ChangedMeanwhile,
    Client,
    Deletion,
    Gone,
    InvalidRequest,
    KeyRefused,
    NoAnswer,
    NotFound,
    OlderVersion,
    Override,
    Readiness,
    Retries,
)
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web import state as web_state
from service import create_app
from tests.support.archives import (
    HARBOUR,
    SECRETS,
    archive_settings,
    copy_archive,
    fake_reader,
    index_fake,
    story,
)

Document = dict[str, Any]
README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
EXAMPLES: list[tuple[str, str]] = re.findall(
    r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README.read_text("utf-8"), re.DOTALL
)
"""Programs, and what they are said to print; nothing is said where it depends on the archive."""
ONCE = Retries(attempts=1)


@pytest.fixture(scope="module")
def site_folder(desk_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "desk"
    copy_archive(desk_settings.data_dir, folder)
    return folder


@pytest.fixture(scope="module")
def site(
    _web_clock: object,
    site_folder: Path,
) -> Iterator[str]:
    """The address of a service over a desk of its own. It reads drafts, but no text that waits."""
    settings = archive_settings(site_folder)
    with closing(open_store(settings.database_url)) as store:
        indexer = Indexer(store, fake_reader())
        with DraftServer(settings.data.draft_socket, lambda: indexer), served(settings) as address:
            yield address


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    app = create_app(settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        app.extensions["read-also"].stop()


@dataclass(frozen=True)
class Awaited:
    """An asynchronous client whose calls are run to their end, as those of the other one."""

    client: AsyncClient
    runner: asyncio.Runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self.client, name)

        def run(*arguments: Any, **options: Any) -> Any:
            begun = call(*arguments, **options)
            if isinstance(begun, AsyncIterator):
                return iter(self.runner.run(all_of(begun)))
            return self.runner.run(begun)

        return run


async def all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


Connect = Callable[..., Client]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, site: str) -> Iterator[Connect]:
    """Makes clients of one kind: `connect(key="reader")`."""
    made = list[Any]()
    with asyncio.Runner() as runner:

        def make(key: str | None = "editor", address: str = site) -> Client:
            secret = None if key is None else SECRETS[key]
            if request.param == "sync":
                made.append(Client(address, secret, retries=ONCE))
            else:
                made.append(Awaited(AsyncClient(address, secret, retries=ONCE), runner))
            return cast("Client", made[-1])

        yield make
        for client in made:
            client.close()


@pytest.fixture
def cms(connect: Connect) -> Client:
    """A client with a key that may read and write."""
    return connect()


def test_an_article_is_put_patched_fetched_and_deleted(cms: Client) -> None:
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    article = Article(id="2026", title="A", tags=("port",), published_at=moment)
    assert cms.put(article).result == "created"
    assert cms.put({"id": 2026, "title": "A", "tags": {"port"}, "published_at": moment}).result == (
        "unchanged"
    )
    patched = cms.patch(2026, {"title": "B", "tags": None})
    assert (patched.id, patched.result, patched.visible) == ("2026", "updated", False)
    assert cms.get(2026) == Article(id="2026", title="B", published_at=moment)
    assert not cms.delete(2026).visible
    cms.delete(2026)
    with pytest.raises(Gone, match="410: article '2026' was deleted") as gone:
        cms.get(2026)
    assert re.fullmatch(r"[0-9a-f]{32}", gone.value.request_id)


def test_a_write_that_waits_says_whether_it_is_visible(
    cms: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads texts here, so what has a new one is not visible in time."""
    known = cms.get("harbour-3")
    assert cms.put(known.model_copy(update={"section": "farm"}), wait=True).visible
    assert cms.patch("harbour-3", {"section": known.section}, wait=True).visible
    assert cms.set_pins("harbour-3", ["orchard-2"], wait=True).visible
    assert cms.remove_pins("harbour-3", wait=True).visible
    monkeypatch.setattr(web_state, "WAIT_SECONDS", 0.05)
    late = cms.put(story("late", HARBOUR), wait=True)
    assert (late.result, late.visible) == ("created", False)
    status = cms.status("late")
    assert (status.state, status.waits_for, status.change) == ("received", "indexer", late.change)
    monkeypatch.undo()
    assert cms.delete("late", wait=True).visible


def test_the_clients_deny_what_the_service_refuses(connect: Connect) -> None:
    cms = connect()
    with pytest.raises(InvalidRequest, match="422: the article is not acceptable; /title: ") as no:
        cms.put({"id": "new", "title": 5, "colour": "red"})
    assert [fault.pointer for fault in no.value.faults] == ["/title", "/colour"]
    with pytest.raises(NotFound, match="404: "):
        cms.related("nobody")
    with pytest.raises(KeyRefused, match="401: "):
        connect(None).get("harbour-2")
    with pytest.raises(KeyRefused, match="403: "):
        connect("reader").put({"id": "new", "title": "T"})
    cms.put({"id": "versioned", "title": "T", "version": 3})
    with pytest.raises(OlderVersion, match="409: "):
        cms.put({"id": "versioned", "title": "T", "version": 2})
    with pytest.raises(NoAnswer, match=r"no answer from http://127\.0\.0\.1:9/v1/articles/a"):
        connect(address="http://127.0.0.1:9").get("a")


def test_lists_take_every_option(cms: Client) -> None:
    found = cms.related(
        "harbour-2",
        limit=2,
        mode="latest",
        language=["en", "ru"],
        exclude=["harbour-5"],
        max_age=90,
        diversity=0.3,
        min_score=0.0,
        explain="all",
    )
    assert (found.article_id, found.requested, found.mode) == ("harbour-2", 2, "latest")
    assert [item.rank for item in found.items] == [1, 2]
    assert found.items[0].explanation is not None
    assert found.dropped
    assert "harbour-5" in {one.id for one in found.dropped if one.rule == "excluded"}


def test_filters_are_the_same_in_an_address_and_in_a_body(cms: Client) -> None:
    attributes = {"price": -12.5, "free": True}
    assert cms.patch("harbour-7", {"attributes": attributes}, wait=True).visible
    filters: Any = {
        "section": ["city", "-farm"],
        "tag": {"port"},
        "published_after": date(2026, 10, 1),
        "published_before": datetime(2026, 10, 12, 9, tzinfo=UTC),
        "attr": {"price": "-0..10", "free": [True, "-no"]},
    }
    request: Any = {"article_id": "harbour-2", "limit": 5, **filters}
    (in_body,) = cms.related_lists([request])
    assert cms.related("harbour-2", limit=5, **filters) == in_body
    assert cms.get("harbour-7").attributes == {"free": True, "price": -12.5}
    hint = cms.related("harbour-2", section="citty").hint
    assert hint
    assert "'city'" in hint


def test_items_have_what_a_card_needs(cms: Client) -> None:
    (item,) = cms.related("harbour-2", limit=1, tag="port", fields=["authors", "tags"]).items
    assert (item.summary, item.authors) == (None, ())
    assert "port" in (item.tags or ())


def test_a_query_too_long_for_an_address_gives_the_same_list(cms: Client) -> None:
    every = cms.related("harbour-2", limit=100, language="any", diversity=0.3)
    gone = [item.id for item in every.items[::2]]
    more = [f"{number:03}{'x' * 197}" for number in range(500 - len(gone))]
    options: Any = {"limit": 100, "language": "any", "diversity": 0.3}
    short = cms.related("harbour-2", exclude=gone, **options)
    assert cms.related("harbour-2", exclude=[*gone, *more], **options) == short
    assert not {item.id for item in short.items}.intersection(gone)


def test_a_list_is_html_too(cms: Client) -> None:
    shown = cms.related_html("harbour-2", limit=2, heading="More", heading_level=3)
    assert shown.count("<li") == 2
    assert ">More</h3>" in shown


def test_drafts_and_the_lists_of_a_page(cms: Client) -> None:
    text = {"title": "Harbour crane", "body": "ship quay tide", "section": "city"}
    draft = cms.related_for_draft(text, limit=2, section="-city", language="en")
    assert (draft.article_id, draft.returned) == (None, 2)
    assert "city" not in {item.section for item in draft.items}
    first, second, third = cms.related_lists(
        [
            {"article_id": "harbour-2", "limit": 4},
            {"article_id": "harbour-4", "limit": 4},
            {"title": "Harbour crane", "body": "ship quay tide", "limit": 1},
        ]
    )
    assert (first.article_id, second.article_id) == ("harbour-2", "harbour-4")
    listed = [item.id for one in (first, second, third) for item in one.items]
    assert len(listed) == len(set(listed)) == 9


def test_a_list_may_be_like_some_articles_and_unlike_others(cms: Client) -> None:
    found = cms.related_like(["harbour-2", "orchard-2"], ["orchard-5"], limit=6, language="any")
    assert (found.article_id, found.requested) == (None, 6)
    assert {item.because for item in found.items if item.reason == "semantic"} <= {
        "harbour-2",
        "orchard-2",
    }
    assert cms.related_lists([{"like": ["harbour-2"], "limit": 3}])[0] == cms.related(
        "harbour-2", limit=3
    )


def test_many_writes_are_answered_one_by_one(cms: Client) -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - the fault itself
    writes: list[Any] = [
        {"id": "a", "title": "A"},
        {"id": "b", "title": "B", "published_at": naive},
        Article(id="3", title="C"),
        {"id": "d"},
        Deletion("a"),
        Deletion("nobody"),
    ]
    items = list(cms.bulk(writes))
    assert [(item.id, item.status, item.result) for item in items[1:]] == [
        ("b", 422, None),
        ("3", items[2].status, items[2].result),
        ("d", 422, None),
        ("a", 204, "deleted"),
        ("nobody", 404, None),
    ]
    assert items[2].result in {"created", "unchanged"}
    assert items[3].error is not None
    assert [str(fault) for fault in items[3].error.errors] == ["/: a title or a body is required"]


def test_writes_may_come_from_an_asynchronous_source(site: str) -> None:
    async def stories() -> AsyncIterator[Document]:
        for number in range(3):
            yield story(f"async-{number}", HARBOUR)

    async def push() -> list[int]:
        async with AsyncClient(site, SECRETS["editor"]) as cms:
            return [item.status async for item in cms.bulk(stories())]

    assert asyncio.run(push()) == [201, 201, 201]


def test_all_articles_come_in_order_over_many_pages(cms: Client) -> None:
    found = [article.id for article in cms.articles(at_once=9)]
    assert found == sorted(found)
    assert {"harbour-2", "...", "x" * 200} <= set(found)


def test_ids_come_in_order_over_many_pages(cms: Client) -> None:
    every = [article.id for article in cms.articles()]
    assert list(cms.article_ids(at_once=9)) == every
    of_harbour = [one for one in every if one.startswith("harbour-")]
    assert list(cms.article_ids("harbour-", at_once=2)) == of_harbour


def test_pins_and_blocks_are_set_read_and_removed(cms: Client) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    pin = Override(id="orchard-1", why="ours", ends_at=until)
    assert cms.set_pins("harbour-2", [pin, "orchard-3", {"id": "orchard-4"}], "mira").change
    cms.set_blocks("harbour-2", ["harbour-6"], by="mira", wait=True)
    first, *others = cms.pins("harbour-2").pins
    assert (first.id, first.why, first.ends_at, first.by) == (
        "orchard-1",
        "ours",
        until,
        "editor: mira",
    )
    assert [one.id for one in others] == ["orchard-3", "orchard-4"]
    assert [one.id for one in cms.blocks("harbour-2").blocks] == ["harbour-6"]
    listed = [item.id for item in cms.related("harbour-2", limit=100, language="any").items]
    assert listed[:3] == ["orchard-1", "orchard-3", "orchard-4"]
    assert "harbour-6" not in listed
    assert "harbour-2" in cms.appears_in("orchard-1").appears_in
    cms.remove_pins("harbour-2", wait=True)
    cms.remove_blocks("harbour-2", wait=True)
    assert (cms.pins("harbour-2").pins, cms.blocks("harbour-2").blocks) == ((), ())


def test_what_is_said_of_an_article_itself_is_set_read_and_removed(cms: Client) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    assert cms.set_never("harbour-6", "the lawyers", "mira", ends_at=until, wait=True).visible
    said = cms.never("harbour-6").decision
    assert said is not None
    assert (said.why, said.by, said.ends_at) == ("the lawyers", "editor: mira", until)
    assert cms.set_no_list("harbour-2", wait=True).visible
    assert cms.related("harbour-2").items == ()
    assert cms.remove_no_list("harbour-2", wait=True).visible
    listed = [item.id for item in cms.related("harbour-2", limit=100, language="any").items]
    assert listed != []
    assert "harbour-6" not in listed
    cms.remove_never("harbour-6")
    assert cms.never("harbour-6").decision is cms.no_list("harbour-2").decision is None


def test_whoever_comes_second_is_told(cms: Client) -> None:
    seen = cms.pins("harbour-2").change
    first = cms.set_pins("harbour-2", ["orchard-1"], "mira", seen=seen)
    assert cms.set_pins("harbour-2", ["orchard-1"], "mira", seen=seen).result == "unchanged"
    with pytest.raises(ChangedMeanwhile, match="editor: mira has changed the pins"):
        cms.set_pins("harbour-2", ["orchard-3"], "boris", seen=seen)
    with pytest.raises(ChangedMeanwhile):
        cms.remove_pins("harbour-2", seen=seen)
    assert [one.id for one in cms.pins("harbour-2").pins] == ["orchard-1"]
    cms.remove_pins("harbour-2", seen=first.change)
    assert cms.pins("harbour-2").pins == ()


def test_the_service_says_that_it_is_ready_and_who_changed_what(connect: Connect) -> None:
    change = connect().put({"id": "audited", "title": "T"}).change
    ready = connect(None).readyz()
    assert isinstance(ready, Readiness)
    assert (ready.ready, ready.store) == (True, "ok")
    entries = list(connect("operator").audit(at_once=10))
    assert [entry.number for entry in entries] == sorted(entry.number for entry in entries)
    assert ("editor", "audited") in {(entry.actor, entry.subject) for entry in entries}
    assert change


def test_a_service_with_nothing_to_answer_from_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    away = f"sqlite:///{tmp_path / 'file' / 'no.db'}"
    app = create_app(replace(archive_settings(tmp_path), database_url=away), follows=False)
    with Client("http://desk.example", transport=httpx.WSGITransport(app)) as client:
        found = client.readyz()
    assert not found.ready
    assert (found.retry_after, bool(found.detail)) == (5.0, True)


@pytest.fixture
def _texts_are_read(site_folder: Path) -> Iterator[None]:
    """As an indexer beside the service does."""
    over = threading.Event()

    def read() -> None:
        while not over.wait(0.02):
            index_fake(archive_settings(site_folder))

    reading = threading.Thread(target=read)
    reading.start()
    yield
    over.set()
    reading.join()


@pytest.mark.usefixtures("_texts_are_read")
@pytest.mark.parametrize(("example", "said"), EXAMPLES)
def test_the_examples_of_the_readme_run(
    example: str, said: str, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    real = example.replace("https://read-also.example", site).replace("SECRET", SECRETS["editor"])
    exec(compile(real, "README.md", "exec"), {})  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert printed == said or (printed and not said) or "print" not in example
