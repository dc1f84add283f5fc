"""Whoever changes something in the console may say why; pages show who, when and why."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, AuditEntry, open_store, schema
from tests.support.signed_in import SignedIn

Clients = Callable[..., FlaskClient]
SEED, LAST = "harbour-2", "orchard-3"
STORY = f"/story/{SEED}"
MADE = re.compile(r'<details class="made".*?</details>', re.DOTALL)
SEEN = re.compile(r'name="(seen\w*)" value="(\d+)"')


@pytest.fixture
def chief(client_of: Clients, own_desk: Settings, chief_key: str) -> SignedIn:
    client = client_of(own_desk, None)
    client.application.extensions["read-also"].keyring.refresh()
    return SignedIn(client, chief_key)


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def seen(page: str) -> dict[str, Any]:
    return dict(SEEN.findall(page))


def lines(page: str) -> list[str]:
    """Who changed what, as the page says it: each line without its markup and its time."""
    found = MADE.search(page)
    rows = found[0].split("<li>")[1:] if found else []
    texts = (re.sub(r"<time.*?</time>|<[^>]+>", " ", row) for row in rows)
    return [" ".join(unescape(text).split()).replace(" ,", ",") for text in texts]


def steer(editor: SignedIn, part: str, step: str, why: str) -> str:
    """Press a button of the story, with a reason."""
    answer = editor.post(f"{STORY}/steer", step=step, why=why, **seen(part))
    assert answer.status_code == 200, answer.text
    return answer.text


def last_of(store: ArticleStore) -> AuditEntry:
    return store.audit_log.entries()[-1]


def test_each_change_of_a_story_says_who_made_it_and_why(
    chief: SignedIn, store: ArticleStore
) -> None:
    part = chief.get(STORY).text
    assert lines(part) == []
    for step, why in (
        (f"pins add {LAST}", "the harvest"),
        ("pins add harbour-11", ""),
        (f"pins down {LAST}", "older <b>news</b>"),
        (f"pins remove {LAST}", "the harvest is over"),
        ("blocks add harbour-4", "a competitor"),
        (f"never add {SEED}", "the lawyers"),
        (f"no_list add {SEED}", "an obituary"),
    ):
        part = steer(chief, part, step, why)
        assert last_of(store).why == why
    undo = re.search(r'name="undo" value="([^"]+)"', part)
    assert undo is not None
    part = chief.post(f"{STORY}/steer/undo", undo=undo[1], why="a mistake", **seen(part)).text
    assert [re.sub(r": .* chief:", ": … chief:", one) for one in lines(part)] == [
        "Shows its list again: … chief: Anna, a mistake",
        "Shows no list any more: … chief: Anna, an obituary",
        "In no list any more: … chief: Anna, the lawyers",
        "Taken out of this list: … chief: Anna, a competitor",
        "No longer pinned: … chief: Anna, the harvest is over",
        "Another order chief: Anna, older <b>news</b>",
        "Pinned: … chief: Anna,",
        "Pinned: … chief: Anna, the harvest",
    ]
    assert lines(chief.get(STORY).text) == lines(part)


def test_whoever_comes_second_does_not_type_the_reason_again(
    chief: SignedIn, secrets: dict[str, str], store: ArticleStore
) -> None:
    boris = SignedIn(chief.client.application.test_client(), secrets["editor"], "Boris")
    of_boris = boris.get(STORY).text
    part = steer(chief, chief.get(STORY).text, f"pins add {LAST}", "the harvest")
    told = steer(boris, of_boris, f"pins remove {LAST}", "stale & old")
    assert "Your change is not made yet:" in told
    again = told.partition('id="steer-again"')[0].rpartition("<form")[2]
    assert 'name="why" value="stale &amp; old"' in again
    part = steer(boris, told, f"pins remove {LAST}", "stale & old")
    assert last_of(store).why == "stale & old"
    assert lines(part)[0].endswith("editor: Boris, stale & old")


def test_the_page_of_rules_says_who_changed_which_and_why(
    chief: SignedIn, store: ArticleStore
) -> None:
    rule: dict[str, Any] = {"name": "no economy", "does": "never", "items_section": "economy"}
    part = chief.post("/rules", **rule, why="it is Sunday", **seen(chief.get("/rules").text)).text
    part = chief.post("/rules/remove", name="no economy", why="Monday", **seen(part)).text
    back = re.search(r'name="back" value="(\d+)"', part)
    assert back is not None
    part = chief.post("/rules/undo", back=back[1], why="Tuesday", **seen(part)).text
    assert lines(part) == [
        "Saved: no economy chief: Anna, Tuesday",
        "Removed: no economy chief: Anna, Monday",
        "Saved: no economy chief: Anna, it is Sunday",
    ]
    assert [one.why for one in store.audit_log.newest("policy.set", limit=3)] == [
        "Tuesday",
        "Monday",
        "it is Sunday",
    ]


def test_the_page_of_lists_says_why_they_are_made_as_they_are(
    chief: SignedIn, store: ArticleStore
) -> None:
    chief.post("/making", part=False, seen=0, diversity=80, why="too many twins")
    chief.post("/making/back", part=False, seen=1, version=0, why="too strange")
    page = chief.get("/making").text
    assert re.findall(r'<q class="quiet" dir="auto">([^<]+)</q>', page) == [
        "too strange",
        "too many twins",
    ]
    assert store.policies.current() == Policy()


def test_the_page_of_sessions_says_who_was_signed_out_by_whom_and_why(
    chief: SignedIn, secrets: dict[str, str]
) -> None:
    SignedIn(chief.client.application.test_client(), secrets["editor"], "Boris")
    found = re.search(r"/console/sessions/(\w+)/end", chief.get("/sessions").text)
    assert found is not None
    chief.post(f"/sessions/{found[1]}/end", part=False, why="left the paper")
    lately = chief.get("/sessions").text.partition("Lately")[2]
    texts = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one)) for one in lately.split("<li>")[1:]]
    assert re.match(r"Signed out: editor: Boris ?chief: Anna, .* left the paper", texts[0])
    assert texts[1].startswith("Signed in")


def test_what_was_changed_before_reasons_were_kept_has_none(
    chief: SignedIn, store: ArticleStore
) -> None:
    """Neither has what the log does not keep any more."""
    steer(chief, chief.get(STORY).text, f"pins add {LAST}", "the harvest")
    steer(chief, chief.get(STORY).text, f"pins remove {LAST}", "over")
    with store.engine.begin() as connection:
        connection.execute(sa.delete(schema.audit_log))
    page = lines(chief.get(STORY).text)
    assert page[0].endswith("chief: Anna,")
    assert page[1].endswith("chief: Anna, the harvest")  # the pin itself said so
    assert chief.get("/rules").status_code == 200


def test_collectors_of_the_audit_log_get_the_reason(chief: SignedIn, chief_key: str) -> None:
    steer(chief, chief.get(STORY).text, f"pins add {LAST}", "the harvest")
    answer = chief.client.get("/v1/audit", headers={"X-API-Key": chief_key}).get_json()
    opened, set_pins = answer["entries"]
    assert opened["why"] == ""
    assert set_pins["why"] == "the harvest"
