"""Imports a folder of real exports, feeds and pages, and counts the records in another way too.

    python -m benchmarks.import_formats EVAL

A file is imported, or refused with its line and the reason; nothing else may happen. The records of
a file are also counted with regular expressions and the json module. So a record that is lost
without a message is found.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import silent
from recommender.sources import LeftOut, Record
from recommender.sources.fetching import Fetcher
from recommender.sources.format_detection import HEAD, detect_format
from recommender.sources.registry import open_source

SHOWN: Final = 3  # refusals of a file
IMPORTED: Final = frozenset({".html", ".json", ".jsonl", ".xml"})
NOT_FOR_IMPORT: Final = frozenset({"metadata", "text"})  # the expected results of pages
_XML_RECORD: Final = re.compile(rb"<(?:item|entry)[\s>]")
_PLACED: Final = re.compile(r".*?:(?:\d+|/[\w/]*)(?:: |$)")
HEADER: Final = f"{'file':<46} {'format':<10} {'own':>5} {'imported':>8} {'refused':>7}  left out"


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one file. `own` is the number of its records, counted without the product."""

    name: str
    format: str
    imported: int
    left_out: Counter[str]
    refused: tuple[str, ...]
    own: int

    @property
    def agrees(self) -> bool:
        """Whether every record is imported, left out or refused, and every refusal names its place.

        A refusal is of one record, or of the whole file.
        """
        taken = self.imported + self.left_out.total()
        placed = all(_PLACED.match(line) for line in self.refused)
        return placed and taken <= self.own <= taken + len(self.refused)

    def __str__(self) -> str:
        others = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
        counts = f"{self.own:5} {self.imported:8} {len(self.refused):7}"
        flag = "" if self.agrees else "  DISAGREES"
        return f"{self.name:<46} {self.format:<10} {counts}  {others}{flag}"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Import every file of FOLDER/importers; exit with 1 if two counts differ."""
    rows = []
    click.echo(HEADER)
    for path in files_of(folder / "importers"):
        row = read(path, str(path.relative_to(folder / "importers")))
        rows.append(row)
        click.echo(row)
        for line in row.refused[:SHOWN]:
            click.echo(f"    {line}")
    wrong = sum(not row.agrees for row in rows)
    click.echo(f"{len(rows)} files, {sum(row.imported for row in rows)} articles, {wrong} disagree")
    sys.exit(1 if wrong or not rows else 0)


def files_of(folder: Path) -> list[Path]:
    """The files to import, without those that hold the expected results."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in IMPORTED)
    return [path for path in found if path.parent.name not in NOT_FOR_IMPORT]


def read(path: Path, name: str) -> Row:
    """Read one file through, as the import command would."""
    imported, left_out, refused = 0, Counter[str](), list[str]()
    with Fetcher() as fetcher:
        try:
            for one in open_source(str(path), "auto", fetcher).pull(None, silent):
                if isinstance(one, LeftOut):
                    left_out[one.reason] += one.count
                elif isinstance(one, Record) and isinstance(one.content, InvalidArticle):
                    refused.append(f"{one.place}: {one.content}")
                elif isinstance(one, Record):
                    imported += isinstance(one.content, Article)
        except BadSource as error:
            refused.append(str(error))
    lines = tuple(line.replace(str(path), path.name) for line in refused)
    with path.open("rb") as file:
        return Row(name, detect_format(file.read(HEAD)), imported, left_out, lines, count(path))


def count(path: Path) -> int:
    """Count the records of a file without the product."""
    data = path.read_bytes()
    if path.suffix in {".html", ".xml"}:
        is_page = not data.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith((b"<?xml", b"<rss"))
        return len(_XML_RECORD.findall(data)) or int(is_page)
    try:
        value = json.loads(data)
    except ValueError:
        return sum(1 for line in data.splitlines() if line.strip())
    items = value.get("items", [value]) if isinstance(value, dict) else value
    return len(items)


if __name__ == "__main__":
    main()
