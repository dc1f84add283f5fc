"""Too many requests of one key or address are 429, with the seconds to wait."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recommender.api_keys import ApiKey
from recommender.operations.web_server import WebOptions, WebServer
from recommender.settings import Settings

Clients = Callable[..., FlaskClient]

LIST = "/v1/articles/harbour-2/related"
LONG = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes back while a test runs, however slow the machine is."""
    monkeypatch.setattr("recommender.web.rates.time", SimpleNamespace(monotonic=lambda: 0.0))


def ask(client: FlaskClient, secret: str, address: str = "192.0.2.7") -> TestResponse:
    return client.get(LIST, headers={"X-API-Key": secret}, environ_base={"REMOTE_ADDR": address})


def statuses(client: FlaskClient, secret: str, count: int, address: str = "192.0.2.7") -> list[int]:
    return [ask(client, secret, address).status_code for _ in range(count)]


def assert_throttled(answer: TestResponse) -> None:
    assert answer.status_code == 429
    assert answer.content_type == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Cache-Control"] == "no-store"


def test_keys_cannot_be_guessed_at_speed(
    client_of: Clients,
    desk_settings: Settings,
    secrets: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of two workers each takes 30 of 60. From then on a right guess looks like a wrong one."""
    client = client_of(desk_settings, None)
    assert statuses(client, "wrong", 31) == [401] * 30 + [429]
    right, wrong = ask(client, secrets["reader"]), ask(client, "wrong")
    assert_throttled(right)
    answers = [answer.get_json() for answer in (right, wrong)]
    assert answers[0] | {"request_id": ""} == answers[1] | {"request_id": ""}
    assert ask(client, secrets["reader"], "192.0.2.8").status_code == 200
    assert "too many unknown keys from 192.0.2.7" in caplog.text
    assert "wrong" not in caplog.text


def test_a_wrong_key_does_not_shut_out_a_long_one_of_the_same_address(
    client_of: Clients, desk_settings: Settings
) -> None:
    key = ApiKey.of("cms", {"lists"}, LONG)
    client = client_of(replace(desk_settings, api_keys=(key,)), None)
    assert statuses(client, "wrong", 31)[-1] == 429
    assert ask(client, LONG).status_code == 200
    assert_throttled(ask(client, LONG[::-1]))


def test_each_key_has_a_rate_of_its_own(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str]
) -> None:
    client = client_of(replace(desk_settings, rate_per_key=6), None)
    assert statuses(client, secrets["reader"], 4) == [200, 200, 200, 429]
    assert_throttled(ask(client, secrets["reader"], "192.0.2.8"))
    assert ask(client, secrets["front"]).status_code == 200


def test_each_address_without_a_key_has_a_rate_of_its_own(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str]
) -> None:
    client = client_of(replace(desk_settings, public_reads=True, rate_per_address=4), None)
    assert statuses(client, "", 3) == [200, 200, 429]
    assert_throttled(ask(client, ""))
    assert ask(client, "", "192.0.2.8").status_code == 200
    assert ask(client, secrets["front"]).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_without_a_setting_only_unknown_keys_are_limited(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str]
) -> None:
    client = client_of(replace(desk_settings, public_reads=True), None)
    assert statuses(client, "", 35) == statuses(client, secrets["front"], 35) == [200] * 35
    unlimited = client_of(replace(desk_settings, rate_of_unknown_keys=None), None)
    assert statuses(unlimited, "wrong", 35) == [401] * 35


@pytest.mark.parametrize("key", ["front", "reader"])
def test_a_refusal_for_its_scope_does_not_count(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str], key: str
) -> None:
    """It did no work, and it names the scope that is missing."""
    client = client_of(replace(desk_settings, rate_per_key=2), None)
    headers = {"X-API-Key": secrets[key]}
    refused = [client.put("/v1/articles/a", json={}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in refused] == [403] * 3
    assert ask(client, secrets[key]).status_code == 200


@pytest.mark.usefixtures("counters_end")
def test_the_parts_of_workers_fit_their_number_on_the_command_line(
    bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`serve --workers 10` goes before READ_ALSO_WORKERS."""
    monkeypatch.setenv("READ_ALSO_DATA_DIR", str(bare.data_dir))
    monkeypatch.setenv("READ_ALSO_API_KEYS", f"front:lists:{LONG}")
    monkeypatch.setattr("service.State.start", lambda _: None)
    monkeypatch.setitem(sys.modules, "service", None)  # `load` puts another there
    app = cast("Flask", WebServer(WebOptions("127.0.0.1:0", workers=10)).load())
    assert statuses(app.test_client(), "wrong", 7) == [401] * 6 + [429]
    app.extensions["read-also"].stop()
