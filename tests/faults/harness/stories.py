"""Short articles on one subject, as the sources of a measurement; no two are one text."""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.support.archives import HARBOUR, Document, story

__all__ = ["fresh", "seeds", "write_lines"]


def seeds(count: int, name: str = "seed") -> list[Document]:
    """Stories that an archive begins with."""
    return [_listable(f"{name}-{number}") for number in range(count)]


def fresh(number: int, **more: object) -> Document:
    """A new story, with a tag of its own to ask for it alone."""
    return _listable(f"fresh-{number}", tags=[f"fresh-{number}"]) | more


def _listable(article_id: str, **fields: object) -> Document:
    dated = {"url": f"https://news.example/{article_id}", "published_at": "2026-10-05T08:00:00Z"}
    return story(article_id, HARBOUR, **dated, **fields)


def write_lines(path: Path, documents: Iterable[Document]) -> Path:
    """A file as `read-also import` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(document)}\n" for document in documents)
    return path
