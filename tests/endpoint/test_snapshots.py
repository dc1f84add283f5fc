"""Serving before the first snapshot, over a new one, and with a damaged one."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings
from tests.support.archives import gauges
from tests.support.generations import with_broken_vectors, with_column

Clients = Callable[..., FlaskClient]
Rebuild = Callable[..., Rebuilt]
Story = Callable[..., dict[str, Any]]

LIST = "/v1/articles/harbour-2/related"


@pytest.mark.parametrize("rebuilt", [False, True])
def test_an_empty_archive_is_ready_and_knows_no_article(
    client_of: Clients, bare: Settings, rebuild_with_fake: Rebuild, *, rebuilt: bool
) -> None:
    if rebuilt:
        assert rebuild_with_fake(bare).articles == 0
    client = client_of(bare)
    ready = client.get("/readyz")
    assert ready.status_code == 200
    of_publication = int(rebuilt)
    assert (ready.get_json()["articles"], ready.get_json()["change"]) == (0, of_publication)
    for path in ("/v1/articles/a/related", "/v1/articles/a/related.html", "/read/a"):
        assert client.get(path).status_code == 404


def test_without_a_snapshot_the_service_is_alive_and_takes_articles(
    client_of: Clients, bare: Settings
) -> None:
    client = client_of(bare)
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.put("/v1/articles/a", json={"title": "A"}).status_code == 201
    assert client.get("/v1/articles/a").get_json()["title"] == "A"


@pytest.mark.long
def test_the_first_snapshot_is_served_at_once(
    client_of: Clients, bare: Settings, rebuild_with_fake: Rebuild, make_story: Story
) -> None:
    client = client_of(bare)
    for number in range(3):
        client.put(f"/v1/articles/h-{number}", json=make_story(f"h-{number}"))
    assert client.get("/readyz").get_json()["change"] == 3
    built = rebuild_with_fake(bare)
    assert built.change == 6  # three writes, and that three texts were read
    assert client.get("/readyz").json == {
        "status": "ready",
        "generation": built.generation,
        "articles": 3,
        "change": 7,
        "store": "ok",
        "data_folder": "ok",
        "indexer": "away",
        "unserved": None,
        "archive_reading": None,
    }


def test_a_rebuild_is_served_at_once(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild, make_story: Story
) -> None:
    """An article put in between gets a fallback list until then, kept for five seconds."""
    before = client.get(LIST).get_json()["generation"]
    client.put("/v1/articles/fresh", json=make_story("fresh", section="city"))
    early = client.get("/v1/articles/fresh/related?limit=6")
    assert early.status_code == 200
    assert early.headers["Cache-Control"] == "private, max-age=5"
    assert [item["reason"] for item in early.get_json()["items"]] == ["fallback:section"] * 6
    assert [item["section"] for item in early.get_json()["items"]] == ["city"] * 6
    assert "fresh" not in listed(client)

    built = rebuild_with_fake(own_desk)
    assert built.generation != before
    late = client.get("/v1/articles/fresh/related?limit=6")
    assert late.get_json()["generation"] == built.generation
    assert late.headers["Cache-Control"].startswith("private, max-age=30")
    assert late.get_json()["items"][0]["reason"] == "semantic"
    assert "fresh" in listed(client)


def damage_a_file(folder: Path) -> None:
    data = bytearray((folder / "display.bin").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "display.bin").write_bytes(data)


def test_a_damaged_generation_is_not_served_but_the_old_one(
    client: FlaskClient,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.put("/v1/articles/fresh", json={"title": "Fresh"})
    before = client.get(LIST)
    built = rebuild_with_fake(own_desk)
    damage_a_file(own_desk.data.snapshots / built.generation)
    with caplog.at_level(logging.ERROR):
        after = client.get(LIST)
    assert (after.status_code, after.data) == (200, before.data)
    assert "is not served" in caplog.text
    assert client.get("/readyz").status_code == 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id_hash", lambda own: own.astype(np.int32)),
        ("read", lambda read: read.astype(np.float64)),
        ("minhash", lambda minhash: minhash[:, :64]),
        ("from_time", lambda _: None),
    ],
)
def test_an_intact_generation_of_other_columns_is_not_served_but_the_old_one(
    client: FlaskClient,
    client_of: Clients,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    name: str,
    values: Callable[[Any], Any],
) -> None:
    """Every checksum is right, but each request would fail."""
    catalog, before = Catalog(own_desk.data.snapshots), client.get(LIST)
    client.put("/v1/articles/fresh", json={"title": "Fresh"})
    rebuild_with_fake(own_desk)
    forged = with_column(catalog, name, values(catalog.open_live().columns[name]))
    for asked in (client, client_of(own_desk)):
        after = asked.get(LIST)
        assert (after.status_code, after.data) == (200, before.data)
        ready = asked.get("/readyz")
        assert ready.status_code == 200
        unserved = ready.get_json()["unserved"]
        assert unserved.startswith(f"{forged}: column-{name}.npy: a column of ")
        assert str(own_desk.data_dir) not in unserved
    assert gauges(client)["generation_unserved"] == 1


def test_the_probe_speaks_no_words_of_libraries(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    """FAISS names its functions, its source files and our paths."""
    client.put("/v1/articles/fresh", json={"title": "Fresh"})
    rebuild_with_fake(own_desk)
    forged = with_broken_vectors(Catalog(own_desk.data.snapshots))
    client.get(LIST)
    assert client.get("/readyz").get_json()["unserved"] == (
        f"{forged}: vectors.faiss: FAISS cannot read it; roll back to another generation or rebuild"
    )


@pytest.mark.long
def test_a_rebuild_replaces_an_intact_generation_of_other_columns(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    catalog, want = Catalog(own_desk.data.snapshots), listed(client)
    forged = with_column(
        catalog, "id_hash", catalog.open_live().columns["id_hash"].astype(np.int32)
    )
    live = rebuild_with_fake(own_desk).generation
    assert live == catalog.live() != forged
    assert listed(client) == want
    assert client.get("/readyz").get_json()["unserved"] is None


def test_a_worker_that_starts_with_a_damaged_snapshot_serves_from_the_store(
    client_of: Clients, own_desk: Settings
) -> None:
    """No generation can be opened, so the whole log is replayed."""
    want = listed(client_of(own_desk))
    damage_a_file(own_desk.data.snapshots / Catalog(own_desk.data.snapshots).live())
    client = client_of(own_desk)
    assert client.get("/readyz").status_code == 200
    assert sorted(listed(client)) == sorted(want)


def test_a_running_worker_serves_on_with_a_damaged_pointer(
    client: FlaskClient, own_desk: Settings
) -> None:
    before = client.get(LIST).data
    (own_desk.data.snapshots / "live").write_bytes(b"../../etc\n")
    assert client.get(LIST).data == before


def listed(client: FlaskClient) -> list[str]:
    return [item["id"] for item in client.get(f"{LIST}?limit=100").get_json()["items"]]
