"""The first page of the console: what was published, with lists; what needs attention."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.indexing.snapshots import gate_refusal
from recommender.settings import Settings
from recommender.web.console import home as console_home
from tests.support.archives import Document, fill, index_fake
from tests.support.signed_in import SignedIn

STORY = re.compile(r'<a class="stories__title" href="/console/story/([^"]+)"')


@pytest.fixture
def editor(
    client: FlaskClient,
    secrets: dict[str, str],
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> SignedIn:
    monkeypatch.setattr(console_home, "time", clock)
    return SignedIn(client, secrets["editor"])


def test_the_first_page_has_headlines_at_once_and_lists_when_they_are_made(
    editor: SignedIn, desk_documents: dict[str, Document]
) -> None:
    page = editor.get("").text
    newest = STORY.findall(page)
    assert newest[:2] == ["harbour-12", "harbour-11"]
    assert len(newest) == 20
    assert 'data-later="/console/today"' in page
    assert 'role="search"' in page
    part = editor.get("/today", part=True).text
    assert STORY.findall(part)[-20:] == newest
    related = editor.client.get(
        "/v1/articles/harbour-12/related", headers={"X-API-Key": "both-0123456789abcdef"}
    ).get_json()
    shown = part.partition('id="newest"')[2]
    first = unescape(shown[shown.index("harbour-12") : shown.index("harbour-11")])
    assert f"{related['returned']} of {related['requested']}" in first
    titles = [desk_documents[item["id"]]["title"] for item in related["items"]]
    assert [title for title in titles if title in first] == titles[:3]


def test_what_was_published_in_two_days_is_today(
    editor: SignedIn, own_desk: Settings, make_story: Callable[..., Document]
) -> None:
    moments = {"new-1": "2026-10-20T11:00:00Z", "new-2": "2026-10-18T13:00:00Z"}
    fill(own_desk, [make_story(key, published_at=at) for key, at in moments.items()])
    fill(own_desk, [make_story("old", published_at="2026-10-18T11:00:00Z")])
    index_fake(own_desk)
    assert STORY.findall(editor.get("").text) == ["new-1", "new-2"]
    part = editor.get("/today", part=True).text
    assert STORY.findall(part) == ["new-1", "new-2"]
    assert "Nothing needs attention" in part


def test_what_needs_attention_is_named_with_its_reason(
    editor: SignedIn, own_desk: Settings
) -> None:
    alone = {
        "id": "alone",
        "title": "Volcano <i>lava</i>",
        "body": "Volcano lava crater ash.",
        "language": "en",
        "published_at": "2026-10-20T11:00:00Z",
    }
    fill(own_desk, [alone])
    fill(own_desk, [{"id": "bad", "title": "Poisoned", "body_html": "<poison>", "language": "en"}])
    for _ in range(3):
        index_fake(own_desk)
    gate_refusal(Catalog(own_desk.data.snapshots)).write("a tenth of the stories is missing")
    attention = editor.get("/today", part=True).text.partition('id="newest"')[0]
    assert "1 story could not be read" in attention
    assert "its HTML cannot be understood" in attention
    assert "was not taken into use" in attention
    assert "a tenth" not in attention  # the page of qualities explains it
    assert "1 new story with a short or weak list" in attention
    assert STORY.findall(attention) == ["bad", "alone"]
    assert "&lt;i&gt;" in attention


def test_the_page_stands_without_the_store_for_who_was_signed_in(
    editor: SignedIn, store_away: Callable[[], AbstractContextManager[None]]
) -> None:
    with store_away():
        assert editor.get("").status_code == 200
