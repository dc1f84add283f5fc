"""What monitoring reads is what is so."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from recommender.errors import StoreUnusable
from recommender.settings import Settings
from recommender.store import LateStore, open_store

Clients = Callable[..., FlaskClient]
Story = Callable[..., dict[str, Any]]


def gauges(client: FlaskClient) -> dict[str, float]:
    """By name, with the value of a label where there is one."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {
        "/".join([sample.name.removeprefix("read_also_"), *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_quiet_archive(client: FlaskClient, own_desk: Settings) -> None:
    seen = gauges(client)
    store = open_store(own_desk.database_url)
    with store.reading() as view:
        articles = sum(1 for _ in view)
    change = store.state().change
    assert seen["ready"] == seen["store_up"] == 1
    assert seen["articles"] == articles
    assert seen["store_change"] == seen["view_change"] == seen["generation_change"] == change
    assert seen["delta_rows"] == 0
    assert [seen[f"pending_articles/{kind}"] for kind in ("single", "bulk")] == [0, 0]
    assert seen["parked_articles"] == 0


def test_what_waits_and_what_is_parked(
    client: FlaskClient, own_desk: Settings, make_story: Story, index_with_fake: Callable[..., int]
) -> None:
    client.put("/v1/articles/bad", json={"title": "Bad", "body_html": "<poison>"})
    index_with_fake(own_desk)
    client.put("/v1/articles/late", json=make_story("late"))
    seen = gauges(client)
    assert seen["parked_articles"] == 1
    assert seen["pending_articles/single"] == 1
    assert seen["delta_rows"] == 2
    assert seen["view_change"] == seen["store_change"] > seen["generation_change"]


def test_a_store_that_is_away_is_told_and_not_guessed(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/v1/articles/harbour-2/related")

    def refuse(_: LateStore) -> None:
        raise StoreUnusable("cannot be reached")

    monkeypatch.setattr(LateStore, "__call__", refuse)
    seen = gauges(client)
    assert seen["store_up"] == 0
    assert seen["ready"] == 1
    assert "store_change" not in seen
