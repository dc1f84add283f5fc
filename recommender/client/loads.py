"""Bulk loads: lines, cut into requests that the service takes, sent until each line is answered."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Final

from recommender.api import BulkAnswer, BulkItem, Deletion
from recommender.articles import Article
from recommender.client.wire import AGAIN, REST_SECONDS, Wire, read_answer

__all__ = ["Fields", "as_document", "as_line", "loads_of", "send_load"]

Fields = Mapping[str, object]

MOST_LINES: Final = 1_000  # the service takes more at once, but is seconds about it
MOST_BYTES: Final = 4 * 2**20
LOAD_SECONDS: Final = 120.0


def as_document(article: Article | Fields) -> dict[str, object]:
    """An article in plain JSON types."""
    return article.to_document() if isinstance(article, Article) else dict(article)


def as_line(write: Article | Fields | Deletion) -> bytes:
    """A write as a line of NDJSON."""
    fields = asdict(write) if isinstance(write, Deletion) else as_document(write)
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"  # to be refused alone, by the service


def loads_of(
    lines: Iterable[bytes], most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES
) -> Iterator[list[bytes]]:
    """Lines in their order, cut into loads of so many lines and bytes at most, or of one line."""
    load: list[bytes] = []
    size = 0
    for line in lines:
        if load and (len(load) == most_lines or size + len(line) > most_bytes):
            yield load
            load, size = [], 0
        load.append(line)
        size += len(line)
    if load:
        yield load


def send_load(wire: Wire, lines: Sequence[bytes]) -> Iterator[BulkItem]:
    """Send a load; what a store that failed on the way left undone is sent again, in order."""
    for attempt in range(1, wire.attempts + 1):
        answer = wire.call("POST", "/v1/bulk", content=b"".join(lines), seconds=LOAD_SECONDS)
        items = read_answer(BulkAnswer, answer).items
        done = list(takewhile(lambda item: item.status not in AGAIN, items))
        yield from done
        lines = lines[len(done) :]
        if not lines or attempt == wire.attempts:
            yield from items[len(done) :]
            return
        wire.sleep(REST_SECONDS)
