"""The shipped Caddyfile, run by Caddy before something that would answer every address."""

import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.doors import HIDDEN, Upstream, spellings
from tests.support.nginx import find_program
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

CADDYFILE = (Path(__file__).parents[2] / "deploy" / "caddy" / "Caddyfile").read_text("utf-8")


def ask(port: int, target: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    except ConnectionError:
        return 0
    finally:
        connection.close()


@pytest.fixture(scope="module")
def caddy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Its port. It speaks HTTP here: a certificate would be asked for elsewhere."""
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    text = CADDYFILE
    for old, new in {
        "{\n\tservers {": "{\n\tadmin off\n\tservers {",
        "related.example {": f"http://127.0.0.1:{port}, http://localhost:{port} {{",
        "127.0.0.1:8080": f"127.0.0.1:{upstream.server_address[1]}",
        "/var/log/caddy": str(folder),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "Caddyfile").write_text(text)
    command = [find_program("caddy"), "run", "--adapter", "caddyfile", "--config"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - words of our own
            [*command, folder / "Caddyfile"], stderr=log, env={"HOME": str(folder)}
        )
    try:
        assert until(lambda: answers(port)), (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def answers(port: int) -> bool:
    try:
        return ask(port, "/v1/x") == 200
    except OSError:
        return False


@pytest.mark.parametrize("hidden", HIDDEN)
def test_caddy_lets_no_spelling_of_a_hidden_address_through(
    caddy: int, upstream: Upstream, hidden: str
) -> None:
    before = len(upstream.targets)
    assert ask(caddy, f"/{hidden}") == 404
    for target in spellings(hidden):
        ask(caddy, target)
    assert upstream.targets[before:] == []


def test_caddy_passes_on_what_is_public_without_what_a_client_claims(
    caddy: int, upstream: Upstream
) -> None:
    sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/x", "Cookie": "a=b"}
    for target in ("/v1/articles/a/related?limit=3", "/docs", "/openapi.json"):
        assert ask(caddy, target, **sent) == 200
        assert upstream.targets[-1] == target
        assert upstream.headers[-1]["x-forwarded-for"] == "127.0.0.1"
        assert len(upstream.headers[-1]["x-request-id"]) == 36
        assert not upstream.headers[-1].keys() & {"x-forwarded-prefix", "cookie"}
