"""Webhooks from the commands to the receivers that docs/webhooks.md shows."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from index import Catalog
from recommender.errors import GateRefused
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.operations.webhook_messages import EVENTS
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.archives import fake_reader, run_command
from tests.support.missing_software import skip_or_fail
from tests.support.serving import KEY, Place, Server
from tests.support.waiting import PATIENCE_SECONDS, free_port, until
from tests.support.webhook_sites import open_receiver
from tests.support.websites import HOST

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")


def test_a_receiver_is_added_listed_tried_replayed_and_removed(own_desk: Settings) -> None:
    with open_receiver() as site:
        url = f"{site.url}?token=hidden-from-lists"
        made = run_command(own_desk, "webhooks", "add", "cms", url, "--events", "list.changed")
        assert made.exit_code == 0
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.stdout.strip())
        listed = json.loads(run_command(own_desk, "webhooks", "list", "--json").stdout)
        assert (listed["name"], listed["events"], listed["waiting"]) == ("cms", ["list.changed"], 0)
        lines = run_command(own_desk, "webhooks", "list").stdout
        for text in (json.dumps(listed), lines):
            assert site.url in text
            assert "hidden-from-lists" not in text
            assert made.stdout.strip() not in text
        tried = run_command(own_desk, "webhooks", "test", "cms")
        assert (tried.exit_code, tried.stdout) == (0, "cms answered 204\n")
        assert [one.type for one in site.delivered] == ["webhook.test"]
        site.answers.append((500, {}))
        failed = run_command(own_desk, "webhooks", "test", "cms")
        assert failed.exit_code == 69
        assert "it answers 500" in failed.stderr
        newest = str(listed["position"])
        assert run_command(own_desk, "webhooks", "replay", "cms", "--since", newest).exit_code == 0
        again = json.loads(run_command(own_desk, "webhooks", "list", "--json").stdout)
        assert again["waiting"] == 1
        assert run_command(own_desk, "webhooks", "remove", "cms").exit_code == 0
        assert run_command(own_desk, "webhooks", "list").stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("add", "a name", "http://cms.example/"),
        ("add", "cms", "ftp://cms.example/"),
        ("add", "cms", "http://user:password@cms.example/"),
        ("add", "cms", "http://cms.example/#part"),
        ("add", "cms", "http://cms.example/" + "x" * 2_000),
        ("add", "cms", "http://cms.example/", "--events", "article.eaten"),
        ("test", "nobody"),
        ("remove", "nobody"),
        ("replay", "nobody", "--since", "1"),
        ("replay", "nobody", "--since", "0"),
    ],
)
def test_what_cannot_be_is_refused(own_desk: Settings, words: tuple[str, ...]) -> None:
    refused = run_command(own_desk, "webhooks", *words)
    assert refused.exit_code == 2
    assert "password" not in refused.stderr.replace("a password", "")


@pytest.mark.long
def test_a_publication_and_a_refusal_are_in_the_log(
    own_desk: Settings, rebuild_with_fake: Callable[..., Rebuilt]
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        receiver = store.webhooks.add("cms", "http://127.0.0.1/", EVENTS, "whsec_")
        store.delete("harbour-1")
        done = rebuild_with_fake(own_desk)
        with store.scan() as view:
            ids = [one.article.id for one in view]
        for article_id in ids[::2]:
            store.delete(article_id)
        with pytest.raises(GateRefused) as refused:
            rebuild(store, Catalog(own_desk.data.snapshots), fake_reader())
        batch = store.webhooks.next_batch(receiver, store.state().change)
    (published,) = [one for one in batch.entries if one.kind == "published"]
    (refusal,) = [one for one in batch.entries if one.kind == "refused"]
    assert (published.generation, published.articles) == (done.generation, done.articles)
    assert refusal.reason == str(refused.value)


@contextmanager
def shown_receiver(command: list[str], secret: str, log: Path) -> Iterator[str]:
    """The address of a receiver of the page that runs as a process of its own."""
    port = free_port()
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    words = [word.replace("PORT", str(port)) for word in command]
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - code of our own page
            words, env=environment, stdout=file, stderr=file
        )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


def code_of(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def check_receiver(settings: Settings, name: str, command: list[str], log: Path) -> None:
    """A receiver accepts what is signed with its secret, and nothing else."""
    with closing(open_store(settings.database_url)) as store:
        made = run_command(settings, "webhooks", "add", name, "http://127.0.0.1/")
        secret = made.stdout.strip()
        right = store.webhooks.get(name)
        with shown_receiver(command, secret, log) as url:
            store.webhooks.remove(name)
            store.webhooks.add(name, url, EVENTS, secret)

            def tried() -> int:
                return run_command(settings, "webhooks", "test", name).exit_code

            assert until(lambda: tried() == 0)
            store.webhooks.remove(name)
            wrong = replace(right, secret="whsec_" + "A" * 43 + "=")
            store.webhooks.add(name, url, EVENTS, wrong.secret)
            refused = run_command(settings, "webhooks", "test", name)
            assert "it answers 401" in refused.stderr


def test_the_receiver_in_python_that_the_docs_show_checks_signatures(
    own_desk: Settings, tmp_path: Path
) -> None:
    program, log = tmp_path / "receiver.py", tmp_path / "log"
    program.write_text(code_of("python"), "utf-8")
    check_receiver(own_desk, "python", [sys.executable, str(program)], log)
    assert "webhook.test" in log.read_text("utf-8")


@pytest.mark.long
def test_the_receiver_in_php_that_the_docs_show_checks_signatures(
    own_desk: Settings, tmp_path: Path
) -> None:
    php = shutil.which("php")
    if php is None:
        skip_or_fail("php is not installed: apt-get install php-cli")
    program, log = tmp_path / "index.php", tmp_path / "log"
    program.write_text(code_of("php"), "utf-8")
    check_receiver(own_desk, "php", [php, "-S", "127.0.0.1:PORT", str(program)], log)


def test_the_receiver_counts_no_message_that_was_cut_off() -> None:
    """A sender that is killed between the headers and the body has told nothing."""
    with open_receiver() as site:
        with closing(socket.create_connection((HOST, site.port))) as cut:
            cut.sendall(b"POST /hook HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
            cut.shutdown(socket.SHUT_WR)
            assert cut.recv(1) == b""
        assert site.delivered == []


@pytest.mark.long
def test_an_indexer_that_is_killed_again_and_again_tells_everything_in_order(
    tmp_path: Path, demo_folder: Path
) -> None:
    """What is told twice has the same id; without that, the log is told once and in order."""
    shutil.copytree(demo_folder / "demo", tmp_path / "demo")
    place = Place(tmp_path / "demo")
    with open_receiver() as site, Server(place) as server:
        place.run("webhooks", "add", "cms", site.url)
        ids = [f"fresh-{number}" for number in range(12)]

        def indexed() -> list[tuple[int, str]]:
            """The change and the id of each article that was told of, a repeated message once."""
            told = {one.id: one.data["articles"] for one in site.of("article.indexed")}
            return [(one["change"], one["id"]) for articles in told.values() for one in articles]

        for number, name in enumerate(ids):
            story = {"title": f"Ferry {number} leaves the harbour", "body": name}
            path = f"{server.address}/v1/articles/{name}"
            put = httpx.put(path, json=story, headers={"X-API-Key": KEY}, timeout=PATIENCE_SECONDS)
            assert put.status_code == 201
            if number % 4 == 3:
                newest = set(ids[number - 3 : number + 1])
                assert until(lambda newest=newest: newest & told_of(indexed()))  # type: ignore[misc]
                os.kill(server.indexer or 0, signal.SIGKILL)

        assert until(lambda: told_of(indexed()) == set(ids))
        changes = [change for change, _ in indexed()]
    assert changes == sorted(set(changes))


def told_of(indexed: list[tuple[int, str]]) -> set[str]:
    """The ids of articles that were told of, with their changes."""
    return {name for _, name in indexed}
