"""The page about the quality of the lists, and the way back to an earlier state of the archive."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from importlib import import_module

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.indexing.rebuild import Rebuilt
from recommender.indexing.snapshots import rollback_hold
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.signed_in import SignedIn


@pytest.fixture
def editor(client: FlaskClient, secrets: dict[str, str]) -> SignedIn:
    return SignedIn(client, secrets["editor"])


@pytest.fixture
def chief(client_of: Callable[..., FlaskClient], own_desk: Settings, chief_key: str) -> SignedIn:
    client = client_of(own_desk, None)
    client.application.extensions["read-also"].keyring.refresh()
    return SignedIn(client, chief_key)


def test_the_page_says_what_lists_are_like(editor: SignedIn) -> None:
    page = editor.get("/quality/figures", part=True).text
    stories = re.search(r"the lists under (\d+) of (\d+) stories", page)
    assert stories is not None
    assert stories[1] == stories[2] != "0"  # the desk is small, so every list is made
    assert re.search(r"\d+ of \d+ lists are full\.", page)
    assert "/console/story/" in page  # the stories that are shown most


def test_figures_are_kept_until_somebody_asks_anew(
    editor: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def no_lists(*_: object) -> Iterator[object]:
        made.append(1)
        return iter(())

    monkeypatch.setattr(import_module("recommender.web.console.quality"), "_lists", no_lists)
    editor.get("/quality/figures", part=True)
    editor.get("/quality/figures", part=True)
    assert len(made) == 1
    editor.get("/quality/figures", part=True, anew="1")
    assert len(made) == 1  # nobody has them counted more often than once a minute
    kept = editor.client.application.extensions["read-also-quality"]
    kept.counted_at -= 61
    editor.get("/quality/figures", part=True, anew="1")
    assert len(made) == 2
    with kept.lock:  # while another counts, the old ones are shown
        kept.counted_at -= 3_600
        assert editor.get("/quality/figures", part=True).status_code == 200
        kept.measured = None
        assert editor.get("/quality/figures", part=True).status_code == 503


def test_an_administrator_goes_back_to_an_earlier_state(
    chief: SignedIn, own_desk: Settings, rebuild_with_fake: Callable[..., Rebuilt]
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.live()
    with closing(open_store(own_desk.database_url)) as store:
        store.delete("harbour-3")
    rebuild_with_fake(own_desk)
    after = catalog.live()
    assert after != before
    page = chief.get("/quality").text
    assert f'name="to" value="{before}"' in page
    late = chief.post("/quality/back", to=before, live=before)
    assert late.status_code == 409  # the page was of before the rebuild
    assert catalog.live() == after
    assert "Who went back" not in page
    why = "lists of <i>orchards</i>"
    assert chief.post("/quality/back", to=before, live=after, why=why).status_code == 303
    assert catalog.live() == before
    assert rollback_hold(catalog).text is not None
    with closing(open_store(own_desk.database_url)) as store:
        last = store.audit_log.entries()[-1]
    assert (last.actor, last.action, last.subject) == ("chief: Anna", "archive.back", before)
    returns = chief.get("/quality").text.partition("Who went back")[2]
    for text in ("To the state of", "chief: Anna", "lists of &lt;i&gt;orchards&lt;/i&gt;</q>"):
        assert text in returns
    assert chief.post("/quality/back", to=after, live=before).status_code == 303  # and forward
    assert catalog.live() == after
    assert chief.post("/quality/back", to=before, live=after).status_code == 303
    assert "Somebody has gone back to an earlier state" in chief.get("/quality").text
    assert chief.post("/quality/back", to="../elsewhere", live=before).status_code == 404
    assert catalog.live() == before
    shared = chief.client.application.extensions["read-also"]
    over_milvus = replace(shared, settings=replace(shared.settings, milvus="http://127.0.0.1:1"))
    chief.client.application.extensions["read-also"] = over_milvus
    refused = chief.post("/quality/back", to=after, live=before)
    chief.client.application.extensions["read-also"] = shared
    assert refused.status_code == 409
    assert "read-also snapshots rollback" in refused.text
    assert catalog.live() == before


def test_an_editor_sees_the_states_and_no_way_back(editor: SignedIn) -> None:
    page = editor.get("/quality").text
    assert "in use" in page
    assert "Use it now" not in page


REPORT = (
    "<!doctype html><html><head><title>How good the lists are: &lt;b&gt; desk</title>"
    "<style>b { color: red }</style></head><body><main><b>76</b></main></body></html>"
)


def test_reports_of_evaluations_are_listed_and_shown(editor: SignedIn, own_desk: Settings) -> None:
    assert "No report yet" in editor.get("/quality").text
    own_desk.data.reports.mkdir()
    (own_desk.data.reports / "20260501-093000.html").write_text(REPORT, "utf-8")
    (own_desk.data.reports / "20269999-999999.html").write_text(REPORT, "utf-8")
    (own_desk.data.reports / "other.html").write_text(REPORT, "utf-8")
    page = editor.get("/quality").text
    assert page.count("/console/quality/reports/") == 1
    assert "How good the lists are: &lt;b&gt; desk" in page
    answer = editor.get("/quality/reports/20260501-093000")
    assert "<b>76</b>" in answer.text
    assert 'href="/console/quality"' in answer.text
    digest = b64encode(sha256(b"b { color: red }").digest()).decode()
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@pytest.mark.parametrize("name", ["20260501-093001", "other", "..%2f..%2fkeys", "%2e%2e"])
def test_no_other_file_is_shown_as_a_report(
    editor: SignedIn, own_desk: Settings, name: str
) -> None:
    own_desk.data.reports.mkdir()
    (own_desk.data.reports / "other.html").write_text(REPORT, "utf-8")
    assert editor.get(f"/quality/reports/{name}").status_code == 404
