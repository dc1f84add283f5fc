"""Who changed what: every write of a key and every command, in the log and as pages."""

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.archives import run_command

Clients = Callable[..., FlaskClient]
USER = f"cli:{getpass.getuser()}"


def test_every_write_of_a_key_is_logged_with_address_and_request(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    headers = {"X-Request-ID": "request-7"}
    environ = {"REMOTE_ADDR": "192.0.2.7"}
    client.put("/v1/articles/new", json={"title": "A"}, headers=headers, environ_base=environ)
    client.patch("/v1/articles/new", json={"section": "city"})
    client.put("/v1/articles/new/pins", json={"pins": [{"id": "harbour-2"}], "by": "Anna"})
    client.post("/v1/bulk", data=b'{"id": "b", "title": "B"}\n{"delete": {"id": "new"}}\n')
    client.put("/v1/articles/new", json={"title": 5})  # refused
    page = client_of(own_desk, "operator").get("/v1/audit").get_json()
    assert [(one["action"], one["subject"]) for one in page["entries"]] == [
        ("article.put", "new"),
        ("article.put", "new"),
        ("overrides.set", "new"),
        ("article.put", "b"),
        ("article.delete", "new"),
    ]
    assert {one["actor"] for one in page["entries"]} == {"editor"}
    first = page["entries"][0]
    assert (first["address"], first["request_id"]) == ("192.0.2.7", "request-7")


def test_pages_follow_each_other_and_the_last_one_says_where_to_go_on(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    for number in range(5):
        client.put(f"/v1/articles/n-{number}", json={"title": "A"})
    operator = client_of(own_desk, "operator")
    seen, after = list[str](), 0
    for _ in range(4):
        page = operator.get(f"/v1/audit?after={after}&limit=2").get_json()
        seen += [one["subject"] for one in page["entries"]]
        after = page["next"]
    assert seen == [f"n-{number}" for number in range(5)]
    assert operator.get(f"/v1/audit?after={after}").get_json() == {"entries": [], "next": after}
    assert operator.get("/v1/audit").headers["Cache-Control"] == "no-store"


def test_a_page_that_cannot_be_is_refused(client_of: Clients, desk_settings: Settings) -> None:
    operator = client_of(desk_settings, "operator")
    afters = ("-1", "x", "01", "%D9%A2", "1%0A", "1000000000000000")
    for query in (*(f"after={one}" for one in afters), "limit=0", "limit=1001", "since=1"):
        assert operator.get(f"/v1/audit?{query}").status_code == 400, query


def test_commands_are_logged_by_the_user_of_the_machine(bare: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "a", "title": "A"}\n')
    (tmp_path / "policy.json").write_text('{"diversity": 0.5}')
    for arguments in (
        ["import", str(tmp_path / "a.jsonl")],
        ["policy", "set", str(tmp_path / "policy.json")],
        ["keys", "add", "front", "--scopes", "lists"],
    ):
        assert run_command(bare, *arguments).exit_code == 0
    shown = run_command(bare, "audit", "--json", "--since", "1d", "--key", USER)
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(row["actor"], row["action"], row["subject"]) for row in rows] == [
        (USER, "article.put", "a"),
        (USER, "policy.set", ""),
        (USER, "key.add", "front"),
    ]
    assert run_command(bare, "audit", "--key", "nobody").stdout == ""
    line = run_command(bare, "audit").stdout.splitlines()[0].split()
    assert line[1:] == [USER, "article.put", "a", "1", "-", "-"]


@pytest.mark.parametrize("since", ["yesterday", "-1d", "1w"])
def test_an_unreadable_time_is_a_usage_error(bare: Settings, since: str) -> None:
    assert run_command(bare, "audit", "--since", since).exit_code == 2
