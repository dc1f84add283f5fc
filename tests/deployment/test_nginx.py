"""The shipped nginx in front of the real service, and what it never lets through."""

import json
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from recommender.settings import Settings
from tests.support.archives import SECRETS, clean_environment, copy_archive
from tests.support.doors import HIDDEN, Upstream, spellings
from tests.support.nginx import SHIPPED, Nginx, running_nginx
from tests.support.servers import has_console, served
from tests.support.waiting import free_port, until

LISTS = "/v1/articles/harbour-1/related"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def door(upstream: Upstream) -> Iterator[Nginx]:
    """nginx before something that would answer every address; 127.0.0.2 may ask three times."""
    changes = {"127.0.0.0/8  0;": "127.0.0.1 0;", "rate=20r/s": "rate=1r/m", "burst=100": "burst=2"}
    with running_nginx(upstream.server_address[1], changes) as nginx:
        yield nginx


@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_spelling_of_a_hidden_address_reaches_the_service(
    door: Nginx, upstream: Upstream, hidden: str
) -> None:
    before = len(upstream.targets)
    for target in spellings(hidden):
        assert door.ask("GET", target).status in {400, 404}, target
    assert upstream.targets[before:] == []


def test_what_nginx_refuses_looks_like_the_services_own_errors(door: Nginx) -> None:
    answer = door.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == 404
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_headers_that_would_change_what_the_service_believes_are_removed(
    door: Nginx, upstream: Upstream
) -> None:
    sent = {
        "SCRIPT_NAME": "/metrics",
        "Script-Name": "/metrics",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Prefix": "/x",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.9",
        "Cookie": "session=1",
        "Proxy": "http://evil.example",
    }
    assert door.ask("GET", "/v1/x", headers=sent).status == 200
    got = upstream.headers[-1]
    assert upstream.targets[-1] == "/v1/x"
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "https"
    assert got["host"] == "related.example"
    assert not got.keys() & {
        *("script_name", "script-name", "x-forwarded-prefix", "x-forwarded-host"),
        *("forwarded", "cookie", "proxy"),
    }


@pytest.mark.parametrize(
    ("sent", "answered"),
    [("cms-20261020-0001", "cms-20261020-0001"), ('x" y', None), ("x" * 65, None)],
)
def test_the_id_of_a_request_is_passed_on_logged_and_answered(
    door: Nginx, upstream: Upstream, sent: str, answered: str | None
) -> None:
    found = door.ask("GET", "/v1/y", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}" if answered is None else answered, found)
    assert upstream.headers[-1]["x-request-id"] == found
    assert until(lambda: f'"request_id":"{found}"' in door.log())
    assert [line for line in door.log().splitlines() if not json.loads(line)] == []


def test_an_address_that_asks_too_much_is_told_so_and_a_trusted_one_is_not(door: Nginx) -> None:
    asked = [door.ask("GET", "/v1/z", source="127.0.0.2") for _ in range(5)]
    assert [answer.status for answer in asked] == [200, 200, 200, 429, 429]
    assert asked[3].headers["retry-after"] == "1"
    assert door.ask("GET", "/v1/z").status == 200


def test_plain_http_leads_to_tls(door: Nginx) -> None:
    connection = HTTPConnection("127.0.0.1", door.plain_port, timeout=60)
    connection.request("GET", "/v1/a?b=c")
    response = connection.getresponse()
    assert response.status == 308
    assert response.headers["Location"] == "https://related.example/v1/a?b=c"
    connection.close()


# --- in front of the real service ---


@pytest.fixture(scope="module")
def environment(
    desk_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return environment_of_a_copy(desk_settings.data_dir, tmp_path_factory.mktemp("nginx") / "desk")


def environment_of_a_copy(desk: Path, folder: Path) -> dict[str, str]:
    """What serves a copy of an archive, for a reader, an editor and the public."""
    copy_archive(desk, folder)
    keys = ",".join(
        f"{name}:{scopes}:{SECRETS[name]}"
        for name, scopes in {"reader": "read", "editor": "read+write"}.items()
    )
    shipped = {"TRUSTED_PROXIES": "127.0.0.1"}  # as in deploy/systemd/read-also.toml
    return clean_environment(DATA_DIR=folder, API_KEYS=keys, PUBLIC_READS="1", **shipped)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def public(environment: dict[str, str], port: int) -> Iterator[Nginx]:
    with served(environment, port, kind="web"), running_nginx(port) as nginx:
        assert until(lambda: nginx.ask("GET", LISTS).status == 200, every=0.2)
        assert until(lambda: has_console(port), every=0.2)
        yield nginx


@pytest.mark.long
def test_a_public_list_is_kept_and_one_for_a_key_is_not(public: Nginx) -> None:
    first, second = (public.ask("GET", f"{LISTS}?limit=3") for _ in range(2))
    assert (first.status, first.body) == (200, second.body)
    keyed = public.ask("GET", f"{LISTS}?limit=4", headers={"X-API-Key": SECRETS["reader"]})
    assert keyed.headers["cache-control"].startswith("private")
    assert until(lambda: cache_states(public)[-3:] == ["MISS", "HIT", "BYPASS"])
    assert public.ask("GET", f"{LISTS}?limit=4&explain=1").status == 401


@pytest.mark.long
def test_a_body_up_to_the_limit_reaches_the_service_and_a_larger_one_is_told_why(
    public: Nginx,
) -> None:
    key = {"X-API-Key": SECRETS["editor"]}
    article = json.dumps({"title": "Long", "body_html": "x" * (3 * 2**20)}).encode()
    assert public.ask("PUT", "/v1/articles/long", article, key).status == 201
    lines = b"\n".join(
        json.dumps({"id": f"b{n}", "title": "B", "body": "y" * 100_000}).encode()
        for n in range(150)
    )
    assert len(lines) > 14 * 2**20
    answer = public.ask("POST", "/v1/bulk", lines, key | NDJSON)
    assert answer.status == 200
    assert json.loads(answer.body)["errors"] is False
    for target, size in (("/v1/articles/big", 5 * 2**20), ("/v1/bulk", 17 * 2**20)):
        refused = public.ask("POST", target, headers={"Content-Length": str(size)})
        assert refused.status == 413
        assert json.loads(refused.body)["status"] == 413


@pytest.mark.long
def test_http_2_works(public: Nginx) -> None:
    words = f"-sk --http2 -o /dev/null -w %{{http_version}}:%{{http_code}} https://127.0.0.1:{public.port}{LISTS}"
    done = subprocess.run(["curl", *words.split()], capture_output=True, text=True, check=True)  # noqa: S603, S607
    assert done.stdout == "2:200"


@pytest.mark.long
def test_while_the_service_is_away_kept_lists_are_shown_until_they_are_purged(
    desk_settings: Settings, tmp_path: Path
) -> None:
    """In an archive of its own: while most of one is not read yet, no list is kept for long."""
    environment = environment_of_a_copy(desk_settings.data_dir, tmp_path / "desk")
    port = free_port()
    other = "/v1/articles/orchard-1/related"
    with running_nginx(port) as nginx:
        with served(environment, port, kind="web"):
            assert until(lambda: nginx.ask("GET", LISTS).status == 200, every=0.2)
            kept = nginx.ask("GET", LISTS)
            assert nginx.ask("GET", other).status == 200
        assert until(lambda: is_shown_stale(nginx), every=1)
        assert nginx.ask("GET", LISTS).body == kept.body
        purge = [str(SHIPPED / "purge")]
        named = kept.headers["surrogate-key"].split()[1]  # an article of the list, not its seed
        run(purge, nginx, "x" + named)
        assert nginx.ask("GET", LISTS).status == 200
        run(purge, nginx, named)
        away = nginx.ask("GET", LISTS)
        assert (away.status, away.headers["retry-after"]) == (503, "2")
        assert away.headers["content-type"] == "application/problem+json"
        assert nginx.ask("GET", other).status == 200
        run(purge, nginx)
        assert nginx.ask("GET", other).status == 503


def cache_states(nginx: Nginx) -> list[str]:
    """How nginx answered each request: a line is logged a moment after its answer."""
    return [json.loads(line)["cache"] for line in nginx.log().splitlines()]


def is_shown_stale(nginx: Nginx) -> bool:
    """Ask for the list; whether nginx could not renew what it keeps."""
    assert nginx.ask("GET", LISTS).status == 200
    return cache_states(nginx)[-1] == "STALE"


def run(command: list[str], nginx: Nginx, *ids: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "READ_ALSO_CACHE": str(nginx.cache)}
    subprocess.run([*command, *ids], check=True, env=environment)  # noqa: S603 - our own script


@pytest.mark.long
def test_the_console_is_open_to_the_newsroom_alone(public: Nginx, port: int) -> None:
    for path in ("/console", "/console/sign-in", "/console?x=1", "/console/static/console.js"):
        assert public.ask("GET", path).status == 404
    named = {"# 192.0.2.0/24 1;   # CHANGE: the addresses of the newsroom": "127.0.0.1 1;"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with running_nginx(port, named) as nginx:
        key = f"key={SECRETS['editor']}".encode()
        signed_in = nginx.ask("POST", "/console/sign-in", key, form)
        assert signed_in.status == 303
        cookie = signed_in.headers["set-cookie"]
        assert "Secure" in cookie  # the service knows that the browser speaks TLS
        sent = {"Cookie": cookie.partition(";")[0]}
        assert b"form-token" in nginx.ask("GET", "/console", headers=sent).body
        assert nginx.ask("GET", "/console", headers=sent, source="127.0.0.2").status == 404
        assert nginx.ask("GET", "/consoles", headers=sent).status == 404
