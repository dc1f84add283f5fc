"""How the web server is told where to listen, and that it refuses an address that is taken."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recommender import setting_values
from recommender.errors import BadSettings, PartMissing
from recommender.indexing.publication import catalog_of
from recommender.operations import web_server
from recommender.operations.web_server import WebOptions, operators_address, serve_all
from recommender.settings import Settings

SETTINGS = Settings("sqlite:///a.db", Path("a"), workers=3, trusted_proxies=("10.0.0.0/8",))


def test_options_come_from_the_settings_and_the_command() -> None:
    assert WebOptions.of(SETTINGS, "127.0.0.1", 8080) == WebOptions(
        "127.0.0.1:8080", 3, "127.0.0.1:8081", ("10.0.0.0/8",)
    )
    off = replace(SETTINGS, operators_address="off")
    assert WebOptions.of(off, "::1", 80, 5) == WebOptions("[::1]:80", 5, None, ("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("text", "port", "address"),
    [
        ("", 8080, "127.0.0.1:8081"),
        ("", 0, "127.0.0.1:0"),
        ("", 65_535, "127.0.0.1:0"),
        ("0.0.0.0:9000", 8080, "0.0.0.0:9000"),
        ("[::1]:9000", 8080, "[::1]:9000"),
        ("off", 8080, None),
    ],
)
def test_operators_have_the_next_port_by_default(text: str, port: int, address: str | None) -> None:
    assert operators_address(text, port) == address


def test_an_address_that_is_taken_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "PORT_PATIENCE_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadSettings) as refused:
            serve_all(WebOptions(address, 1))
    assert str(refused.value) == (
        f"cannot listen at {address}: Address already in use; name another address"
    )


@pytest.mark.parametrize("is_half_there", [False, True])
def test_traces_without_their_extra_are_refused_before_anything_starts(
    is_half_there: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(name: str) -> None:
        if not is_half_there:
            raise ModuleNotFoundError(name)

    settings = replace(SETTINGS, traces="http://127.0.0.1:4318/v1/traces")
    assert WebOptions.of(settings, "127.0.0.1", 8080)
    monkeypatch.setattr(web_server, "find_spec", find)
    with pytest.raises(PartMissing, match=r"pip install '\.\[traces\]'"):
        WebOptions.of(settings, "127.0.0.1", 8080)
    assert WebOptions.of(SETTINGS, "127.0.0.1", 8080)


def test_a_milvus_server_without_its_driver_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = replace(SETTINGS, milvus="http://127.0.0.1:19530")
    monkeypatch.setattr(setting_values, "find_spec", lambda _: None)
    with pytest.raises(PartMissing, match=r"pip install '\.\[milvus\]'"):
        WebOptions.of(settings, "127.0.0.1", 8080)
    with pytest.raises(PartMissing):
        catalog_of(settings)
    assert WebOptions.of(SETTINGS, "127.0.0.1", 8080)


@pytest.mark.long
def test_a_worker_multiplies_with_one_thread() -> None:
    program = (
        "import os; from recommender.operations.web_server import begin_worker\n"
        "begin_worker(os.getppid()); import numpy as np; one = np.ones((600, 600))\n"
        "one @ one; print(len(os.listdir('/proc/self/task')))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    ran = subprocess.run(  # noqa: S603 - a program of our own
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1\n"
