"""How the service is, work that is asked for, and the first steps of an empty archive."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.errors import InvalidArticle
from recommender.indexing.indexer import Indexer
from recommender.live import DiskRoom
from recommender.operations import console_jobs
from recommender.operations.console_jobs import WORK, do_jobs
from recommender.settings import Settings
from recommender.sources.source import Record
from recommender.store import ArticleStore, Backlog, QueueLength, ReceiverLag, open_store, schema
from recommender.store.jobs import MOST_OPEN
from recommender.web.console.health import Finding, ServiceFacts, findings_of
from recommender.web.console.page import LANGUAGE_COOKIE
from recommender.web.console.words import LANGUAGES, words_of
from service import create_app
from tests.support.archives import KEYS, Document, fill, strip_tags
from tests.support.signed_in import SignedIn


@pytest.fixture
def editor(client: FlaskClient, secrets: dict[str, str]) -> SignedIn:
    return SignedIn(client, secrets["editor"])


def facts(queue: QueueLength | None = None, **fields: Any) -> ServiceFacts:
    backlog = Backlog(queue or QueueLength(0, 0, 0), drift=3, change=900)
    usual: dict[str, Any] = {
        "workers": (900, 900),
        "model": "bundled",
        "backlog": backlog,
        "reads": True,
    }
    usual |= {"built_seconds": 7_200.0, "is_refused": False}
    return ServiceFacts(**{**usual, "disk": DiskRoom(5 * 10**9, 10**10), **fields})


def test_a_service_that_is_well_says_so() -> None:
    assert findings_of(facts()) == [
        Finding("lists_good", "good"),
        Finding("workers", "good", {"n": 2}),
        Finding("store_file", "good"),
        Finding("model", "good", {"name": "bundled"}),
        Finding("all_read", "good"),
        Finding("built", "good", {"n": 2}),
        Finding("drift", "good", {"n": 3}),
        Finding("disk", "good", {"gb": "5.0", "percent": 50}),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"backlog": None}, Finding("store_away", "bad")),
        ({"workers": (900, 890)}, Finding("lists_near", "good", {"n": 10})),
        (
            {"workers": (900, 890), "behind_seconds": 7.4},
            Finding("behind_seconds", "good", {"n": 7}),
        ),
        (
            {"workers": (9, 9), "behind_seconds": 600.0},
            Finding("behind_minutes", "warn", {"n": 10}),
        ),
        (
            {"queue": QueueLength(2, 40, 0), "waiting_seconds": 119.0},
            Finding("waiting_seconds", "good", {"n": 119}),
        ),
        (
            {"queue": QueueLength(1, 0, 0), "reads": False, "waiting_seconds": 7_200.0},
            Finding("waiting_minutes", "warn", {"n": 120}),
        ),
        ({"is_server": True}, Finding("store_server", "good")),
        ({"workers": (900, 400)}, Finding("lists_behind", "warn", {"n": 500})),
        ({"reads": False}, Finding("reader_away", "bad")),
        ({"queue": QueueLength(2, 40, 0)}, Finding("waiting", "good", {"n": 42})),
        ({"queue": QueueLength(1, 0, 0), "reads": False}, Finding("waiting", "warn", {"n": 1})),
        ({"queue": QueueLength(0, 0, 7)}, Finding("unreadable", "warn", {"n": 7})),
        ({"built_seconds": None}, Finding("never_built", "warn")),
        ({"is_refused": True}, Finding("refused", "warn")),
        ({"disk": DiskRoom(10**8, 10**10)}, Finding("disk", "bad", {"gb": "0.1", "percent": 1})),
    ],
)
def test_what_is_not_well_is_named(fields: dict[str, Any], expected: Finding) -> None:
    assert expected in findings_of(facts(**fields))


def test_receivers_that_fail_for_long_are_named() -> None:
    lags = (ReceiverLag("cdn", 4, 10.0, "busy"), ReceiverLag("cms", 9, 1_000.0, "gone"))
    backlog = Backlog(QueueLength(0, 0, 0), drift=0, change=9, receivers=lags)
    assert findings_of(facts(backlog=backlog))[-2:] == [
        Finding("receiver_good", "good", {"name": "cdn", "n": 4}),
        Finding("receiver_fails", "warn", {"name": "cms", "n": 9}),
    ]


def test_the_page_shows_findings_and_jobs(editor: SignedIn, own_desk: Settings) -> None:
    assert editor.post("/jobs/rebuild", part=False).status_code == 303
    page = editor.get("/health", part=True).text
    assert "Build the archive anew" in page
    assert "waiting" in page
    assert "editor: Anna" in page
    for part in ("get their lists", "in a file on this machine", "was built", "GB of the disk"):
        assert part in page
    assert "<html" not in page
    assert editor.post("/jobs/rebuild").status_code == 400  # it is asked for already
    with closing(open_store(own_desk.database_url)) as store:
        job = store.jobs.next()
        assert job is not None
        assert editor.post(f"/jobs/{job.number}/stop", part=False).status_code == 303
        assert store.jobs.next() is None


def test_the_age_of_the_oldest_text_that_waits_is_said(
    editor: SignedIn, own_desk: Settings
) -> None:
    assert "The oldest of them" not in editor.get("/health", part=True).text
    fill(own_desk, [{"id": "new-1", "title": "A"}, {"id": "new-2", "title": "B"}])
    with closing(open_store(own_desk.database_url)) as store:
        change = store.queue.oldest_change()
        assert change is not None
        assert change == store.get_many(["new-1"])["new-1"].change
        made = store.time_after(change - 1)
        assert made is not None
        assert store.time_after(change + 1) is None
        with store.engine.begin() as connection:
            hour_ago = made - timedelta(hours=1)
            connection.execute(sa.update(schema.changes).values(at=hour_ago))
    assert "The oldest of them waits for 60 minutes." in editor.get("/health", part=True).text


@pytest.mark.parametrize(
    "place",
    [
        "",
        "https://me:secret@news.example/",
        "file:///etc/passwd",
        "/etc/passwd",
        "ftp://a.example",
        "https://a\n.example",
    ],
)
def test_nothing_but_an_address_of_the_web_is_imported(editor: SignedIn, place: str) -> None:
    assert editor.post("/jobs/import", place=place).status_code == 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_job_is_told_in_the_language_of_the_page(editor: SignedIn, language: str) -> None:
    said = words_of("trouble", language)
    editor.client.set_cookie(LANGUAGE_COOKIE, language, path="/console")
    for number in range(MOST_OPEN):
        asked = editor.post("/jobs/import", part=False, place=f"https://news{number}.example/")
        assert asked.status_code == 303
    refused: dict[str, tuple[str, dict[str, Any]]] = {
        "asked": ("/jobs/import", {"place": "https://news0.example/"}),
        "queue_full": ("/jobs/rebuild", {}),
    }
    for kind, (path, fields) in refused.items():
        page = editor.post(path, part=False, **fields)
        assert page.status_code == 400
        assert said[f"{kind}_title"] in page.text
        assert said[kind] in page.text
        assert "<code" not in page.text  # the words of the program
        assert editor.post(path, part=True, **fields).get_json()["detail"] == said[kind]


def test_an_import_reaches_no_private_network(editor: SignedIn, own_desk: Settings) -> None:
    """Whoever may write in the console must not look into the network behind it."""
    editor.post("/jobs/import", place="http://127.0.0.1:8080/feed", part=False)
    assert do_jobs(own_desk) == 1
    with closing(open_store(own_desk.database_url)) as store:
        found = store.jobs.newest()[0]
    assert found.state == "failed"
    assert found.fault is not None
    assert "private" in found.fault
    page = editor.get("/health", part=True).text
    assert "finds the reason in its log" in page  # the reason itself is for administrators
    assert "127.0.0.1:8080" in page


def test_an_empty_archive_leads_to_the_first_steps(
    client_of: Callable[..., FlaskClient], bare: Settings, secrets: dict[str, str]
) -> None:
    with closing(open_store(bare.database_url)) as store:
        assert isinstance(store, ArticleStore)
    editor = SignedIn(client_of(bare, None), secrets["editor"])
    assert editor.client.get("/console").headers["Location"] == "/console/start"
    page = editor.get("/start")
    assert page.status_code == 200
    assert "Where are your stories?" in page.text
    editor.token = page.text.split('name="form-token" content="')[1].split('"')[0]
    sent = {"place": "https://news.example/", "onward": "start"}
    answer = editor.post("/jobs/import", part=False, **sent)
    assert answer.headers["Location"] == "/console/start"
    assert "https://news.example/" in editor.get("/start", part=True).text


def test_the_first_steps_do_not_lead_to_themselves_while_nothing_can_be_read(
    bare: Settings, secrets: dict[str, str]
) -> None:
    app = create_app(replace(bare, api_keys=KEYS), follows=False)  # nothing was opened yet
    client = app.test_client()
    client.post("/console/sign-in", data={"key": secrets["editor"]})
    assert client.get("/console").headers["Location"] == "/console/start"
    assert client.get("/console/start").status_code == 503
    app.extensions["read-also"].stop()


def test_a_full_archive_shows_its_newest_stories_in_the_first_steps(editor: SignedIn) -> None:
    assert "/console/story/" in editor.get("/start", part=True).text


@pytest.mark.long
def test_the_first_steps_lead_to_lists_while_the_archive_is_being_read(
    client_of: Callable[..., FlaskClient],
    bare: Settings,
    secrets: dict[str, str],
    sample_articles: dict[str, Document],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest stories wait, or are the first of their language: nothing is related to them."""
    # The queue is counted at each look: it was empty when the editor signed in a moment ago.
    monkeypatch.setattr("recommender.live.follower.READING_SECONDS", 0.0)
    client = client_of(bare, "editor")
    editor = SignedIn(client_of(bare, None), secrets["editor"])
    fill(bare, [*sample_articles.values()])
    assert "The first stories stand here as soon as" in editor.get("/start", part=True).text
    with closing(open_store(bare.database_url)) as store:
        model = find_model(bare.model, bare.data_dir)
        indexer = Indexer(store, Analyzer(model, load_encoder, strip_tags))
        for _ in range(3):
            read = indexer.step()
            assert read
            page = editor.get("/start", part=True).text
            assert "The list grows while the rest is read." in page
            linked = re.findall(r'/console/story/([^"]+)"', page)
            assert len(linked) == 5
            for one in linked:
                items = json.loads(client.get(f"/v1/articles/{one}/related").text)["items"]
                assert {item["reason"] for item in items} & {"semantic", "words"}
                assert f"{len(items)} stories in its list" in page
            assert f'href="/console/story/{items[0]["id"]}"' in editor.get(f"/story/{one}").text


def test_what_an_import_refused_is_shown_without_the_query_of_the_address(
    editor: SignedIn, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://news.example/feed?key=of-the-desk"

    def pull(*_: object) -> list[Record]:
        return [Record(f"{address}: item 7", InvalidArticle("it has no title"))]

    source = SimpleNamespace(name=address, pull=pull)
    monkeypatch.setattr(console_jobs, "open_source", lambda *_: source)
    editor.post("/jobs/import", place=address, part=False)
    assert do_jobs(own_desk) == 0
    page = editor.get("/health", part=True).text
    assert "0 new stories · 1 refused" in page
    assert "https://news.example/feed: item 7: it has no title" in page
    assert "of-the-desk" not in page


@pytest.mark.parametrize("number", ["0", "x", "9" * 30, "9" * 5_000])
def test_a_job_that_does_not_exist_is_not_stopped(editor: SignedIn, number: str) -> None:
    assert editor.post(f"/jobs/{number}/stop").status_code in {303, 404}


def test_an_unforeseen_fault_ends_a_job(
    editor: SignedIn, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be begun for ever, and nothing after it."""

    def fail(*_: object) -> None:
        raise ValueError("who would have thought")

    editor.post("/jobs/rebuild", part=False)
    monkeypatch.setitem(WORK, "rebuild", fail)
    assert do_jobs(own_desk) == 1
    with closing(open_store(own_desk.database_url)) as store:
        assert store.jobs.next() is None
        assert store.jobs.newest()[0].fault == "an unexpected error: ValueError"
