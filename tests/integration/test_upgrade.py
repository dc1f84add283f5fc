"""After an upgrade: a generation of another release is reported, not served, and replaced."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pysqlite3
import pytest
from click.testing import Result
from flask.testing import FlaskClient

from index import Catalog, SnapshotDamaged
from index.manifest import FORMAT
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Encoder, Model
from recommender.indexing.rebuild import Rebuilt
from recommender.indexing.snapshots import rollback_hold
from recommender.operations import indexer_process as operation
from recommender.operations.build_process import BuildProcess
from recommender.settings import Settings
from recommender.store import LazyStore, open_store
from tests.support.archives import fake_reader, gauges, run_command
from tests.support.generations import as_format

Clients = Callable[..., FlaskClient]
LIST = "/v1/articles/harbour-2/related?limit=100"
EARLIER = "format 6 is of an earlier release (this one writes 7); run: read-also rebuild"


@dataclass
class Upgraded:
    """The desk as an earlier release has left it, and what this one starts."""

    settings: Settings
    generation: str
    listed: list[str]
    started: list[str]

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.settings.data.snapshots)

    def run(self, *arguments: str) -> Result:
        return run_command(self.settings, *arguments)

    def look(self) -> list[str]:
        """What the indexer starts, once it has looked."""
        with closing(LazyStore(self.settings.database_url)) as late:
            operation.IndexerProcess(self.settings, late, str.strip).check_snapshot()
        return self.started


@pytest.fixture
def upgraded(
    own_desk: Settings,
    client_of: Clients,
    fake_rebuild: pytest.MonkeyPatch,
    fake_model: Model,
    fake_encoder: Encoder,
) -> Upgraded:
    started = list[str]()
    fake_rebuild.setattr(BuildProcess, "run", lambda _, command: started.append(command))
    fake_rebuild.setattr(operation, "find_model", lambda *_: fake_model)
    fake_rebuild.setattr(operation, "load_encoder", lambda _: fake_encoder)
    fake_rebuild.setattr("recommender.cli.maintenance.Analyzer", lambda *_: fake_reader())
    listed = ids(client_of(own_desk))
    name = as_format(Catalog(own_desk.data.snapshots), FORMAT - 1)
    with closing(pysqlite3.connect(own_desk.data_dir / "read-also.db")) as database:
        database.execute("UPDATE terms SET fingerprint = 'an earlier version'")
        database.execute("UPDATE vectors SET fingerprint = 'fake-0', passages = NULL")
        database.commit()
    return Upgraded(own_desk, name, listed, started)


def ids(client: FlaskClient) -> list[str]:
    return sorted(item["id"] for item in client.get(LIST).get_json()["items"])


def test_only_the_changes_are_served_and_the_probe_says_why(
    upgraded: Upgraded,
    client_of: Clients,
    make_story: Callable[..., dict[str, Any]],
    index_with_fake: Callable[..., int],
) -> None:
    client = client_of(upgraded.settings)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["status"]) == (200, "ready")
    why = f"{upgraded.generation}: manifest.json: {EARLIER}"
    assert ready.get_json()["unserved"] == why
    assert gauges(client)["generation_unserved"] == 1
    assert ids(client) == []
    for name in ("h-1", "h-2"):
        client.put(f"/v1/articles/{name}", json=make_story(name))
    index_with_fake(upgraded.settings)
    assert {"h-1", "h-2"} <= set(ids(client))
    assert client.get("/readyz").get_json()["unserved"] == why


def test_the_indexer_starts_a_rebuild(upgraded: Upgraded) -> None:
    assert upgraded.look() == ["rebuild"]


def test_a_rollback_delays_that_rebuild_as_any_other(upgraded: Upgraded) -> None:
    rollback_hold(upgraded.catalog).write("rolled back")
    assert upgraded.look() == []


def test_an_unreadable_live_generation_is_rebuilt_though_there_are_others(
    upgraded: Upgraded,
) -> None:
    assert upgraded.run("rebuild").exit_code == 0
    assert upgraded.look() == []
    as_format(upgraded.catalog, FORMAT + 1)
    assert upgraded.look() == ["rebuild"]


def test_the_commands_of_operators_name_the_generation(upgraded: Upgraded) -> None:
    shown = upgraded.run("snapshots", "list")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"* {upgraded.generation} ")
    verified = upgraded.run("snapshots", "verify")
    assert verified.exit_code == 1
    path = upgraded.catalog.folder / upgraded.generation / "manifest.json"
    live = f"live: {upgraded.generation}"
    said = [f"{upgraded.generation}: {path}: {EARLIER}", live]
    assert verified.stdout.splitlines() == said
    checked = upgraded.run("check")
    assert checked.exit_code == 1
    assert f"fault live generation {upgraded.generation}: {path}: {EARLIER}\n" in checked.stdout


@pytest.mark.long
def test_after_a_rebuild_all_is_served_and_there_is_no_way_back(
    upgraded: Upgraded, client_of: Clients
) -> None:
    client = client_of(upgraded.settings)
    assert ids(client) == []
    done = upgraded.run("rebuild")
    assert done.exit_code == 0, done.output
    assert ids(client) == upgraded.listed != []
    assert client.get("/readyz").get_json()["unserved"] is None
    assert gauges(client)["generation_unserved"] == 0
    assert upgraded.look() == []
    live = upgraded.catalog.live()
    back = upgraded.run("snapshots", "rollback", upgraded.generation)
    assert (back.exit_code, upgraded.catalog.live()) == (1, live)
    assert EARLIER in back.stderr
    unnamed = upgraded.run("snapshots", "rollback")
    assert unnamed.exit_code == 69
    assert "format 6 is of an earlier release" in unnamed.stderr
    assert "install its release" in unnamed.stderr
    checked = upgraded.run("check")
    assert f"note generation {upgraded.generation}: " in checked.stdout
    assert "run: read-also rebuild" not in checked.stdout
    assert checked.exit_code == 0, checked.output
    assert upgraded.run("snapshots", "prune", "--keep", "1").exit_code == 0
    assert upgraded.catalog.generations() == [live]


@pytest.mark.long
def test_a_rebuild_recomputes_the_features_of_other_versions(
    upgraded: Upgraded, rebuild_with_fake: Callable[..., Rebuilt], fake_model: Model
) -> None:
    with closing(open_store(upgraded.settings.database_url)) as store:
        with store.scan() as view:
            hashes = {one.text_hash for one in view}
        assert rebuild_with_fake(upgraded.settings).embedded == len(hashes)
        assert store.features.terms(list(hashes), ANALYZER_VERSION).keys() == hashes
        assert store.features.embeddings(list(hashes), fake_model.fingerprint).keys() == hashes
        assert store.features.vectors(list(hashes), "fake-0") == {}


@pytest.mark.long
@pytest.mark.parametrize("rebuilt", [False, True])
def test_an_erasure_also_erases_from_an_earlier_format(
    upgraded: Upgraded, *, rebuilt: bool
) -> None:
    if rebuilt:
        assert upgraded.run("rebuild").exit_code == 0
    done = upgraded.run("erase", "--yes", "harbour-1")
    assert done.exit_code == 0, done.output
    assert f"removed generation {upgraded.generation}" in done.stdout
    assert upgraded.catalog.generations() == [upgraded.catalog.live()]
    assert upgraded.catalog.open_live().row_of("harbour-1") is None


def test_a_format_of_a_later_release_is_named_as_later(upgraded: Upgraded) -> None:
    assert upgraded.run("rebuild").exit_code == 0
    name = as_format(upgraded.catalog, FORMAT + 1)
    with pytest.raises(SnapshotDamaged, match="format 8 is of a later release"):
        upgraded.catalog.open(name)
