"""Site rules of the policy in the lists that a newsroom gets."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.analysis.features import DraftFeatures
from recommender.ranking.policy import Policy
from recommender.ranking.site_rules import Condition, SiteRule
from recommender.settings import Settings
from recommender.store import PolicyReceipt, open_store
from tests.support.features import make_embedding, make_features

Document = dict[str, Any]
Set = Callable[..., PolicyReceipt]
CITY, ECONOMY = "/v1/articles/harbour-1/related", "/v1/articles/harbour-2/related"
IN_ECONOMY = Condition(section="economy")
NEVER = SiteRule("no economy", "never", Condition(section="city"), IN_ECONOMY)


@pytest.fixture
def set_rules(own_desk: Settings) -> Iterator[Set]:
    """Sets a policy with some rules and the defaults: `set_rules(rule)`."""
    with closing(open_store(own_desk.database_url)) as store:
        yield lambda *rules: store.policies.set(Policy(rules=rules))


def listed(client: FlaskClient, address: str = CITY, **options: Any) -> Document:
    answer = client.get(address, query_string=options)
    assert answer.status_code == 200, answer.text
    document: Document = answer.get_json()
    return document


def sections(answer: Document) -> set[str]:
    return {item["section"] for item in answer["items"]}


def ids(answer: Document) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_what_is_never_listed_is_named_and_the_list_is_as_long_as_before(
    client: FlaskClient, set_rules: Set
) -> None:
    before, elsewhere = listed(client), listed(client, ECONOMY)
    set_rules(NEVER)
    after = listed(client, explain="all")
    assert "economy" in sections(before)
    assert "economy" not in sections(after)
    assert len(after["items"]) == len(before["items"]) == 12
    dropped = {one["id"]: one for one in after["dropped"]}
    assert dropped["harbour-2"]["rule"] == "site_rule"
    assert dropped["harbour-2"]["site_rule"] == "no economy"
    assert listed(client, ECONOMY) == elsewhere
    assert (
        "harbour-1" not in client.get("/v1/articles/harbour-2/appears-in").get_json()["appears_in"]
    )


def test_a_list_that_rules_make_short_says_so(client: FlaskClient, set_rules: Set) -> None:
    set_rules(SiteRule("odd only", "never", items=Condition(section="-odd")))
    answer = listed(client)
    assert sections(answer) == {"odd"}
    assert answer["short_because"] == "site_rules"


def test_a_pin_stands_whatever_the_rules_say(client: FlaskClient, set_rules: Set) -> None:
    pins = {"pins": [{"id": "harbour-2"}, {"id": "harbour-4"}]}
    assert client.put("/v1/articles/harbour-1/pins", json=pins).status_code == 200
    set_rules(NEVER, SiteRule("few", "share", items=Condition(tag="port"), at_most=1))
    answer = listed(client)
    assert ids(answer)[:2] == ["harbour-2", "harbour-4"]
    assert not any(one.startswith("harbour-1") for one in ids(answer)[2:] if one[8:].isdigit())


@pytest.mark.parametrize(("action", "sign"), [("boost", 1), ("bury", -1)])
def test_a_boost_moves_items_and_leaves_their_scores(
    client: FlaskClient, set_rules: Set, action: Any, sign: int
) -> None:
    before = {item["id"]: item for item in listed(client, limit=100, explain=1)["items"]}
    set_rules(SiteRule("economy", action, items=IN_ECONOMY, by=0.5))
    after = listed(client, limit=100, explain=1)["items"]
    assert len(after) == len(before)
    moved = [item for item in after if item["section"] == "economy"]
    for item in after:
        was, parts = before[item["id"]], item["explanation"]
        assert item["score"] == was["score"]
        if item not in moved:
            assert parts == was["explanation"]
            continue
        assert parts["boost"] == pytest.approx(sign * 0.5 * item["score"], abs=1e-4)
        assert parts["site_rules"] == ["economy"]
        change = parts["ranking_value"] - was["explanation"]["ranking_value"]
        assert change == pytest.approx(parts["boost"], abs=2e-4)
    places = [sum(one[item["id"]]["rank"] for item in moved) for one in (before, by_id(after))]
    assert (places[1] - places[0]) * sign < 0


def by_id(items: list[Document]) -> dict[str, Document]:
    return {item["id"]: item for item in items}


def test_a_share_has_the_last_places_and_no_more_than_it_may(
    client: FlaskClient, set_rules: Set
) -> None:
    odd = Condition(section="odd")
    plain = listed(client, limit=6)
    assert "odd" not in sections(plain)
    set_rules(SiteRule("ours", "share", items=odd, at_least=4))
    kept = listed(client, limit=6, explain=1)
    assert ids(kept)[:4] == ids(plain)[:4]
    for item in kept["items"][4:]:
        assert (item["section"], item["reason"]) == ("odd", "semantic")
        assert item["explanation"]["site_rules"] == ["ours"]
    set_rules(SiteRule("few", "share", items=Condition(tag="port"), at_most=2))
    bounded = listed(client, explain="all")
    assert sum(one.removeprefix("harbour-").isdigit() for one in ids(bounded)) == 2
    left_out = [one for one in bounded["dropped"] if one["rule"] == "share_cap"]
    assert {one["site_rule"] for one in left_out} == {"few"}
    assert {one["because"] for one in left_out} <= set(ids(bounded))


def test_caches_keep_a_list_until_a_rule_for_it_begins_or_ends(
    client: FlaskClient, set_rules: Set, clock: SimpleNamespace
) -> None:
    now = datetime.fromtimestamp(clock.now, UTC)
    soon, later = now + timedelta(seconds=20), now + timedelta(days=3)
    city = Condition(section="city")
    rules = {
        "begins": SiteRule("a", "never", city, IN_ECONOMY, starts_at=soon, ends_at=later),
        "ends": SiteRule("b", "boost", by=0.5, items=IN_ECONOMY, ends_at=soon),
    }
    for rule in rules.values():
        set_rules(rule)
        assert client.get(CITY).headers["Cache-Control"] == "private, max-age=0"
    set_rules(rules["begins"])
    assert client.get(ECONOMY).headers["Cache-Control"].startswith("private, max-age=30, stale")
    assert "economy" in sections(listed(client))
    clock.now += 20
    assert "economy" not in sections(listed(client))
    assert client.get(CITY).headers["Cache-Control"].startswith("private, max-age=30")


def test_a_rule_looks_at_the_section_and_tags_of_a_draft(
    client: FlaskClient,
    set_rules: Set,
    desk_documents: dict[str, Document],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = make_features("en", [], mark=0, embedding=make_embedding([1]))
    unread = DraftFeatures(features, "another model")
    monkeypatch.setattr("recommender.web.state.read_draft", lambda *_: unread)
    draft = desk_documents["harbour-5"] | {"id": "draft", "limit": 12, "tags": ["port", "sea"]}
    under = Condition(section="city", tag="sea", language="en")
    set_rules(SiteRule("no economy", "never", under, IN_ECONOMY))
    for tags, expected in ((["port", "sea"], False), (["port"], True)):
        answer = client.post("/v1/related", json=draft | {"tags": tags}).get_json()
        assert ("economy" in sections(answer)) == expected


def test_a_rule_holds_for_several_articles_if_it_holds_for_one_of_them(
    client: FlaskClient, set_rules: Set
) -> None:
    set_rules(NEVER)
    for likes, expected in (
        (["harbour-1", "harbour-2"], False),
        (["harbour-2", "harbour-4"], True),
    ):
        answer = client.post("/v1/related", json={"like": likes}).get_json()
        assert ("economy" in sections(answer)) == expected
        assert answer.get("short_because") is None
