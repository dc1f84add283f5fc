"""The use case: the store as JSON lines, which can be imported again."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from index.disk import sync_folder
from recommender.progress import Meter, silent
from recommender.store import ArticleStore

__all__ = ["export_articles", "export_to"]

UNKNOWN = 0  # how many there are is known at the end


def export_to(store: ArticleStore, path: Path, meter: Meter = silent) -> int:
    """Write every article to a file, which is whole or as it was before; tells how many.

    Raises:
        OSError: the disk refuses.
    """
    with _replaced(path) as write:
        return export_articles(store, write, meter)


def export_articles(
    store: ArticleStore, write: Callable[[bytes], object], meter: Meter = silent
) -> int:
    """Write the articles as they were given, as at one moment; tells how many.

    One JSON object a line, by ascending id; a deleted article is not among them.
    """
    count = 0
    with store.scan() as view, meter("exporting", UNKNOWN, "article") as advance:
        for stored in view:
            write(stored.article.to_json().encode() + b"\n")
            count += 1
            advance(1)
    return count


@contextmanager
def _replaced(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Writes beside a path; at the end, what was written takes its place at one stroke."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with aside.open("xb") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
