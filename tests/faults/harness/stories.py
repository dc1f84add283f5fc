"""Short articles made up for these measurements; no two are one text."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

Document = dict[str, Any]

TOWNS: Final = (
    *("Ardmore", "Belden", "Corwick", "Dunmere", "Elsford", "Farrow", "Glenhurst", "Hartwell"),
    *("Inverlea", "Juniper", "Kelston", "Larkfield", "Marbury", "Netherby", "Oakridge"),
)
THINGS: Final = (
    *("bridge", "library", "tram line", "swimming pool", "power station", "market hall", "theatre"),
    *("ferry pier", "hospital wing", "primary school", "football ground", "water tower", "brewery"),
    *("railway yard", "greenhouse", "fire station", "observatory", "windmill", "harbour wall"),
    "cable car",
)
MOST_SUBJECTS: Final = len(TOWNS) * len(THINGS)
WORDS: Final = (
    *("budget", "vote", "river", "engineer", "season", "worker", "plan", "street", "autumn"),
    *("report", "family", "concrete", "permit", "festival", "meeting", "member", "repair"),
    *("contract", "answer", "delay", "winter", "visitor", "price", "morning", "company", "teacher"),
)


def seeds(count: int) -> list[Document]:
    """The archive's own stories, at most three hundred: one sentence on one subject each."""
    assert count <= MOST_SUBJECTS
    return [
        _story(
            f"seed-{number}",
            f"{_town(number)} plans a new {_thing(number)}",
            f"The council of {_town(number)} will pay for a {_thing(number)} next year.",
        )
        for number in range(count)
    ]


def fresh(number: int, subject: int, **more: object) -> Document:
    """A new story on the subject of a seed, with a tag of its own to ask for it alone."""
    town, thing = _town(subject), _thing(subject)
    return _story(
        f"fresh-{number}",
        f"Residents of {town} argue over the {thing}, part {number}",
        f"A {thing} for {town}: meeting {number} ended in a quarrel.",
        **{"tags": [f"fresh-{number}"], "published_at": "2026-11-20T08:00:00Z"} | more,
    )


def bulk(count: int, words: int) -> Iterator[Document]:
    """Stories of so many words, as an archive that is moved to us has them."""
    for number in range(count):
        draw = Random(f"bulk-{number}")  # noqa: S311 - texts, not secrets
        sentences = [" ".join(["The", *draw.choices(WORDS, k=9)]) for _ in range(words // 10)]
        title = f"{draw.choice(TOWNS)}: {draw.choice(THINGS)} and {draw.choice(WORDS)}"
        yield _story(f"bulk-{number}", f"{title}, no. {number}", ". ".join(sentences))


def write_lines(path: Path, documents: Iterable[Document]) -> Path:
    """A file as `read-also import` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(document)}\n" for document in documents)
    return path


def _story(article_id: str, title: str, body: str, **more: object) -> Document:
    return {
        "id": article_id,
        "title": title,
        "body": body,
        "url": f"https://news.example/{article_id}",
        "section": "city",
        "language": "en",
        "published_at": "2026-10-05T08:00:00Z",
    } | more


def _town(number: int) -> str:
    return TOWNS[number % len(TOWNS)]


def _thing(number: int) -> str:
    return THINGS[number // len(TOWNS) % len(THINGS)]
