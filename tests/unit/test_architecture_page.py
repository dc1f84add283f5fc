"""docs/architecture.md names files and pictures that exist, and every room."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROOMS = sorted(path.parent.name for path in (ROOT / "recommender").glob("*/__init__.py"))


def test_every_path_it_names_exists() -> None:
    named = re.findall(r"`((?:recommender|index|tests|benchmarks)/[\w./]*)`", PAGE)
    linked = re.findall(r"\]\(([\w./-]+)\)", PAGE)
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [name for name in linked if not (ROOT / "docs" / name).exists()]
    assert missing == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_described(room: str) -> None:
    assert f"| `recommender/{room}/` |" in PAGE


def test_every_module_beside_the_rooms_is_named() -> None:
    modules = {path.name for path in (ROOT / "recommender").glob("[!_]*.py")}
    rooms, _ = PAGE.split("## The processes")
    assert modules == set(re.findall(r"`(?:recommender/)?(\w+\.py)`", rooms)) - {"service.py"}


@pytest.mark.parametrize("name", ["rooms", "flow"])
def test_every_picture_has_its_source(name: str) -> None:
    source = (ROOT / "docs" / "pictures" / f"{name}.dot").read_text("utf-8")
    picture = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text("utf-8")
    for label in re.findall(r"<b>([^<]+)</b>", source):
        assert label in picture
