"""The demonstration tries its port before it does anything else."""

import errno
import os
import socket
from pathlib import Path

import pytest

from recommender.errors import BadSettings
from recommender.operations import demo, web_server
from recommender.operations.demo import demonstrate
from recommender.progress import silent
from recommender.settings import Settings


def refusal_at(port: int, folder: Path) -> str:
    """What the demonstration says of a port that it cannot have."""
    settings = Settings.from_environment({"READ_ALSO_DATA_DIR": str(folder)})
    said: list[str] = []
    with pytest.raises(BadSettings) as refused:
        demonstrate(settings, silent, said.append, lambda *_: "", port=port, serves=True)
    assert said == []
    assert not settings.data.demo.path.exists()
    return str(refused.value)


def test_a_port_that_is_taken_is_refused_before_anything_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_server, "PORT_PATIENCE_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        proposed = refusal_at(port, tmp_path)
        monkeypatch.setattr(demo, "MOST_PORT", port + 9)
        without = refusal_at(port, tmp_path)
    assert proposed == f"{without}, such as: make demo PORT={port + 10}"


def test_another_port_is_proposed_only_for_one_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket, "create_server", refuse)
    assert refusal_at(80, tmp_path) == (
        "cannot listen at 127.0.0.1:80: Permission denied; name another address"
    )
