"""Where a story is shown, and that it is shown nowhere after it was taken down."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from recommender.settings import Settings
from recommender.store import open_store
from tests.support.signed_in import SignedIn

STORY = "harbour-4"
PAGE = f"/story/{STORY}/appears-in"
SEEN = re.compile(r'name="seen_never" value="(\d+)"')
LINK = re.compile(r'href="/console/story/([^"/]+)"')


@pytest.fixture
def editor(signed_in: SignedIn, console_desk: Settings) -> Iterator[SignedIn]:
    """Somebody who may write; what they set is gone after the test."""
    yield signed_in
    with closing(open_store(console_desk.database_url)) as store:
        store.overrides.put(STORY, "never", (), "a test")


def seen(part: str) -> str:
    found = SEEN.search(part)
    assert found is not None
    return found[1]


def press(editor: SignedIn, part: str, action: str, **fields: Any) -> str:
    step = f"never {action} {STORY}"
    answer = editor.post(PAGE, step=step, seen_never=seen(part), **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_story_that_is_taken_down_is_in_no_list_and_can_be_brought_back(
    editor: SignedIn,
    console_desk: Settings,
    secrets: dict[str, str],
    desk_documents: dict[str, Any],
) -> None:
    headers = {"X-API-Key": secrets["editor"]}
    address = f"/v1/articles/{STORY}/appears-in"
    before = editor.client.get(address, headers=headers).get_json()["appears_in"]
    part = editor.get(PAGE, part=True).text
    assert sorted(LINK.findall(part)) == before != []
    gone = press(editor, part, "add", why="the court says so")
    assert "It is gone: no list shows it any more." in gone
    assert "the court says so" in gone
    assert "editor: Anna" in gone
    assert LINK.findall(gone) == []
    editor.client.put(f"/v1/articles/{STORY}", json=desk_documents[STORY], headers=headers)
    assert editor.client.get(address, headers=headers).get_json()["appears_in"] == []
    back = press(editor, gone, "remove", why="the court allows it")
    assert sorted(LINK.findall(back)) == before
    assert "Lists may show it again." in back
    with closing(open_store(console_desk.database_url)) as store:
        made = store.audit_log.newest("overrides.set", limit=2)
    assert [one.why for one in made] == ["the court allows it", "the court says so"]


def test_the_second_of_two_editors_is_told_who_took_it_down(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    boris = SignedIn(editor.client.application.test_client(), secrets["editor"], "Boris")
    part = boris.get(PAGE, part=True).text
    press(editor, part, "add")
    told = press(boris, part, "add")
    assert "Somebody else has changed this meanwhile: <bdi>editor: Anna" in told
    assert "Taken down:" in told


def test_the_page_says_which_caches_know(editor: SignedIn, console_desk: Settings) -> None:
    part = editor.get(PAGE, part=True).text
    assert "No cache is set to be told." in part
    assert "for 60 seconds at most" in part
    with closing(open_store(console_desk.database_url)) as store:
        events, secret = ("list.changed",), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        store.webhooks.add("front cache", "https://cache.example/secret", events, secret)
        store.webhooks.add("desk", "https://desk.example/", ("article.parked",), secret)
        gone = press(editor, part, "add")
        assert "is being told" in gone
        assert "cache.example" in gone
        assert "secret" not in gone
        assert "desk.example" not in gone
        receiver = store.webhooks.get("front cache")
        change = store.state().change
        store.webhooks.accept(receiver, change, was_sent=True)
        told = editor.get(f"{PAGE}/caches", part=True).text
        for name in ("front cache", "desk"):
            store.webhooks.remove(name)
    assert "knows of it" in told
    assert "data-again" not in told


def test_the_page_stands_before_the_lists_are_looked_through(editor: SignedIn) -> None:
    page = editor.get(PAGE).text
    assert f'data-load="/console{PAGE}"' in page
    assert "Now in" in editor.get(PAGE, now=1).text


def test_a_reader_may_look_and_not_take_down(editor: SignedIn, secrets: dict[str, str]) -> None:
    reader = SignedIn(editor.client.application.test_client(), secrets["reader"])
    part = reader.get(PAGE, part=True).text
    assert "Now in" in part
    assert "take-down" not in part


def test_what_the_site_itself_keeps_out_is_said(editor: SignedIn) -> None:
    draft = editor.get("/story/harbour-draft/appears-in", part=True).text
    assert "On your site it is not published" in draft


def test_another_change_is_none_of_this_page(editor: SignedIn) -> None:
    part = editor.get(PAGE, part=True).text
    answer = editor.post(PAGE, step="pins add harbour-2", seen_never=seen(part))
    assert answer.status_code == 400
