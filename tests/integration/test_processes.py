"""Whole processes: what a worker imports, how the server lives and dies, the demonstration."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from index import Catalog
from recommender.api import Override
from recommender.ranking.policy import Policy
from recommender.settings import DataFolder, Settings
from recommender.store import open_store
from tests.support.archives import after_announcement
from tests.support.collectors import open_collector
from tests.support.processes import console_among
from tests.support.servers import ROOT, ask, has_console, is_ready, served
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

Environment = Callable[..., dict[str, str]]
HEAVY = (
    *("torch", "sentence_transformers", "transformers", "lxml", "bs4"),
    *("trafilatura", "feedparser", "httpx", "opentelemetry", "ray", "pyarrow"),
)
KEY = "read-0123456789abcdef"
TRAMS = {
    "tram-1": {"title": "Tram line opens in Osh", "body": "The first tram left at dawn."},
    "tram-2": {"title": "Osh plans a second tram line", "body": "Rails will reach the bazaar."},
}

WORKER = """
import json, sys
from service import create_app
client = create_app(reader_pages=True).test_client()
key = {"X-API-Key": sys.argv[1]}
answer = client.get("/v1/articles/harbour-2/related?limit=3", headers=key)
page = client.get("/read/harbour-2", headers=key)
put = client.put("/v1/articles/fresh", json={"title": "Fresh"}, headers=key)
late = client.get("/v1/articles/fresh/related", headers=key)
print(json.dumps({
    "answers": [answer.status_code, page.status_code, put.status_code, late.status_code],
    "ids": [item["id"] for item in answer.get_json()["items"]],
    "modules": sorted(name for name in sys.modules if "." not in name),
}))
"""


def environment(environment_of: Environment, settings: Settings, **more: str) -> dict[str, str]:
    return environment_of(
        DATABASE_URL=settings.database_url,
        DATA_DIR=settings.data_dir,
        API_KEYS=f"tests:read+write:{KEY}",
        **more,
    )


@pytest.mark.long
def test_a_worker_imports_no_torch_and_no_html_parser(
    environment_of: Environment, own_desk: Settings
) -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-W", "error", "-c", WORKER, KEY],
        env=environment(environment_of, own_desk),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["answers"] == [200, 200, 201, 200]
    assert len(seen["ids"]) == 3
    assert set(seen["modules"]) & set(HEAVY) == set()


def test_what_starts_and_keeps_the_web_server_imports_neither_the_index_nor_the_store() -> None:
    modules = ("cli.serve", "operations.supervision", "operations.web_server")
    imports = "; ".join(f"import recommender.{one}" for one in modules)
    loaded = subprocess.run(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-c", f"import sys; {imports}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert {"faiss", "numpy", "sqlalchemy", "flask", *HEAVY} & set(loaded.stdout.split()) == set()


def put(port: int, article_id: str, body: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        path = f"/v1/articles/{article_id}?wait=visible"
        connection.request("PUT", path, json.dumps(body), {"X-API-Key": KEY})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.long
def test_another_policy_and_what_editors_chose_rule_every_worker_soon(
    environment_of: Environment, own_desk: Settings
) -> None:
    """Asked over new connections, which the two workers take in turn."""
    port, path = free_port(), "/v1/articles/harbour-2/related"

    def lists() -> list[list[str]]:
        answers = [json.loads(ask(port, path, KEY)[1]) for _ in range(40)]
        return [[item["id"] for item in answer["items"]] for answer in answers]

    operators = free_port()
    variables = environment(environment_of, own_desk, OPERATORS_ADDRESS=f"127.0.0.1:{operators}")
    with served(variables, port):
        assert until(
            lambda: is_ready(port) and b"read_also_workers 3.0" in ask(operators, "/metrics")[1]
        )
        assert ask(port, "/metrics")[0] == 404
        assert ask(operators, "/readyz")[0] == 200
        assert {len(listed) for listed in lists()} == {12}
        with closing(open_store(own_desk.database_url)) as store:
            store.policies.set(Policy(threshold=1.0, words_threshold=1.0, fallback=False))
            store.overrides.put("harbour-2", "pins", (Override(id="orchard-3"),), "editor")
        assert until(lambda: lists() == [["orchard-3"]] * 40)


def children_of(pid: int) -> set[int]:
    try:
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return set()


def named(pid: int, word: str) -> bool:
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return False


def workers_of(process: subprocess.Popen[bytes]) -> set[int]:
    """The web workers: children of the supervisor's child that serves, but for the console's."""
    forked = forked_by(process)
    return {worker for worker in forked if worker != console_among(forked)}


def forked_by(process: subprocess.Popen[bytes]) -> set[int]:
    servers = {pid for pid in children_of(process.pid) if named(pid, "web_server")}
    return {worker for server in servers for worker in children_of(server)}


def modules_of(pid: int) -> str:
    """The files that a running process has mapped or opened as code."""
    return Path(f"/proc/{pid}/maps").read_text()


def lists_counted(port: int) -> int:
    """How many lists all workers of a server have answered, as one of them says."""
    text = ask(port, "/metrics")[1].decode()
    pattern = r'^read_also_requests_total\{.*/related",status="200"\} (.*)$'
    counts = re.findall(pattern, text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def test_a_server_answers_outlives_a_worker_and_stops_at_a_signal(
    environment_of: Environment, own_desk: Settings, tmp_path: Path
) -> None:
    port, operators, log = free_port(), free_port(), tmp_path / "log"
    address = f"127.0.0.1:{operators}"
    variables = environment(environment_of, own_desk, OPERATORS_ADDRESS=address, LOG="json")
    with served(variables, port, log=log) as process:
        assert until(lambda: is_ready(port))
        status, body = ask(port, "/v1/articles/harbour-2/related?limit=3", KEY)
        assert status == 200
        assert [item["rank"] for item in json.loads(body)["items"]] == [1, 2, 3]

        assert until(lambda: len(workers_of(process)) == 2 and len(forked_by(process)) == 3)
        before = workers_of(process)
        assert until(lambda: has_console(port))
        for worker in forked_by(process):
            assert until(lambda one=worker: "faiss" in modules_of(one))  # type: ignore[misc]
            assert "/torch/" not in modules_of(worker)
            assert "/lxml/" not in modules_of(worker)
        os.kill(min(before), signal.SIGKILL)
        gone = min(before)
        assert until(lambda: gone not in workers_of(process) and len(workers_of(process)) == 2)
        assert max(before) in workers_of(process)
        assert until(lambda: is_ready(port))
        for _ in range(10):
            assert ask(port, "/v1/articles/harbour-2/related?limit=3", KEY) == (200, body)
        assert lists_counted(operators) == 11  # by three workers, one of them dead
        assert until(lambda: '"process": "indexer"' in log.read_text("utf-8"))  # it loads long

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        with pytest.raises(ConnectionRefusedError):
            ask(port, "/healthz")
    check_log([json.loads(line) for line in log.read_text("utf-8").splitlines()])


def check_log(lines: list[dict[str, Any]]) -> None:
    """Every line of every process is an object; workers, master and indexer are all there.

    The first one says where the data are, and which model the settings name.
    """
    assert all({"time", "level", "process", "pid", "event"} <= line.keys() for line in lines)
    assert {line["process"] for line in lines} == {"serve", "web", "console", "indexer"}
    assert len({line["pid"] for line in lines}) == 7  # three workers, one of them dead
    assert re.fullmatch("data in /.*, model .+", lines[0]["event"])
    asked = [line for line in lines if line["event"] == "request"]
    requests = [line for line in asked if not line["route"].startswith("/console")]
    assert [line["status"] for line in requests] == [200] * 11
    assert {line["key"] for line in requests} == {"tests"}
    assert KEY not in json.dumps(lines)


@pytest.mark.long
def test_a_first_line_of_8190_bytes_is_read_and_a_longer_one_is_414(
    environment_of: Environment, own_desk: Settings
) -> None:
    port, path = free_port(), "/v1/articles/harbour-2/related?exclude="
    room = 8_190 - len(f"GET {path} HTTP/1.1")
    ids = ",".join(["x" * 200] * 41)
    with served(environment(environment_of, own_desk), port):
        assert until(lambda: is_ready(port))
        assert [ask(port, path + ids[:size], KEY)[0] for size in (room, room + 1)] == [200, 414]


def unnamed_in(data: DataFolder) -> set[str]:
    """What lies in a data folder that `DataFolder` does not name: no erasure would look there."""
    named = {
        found.name
        for found in (getattr(data, name) for name in dir(data) if not name.startswith("_"))
        if isinstance(found, Path)
    }
    database = data.database.name
    named |= {f"{database}{suffix}" for suffix in ("-wal", "-shm")}
    return {path.name for path in data.path.iterdir()} - named


@pytest.fixture
def folder_of_a_cms(tmp_path: Path) -> Path:
    """A folder with modules of the names of ours, which must not be imported."""
    folder = tmp_path / "cms"
    for name in ("index", "recommender", "service"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('imported from the CMS')")
    (folder / "gunicorn.conf.py").write_text("raise SystemExit('configured by the CMS')")
    return folder


@pytest.mark.long
def test_a_server_over_an_empty_archive_lists_what_comes_and_imports_nothing_of_its_folder(
    environment_of: Environment, bare: Settings, folder_of_a_cms: Path
) -> None:
    """Changes alone serve until the indexer has built the first snapshot.

    The supervisor, the web server, the indexer, its reader of HTML and the compaction all run.
    """
    port, catalog = free_port(), Catalog(bare.data.snapshots)
    with served(environment(environment_of, bare), port, folder=folder_of_a_cms):
        assert until(lambda: is_ready(port))
        assert json.loads(ask(port, "/healthz")[1]) == {"status": "ok"}
        for article_id, body in TRAMS.items():
            markup = {"title": body["title"], "body_html": f"<p>{body['body']}</p>"}
            assert put(port, article_id, markup) in {201, 202}  # the indexer may be starting
        assert until(lambda: b'"id":"tram-2"' in ask(port, "/v1/articles/tram-1/related", KEY)[1])
        assert until(lambda: len(catalog.generations()) > 0)
        assert unnamed_in(bare.data) == set()


@pytest.mark.long
def test_a_module_run_from_the_folder_of_another_program_imports_nothing_of_it(
    environment_of: Environment, own_desk: Settings, tmp_path: Path
) -> None:
    for name in ("index/__init__.py", "service.py", "click.py", "pathlib.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('of another program')\n")
    variables = environment(environment_of, own_desk)
    variables["PYTHONPATH"] = str(ROOT)
    variables.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, "-m", "recommender", "snapshots", "list"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, after_announcement(done.stderr)) == (0, "")
    assert str(Catalog(own_desk.data.snapshots).live()) in done.stdout


@pytest.mark.long
def test_a_second_demonstration_embeds_nothing(
    environment_of: Environment,
    demo_folder: Path,
    sample_settings: Settings,
    sample_articles: dict[str, dict[str, str]],
) -> None:
    """The first one ran for `demo_folder`; it lies in a folder with a space in its name."""
    catalog = Catalog(sample_settings.data.snapshots)
    before = catalog.live()
    done = subprocess.run(
        [sys.executable, "-m", "recommender", "demo", "--no-serve"],
        env=environment_of(DATA_DIR=demo_folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert " " in demo_folder.name
    assert done.stdout.splitlines()[:2] == [
        "imported 0 new and 137 known stories",
        f"published {before}: 137 articles, 0 embedded",
    ]
    assert catalog.generations() == [before]
    assert f"Read also, under: {sample_articles['guiyang-smart-city']['title']}\n" in done.stdout
    ranks = re.findall(r"^ *(\d+)\. \d\.\d\d  ", done.stdout, re.MULTILINE)
    assert ranks == [str(rank) for rank in range(1, 13)]


@pytest.mark.long
def test_workers_that_stop_send_their_last_traces(
    environment_of: Environment, own_desk: Settings
) -> None:
    port, list_of = free_port(), "/v1/articles/harbour-2/related"
    with open_collector() as collector:
        values = environment(environment_of, own_desk, TRACES=collector.url)
        with served(values, port) as process:
            assert until(lambda: is_ready(port))
            assert [ask(port, list_of, KEY)[0] for _ in range(10)] == [200] * 10
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_SECONDS)
        named = f"GET {list_of.replace('harbour-2', '<article_id>')}"
        assert [span.name for span in collector.spans].count(named) == 10
