"""The use case: write the articles of the store as JSON lines, which can be imported again."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from index import replacing
from recommender.progress import Meter, silent
from recommender.store.article_store import ArticleStore

__all__ = ["export_articles", "export_to"]

UNKNOWN_TOTAL: Final = 0


def export_to(store: ArticleStore, path: Path, meter: Meter = silent) -> int:
    """Write every article to a path, and return how many.

    A regular file is replaced at the end in one step: it is whole, or as it was before. Of a
    symbolic link, the file that it names is replaced. A pipe or a device is written to directly.

    Raises:
        OSError: the disk refuses, or the reader of a pipe went away.
    """
    try:
        with _opened(path) as write:
            return export_articles(store, write, meter)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "name a file in a folder that exists, has room and may be written to"
        raise type(error)(f"{path} is not written: {reason}; {remedy}") from error


def export_articles(
    store: ArticleStore, write: Callable[[bytes], object], meter: Meter = silent
) -> int:
    """Write the articles as they were given, as they are at one moment; return how many.

    Each is a JSON object on one line; they are in ascending order of ids. Deleted ones are left
    out.
    """
    count = 0
    with store.scan() as scan, meter("exporting", UNKNOWN_TOTAL, "article") as advance:
        for stored in scan:
            write(stored.article.to_json().encode() + b"\n")
            count += 1
            advance(1)
    return count


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[bytes], object]]:
    if _is_stream(path):
        with path.open("wb") as stream:
            yield stream.write
        return
    with replacing(path.resolve()) as aside, aside.open("wb") as file:
        yield file.write


def _is_stream(path: Path) -> bool:
    """Whether a path names a pipe, a device or a socket, so that nothing can take its place."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
