"""Before the first snapshot, from one to the next, and beside a damaged one."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.rebuild import Rebuilt
from recommender.settings import Settings

Clients = Callable[..., FlaskClient]
Rebuild = Callable[..., Rebuilt]
Story = Callable[..., dict[str, Any]]

LIST = "/v1/articles/harbour-2/related"
PATIENCE_SECONDS = 30.0


def generation_in_the_end(client: FlaskClient, wanted: str) -> str:
    """Ask until the wanted generation answers, or patience ends; the last answer's."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen: str = client.get(LIST).get_json()["generation"]
        if seen == wanted or time.monotonic() > end:
            return seen
        time.sleep(0.02)


@pytest.mark.parametrize(
    "path", ["/readyz", "/v1/articles/a/related", "/v1/articles/a/related.html", "/read/a"]
)
def test_without_a_snapshot_it_says_when_to_come_back(
    client_of: Clients, bare: Settings, path: str
) -> None:
    response = client_of(bare).get(path)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.content_type == "application/problem+json"
    assert "read-also rebuild" in response.get_json()["detail"]
    assert str(bare.data_dir) not in response.text


def test_without_a_snapshot_it_is_alive_and_takes_articles(
    client_of: Clients, bare: Settings
) -> None:
    client = client_of(bare)
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.put("/v1/articles/a", json={"title": "A"}).status_code == 201
    assert client.get("/v1/articles/a").get_json()["title"] == "A"


def test_the_first_snapshot_makes_it_ready_at_once(
    client_of: Clients, bare: Settings, rebuild_with_fake: Rebuild, make_story: Story
) -> None:
    client = client_of(bare)
    for number in range(3):
        client.put(f"/v1/articles/h-{number}", json=make_story(f"h-{number}"))
    assert client.get("/readyz").status_code == 503
    built = rebuild_with_fake(bare)
    assert client.get("/readyz").json == {
        "status": "ready",
        "generation": built.generation,
        "articles": 3,
    }


def test_a_rebuild_is_served_within_a_second(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild, make_story: Story
) -> None:
    """And what was put in between answers from the ladder until then, for five seconds."""
    before = client.get(LIST).get_json()["generation"]
    client.put("/v1/articles/fresh", json=make_story("fresh", section="city"))
    early = client.get("/v1/articles/fresh/related?limit=6")
    assert early.status_code == 200
    assert early.headers["Cache-Control"] == "max-age=5"
    assert [item["reason"] for item in early.get_json()["items"]] == ["fallback:section"] * 6
    assert [item["section"] for item in early.get_json()["items"]] == ["city"] * 6
    assert "fresh" not in listed(client)

    built = rebuild_with_fake(own_desk)
    assert built.generation != before
    assert generation_in_the_end(client, built.generation) == built.generation
    late = client.get("/v1/articles/fresh/related?limit=6")
    assert late.headers["Cache-Control"] == "max-age=30"
    assert late.get_json()["items"][0]["reason"] == "semantic"
    assert "fresh" in listed(client)


def test_an_article_deleted_before_a_rebuild_is_gone_after_it(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    assert "harbour-3" in listed(client)
    client.delete("/v1/articles/harbour-3")
    generation = rebuild_with_fake(own_desk).generation
    assert generation_in_the_end(client, generation) == generation
    assert "harbour-3" not in listed(client)
    assert client.get("/v1/articles/harbour-3/related").status_code == 410


def test_an_older_generation_is_served_again_after_a_flip(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    before = client.get(LIST).get_json()["generation"]
    client.put("/v1/articles/fresh", json={"title": "Fresh"})
    after = rebuild_with_fake(own_desk).generation
    assert generation_in_the_end(client, after) == after
    Catalog(own_desk.snapshots_dir).flip(before)
    assert generation_in_the_end(client, before) == before


def damage_a_file(folder: Path) -> None:
    path = (
        folder / "cards.bin"
        if (folder / "cards.bin").exists()
        else max(folder.iterdir(), key=lambda file: file.stat().st_size)
    )
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lose_the_manifest(folder: Path) -> None:
    next(folder.glob("manifest*")).unlink()


def add_a_file(folder: Path) -> None:
    (folder / "stray").write_bytes(b"x")


@pytest.fixture
def _looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request looks at the pointer, so that no test has to wait for the next look."""
    monkeypatch.setattr("recommender.live.LOOK_EVERY_SECONDS", 0.0)


@pytest.mark.usefixtures("_looks_always")
@pytest.mark.parametrize("damage", [damage_a_file, lose_the_manifest, add_a_file])
def test_a_damaged_generation_is_not_served_and_the_old_one_goes_on(
    client: FlaskClient,
    own_desk: Settings,
    rebuild_with_fake: Rebuild,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = client.get(LIST)
    client.put("/v1/articles/fresh", json={"title": "Fresh"})
    built = rebuild_with_fake(own_desk)
    damage(own_desk.snapshots_dir / built.generation)
    with caplog.at_level(logging.ERROR):
        after = client.get(LIST)
    assert after.status_code == 200
    assert after.get_json()["generation"] == before.get_json()["generation"]
    assert after.data == before.data
    assert "is not served" in caplog.text
    assert client.get("/readyz").status_code == 200


def test_a_worker_that_starts_beside_a_damaged_snapshot_is_not_ready(
    client_of: Clients, own_desk: Settings
) -> None:
    damage_a_file(own_desk.snapshots_dir / Catalog(own_desk.snapshots_dir).live())
    client = client_of(own_desk)
    for path in ("/readyz", LIST):
        response = client.get(path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert str(own_desk.data_dir) not in response.text
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("_looks_always")
def test_a_damaged_pointer_stops_no_worker_that_runs(
    client: FlaskClient, own_desk: Settings
) -> None:
    before = client.get(LIST).data
    (own_desk.snapshots_dir / "live").write_bytes(b"../../etc\n")
    assert client.get(LIST).data == before


def listed(client: FlaskClient) -> list[str]:
    return [item["id"] for item in client.get(f"{LIST}?limit=100").get_json()["items"]]
