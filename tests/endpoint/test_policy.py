"""The policy of a newsroom applies to every list, from the next look at the log on."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.analysis.features import DraftFeatures
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import gauges
from tests.support.features import make_embedding, make_features

Document = dict[str, Any]
Documents = dict[str, Document]

LIST = "/v1/articles/harbour-2/related?limit=100"
FRAGMENT = "/v1/articles/harbour-2/related.html?limit=100"
SEMANTIC = "semantic"
NOTHING = Policy(threshold=1.0, words_threshold=1.0, fallback=False)
"""Only an identical text reaches the threshold."""


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def items(client: FlaskClient, path: str = LIST) -> list[Document]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[Document] = answer.get_json()["items"]
    return found


def test_a_threshold_drops_articles_that_score_less(
    client: FlaskClient, store: ArticleStore
) -> None:
    before = items(client)
    scores = sorted(item["score"] for item in before if item["reason"] == SEMANTIC)
    middle = scores[len(scores) // 2]
    assert scores[0] < middle
    least = middle - 5e-5  # the score in an answer is rounded to four digits
    store.policies.set(Policy(threshold=least, fallback=False, diversity=0.0))
    after = items(client)
    assert {item["id"] for item in after} == {
        item["id"] for item in before if item["reason"] == SEMANTIC and item["score"] >= middle
    }
    store.policies.set(Policy())
    assert items(client) == before


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


def test_the_etag_changes_when_the_policy_changes_a_list(
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


def test_an_option_of_a_request_wins_over_the_policy(
    client: FlaskClient, store: ArticleStore
) -> None:
    before = items(client, f"{LIST}&min_score=0&diversity=0")
    store.policies.set(Policy(threshold=1.0, diversity=1.0))
    assert items(client, f"{LIST}&min_score=0&diversity=0") == before


def test_the_policy_applies_to_the_list_of_a_draft(
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


@pytest.mark.long
def test_metrics_show_which_version_is_active(client: FlaskClient, store: ArticleStore) -> None:
    seen = gauges(client)
    assert (seen["policy_version"], seen["policy_unreadable"]) == (0, 0)
    store.policies.set(NOTHING)
    seen, change = gauges(client), store.state().change
    assert (seen["policy_version"], seen["policy_unreadable"]) == (1, 0)
    assert seen["store_change"] == seen["view_change"] == seen["slowest_view_change"] == change
    assert seen["drift_articles"] == 0


def test_lists_are_served_though_a_policy_cannot_be_read(
    client: FlaskClient, store: ArticleStore
) -> None:
    store.policies.set(NOTHING)
    assert items(client) == []
    store.policies.put('{"of a newer program": 1}')
    assert items(client) == []
    seen = gauges(client)
    assert (seen["policy_version"], seen["policy_unreadable"]) == (1, 1)
    assert client.get("/readyz").get_json()["change"] == store.state().change
