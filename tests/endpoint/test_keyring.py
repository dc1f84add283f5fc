"""Keys that are made while workers run: in force within a second, also while the store is away."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recommender.api_keys import ApiKey, digest_of
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from recommender.web.keyring import Keyring
from service import create_app
from tests.support.archives import run_command
from tests.support.full_disks import files_of_at_most
from tests.support.waiting import PATIENCE_SECONDS

Clients = Callable[..., FlaskClient]
Away = Callable[[], AbstractContextManager[None]]

LIST = "/v1/articles/harbour-2/related"
ARTICLE = "/v1/articles/harbour-2"
SECRET = "made-at-run-time-0123456789"  # noqa: S105 - nobody else's


@pytest.fixture
def keyless(own_desk: Settings) -> Settings:
    """A desk whose settings have no key."""
    return replace(own_desk, api_keys=())


@pytest.fixture
def store(keyless: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(keyless.database_url)) as opened:
        yield opened


def keyring_of(client: FlaskClient) -> Keyring:
    found: Keyring = client.application.extensions["read-also"].keyring
    return found


def status(client: FlaskClient, secret: str = SECRET, path: str = LIST) -> int:
    return client.get(path, headers={"X-API-Key": secret}).status_code


def test_a_key_of_the_store_opens_what_its_scopes_say(
    client_of: Clients, keyless: Settings, store: ArticleStore
) -> None:
    client = client_of(keyless, None)
    assert status(client) == 401
    store.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    keyring_of(client).refresh()
    assert (status(client), status(client, path=ARTICLE)) == (200, 403)
    store.keys.revoke("front")
    keyring_of(client).refresh()
    assert status(client) == 401


def test_keys_are_only_asked_for_after_something_was_committed(
    keyless: Settings, store: ArticleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def count(_: object) -> None:
        asked.append("version")

    keyring = Keyring((), lambda: store, tmp_path / "copy")
    keyring.refresh()
    monkeypatch.setattr("recommender.store.stored_keys.StoredKeys.version", count)
    keyring.refresh()
    assert asked == []
    with closing(open_store(keyless.database_url)) as another:
        another.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    keyring.refresh()
    assert asked == ["version"]


def test_a_stored_write_key_opens_the_write_api(
    client_of: Clients, keyless: Settings, store: ArticleStore
) -> None:
    client, headers = client_of(keyless, None), {"X-API-Key": SECRET}
    refused = client.put(ARTICLE, json={"title": "A"}, headers=headers)
    assert "no write key is configured" in refused.get_json()["detail"]
    store.keys.add(ApiKey.of("cms", {"write"}, SECRET), "write")
    keyring_of(client).refresh()
    assert client.put(ARTICLE, json={"title": "A"}, headers=headers).status_code == 200


def test_both_secrets_of_a_rotated_key_hold_until_the_old_one_ends(
    client_of: Clients, keyless: Settings, store: ArticleStore
) -> None:
    client, later = client_of(keyless, None), datetime.now(tz=UTC) + timedelta(hours=1)
    store.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    store.keys.rotate("front", digest_of(SECRET + "-2"), later)
    keyring_of(client).refresh()
    assert (status(client), status(client, SECRET + "-2")) == (200, 200)
    store.keys.rotate("front", digest_of(SECRET + "-3"), datetime.now(tz=UTC))
    keyring_of(client).refresh()
    assert [status(client, SECRET + end) for end in ("", "-2", "-3")] == [401, 401, 200]


def test_keys_go_on_while_the_store_is_away_and_their_expiry_counts(
    client_of: Clients,
    keyless: Settings,
    store: ArticleStore,
    store_away: Away,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = datetime.now(tz=UTC) + timedelta(hours=1)
    key = replace(ApiKey.of("front", {"lists"}, SECRET), expires_at=ends)
    store.keys.add(key, "lists")
    client = client_of(keyless, None)
    keyring_of(client).refresh()
    assert status(client) == 200
    with store_away():
        assert status(client) == 200
        monkeypatch.setattr("recommender.web.auth.time.time", ends.timestamp)
        assert status(client) == 401


def test_a_worker_that_starts_without_the_store_takes_the_keys_of_its_copy(
    client_of: Clients, keyless: Settings, store: ArticleStore, store_away: Away
) -> None:
    store.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    first = keyring_of(client_of(keyless, None))
    first.refresh()
    copy = keyless.data.keys
    assert copy.stat().st_mode & 0o077 == 0
    assert SECRET not in copy.read_text("utf-8")
    with store_away():
        second = keyring_of(client_of(keyless, None))
        second.start()
        second.stop()
        assert second.keys == first.keys


def test_a_key_that_is_revoked_on_a_full_disk_leaves_the_copy_when_there_is_room(
    client_of: Clients, keyless: Settings, store: ArticleStore
) -> None:
    store.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    store.keys.add(ApiKey.of("back", {"lists"}, SECRET + "2"), "lists")
    keyring = keyring_of(client_of(keyless, None))
    keyring.refresh()
    store.keys.revoke("front")
    with files_of_at_most(0):
        keyring.refresh()
        assert [key.name for key in keyring.keys] == ["back"]
        assert "front" in keyless.data.keys.read_text("utf-8")
    keyring.refresh()
    assert "front" not in keyless.data.keys.read_text("utf-8")


@pytest.mark.parametrize("content", ["", "{", "[{}]", "[1]", "7", "\udcff"])
def test_a_damaged_copy_opens_nothing_and_stops_no_worker(
    client_of: Clients,
    keyless: Settings,
    store_away: Away,
    caplog: pytest.LogCaptureFixture,
    content: str,
) -> None:
    keyless.data.keys.write_bytes(content.encode("utf-8", "surrogateescape"))
    with store_away():
        keyring = keyring_of(client_of(keyless, None))
        keyring.start()
        keyring.stop()
    assert keyring.keys == ()
    assert str(keyless.data.keys) in caplog.text


def test_a_surprise_is_said_once_and_the_keys_go_on(
    keyless: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, looked_thrice = count(1), threading.Event()

    def fail() -> NoReturn:
        if next(looks) == 3:
            looked_thrice.set()
        raise LookupError("odd")

    key = ApiKey.of("front", {"lists"}, SECRET)
    monkeypatch.setattr("recommender.web.keyring.REFRESH_SECONDS", 0.01)
    keyring = Keyring((key,), fail, keyless.data.keys)
    keyring.start()
    assert looked_thrice.wait(PATIENCE_SECONDS)
    keyring.stop()
    assert caplog.messages == ["the keys could not be read anew; those read last go on: odd"]
    assert "LookupError" in caplog.text
    assert keyring.keys == (key,)


def test_the_hour_of_the_last_use_is_stored_once(
    client_of: Clients, keyless: Settings, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    client = client_of(keyless, None)
    keyring_of(client).refresh()
    moment = datetime(2026, 10, 20, 12, 34, 56, tzinfo=UTC)
    monkeypatch.setattr("recommender.web.auth.time.time", moment.timestamp)
    assert status(client) == 200
    keyring_of(client).refresh()
    (record,) = store.keys.records()
    assert record.last_used_at == moment.replace(minute=0, second=0)
    before = store.change_signal.read()
    assert status(client) == 200
    keyring_of(client).refresh()
    assert store.change_signal.read() == before


@pytest.fixture
def workers(keyless: Settings) -> Iterator[list[Flask]]:
    """Two workers that follow the store by themselves."""
    apps = [create_app(keyless) for _ in range(2)]
    yield apps
    for app in apps:
        app.extensions["read-also"].stop()


def await_status(app: Flask, secret: str, wanted: int) -> None:
    client, until = app.test_client(), time.monotonic() + PATIENCE_SECONDS
    while status(client, secret) != wanted:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_command_makes_rotates_and_revokes_keys_of_running_workers(
    workers: list[Flask], keyless: Settings
) -> None:
    def run(*arguments: str) -> str:
        done = run_command(keyless, "keys", *arguments)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    secret = run("add", "front", "--scopes", "lists", "--note", "the site", "--expires", "90d")
    assert secret.startswith("readalso_")
    for app in workers:
        await_status(app, secret, 200)
    new = run("rotate", "front", "--grace", "0h")
    for app in workers:
        await_status(app, new, 200)
        await_status(app, secret, 401)
    listed = run("list", "--json")
    assert secret not in listed
    assert new not in listed
    row = json.loads(listed)
    assert (row["name"], row["scopes"], row["note"], row["from"]) == (
        "front",
        "lists",
        "the site",
        "store",
    )
    run("revoke", "front")
    for app in workers:
        await_status(app, new, 401)
    assert run("list") == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "a b", "--scopes", "read"], "letters, digits"),
        (["add", "front", "--scopes", "publish"], "scopes are lists, read, write, admin"),
        (["add", "front", "--scopes", "read", "--expires", "soon"], "neither a span"),
        (["add", "front", "--scopes", "read", "--expires", "9999999d"], "neither a span"),
        (["add", "front", "--scopes", "read", "--expires", "2020-01-01"], "has passed"),
        (["add", "front", "--scopes", "read", "--expires", "0h"], "has passed"),
        (["add", "reader", "--scopes", "read"], "the settings have a key 'reader'"),
        (["revoke", "nobody"], "no key 'nobody'"),
        (["rotate", "nobody"], "no key 'nobody'"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    own_desk: Settings, arguments: list[str], said: str
) -> None:
    settings = {"API_KEYS": "reader:read:0123456789abcdef"}
    done = run_command(own_desk, "keys", *arguments, **settings)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_keys_of_the_settings_are_listed_without_a_secret(own_desk: Settings) -> None:
    done = run_command(own_desk, "keys", "list", API_KEYS="cms:read+write:0123456789abcdef")
    assert done.stdout.split() == ["cms", "lists+read+write", "from:", "settings"]


def test_a_backup_has_the_keys_and_restoring_it_says_so(own_desk: Settings, tmp_path: Path) -> None:
    """A key that was revoked after the backup is back then."""
    run_command(own_desk, "keys", "add", "front", "--scopes", "lists")
    run_command(own_desk, "backup", str(tmp_path / "copy.db"))
    run_command(own_desk, "keys", "revoke", "front")
    restored = run_command(own_desk, "restore", "--yes", str(tmp_path / "copy.db"))
    assert "1 key of the backup holds again: read-also keys list" in restored.stderr
    assert run_command(own_desk, "keys", "list").stdout.startswith("front ")
