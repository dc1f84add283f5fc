"""The policy of a newsroom rules every list that is answered, from the next look at the log on."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from recommender.analysis.features import DraftFeatures
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.features import make_embedding, make_features

Clients = Callable[..., FlaskClient]
Document = dict[str, Any]
Documents = dict[str, Document]

LIST = "/v1/articles/harbour-2/related?limit=100"
FRAGMENT = "/v1/articles/harbour-2/related.html?limit=100"
SEMANTIC = "semantic"
NOTHING = Policy(threshold=1.0, words_threshold=1.0, fallback=False)
"""Only the same text is related enough."""


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def items(client: FlaskClient, path: str = LIST) -> list[Document]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[Document] = answer.get_json()["items"]
    return found


def reasons(client: FlaskClient, path: str = LIST) -> set[str]:
    return {item["reason"] for item in items(client, path)}


def gauge(client: FlaskClient, name: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))
    (sample,) = next(one.samples for one in families if one.name == f"read_also_{name}")
    return float(sample.value)


def test_a_threshold_takes_out_what_scores_less(client: FlaskClient, store: ArticleStore) -> None:
    before = items(client)
    scores = sorted(item["score"] for item in before if item["reason"] == SEMANTIC)
    middle = scores[len(scores) // 2]
    assert scores[0] < middle
    least = middle - 5e-5  # what is told is rounded to four digits
    store.policies.set(Policy(threshold=least, fallback=False, diversity=0.0))
    after = items(client)
    assert {item["id"] for item in after} == {
        item["id"] for item in before if item["reason"] == SEMANTIC and item["score"] >= middle
    }
    store.policies.set(Policy())
    assert items(client) == before


def test_half_lives_by_section_change_the_order_and_no_score(
    client: FlaskClient, store: ArticleStore
) -> None:
    # Of two equally new reprints the better value stands in the list; here both do.
    usual = Policy(age_weight=0.9, diversity=0.0, fallback=False, duplicate_overlap=1.0)
    store.policies.set(usual)
    before = items(client)
    store.policies.set(replace(usual, half_lives={"city": 1}))
    after = items(client)
    scores = {item["id"]: item["score"] for item in before}
    assert {item["id"]: item["score"] for item in after} == scores
    places = [{item["id"]: item["rank"] for item in some} for some in (before, after)]
    moved = {name: places[1][name] - places[0][name] for name in places[0]}
    section = {item["id"]: item["section"] for item in before}
    assert sum(moved[name] for name in moved if section[name] == "city") > 0
    others = [item["id"] for item in before if item["section"] != "city"]
    assert [item["id"] for item in after if item["section"] != "city"] == others


def test_each_item_is_valued_by_the_half_life_of_its_section(
    client: FlaskClient, store: ArticleStore, clock: SimpleNamespace
) -> None:
    half_lives = {"city": 3, "farm": 50}
    store.policies.set(Policy(age_weight=0.9, half_life_days=20, half_lives=half_lives))
    explained = items(client, f"{LIST}&explain=1")
    dated = [item for item in explained if item["published_at"] and item["reason"] == SEMANTIC]
    assert {item["section"] for item in dated} >= {"city", "economy"}
    for item in dated:
        age_days = (clock.now - datetime.fromisoformat(item["published_at"]).timestamp()) / 86_400
        lost = 1 - 2 ** -(max(age_days, 0) / half_lives.get(item["section"], 20))
        assert item["explanation"]["recency"] == pytest.approx(1 - 0.9 * lost, abs=1e-4)


def test_the_etag_is_another_one_when_the_policy_changes_a_list(
    client: FlaskClient, store: ArticleStore
) -> None:
    for path in (LIST, FRAGMENT):
        store.policies.set(Policy())
        before = client.get(path)
        same = {"If-None-Match": before.headers["ETag"]}
        assert client.get(path, headers=same).status_code == 304
        store.policies.set(NOTHING)
        after = client.get(path, headers=same)
        assert after.status_code == 200
        assert after.headers["ETag"] != before.headers["ETag"]
        assert after.get_data() != before.get_data()


def test_a_list_that_a_request_limits_itself_is_still_limited_so(
    client: FlaskClient, store: ArticleStore
) -> None:
    """What is asked for stands over the policy."""
    before = items(client, f"{LIST}&min_score=0&diversity=0")
    store.policies.set(Policy(threshold=1.0, diversity=1.0))
    assert items(client, f"{LIST}&min_score=0&diversity=0") == before


def test_without_the_fallback_a_list_stays_short(client: FlaskClient, store: ArticleStore) -> None:
    assert reasons(client) > {SEMANTIC}
    store.policies.set(Policy(fallback=False))
    assert reasons(client) == {SEMANTIC}


def test_a_list_for_what_was_not_read_yet_is_made_by_the_policy(
    client: FlaskClient, store: ArticleStore, make_story: Callable[..., Document]
) -> None:
    client.put("/v1/articles/fresh", json=make_story("fresh", section="city"))
    path = "/v1/articles/fresh/related?limit=5"
    assert reasons(client, path) == {"fallback:section"}
    store.policies.set(NOTHING)
    assert items(client, path) == []


def test_a_draft_gets_its_list_by_the_policy(
    client: FlaskClient,
    store: ArticleStore,
    desk_documents: Documents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = make_features("en", [], mark=0, embedding=make_embedding([1]))
    unread = DraftFeatures(features, "another model")
    monkeypatch.setattr("recommender.web.state.read_draft", lambda *_: unread)
    draft = desk_documents["harbour-5"] | {"id": "draft", "limit": 5}
    before = client.post("/v1/related", json=draft).get_json()["items"]
    assert {item["reason"] for item in before} == {"fallback:section"}
    store.policies.set(NOTHING)
    assert client.post("/v1/related", json=draft).get_json()["items"] == []


def test_all_workers_list_by_the_same_policy(
    client_of: Clients, own_desk: Settings, store: ArticleStore
) -> None:
    first, second = client_of(own_desk), client_of(own_desk)
    store.policies.set(Policy(threshold=0.3, fallback=False))
    assert items(first) == items(second)
    store.policies.set(NOTHING)
    assert items(first) == items(second) == []


def test_metrics_tell_which_version_is_in_force(client: FlaskClient, store: ArticleStore) -> None:
    assert (gauge(client, "policy_version"), gauge(client, "policy_unreadable")) == (0, 0)
    store.policies.set(NOTHING)
    assert (gauge(client, "policy_version"), gauge(client, "policy_unreadable")) == (1, 0)
    assert gauge(client, "store_change") == gauge(client, "view_change") == store.state().change
    assert gauge(client, "slowest_view_change") == store.state().change
    assert gauge(client, "drift_articles") == 0


def test_a_policy_that_cannot_be_read_stops_no_serving(
    client: FlaskClient, store: ArticleStore
) -> None:
    store.policies.set(NOTHING)
    assert items(client) == []
    store.policies.put('{"of a newer program": 1}')
    assert items(client) == []
    assert (gauge(client, "policy_version"), gauge(client, "policy_unreadable")) == (1, 1)
    assert client.get("/readyz").get_json()["change"] == store.state().change
