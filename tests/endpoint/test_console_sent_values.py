"""What no form of the console sends: it is refused in words, and nothing is changed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.signed_in import SignedIn

LONG, LARGE = "9" * 5_000, "9" * 30
STORY = re.compile(r'class="stories__title" href="/console/story/([^"]+)"')
STEER = "/story/harbour-2/steer"
PLACE = f"pins place harbour-3 {LONG}"


@pytest.fixture(scope="module")
def editor(
    lasting_client_of: Callable[..., FlaskClient], console_desk: Settings, secrets: dict[str, str]
) -> SignedIn:
    return SignedIn(lasting_client_of(console_desk, None), secrets["editor"])


def test_searches_ignore_what_no_form_sends(editor: SignedIn) -> None:
    found, strange = (
        STORY.findall(editor.get("/find", part=True, **query).text)
        for query in ({"q": "harbour quay"}, {"q": "harbour\0quay", "limit": LONG})
    )
    assert found == strange
    assert len(found) > 3
    assert editor.get(f"{STEER}/find", part=True, q="a\0b").status_code == 200


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (STEER, {"step": PLACE, "seen_pins": 0}),
        (STEER, {"step": "pins add harbour-3", "seen_pins": LARGE}),
        (STEER, {"step": "pins add harbour-3", "seen_pins": LONG}),
        (f"{STEER}/undo", {"undo": f"pins {LONG}", "seen_pins": 0}),
        (f"{STEER}/undo", {"undo": "pins 0", "seen_pins": LARGE}),
        (STEER, {"step": "pins note a", "seen_pins": 0, "ends_at": "9999-12-31T23:59-14:00"}),
        (STEER, {"step": "pins note a", "seen_pins": 0, "starts_at": "0001-01-01T00:00+14:00"}),
        ("/rules/undo", {"back": LONG, "seen": 0}),
        ("/rules", {"name": "a", "does": "share", "at_least": LONG, "seen": 0}),
        ("/rules", {"name": "a", "does": "share", "at_most": "nan", "seen": 0}),
        ("/rules", {"name": "a", "does": "never", "seen": 0, "ends_at": "9999-12-31T23:59-14:00"}),
        ("/making", {"seen": LONG}),
        (STEER, {"step": "pins add harbour-3", "seen_pins": 0, "why": "w" * 501}),
        ("/rules/remove", {"name": "a", "seen": 0, "why": "w" * 501}),
    ],
)
def test_forms_are_refused_in_words(editor: SignedIn, path: str, fields: dict[str, Any]) -> None:
    answer = editor.post(path, **fields)
    assert answer.status_code == 400
    assert answer.get_json()["detail"]


@pytest.mark.parametrize("path", ["/story/a%00b", "/story/a%00b/appears-in/caches"])
def test_no_store_is_asked_for_what_cannot_be_an_id(editor: SignedIn, path: str) -> None:
    answer = editor.get(path, part=True)
    assert answer.status_code == 404
    assert "an id must match" in answer.get_json()["detail"]
