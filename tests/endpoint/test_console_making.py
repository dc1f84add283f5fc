"""How lists are made, in the console: the trial on recent stories, saving, and taking it back."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.ranking.policy import ActivePolicy, Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from recommender.web.console import making, trials
from tests.support.signed_in import SignedIn

MOVED: dict[str, Any] = {"age": "90", "half_life": "3.0"}
SAVED = Policy(age_weight=0.9, half_life_days=3.0)
TRIED = 6


@pytest.fixture(autouse=True)
def _few_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial makes two lists of each story, which takes its time."""
    monkeypatch.setattr(making, "TRIED_ON", TRIED)


@pytest.fixture
def editor(client: FlaskClient, secrets: dict[str, str]) -> SignedIn:
    return SignedIn(client, secrets["editor"])


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a form of a page."""
    form = page.partition(f'action="/console{action}"')[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def test_what_is_saved_holds_and_one_click_takes_it_back(
    editor: SignedIn, store: ArticleStore
) -> None:
    before = editor.get("/story/harbour-2").text
    trial = editor.get("/making/try", **MOVED).text
    assert "How much age counts: 10 → <b>90</b>" in trial
    assert "A story is half old after: 6 months → <b>3 days</b>" in trial
    assert store.policies.history() == ()  # nothing is saved yet
    sent = fields_of(trial, "/making")
    assert sent.items() >= {"seen": "0", **MOVED}.items()

    answer = editor.post("/making", part=False, **sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/making?saved=1")
    assert store.policies.current() == SAVED
    (entry,) = store.audit_log.entries()[-1:]
    assert (entry.actor, entry.action) == ("editor: Anna", "policy.set")
    page = editor.get("/making", saved=1).text
    assert "Saved. Lists follow within a second." in page
    assert "editor: Anna" in page
    assert re.search(r"A story is half old after</th><td>3 days<", page)
    assert re.search(r"Part of meaning</th><td>as measured<", page)
    assert editor.get("/story/harbour-2").text != before

    back = fields_of(page, "/making/back")
    assert back.items() >= {"seen": "1"}.items()
    assert 'form="making-back" name="version" value="0"' in page
    assert editor.post("/making/back", part=False, **back, version=0).status_code == 303
    assert store.policies.current() == Policy()
    assert [one.version for one in store.policies.history()] == [2, 1]


def test_a_trial_counts_the_lists_that_change(editor: SignedIn, store: ArticleStore) -> None:
    trial = editor.get("/making/try", **MOVED).text
    found = re.search(r"Of the (\d+) newest stories: (\d+) lists? changes?\.", trial)
    assert found is not None
    assert 0 < int(found[2]) <= int(found[1]) == TRIED
    stories = re.findall(r'class="stories__title" href="/console/story/([^"]+)"', trial)
    assert 0 < len(stories) <= 5
    before = [item["id"] for item in _items(editor.client, stories[0])]
    store.policies.set(SAVED)
    after = _items(editor.client, stories[0])
    shown = trial.partition(f'href="/console/story/{stories[0]}"')[2].partition("</li>\n<li><a")[0]
    comes = map(unescape, re.findall(r'<li dir="auto">([^<]+)</li>', shown.partition("comes<")[2]))
    new = [item["title"] for item in after if item["id"] not in before]
    assert new
    assert [*comes][: len(new)] == new


def _items(client: FlaskClient, article_id: str) -> list[dict[str, str]]:
    headers = {"X-API-Key": "both-0123456789abcdef"}
    answer = client.get(f"/v1/articles/{article_id}/related", headers=headers)
    items: list[dict[str, str]] = answer.get_json()["items"]
    return items


def test_the_second_of_two_who_save_is_told_and_loses_nothing(
    editor: SignedIn, store: ArticleStore
) -> None:
    sent = fields_of(editor.get("/making/try", **MOVED).text, "/making")
    store.policies.set(Policy(diversity=0.4, story_cap=2))
    late = editor.post("/making", part=False, **sent)
    assert late.status_code == 409
    assert "has saved something else meanwhile" in late.text
    assert "Variety: 5 → <b>40</b>" in late.text
    assert "How much age counts: 10 → <b>90</b>" in late.text
    assert store.policies.current() == Policy(diversity=0.4, story_cap=2)
    again = fields_of(late.text, "/making")
    assert again["seen"] == "1"
    assert editor.post("/making", part=False, **again).status_code == 303
    kept = Policy(diversity=0.4, story_cap=2, age_weight=0.9, half_life_days=3.0)
    assert store.policies.current() == kept


def test_the_second_of_two_who_go_back_is_told(editor: SignedIn, store: ArticleStore) -> None:
    for diversity in (0.2, 0.3, 0.4):
        store.policies.set(Policy(diversity=diversity))
    answer = editor.post("/making/back", part=False, version=1, seen=2)
    assert answer.status_code == 409
    assert "has saved something else meanwhile" in answer.text
    assert store.policies.current() == Policy(diversity=0.4)
    assert editor.post("/making/back", part=False, version=9, seen=3).status_code == 400
    assert editor.post("/making/back", part=False, version="x", seen=3).status_code == 400
    assert editor.post("/making/back", part=False, version=1, seen=3).status_code == 303
    assert store.policies.current() == Policy(diversity=0.2)


def test_what_a_newer_program_saved_is_not_overwritten(
    editor: SignedIn, store: ArticleStore
) -> None:
    store.policies.put('{"from_the_future": 1}')
    trial = editor.get("/making/try", **MOVED).text
    assert "A newer program has saved settings" in trial
    assert editor.post("/making", part=False, seen=1, **MOVED).status_code == 409
    assert len(store.policies.history()) == 1
    assert ActivePolicy.of(store.policies.history()).fault is not None
    assert "saved by a newer program" in editor.get("/making").text


def test_nobody_goes_back_to_what_this_program_cannot_read(
    editor: SignedIn, store: ArticleStore
) -> None:
    store.policies.put('{"newer_setting": 3}')
    store.policies.set(SAVED)
    page = editor.get("/making", saved=2).text
    assert 'name="version" value="0"' in page
    assert 'name="version" value="1"' not in page
    assert editor.post("/making/back", part=False, version=1, seen=2).status_code == 400
    assert store.policies.current() == SAVED


def test_a_trial_lets_readers_through_between_its_lists(
    editor: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(trials, "time", clock)
    assert editor.get("/making/try", **MOVED).status_code == 200
    assert pauses == [trials.PAUSE_SECONDS] * 2 * TRIED


def test_readers_of_the_console_see_no_button(
    client: FlaskClient, secrets: dict[str, str], store: ArticleStore
) -> None:
    store.policies.set(SAVED)
    reader = SignedIn(client, secrets["reader"])
    assert "<form" not in reader.get("/making").text.partition("<main")[2]
    assert "/making/try" not in reader.get("/story/harbour-2", part=True, age=50).text
