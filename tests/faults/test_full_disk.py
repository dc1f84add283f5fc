"""A full disk: lists go on, writes are refused, it is said once, and all returns by itself."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.live import Journal
from recommender.settings import Settings
from service import create_app
from tests.support.archives import (
    SECRETS,
    archive_settings,
    desk_articles,
    fill,
    gauges,
    rebuild_fake,
)
from tests.support.full_disks import filled, mounted
from tests.support.waiting import until
from tests.support.workers import copy_database

SEED = "/v1/articles/harbour-2/related"
QUIET_SECONDS = 0.6  # six looks of a worker


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, mebibytes=16):
        yield folder


@pytest.fixture
def archive(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The desk on the small disk, whose state is looked at for each question."""
    monkeypatch.setattr("recommender.live.folder_health.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("recommender.live.journal.RETRY_SECONDS", 0.1)
    settings = archive_settings(small_disk)
    fill(settings, desk_articles())
    rebuild_fake(settings)
    return settings


@contextmanager
def working(settings: Settings) -> Iterator[FlaskClient]:
    """A worker that follows its store by itself, as in production."""
    app = create_app(settings)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS['editor']}"
    try:
        yield client
    finally:
        app.extensions["read-also"].stop()


def put(client: FlaskClient, article_id: str) -> Any:
    return client.put(
        f"/v1/articles/{article_id}", json={"title": "A crane " * 200, "body": "x" * 9_000}
    )


def put_until_full(client: FlaskClient) -> Any:
    """Write until one write is refused: the write-ahead log may have room left for some."""
    for number in range(100):
        refused = put(client, f"fresh-{number}")
        if refused.status_code != 201:
            return refused
    raise AssertionError("a hundred writes found room on a full disk")


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


def test_on_a_full_disk_lists_go_on_and_writes_say_what_is_wrong(
    archive: Settings, small_disk: Path
) -> None:
    with working(archive) as client:
        before = client.get(SEED).get_json()
        assert client.get("/readyz").get_json()["data_folder"] == "ok"
        with filled(small_disk):
            refused = put_until_full(client)
            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
            assert refused.get_json()["detail"].startswith("the disk of the article store is full")
            ready = client.get("/readyz")
            assert (ready.status_code, ready.get_json()["data_folder"]) == (200, "full")
            seen = gauges(client)
            assert (seen["data_folder_writable"], seen["data_folder_free_bytes"]) == (0, 0)
            assert client.get(SEED).get_json()["items"] == before["items"]
        assert put(client, "fresh").status_code == 201
        assert client.get("/readyz").get_json()["data_folder"] == "ok"
        seen = gauges(client)
        assert seen["data_folder_writable"] == 1
        assert seen["data_folder_free_bytes"] > 0


def test_a_worker_that_starts_on_a_full_disk_serves_and_says_once_what_it_cannot_write(
    archive: Settings, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with working(archive) as first:
        with filled(small_disk), working(archive) as client:
            assert client.get(SEED).status_code == 200
            told = "no worker learns which changes this one shows"
            assert until(lambda: told in str(errors_of(caplog)))
            time.sleep(QUIET_SECONDS)
            said = errors_of(caplog)
            assert len(said) == len(set(said))
            assert gauges(first)["workers"] == 1
        with working(archive):
            assert until(lambda: gauges(first)["workers"] == 2)


def test_the_journal_is_whole_again_when_there_is_room_though_nothing_more_changes(
    archive: Settings, tmp_path: Path, small_disk: Path
) -> None:
    """Otherwise a worker that starts without the store would list articles withdrawn meanwhile."""
    store = tmp_path / "elsewhere.db"
    copy_database(archive.data.database, store)
    with working(replace(archive, database_url=f"sqlite:///{store}")) as client:
        follower, journal = (
            client.application.extensions["read-also"].follower,
            archive.data.journals,
        )

        def journal_end() -> int:
            live = follower.current()
            content = Journal(journal).load(live.view.snapshot.generation)
            return 0 if content is None else content.point.number

        assert until(lambda: journal_end() == follower.current().change)
        with filled(small_disk):
            for number in range(20):
                assert put(client, f"fresh-{number}").status_code == 201
            assert client.delete("/v1/articles/harbour-3").status_code == 204
            assert until(lambda: "harbour-3" not in client.get(SEED).text)
            assert journal_end() < follower.current().change
        assert until(lambda: journal_end() == follower.current().change)
