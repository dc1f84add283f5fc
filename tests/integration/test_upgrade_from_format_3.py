"""A data folder as release f832dfc left it: 23 articles, overrides, a policy, a waiting text.

That release wrote `data/format-3.tar.xz`. `data/format-3-lists.json` has its lists after a rebuild:
by article, `[id, score, reason]` of each item, or the HTTP status.
"""

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.archives import archive_settings, run_command

DATA = Path(__file__).parent / "data"
EXPECTED: dict[str, Any] = json.loads((DATA / "format-3-lists.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The folder of that release, after this release's `read-also rebuild` with its defaults."""
    folder = tmp_path_factory.mktemp("format-3")
    with tarfile.open(DATA / "format-3.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    settings = replace(archive_settings(folder), model="auto")
    result = run_command(settings, "rebuild")
    assert result.exit_code == 0, result.output
    assert "23 articles" in result.output
    assert "model: bundled (the stored vectors are its own)" in result.stderr
    return settings


def listed(client: FlaskClient, article_id: str) -> list[str] | int:
    """The ids of a list now, or the status of its refusal."""
    answer = client.get(f"/v1/articles/{article_id}/related?limit=12")
    if answer.status_code != 200:
        return answer.status_code
    return [item["id"] for item in answer.get_json()["items"]]


def test_the_lists_hold_what_those_of_the_earlier_release_held(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    """In another order: this release weighs signals otherwise."""
    client = client_of(upgraded, "reader")
    for article_id, expected in EXPECTED.items():
        found = listed(client, article_id)
        if isinstance(expected, int) or isinstance(found, int):
            assert found == expected, article_id
            continue
        assert sorted(found) == sorted(name for name, _, _ in expected), article_id


def test_pins_and_blocks_are_kept_with_who_set_them(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    client = client_of(upgraded, "reader")
    pins = client.get("/v1/articles/guiyang-smart-city/pins").get_json()["pins"]
    blocks = client.get("/v1/articles/guiyang-smart-city/blocks").get_json()["blocks"]
    assert [(pin["id"], pin["by"]) for pin in pins] == [("glacier-hockey-club", "a: Editor")]
    assert [(block["id"], block["by"]) for block in blocks] == [
        ("bijie-data-labellers", "a: Editor")
    ]


def test_a_text_that_waited_to_be_read_is_listed(
    upgraded: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    found = listed(client_of(upgraded, "reader"), "guiyang-smart-city")
    assert not isinstance(found, int)
    assert "lanzhou-buses" in found
