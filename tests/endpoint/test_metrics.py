"""The metrics show the true state of the archive."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from importlib.metadata import version
from platform import python_version
from typing import Any

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.articles import Article
from recommender.counters import Counters
from recommender.errors import GateRefused
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.indexing.snapshots import gate_refusal, read_live_name
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import fake_reader, gauges, run_command, write

Story = Callable[..., dict[str, Any]]


def test_the_metrics_of_a_quiet_archive(client: FlaskClient, own_desk: Settings) -> None:
    seen = gauges(client)
    store = open_store(own_desk.database_url)
    with store.scan() as view:
        articles = sum(1 for _ in view)
    change = store.state().change
    assert seen["ready"] == seen["store_up"] == 1
    assert seen["articles"] == articles
    assert seen["store_change"] == seen["view_change"] == change
    assert seen["generation_change"] == change - 1  # the last one is that it was published
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


@pytest.mark.long
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


def test_requests_are_counted_by_route_method_and_status(client: FlaskClient) -> None:
    listed = "/v1/articles/harbour-2/related"
    for path in (
        *(listed, listed),  # the second one is given again, without any step
        f"{listed}?limit=5",
        f"{listed}?limit=0",
        "/v1/articles/nobody",
        "/nothing",
    ):
        client.get(path)
    client.open("/nothing", method="BREW")
    seen = gauges(client)
    route = "/v1/articles/<article_id>/related"
    assert seen[f"requests_total/GET/{route}/200"] == 3
    assert seen[f"requests_total/GET/{route}/400"] == 1
    assert seen["requests_total/GET/none/404"] == 1
    assert seen["requests_total/other/none/404"] == 1
    assert seen[f"request_seconds_count/{route}"] == 4
    assert seen[f"request_seconds_bucket/+Inf/{route}"] == 4
    steps = ("filters", "search", "scores", "selection")
    assert [seen[f"step_seconds_count/{step}"] for step in steps] == [2] * 4
    in_steps = sum(seen[f"step_seconds_sum/{step}"] for step in steps)
    assert 0 < in_steps <= seen[f"request_seconds_sum/{route}"]
    assert seen["step_seconds_count/store"] == 1


def test_lines_of_bulk_loads_and_refusals_are_counted(
    client: FlaskClient, store_away: Callable[[], AbstractContextManager[None]]
) -> None:
    client.post(
        "/v1/bulk", data=b'{"id": "a", "title": "A"}\n{"id": "b"}\n{"id": "c", "title": "C"}'
    )
    with store_away():
        client.get("/v1/articles/harbour-2")
    seen = gauges(client)
    assert (seen["bulk_items_total/201"], seen["bulk_items_total/422"]) == (2, 1)
    assert seen["unavailable_total/StoreUnusable"] == 1


def test_texts_are_counted_by_whether_their_embedding_was_stored(
    own_desk: Settings, make_story: Story
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        counters = Counters()
        indexer = Indexer(store, fake_reader(), counters=counters)
        for article_id in ("first", "second", "third"):
            write(store, make_story("first") | {"id": article_id, "section": article_id})
            indexer.drain()
        write(store, {"id": "bad", "title": "Bad", "body_html": "<poison>"})
        indexer.drain()
    samples = [sample for metric in counters.collect() for sample in metric.samples]
    counted = {(s.name.removeprefix("read_also_"), *s.labels.values()): s.value for s in samples}
    assert counted["texts_total", "new"] == 1
    assert counted["texts_total", "stored"] == 2
    assert counted["text_failures_total",] == 3
    assert counted["embedding_seconds_count",] >= 3


def test_the_machine_is_described(
    client: FlaskClient, own_desk: Settings, request: pytest.FixtureRequest
) -> None:
    before = time.time()
    seen = gauges(client)
    after = time.time()
    assert seen[f"build_info/{python_version()}/{version('read-also')}"] == 1
    assert 0 < seen["data_folder_free_bytes"] <= seen["data_folder_size_bytes"]
    live = read_live_name(Catalog(own_desk.data.snapshots))
    assert live is not None
    built = (own_desk.data.snapshots / live).stat().st_mtime
    assert before - built - 1 <= seen["generation_age_seconds"] <= after - built + 1
    assert (seen["indexer_up"], seen["indexer_elected"]) == (0, 0)
    request.getfixturevalue("indexer")
    seen = gauges(client)
    assert (seen["indexer_up"], seen["indexer_elected"]) == (1, 1)
    own_desk.data.indexer_standby.touch()
    seen = gauges(client)
    assert (seen["indexer_up"], seen["indexer_elected"]) == (1, 0)
    assert client.get("/readyz").get_json()["indexer"] == "standby"
