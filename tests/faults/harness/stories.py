"""Short articles, as the sources of a measurement; no two are one text."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.support.archives import HARBOUR, Document, story

__all__ = ["bulk", "fresh", "seeds", "write_lines"]

TOWNS: Final = [
    "Ardmore",
    "Belden",
    "Corwick",
    "Dunmere",
    "Elsford",
    "Farrow",
    "Glenhurst",
    "Hartwell",
    "Inverlea",
    "Juniper",
    "Kelston",
    "Larkfield",
    "Marbury",
    "Netherby",
    "Oakridge",
]
THINGS: Final = [
    "bridge",
    "library",
    "tramline",
    "pool",
    "hospital",
    "market",
    "pier",
    "school",
    "stadium",
    "tower",
    "theatre",
    "railway",
    "greenhouse",
    "observatory",
    "brewery",
    "windmill",
    "harbour",
    "airport",
    "museum",
    "prison",
]


def seeds(count: int) -> list[Document]:
    """Stories that an archive begins with; up to 300 of them have subjects of their own."""
    return [
        _listable(f"seed-{number}")
        | {
            "title": f"{_town(number)} plans a new {_thing(number)}",
            "body": f"The council of {_town(number)} will pay for a {_thing(number)} next year.",
        }
        for number in range(count)
    ]


def fresh(number: int, **more: object) -> Document:
    """A new story on the subject of the seed of that number, with a tag of its own."""
    town, thing = _town(number), _thing(number)
    return (
        _listable(f"fresh-{number}", tags=[f"fresh-{number}"])
        | {
            "title": f"Residents of {town} argue over the {thing}, part {number}",
            "body": f"A {thing} for {town}: meeting {number} ended in a quarrel.",
        }
        | more
    )


def bulk(count: int) -> list[Document]:
    """Stories of eighty words, as an archive that is moved to us has them."""
    return [_listable(f"bulk-{number}") for number in range(count)]


def _town(number: int) -> str:
    return TOWNS[number % len(TOWNS)]


def _thing(number: int) -> str:
    return THINGS[number // len(TOWNS) % len(THINGS)]


def _listable(article_id: str, **fields: object) -> Document:
    dated = {"url": f"https://news.example/{article_id}", "published_at": "2026-10-05T08:00:00Z"}
    return story(article_id, HARBOUR, **dated, **fields)


def write_lines(path: Path, documents: Iterable[Document]) -> Path:
    """A file as `read-also import` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(document)}\n" for document in documents)
    return path
