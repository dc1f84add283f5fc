"""Short articles made up for these measurements; no two are one text."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

__all__ = ["Document", "bulk", "fresh", "seeds", "write_lines"]

Document = dict[str, Any]


def _words(text: str) -> list[str]:
    return text.split(",")


TOWNS: Final = _words(
    "Ardmore,Belden,Corwick,Dunmere,Elsford,Farrow,Glenhurst,Hartwell,Inverlea,Juniper,Kelston,"
    "Larkfield,Marbury,Netherby,Oakridge"
)
THINGS: Final = _words(
    "bridge,library,tram line,swimming pool,power station,market hall,ferry pier,hospital wing,"
    "primary school,football ground,water tower,theatre,railway yard,greenhouse,fire station,"
    "observatory,brewery,windmill,harbour wall,cable car"
)
WORDS: Final = _words(
    "budget,vote,river,engineer,season,worker,plan,street,autumn,report,family,concrete,permit,"
    "festival,meeting,member,repair,contract,answer,delay,winter,visitor,price,morning,company,"
    "teacher,question,protest,neighbour,ticket,garden,signal,storm,evening,decision,court,traffic"
)


def seeds(count: int) -> list[Document]:
    """The archive's own stories, at most three hundred: one sentence on one subject each."""
    most = len(TOWNS) * len(THINGS)
    if count > most:
        raise ValueError(f"there are {most} subjects")
    return [
        {
            "id": f"seed-{number}",
            "title": f"{_town(number)} plans a new {_thing(number)}",
            "body": f"The council of {_town(number)} will pay for a {_thing(number)} next year.",
            "url": f"https://news.example/seed-{number}",
            "section": "city",
            "language": "en",
            "published_at": f"2026-10-{1 + number % 28:02}T08:00:00Z",
        }
        for number in range(count)
    ]


def fresh(number: int, subject: int, **more: object) -> Document:
    """A new story on the subject of a seed, with a tag of its own to ask for it alone."""
    return {
        "id": f"fresh-{number}",
        "title": f"Residents of {_town(subject)} argue over the {_thing(subject)}, part {number}",
        "body": f"A {_thing(subject)} for {_town(subject)}: meeting {number} ended in a quarrel.",
        "url": f"https://news.example/fresh-{number}",
        "section": "city",
        "tags": [f"fresh-{number}"],
        "language": "en",
        "published_at": "2026-11-20T08:00:00Z",
    } | more


def bulk(count: int, words: int, name: str = "bulk") -> Iterator[Document]:
    """Stories of so many words, as an archive that is moved to us has them."""
    for number in range(count):
        draw = Random(f"{name}-{number}")  # noqa: S311 - texts, not secrets
        body = " ".join(_sentence(draw) for _ in range(max(1, words // 10)))
        subject = draw.randrange(10**6)
        yield {
            "id": f"{name}-{number}",
            "title": f"{_town(subject)}: {_thing(subject)} and {draw.choice(WORDS)}, no. {number}",
            "body": body,
            "section": "archive",
            "language": "en",
            "published_at": f"2025-{1 + number % 12:02}-{1 + number % 28:02}T08:00:00Z",
        }


def write_lines(path: Path, documents: Iterator[Document] | list[Document]) -> Path:
    """A file as `read-also import` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(document)}\n" for document in documents)
    return path


def _sentence(draw: Random) -> str:
    return "The " + " ".join(draw.choices(WORDS, k=9)) + "."


def _town(number: int) -> str:
    return TOWNS[number % len(TOWNS)]


def _thing(number: int) -> str:
    return THINGS[number // len(TOWNS) % len(THINGS)]
