"""The metrics show the true state of the archive."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Any

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.articles import Article
from recommender.errors import GateRefused
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.indexing.snapshots import gate_refusal
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import gauges, run_command

Story = Callable[..., dict[str, Any]]


def test_the_metrics_of_a_quiet_archive(client: FlaskClient, own_desk: Settings) -> None:
    seen = gauges(client)
    store = open_store(own_desk.database_url)
    with store.scan() as view:
        articles = sum(1 for _ in view)
    change = store.state().change
    assert seen["ready"] == seen["store_up"] == 1
    assert seen["articles"] == articles
    assert seen["store_change"] == seen["view_change"] == seen["generation_change"] == change
    assert seen["delta_rows"] == 0
    assert [seen[f"pending_articles/{kind}"] for kind in ("single", "bulk")] == [0, 0]
    assert seen["parked_articles"] == 0


def test_metrics_count_queued_articles_and_dead_letters(
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


def test_while_the_store_is_away_its_change_number_is_absent(
    client: FlaskClient, store_away: Callable[[], AbstractContextManager[None]]
) -> None:
    client.get("/v1/articles/harbour-2/related")
    with store_away():
        seen = gauges(client)
    assert seen["store_up"] == 0
    assert seen["ready"] == 1
    assert "store_change" not in seen


def test_drift_counts_the_articles_touched_since_the_generation_was_built(
    client: FlaskClient,
    own_desk: Settings,
    make_story: Story,
    rebuild_with_fake: Callable[..., Rebuilt],
) -> None:
    assert gauges(client)["drift_articles"] == 0
    for number in range(5):
        client.put("/v1/articles/fresh", json=make_story("fresh", section=f"s-{number}"))
    client.delete("/v1/articles/harbour-4")
    assert gauges(client)["drift_articles"] == 2
    rebuild_with_fake(own_desk)
    assert gauges(client)["drift_articles"] == 0


def test_a_rollback_holds_compaction_until_a_rebuild(
    client: FlaskClient,
    own_desk: Settings,
    make_story: Story,
    rebuild_with_fake: Callable[..., Rebuilt],
) -> None:
    client.put("/v1/articles/fresh", json=make_story("fresh"))
    rebuild_with_fake(own_desk)
    assert gauges(client)["compaction_held"] == 0
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    assert gauges(client)["compaction_held"] == 1
    rebuild_with_fake(own_desk)
    assert gauges(client)["compaction_held"] == 0


def test_a_refusal_of_the_gate_shows_until_something_is_published(
    client: FlaskClient, own_desk: Settings, reader_with_fake: Callable[..., Analyzer]
) -> None:
    catalog, reader = Catalog(own_desk.data.snapshots), reader_with_fake()
    with closing(open_store(own_desk.database_url)) as store:
        with store.scan() as view:
            ids = [one.article.id for one in view]
        for article_id in ids[::2]:
            store.delete(article_id)
        assert gauges(client)["publish_refused"] == 0
        with pytest.raises(GateRefused) as refusal:
            rebuild(store, catalog, reader)
        assert gauges(client)["publish_refused"] == 1
        assert gate_refusal(catalog).text == str(refusal.value)
        rebuild(store, catalog, reader, force=True)
        assert gauges(client)["publish_refused"] == 0


def test_a_store_that_another_request_uses_is_up(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, get = list[dict[str, float]](), ArticleStore.get

    def look(store: ArticleStore, article_id: str) -> Article:
        seen.append(gauges(client.application.test_client()))
        return get(store, article_id)

    monkeypatch.setattr(ArticleStore, "get", look)
    assert client.get("/v1/articles/nobody").status_code == 404
    assert seen[0]["store_up"] == 1
