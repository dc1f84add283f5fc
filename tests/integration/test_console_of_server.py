"""The console of `read-also web`, as a browser and an operator see it; its process, and its end."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlencode

import pytest

from recommender.settings import Settings
from recommender.store import open_store
from recommender.web.bodies import LARGEST_DOCUMENT
from tests.support.processes import console_among
from tests.support.servers import ask, has_console, is_ready, served
from tests.support.waiting import free_port, until

KEY = "write-0123456789abcdef"
LIST = "/v1/articles/harbour-2/related?limit=3"
STORY = "/console/story/harbour-2"
STYLE = "/console/static/console.css"
FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
Answer = tuple[int, dict[str, str], bytes]


def send(port: int, method: str, path: str, body: str | bytes = "", **headers: str) -> Answer:
    """Ask as a browser does that comes through a proxy."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        client.request(method, path, body, FORWARDED | kind | headers)
        answer = client.getresponse()
        return answer.status, dict(answer.headers), answer.read()


def sign_in(port: int) -> str:
    form = urlencode({"key": KEY, "person": "Anna"})
    status, headers, _ = send(port, "POST", "/console/sign-in", form)
    assert (status, headers["Location"]) == (303, "/console")
    assert "; Secure;" in headers["Set-Cookie"]
    return headers["Set-Cookie"].partition(";")[0]


@pytest.mark.long
def test_the_console_works_in_its_process_and_comes_back_when_that_is_killed(
    environment_of: Callable[..., dict[str, str]], own_desk: Settings, tmp_path: Path
) -> None:
    port, operators, log = free_port(), free_port(), tmp_path / "log"
    environment = environment_of(
        DATABASE_URL=own_desk.database_url,
        DATA_DIR=own_desk.data_dir,
        API_KEYS=f"desk:read+write:{KEY}",
        OPERATORS_ADDRESS=f"127.0.0.1:{operators}",
        TRUSTED_PROXIES="127.0.0.1",
        LOG="json",
    )
    with served(environment, port, workers=1, kind="web", log=log) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

        def console() -> int | None:
            return console_among(map(int, children.read_text().split()))

        assert until(lambda: is_ready(port) and has_console(port))
        before, cookie = console(), sign_in(port)
        assert before is not None
        status, _, page = send(port, "GET", STORY, Cookie=cookie)
        assert (status, b'<meta name="form-token"' in page) == (200, True)
        assert send(port, "GET", STORY)[0] == 401
        assert (
            send(port, "POST", f"{STORY}/steer", "step=pins+add+harbour-3", Cookie=cookie)[0] == 403
        )
        assert send(port, "POST", "/console/sign-in", b"x" * (LARGEST_DOCUMENT + 1))[0] == 413
        assert send(port, "GET", "/console", **{"X-API-Key": KEY})[0] == 401

        os.kill(process.pid, signal.SIGSTOP)  # so that no other one is started
        os.kill(before, signal.SIGKILL)
        assert ask(port, LIST, KEY)[0] == 200
        os.kill(process.pid, signal.SIGCONT)
        answers = iter(lambda: send(port, "GET", STORY, Cookie=cookie), None)
        seen = list(takewhile(lambda answer: answer[0] != HTTPStatus.OK, answers))
        for status, headers, text in seen:
            assert (status, headers["Retry-After"], headers["Refresh"]) == (503, "3", "3")
            assert b"Readers get their lists all the same." in text
        assert console() not in {None, before}
        assert send(port, "GET", STORY, Cookie=cookie)[0] == 200
        assert ask(port, STYLE)[0] == 200

        assert until(lambda: b"read_also_workers 2.0" in ask(operators, "/metrics")[1])
        metrics = ask(operators, "/metrics")[1].decode()
        assert 'route="/console/sign-in",status="303"} 1.0' in metrics
        assert 'route="/console/story/<article_id>",status="401"} 1.0' in metrics
    with closing(open_store(own_desk.database_url)) as store:
        (entry,) = store.audit_log.entries()
        assert (entry.actor, entry.address) == ("desk: Anna", "203.0.113.7")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    (signed_in,) = [one for one in lines if one.get("status") == HTTPStatus.SEE_OTHER]
    assert (signed_in["process"], signed_in["pid"]) == ("console", before)
    assert signed_in["request_id"] == entry.request_id
