"""Editors pin, order and take out stories on the page of a story; two at once lose nothing."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.ranking.overrides import KINDS, OF_ITSELF
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.signed_in import SignedIn

SEED = "harbour-2"
STORY = f"/story/{SEED}"
LAST = "orchard-3"
"""Of another topic, so that no ranking puts it first."""
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@pytest.fixture
def editor(signed_in: SignedIn, console_desk: Settings) -> Iterator[SignedIn]:
    """Somebody who may write; what they set is gone after the test."""
    yield signed_in
    with closing(open_store(console_desk.database_url)) as store:
        for kind in (*KINDS, *OF_ITSELF):
            store.overrides.put(SEED, kind, (), "a test")
        store.overrides.put("harbour-3", "pins", (), "a test")


@pytest.fixture
def boris(editor: SignedIn, secrets: dict[str, str]) -> SignedIn:
    """Another editor."""
    return SignedIn(editor.client.application.test_client(), secrets["editor"], "Boris")


def seen(page: str) -> dict[str, Any]:
    """What the forms of a page say that they are based on."""
    return {name: value for name, value in HIDDEN.findall(page) if name.startswith("seen_")}


def do(editor: SignedIn, step: str, page: str, **fields: Any) -> str:
    """Press a button of a page; the part that comes back."""
    answer = editor.post(f"{STORY}/steer", step=step, **seen(page), **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def undo(editor: SignedIn, part: str) -> str:
    """Press the button that takes the last change back."""
    button = re.search(r'/steer/undo" name="undo" value="([^"]+)"', part)
    assert button is not None
    answer = editor.post(f"{STORY}/steer/undo", undo=button[1], **seen(part))
    assert answer.status_code == 200, answer.text
    return answer.text


def ids(client: FlaskClient, key: str, article_id: str = SEED) -> list[str]:
    """The list that readers get."""
    headers = {"X-API-Key": key}
    answer = client.get(f"/v1/articles/{article_id}/related?limit=100", headers=headers)
    return [item["id"] for item in answer.get_json()["items"]]


def test_a_pin_is_first_at_once_and_undo_takes_it_back(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    before = ids(editor.client, secrets["reader"])
    part = do(editor, f"pins add {LAST}", editor.get(STORY).text)
    assert ids(editor.client, secrets["reader"])[0] == LAST
    assert "Pinned:" in part
    assert "editor: Anna" in part
    part = undo(editor, part)
    assert ids(editor.client, secrets["reader"]) == before
    assert "Nothing is pinned." in part


def test_pins_are_ordered_by_one_or_to_a_place(editor: SignedIn, secrets: dict[str, str]) -> None:
    part = editor.get(STORY).text
    for one in (LAST, "harbour-11", "harbour-4"):
        part = do(editor, f"pins add {one}", part)
    for step, wanted in (
        ("up harbour-4", [LAST, "harbour-4", "harbour-11"]),
        (f"down {LAST}", ["harbour-4", LAST, "harbour-11"]),
        ("place harbour-11 0", ["harbour-11", "harbour-4", LAST]),
        ("remove harbour-4", ["harbour-11", LAST]),
    ):
        part = do(editor, f"pins {step}", part)
        assert ids(editor.client, secrets["reader"])[: len(wanted)] == wanted


def test_what_is_taken_out_is_in_this_list_no_more_until_it_is_allowed_again(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    before = ids(editor.client, secrets["reader"])
    part = do(editor, f"blocks add {before[0]}", editor.get(STORY).text)
    assert before[0] not in ids(editor.client, secrets["reader"])
    do(editor, f"blocks remove {before[0]}", part)
    assert ids(editor.client, secrets["reader"]) == before


@pytest.mark.long
def test_a_note_says_why_and_the_time_is_that_of_the_newsroom(
    client_of: Callable[..., FlaskClient], own_desk: Settings, secrets: dict[str, str]
) -> None:
    settings = replace(own_desk, time_zone="Asia/Dushanbe")
    editor = SignedIn(client_of(settings, None), secrets["editor"])
    part = do(editor, f"pins add {LAST}", editor.get(STORY).text)
    note: dict[str, Any] = {"why": "for the <b>anniversary</b>", "ends_at": "2099-05-01T08:00"}
    part = do(editor, f"pins note {LAST}", part, starts_at="2099-04-01T08:00", **note)
    assert "for the &lt;b&gt;anniversary&lt;/b&gt;" in part
    assert 'datetime="2099-04-01T03:00:00+00:00"' in part
    assert 'name="ends_at" value="2099-05-01T08:00"' in part
    assert "begins later" in part
    assert ids(editor.client, secrets["reader"])[0] != LAST
    answer = editor.post(
        f"{STORY}/steer",
        step=f"pins note {LAST}",
        **seen(part),
        **note,
        starts_at="2100-01-01T00:00",
    )
    assert (answer.status_code, "ends_at must be later" in answer.text) == (422, True)


def test_the_second_of_two_editors_is_told_and_neither_loses_anything(
    editor: SignedIn, boris: SignedIn, secrets: dict[str, str]
) -> None:
    of_anna, of_boris = editor.get(STORY).text, boris.get(STORY).text
    do(editor, f"pins add {LAST}", of_anna)
    part = do(boris, "pins add harbour-11", of_boris)
    assert "Somebody else has changed this meanwhile:" in part
    assert "editor: Anna" in part
    assert ids(editor.client, secrets["reader"])[0] == LAST
    assert re.search(r'value="pins add harbour-11" id="steer-again"', part)
    part = do(boris, "pins add harbour-11", part)
    assert ids(editor.client, secrets["reader"])[:2] == [LAST, "harbour-11"]
    assert "Somebody else" not in part


def test_what_was_undone_by_another_is_not_undone_again(editor: SignedIn, boris: SignedIn) -> None:
    part = do(editor, f"pins add {LAST}", editor.get(STORY).text)
    do(boris, f"pins remove {LAST}", boris.get(STORY).text)
    assert "Nothing was taken back." in undo(editor, part)


def test_an_editor_keeps_a_story_out_of_all_lists_and_the_cms_cannot_undo_it(
    editor: SignedIn, secrets: dict[str, str], desk_documents: dict[str, dict[str, Any]]
) -> None:
    every, key = ("harbour-3", "harbour-4", "orchard-1"), secrets["editor"]
    assert any(SEED in ids(editor.client, key, one) for one in every)
    part = do(editor, f"never add {SEED}", editor.get(STORY).text)
    sent = desk_documents[SEED] | {"authors": ["Sent Again"]}
    answer = editor.client.put(f"/v1/articles/{SEED}", json=sent, headers={"X-API-Key": key})
    assert answer.status_code == 200
    status = editor.client.get(f"/v1/articles/{SEED}/status", headers={"X-API-Key": key})
    assert status.get_json()["hidden_because"] == "never_recommend"
    found = editor.get(f"{STORY.replace(SEED, 'harbour-3')}/steer/find", part=True, q=SEED).text
    assert "never recommended" in found
    assert not any(SEED in ids(editor.client, key, one) for one in every)
    pinned = editor.client.put(
        "/v1/articles/harbour-3/pins", json={"pins": [{"id": SEED}]}, headers={"X-API-Key": key}
    )
    assert pinned.status_code == 200
    assert SEED not in ids(editor.client, key, "harbour-3")
    undo(editor, part)
    assert ids(editor.client, key, "harbour-3")[0] == SEED


def test_an_editor_wants_no_list_under_a_story(editor: SignedIn, secrets: dict[str, str]) -> None:
    part = do(editor, f"no_list add {SEED}", editor.get(STORY).text)
    headers = {"X-API-Key": secrets["reader"]}
    answer = editor.client.get(f"/v1/articles/{SEED}/related", headers=headers).get_json()
    assert (answer["items"], answer["short_because"]) == ([], "no_related")
    undo(editor, part)
    assert ids(editor.client, secrets["reader"])


def test_what_is_already_so_is_said_and_is_no_change(editor: SignedIn) -> None:
    part = do(editor, f"pins add {LAST}", editor.get(STORY).text)
    again = do(editor, f"pins add {LAST}", part)
    assert "it was so already" in again
    assert seen(again) == seen(part)


def test_a_story_cannot_be_pinned_to_itself_or_without_being_stored(editor: SignedIn) -> None:
    page = editor.get(STORY).text
    for wanted in (SEED, "nobody"):
        answer = editor.post(f"{STORY}/steer", step=f"pins add {wanted}", **seen(page))
        assert answer.status_code == 422
    assert editor.post(f"{STORY}/steer", step="hats add a", **seen(page)).status_code == 400
    assert editor.post(f"{STORY}/steer", step=f"pins add {LAST}").status_code == 400


def test_a_browser_without_scripts_gets_the_page(editor: SignedIn) -> None:
    page = editor.get(STORY).text
    answer = editor.post(f"{STORY}/steer", part=False, step=f"pins add {LAST}", **seen(page))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console{STORY}")


def test_a_story_is_found_by_words_of_its_headline(
    editor: SignedIn, desk_documents: dict[str, dict[str, Any]]
) -> None:
    words = desk_documents[LAST]["title"].upper()
    found = editor.get(f"{STORY}/steer/find", part=True, q=words).text
    assert f'value="pins add {LAST}"' in found
    assert "No story was found." in editor.get(f"{STORY}/steer/find", part=True, q="zzz").text


def test_a_reader_sees_what_is_set_and_has_no_buttons(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    do(editor, f"pins add {LAST}", editor.get(STORY).text)
    page = SignedIn(editor.client.application.test_client(), secrets["reader"]).get(STORY).text
    assert "editor: Anna" in page
    assert "steer-step" not in page
