"""Each alert fires by its fault, and each figure in dashboard and alerts is in the real `/metrics`.

The figures are scraped from an application with the fault; promtool evaluates the shipped rules on
them, as Prometheus would if they stayed so.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NoReturn

import numpy as np
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from index import Catalog
from recommender.errors import GateRefused
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import rebuild
from recommender.live import DiskRoom, FolderHealth, Heartbeats
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store, schema
from tests.support.archives import fake_reader, index_fake, rebuild_fake, run_command, scrape
from tests.support.generations import with_column
from tests.support.missing_software import skip_or_fail

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD: Final = DEPLOY / "grafana" / "read-also.json"
RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "runbook.md"
LISTED: Final = "/v1/articles/harbour-2/related"
UNKEPT: Final = f"{LISTED}?limit=1"
"""A list that nobody has asked for, so that it has to be made."""
ALL: Final = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
FIRING: Final = 'count by (alertname) (ALERTS{alertstate="firing"})'
USUAL_MINUTES: Final = 30

Figures = dict[str, float]


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        skip_or_fail("promtool is not installed: apt-get install promtool")
    done = subprocess.run(  # noqa: S603 - words of our own
        [program, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def figures(client: FlaskClient) -> Figures:
    """By the series as Prometheus writes it, with job and instance."""
    return {
        f"{sample.name}{{{_labels(sample.labels)}}}": sample.value
        for family in text_string_to_metric_families(scrape(client))
        for sample in family.samples
    }


def _labels(labels: Mapping[str, str]) -> str:
    where = {"job": "read-also", "instance": "here"}
    return ",".join(f"{name}={json.dumps(value)}" for name, value in {**labels, **where}.items())


EXPECTED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "service": {
        "quiet": (),
        "no answer": ("ReadAlsoDown",),
        "store away": ("ReadAlsoStoreAway",),
        "follower stuck": ("ReadAlsoListsStale",),
        "one worker stuck": ("ReadAlsoWorkerBehind",),
        "errors": ("ReadAlsoErrors",),
        "slow": ("ReadAlsoSlow",),
        "busy": ("ReadAlsoErrors", "ReadAlsoOverloaded"),
        "disk full": ("ReadAlsoDiskFull",),
        "disk almost full": ("ReadAlsoDiskAlmostFull",),
    },
    "archive": {
        "no text is read": ("ReadAlsoQueueStuck",),
        "a text cannot be read": ("ReadAlsoParkedArticles",),
        "rolled back": ("ReadAlsoCompactionHeld",),
        "newer policy": ("ReadAlsoPolicyUnreadable",),
        "receiver away": ("ReadAlsoWebhookFailing",),
        "half is missing": ("ReadAlsoPublishRefused",),
        "forged column": ("ReadAlsoGenerationUnserved",),
    },
    "nothing": {
        "no store, no journal, no indexer": (
            *("ReadAlsoIndexerAway", "ReadAlsoNotReady", "ReadAlsoStoreAway"),
        )
    },
}
"""By part and fault, the alerts that fire, and no others."""


@dataclass
class Faults:
    """Figures of an application while it has a fault, and before."""

    client: FlaskClient
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: Figures = field(default_factory=dict)

    def see(self, name: str, *, up: int = 1, minutes: int = USUAL_MINUTES) -> None:
        """Let gauges stay as they are; let what was counted be counted again each minute."""
        now = figures(self.client) if up else {}
        steps = {one: now[one] - self.before.get(one, 0.0) for one in now if _is_counted(one)}
        series = [
            {"series": one, "values": f"{value:.6f}+{steps.get(one, 0.0):.6f}x{minutes + 1}"}
            for one, value in now.items()
        ]
        series.append({"series": f"up{{{_labels({})}}}", "values": f"{up}x{minutes + 1}"})
        query = {"expr": FIRING, "eval_time": f"{minutes}m"}
        self.tests[name] = {"input_series": series, "promql_expr_test": [query]}
        self.before = now or self.before

    def judge(self, folder: Path, part: str) -> None:
        """Let promtool say whether the expected alerts fire."""
        expected = EXPECTED[part]
        assert list(self.tests) == list(expected)
        for name, test in self.tests.items():
            fired = [{"labels": f'{{alertname="{one}"}}', "value": 1} for one in expected[name]]
            test["promql_expr_test"][0]["exp_samples"] = fired
            test |= {"name": name, "interval": "1m"}
        content = {"rule_files": [str(RULES)], "evaluation_interval": "1m"}
        path = folder / "faults.yml"
        path.write_text(json.dumps(content | {"tests": list(self.tests.values())}), "utf-8")
        promtool("test", "rules", str(path))


def _is_counted(series: str) -> bool:
    return bool(re.match(r"\w+_(total|sum|count|bucket)\{", series))


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock that times requests; only a test moves it."""
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr("recommender.web.watch.time", clock)
    return clock


def add_failing_receiver(store: ArticleStore) -> None:
    """A receiver of webhooks that began to fail an hour ago."""
    receiver = store.webhooks.add("cms", "http://127.0.0.1/", ["list.changed"], "whsec_")
    store.webhooks.fail(receiver, "it answers 500", datetime(2100, 1, 1, tzinfo=UTC))
    hour_ago = datetime.now(tz=UTC) - timedelta(hours=1)
    with store.engine.begin() as connection:
        connection.execute(sa.update(schema.webhooks).values(failing_since=hour_ago))


@pytest.fixture(autouse=True)
def roomy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the machine that runs the tests may be nearly full."""
    monkeypatch.setattr("recommender.web.gauges.measure_disk", lambda _: DiskRoom(2**60, 2**60))


@contextmanager
def answered_by(client: FlaskClient, view: Callable[..., str]) -> Iterator[None]:
    """Another view makes the lists."""
    views = client.application.view_functions
    before, views["lists.related"] = views["lists.related"], view
    yield
    views["lists.related"] = before


@pytest.mark.usefixtures("indexer")
def test_faults_of_the_service_fire_their_alerts(
    client: FlaskClient,
    stopwatch: SimpleNamespace,
    store_away: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    faults, shared = Faults(client), client.application.extensions["read-also"]

    def fail(**_: str) -> NoReturn:
        raise ZeroDivisionError

    def dawdle(**_: str) -> str:
        stopwatch.now += 0.3
        return "late"

    client.get(LISTED)
    faults.before = figures(client)
    client.get(LISTED)
    faults.see("quiet")
    faults.see("no answer", up=0)
    with store_away():
        faults.see("store away")
    with monkeypatch.context() as patched:
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60, time=time.time)
        patched.setattr("recommender.web.gauges.time", later)
        faults.see("follower stuck")
    with monkeypatch.context() as patched:
        patched.setattr(Heartbeats, "read", lambda _: [shared.follower.current().change - 1])
        faults.see("one worker stuck")
    with answered_by(client, fail):
        client.get(UNKEPT)
        faults.see("errors")
    with answered_by(client, dawdle):
        client.get(UNKEPT)
        faults.see("slow")
    with shared.limits.reads.hold("a"), shared.limits.reads.hold("b"):
        for _ in range(8):
            client.get("/v1/articles/harbour-2")
        client.get(LISTED)
        faults.see("busy")
    with monkeypatch.context() as patched:
        patched.setattr(FolderHealth, "look", lambda _: "full")
        faults.see("disk full")
    with monkeypatch.context() as patched:
        patched.setattr("recommender.web.gauges.measure_disk", lambda _: DiskRoom(1, 2**60))
        faults.see("disk almost full")
    faults.judge(tmp_path, "service")


@pytest.mark.long
@pytest.mark.usefixtures("indexer", "stopwatch")
def test_faults_of_the_archive_fire_their_alerts(
    client: FlaskClient, own_desk: Settings, tmp_path: Path
) -> None:
    faults, catalog = Faults(client), Catalog(own_desk.data.snapshots)
    client.put("/v1/articles/bad", json={"title": "Bad", "body_html": "<poison>"})
    faults.see("no text is read")
    index_fake(own_desk)
    faults.see("a text cannot be read")
    client.delete("/v1/articles/bad")
    rebuild_fake(own_desk)
    assert run_command(own_desk, "snapshots", "rollback").exit_code == 0
    faults.see("rolled back", minutes=12 * 60 + USUAL_MINUTES)
    rebuild_fake(own_desk)
    with closing(open_store(own_desk.database_url)) as store:
        store.policies.put('{"of a newer program": 1}')
        faults.see("newer policy")
        store.policies.put("{}")
        add_failing_receiver(store)
        faults.see("receiver away")
        store.webhooks.remove("cms")
        with store.scan() as view:
            ids = [one.article.id for one in view]
        for article_id in ids[::2]:
            store.delete(article_id)
        with pytest.raises(GateRefused):
            rebuild(store, catalog, fake_reader())
        faults.see("half is missing")
        rebuild(store, catalog, fake_reader(), force=True)
    with_column(catalog, "id_hash", catalog.open_live().columns["id_hash"].astype(np.int32))
    faults.see("forged column")
    faults.judge(tmp_path, "archive")


def test_an_empty_folder_without_a_store_fires_its_alerts(
    client_of: Callable[..., FlaskClient],
    bare: Settings,
    store_away: Callable[[], AbstractContextManager[None]],
    tmp_path: Path,
) -> None:
    bare.data_dir.mkdir()
    faults = Faults(client_of(bare))
    with store_away():
        faults.see("no store, no journal, no indexer")
    faults.judge(tmp_path, "nothing")


def test_each_alert_has_a_fault_here() -> None:
    fired = {alert for part in EXPECTED.values() for alerts in part.values() for alert in alerts}
    assert fired == set(ALL)


def test_the_rules_are_valid_and_each_has_its_paragraph_in_the_runbook() -> None:
    assert f"{len(ALL)} rules found" in promtool("check", "rules", str(RULES))
    named = re.findall(r"runbook: docs/runbook.md#(\w+)", RULES.read_text("utf-8"))
    assert named == [alert.lower() for alert in ALL]
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert headings == ALL


def test_every_query_of_dashboard_and_alerts_is_answered_by_figures_that_are_there(
    client: FlaskClient,
    own_desk: Settings,
    indexer: Indexer,
    store_away: Callable[[], AbstractContextManager[None]],
    tmp_path: Path,
) -> None:
    counters = client.application.extensions["read-also"].counters
    vars(indexer)["_counters"] = counters
    with closing(open_store(own_desk.database_url)) as store:
        add_failing_receiver(store)
    counters.connections_refused.labels("public", "silent").inc()
    client.post("/v1/bulk", data=b'{"id": "a", "title": "A"}')
    indexer.drain()
    listed = client.get(LISTED)
    client.get(LISTED, headers={"If-None-Match": listed.headers["ETag"]})
    with store_away():
        client.get("/v1/articles/harbour-2")
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = re.findall(r"^ +expr: (.*)$", RULES.read_text("utf-8"), re.MULTILINE)
    assert (len(queries), len(rules)) == (36, len(ALL))
    known = figures(client)
    named = set(re.findall(r"read_also_\w+", " ".join([*queries, *rules])))
    assert named <= {series.partition("{")[0] for series in known}

    faults = Faults(client)
    faults.see("busy hour")
    answered = [
        {
            "expr": f"count({query.replace('$route', '.*')}) > bool 0",
            "eval_time": f"{USUAL_MINUTES}m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in queries
    ]
    series = faults.tests["busy hour"]["input_series"]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": answered}
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), "utf-8")
    promtool("test", "rules", str(path))
