"""The use case: every trace of an article gone but its tombstone.

Each step can be cut short and done again: what is left to do is always read from the disk. Until
the new generation is published nothing is removed that readers need.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from index import Catalog, IndexFault, NoSnapshot, SnapshotDamaged
from index.disk import sync_folder
from recommender.errors import ReadAlsoError
from recommender.settings import JOURNAL_SUFFIX, DataFolder
from recommender.store import ArticleStore
from recommender.store.erasure import overwrite_free_space, scrub

__all__ = ["Erased", "erase"]

_RESTORING: Final = ".*.restoring*"  # what a restore that was killed has left
_ASIDE: Final = ".building-"  # what the catalog sweeps up


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed.

    Attributes:
        change: the number of the tombstone.
        published: the generation that took the place of the live one; None if that was free of it.
        generations: those removed.
        files: other files removed.
        features: rows of words, vectors and plain texts that no article has.
    """

    change: int
    published: str | None
    generations: tuple[str, ...]
    files: tuple[Path, ...]
    features: int


def erase(
    store: ArticleStore,
    catalog: Catalog,
    data: DataFolder,
    article_id: str,
    publish: Callable[[], str],
) -> Erased:
    """Delete an article, and remove whatever holds anything of it.

    Args:
        store: where it is, or was.
        catalog: the generations; all that hold it are removed, and those that cannot be read.
        data: where workers and the indexer keep files of their own.
        article_id: the article's.
        publish: makes a new generation of the store live, and names it; it takes the catalog's
            lock itself. Called only where readers get, or after a restart would get, one that
            holds the article.

    Raises:
        UnknownArticle: it was never stored.
        GateRefused: the new generation is worse than the live one. The article is deleted, the
            rest is still there; so it is after every error below.
        Locked: a rebuild is at work.
        StoreUnusable: the store cannot be asked now, or others use it for too long.
        OSError: the disk refuses.
        ReadAlsoError: a generation that holds it went live meanwhile.
    """
    change = store.delete(article_id).change
    scrub(store, article_id)
    own = OwnFiles(data)
    published = publish() if _is_served(catalog, own, article_id) else None
    with catalog.lock():
        generations = _remove_generations(catalog, article_id)
        files = own.remove(article_id, catalog.generations())
        features = store.features.prune()
        overwrite_free_space(store)
    return Erased(change, published, generations, files, features)


class OwnFiles:
    """What workers and the indexer keep beside the generations."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data

    def copy_mentions(self, generation: str | None, article_id: str) -> bool:
        """Whether the changes copied for a generation, or for any, are about an article too."""
        journals = self._data.journal_files()
        return any(
            _mentions(path, article_id)
            for path in journals
            if generation in {None, _generation_of(path)}
        )

    def remove(self, article_id: str, generations: Collection[str]) -> tuple[Path, ...]:
        """Remove what mentions an article, and copies for generations that are gone; names them.

        A worker that adds to a copy goes on without it until it takes up a new generation.
        """
        data, journals = self._data, self._data.journal_files()
        gone = {path for path in journals if _generation_of(path) not in generations}
        kept = [*journals, data.unfinished_journal, data.texts_in_hand]
        torn = data.path.glob(_RESTORING)
        mentioned = [path for path in kept if path in gone or _mentions(path, article_id)]
        doomed = (*mentioned, *torn)
        for path in doomed:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        return doomed


def _generation_of(journal: Path) -> str:
    return journal.name.removesuffix(JOURNAL_SUFFIX)


def _is_served(catalog: Catalog, own: OwnFiles, article_id: str) -> bool:
    """Whether readers get, or after a restart would get, what holds an article."""
    try:
        live = catalog.live()
    except NoSnapshot:
        return bool(catalog.generations()) or own.copy_mentions(None, article_id)
    except SnapshotDamaged:
        return True
    return _may_hold(catalog, live, article_id) or own.copy_mentions(live, article_id)


def _remove_generations(catalog: Catalog, article_id: str) -> tuple[str, ...]:
    """Remove all that may hold an article, and what was left aside; names those removed."""
    names = catalog.generations()
    doomed = tuple(name for name in names if _may_hold(catalog, name, article_id))
    if doomed and catalog.live() in doomed:
        raise ReadAlsoError(
            f"generation {catalog.live()} went live meanwhile and holds {article_id!r}; see that "
            "it is not pushed any more, and run it again"
        )
    for name in doomed:
        (catalog.folder / name).rename(catalog.folder / f"{_ASIDE}{secrets.token_hex(8)}")
    catalog.prune(keep=max(1, len(names)))
    return doomed


def _may_hold(catalog: Catalog, generation: str, article_id: str) -> bool:
    """Whether a generation has a row of an article; of a damaged one nobody knows."""
    try:
        return catalog.open(generation).row_of(article_id) is not None
    except (IndexFault, OSError):
        return True


def _mentions(path: Path, article_id: str) -> bool:
    """Whether a file of JSON, whole or cut off, is about an article: ids stand there in quotes.

    An outline, which may name the article as the one it translates, is quoted once more there; so
    are the overrides by editors, whose reasons may mention it.
    """
    names = (f'"{article_id}"'.encode(), rf"\"id\":\"{article_id}\"".encode())
    try:
        with path.open("rb") as file:
            return any(name in line for line in file for name in names)
    except FileNotFoundError:
        return False
