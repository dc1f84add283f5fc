"""Rules for all lists: in plain words, with what they would do, saved, changed and taken back."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recommender.articles import article_of
from recommender.errors import BadParameter, InvalidPolicy
from recommender.ranking.filters import is_visible
from recommender.ranking.site_rules import Condition, SiteRule
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web.console.rules import Clause, clauses_of, rule_from
from tests.support.signed_in import SignedIn

NO_ECONOMY: dict[str, Any] = {"name": "no economy <b>", "does": "never", "items_section": "economy"}
SEEN = re.compile(r'name="seen" value="(\d+)"')
DUSHANBE = ZoneInfo("Asia/Dushanbe")


@pytest.fixture
def editor(signed_in: SignedIn, console_desk: Settings) -> Iterator[SignedIn]:
    """Somebody who may write; what they set is gone after the test."""
    yield signed_in
    with closing(open_store(console_desk.database_url)) as store:
        store.policies.put("{}")


def seen(part: str) -> str:
    found: list[str] = SEEN.findall(part)
    return found[-1]


def sections(editor: SignedIn, key: str) -> set[str]:
    """The sections of the items under a story."""
    answer = editor.client.get(
        "/v1/articles/harbour-2/related?limit=100", headers={"X-API-Key": key}
    )
    return {item["section"] for item in answer.get_json()["items"]}


def post(editor: SignedIn, path: str, **fields: Any) -> str:
    answer = editor.post(f"/rules{path}", **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def is_shown(document: dict[str, Any]) -> bool:
    """Whether readers may see an article of the desk."""
    return is_visible(article_of(document), time.time())


def test_a_rule_is_saved_changed_removed_and_taken_back(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    page, key = editor.get("/rules").text, secrets["reader"]
    assert "There is no rule." in page
    assert "economy" in sections(editor, key)
    part = post(editor, "", seen=seen(page), **NO_ECONOMY)
    assert "economy" not in sections(editor, key)
    assert "no economy &lt;b&gt;" in part
    changed = NO_ECONOMY | {"items_section": "city", "edit": NO_ECONOMY["name"]}
    part = post(editor, "", seen=seen(part), **changed)
    assert "city" not in sections(editor, key)
    part = post(editor, "/remove", seen=seen(part), name=NO_ECONOMY["name"])
    assert {"city", "economy"} <= sections(editor, key)
    back = re.search(r'name="back" value="(\d+)"', part)
    assert back is not None
    post(editor, "/undo", seen=seen(part), back=back[1])
    assert "city" not in sections(editor, key)


def test_the_preview_counts_what_a_rule_touches_and_saves_nothing(
    editor: SignedIn, secrets: dict[str, str], desk_documents: dict[str, dict[str, Any]]
) -> None:
    seen_by_readers = [one for one in desk_documents.values() if is_shown(one)]
    of_economy, of_city = (
        sum(one.get("section") == section for one in seen_by_readers)
        for section in ("economy", "city")
    )
    part = editor.get("/rules/preview", part=True, under_section="city", **NO_ECONOMY).text
    assert f"It is about {of_economy} stories" in part
    assert f"In the lists of {of_city} stories" in part
    assert f"Tried on {min(12, of_city)} recent lists." in part
    assert "<s>" in part
    assert "economy" in sections(editor, secrets["reader"])
    without_items = {"name": "x", "does": "never"}
    assert "not complete" in editor.get("/rules/preview", part=True, **without_items).text


def test_the_second_of_two_editors_is_told_and_keeps_what_was_typed(editor: SignedIn) -> None:
    page = editor.get("/rules").text
    post(editor, "", seen=seen(page), **NO_ECONOMY)
    part = post(editor, "", seen=seen(page), name="another", does="never", items_tag="port")
    assert "Somebody else has changed how lists are made meanwhile:" in part
    assert "editor: Anna" in part
    assert "another" not in part
    part = post(editor, "", seen=seen(part), name="another", does="never", items_tag="port")
    assert "another" in part
    assert "no economy" in part


def test_two_rules_have_two_names(editor: SignedIn) -> None:
    part = post(editor, "", seen=seen(editor.get("/rules").text), **NO_ECONOMY)
    answer = editor.post("/rules", seen=seen(part), **NO_ECONOMY)
    assert (answer.status_code, "two rules have the name" in answer.text) == (422, True)


def test_a_form_becomes_a_rule_and_what_it_does_not_show_stays() -> None:
    form = {
        "name": " Election ",
        "does": "boost",
        "by": "50",
        "at_least": "3",
        "items_tag": "election , -live,",
        "items_max_age_days": "14",
        "under_language": "ru, tg",
        "ends_at": "2026-11-09T00:00",
    }
    before = SiteRule("Election", "never", items=Condition(attr={"price": "10..20"}, author="Anna"))
    rule = rule_from(form, before, DUSHANBE)
    assert (rule.name, rule.action, rule.by, rule.at_least) == ("Election", "boost", 0.5, None)
    assert rule.ends_at is not None
    assert rule.ends_at.isoformat() == "2026-11-08T19:00:00+00:00"
    assert clauses_of(rule.items) == (
        Clause("tag", ("election",), ("live",)),
        Clause("price", ("10..20",), is_attribute=True),
        Clause("max_age_days", days=14),
    )
    assert clauses_of(rule.under) == (Clause("language", ("ru", "tg")),)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"does": "boost"}, InvalidPolicy),
        ({"does": "wave"}, InvalidPolicy),
        ({"name": ""}, InvalidPolicy),
        ({"does": "boost", "by": "much"}, BadParameter),
        ({"starts_at": "soon"}, BadParameter),
        ({"items_section": ","}, InvalidPolicy),
    ],
)
def test_what_is_no_rule_is_refused(fields: dict[str, str], refused: type[Exception]) -> None:
    with pytest.raises(refused):
        rule_from(NO_ECONOMY | fields, None, DUSHANBE)
