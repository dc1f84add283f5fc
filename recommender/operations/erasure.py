"""The use case: remove every trace of an article but the fact that it was deleted.

Each step can be interrupted and done again: what is left to do is always read from the disk.
Nothing that readers need is removed before the new generation is published.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from index import Catalog, IndexFault, NoSnapshot, SnapshotDamaged
from index.disk import sync_folder
from recommender.errors import ReadAlsoError
from recommender.indexing.publication import CopiesElsewhere
from recommender.indexing.snapshots import FULL_NOTE
from recommender.live import Journal
from recommender.settings import DataFolder
from recommender.store import ArticleStore
from recommender.store.backup import find_leftovers
from recommender.store.deleted_rows import overwrite_free_space, scrub

__all__ = ["Erased", "erase"]


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of an erasure.

    Attributes:
        change: number of the deletion.
        published: the generation that replaced the live one; None if that did not hold the article.
        generations: the generations that were removed.
        collections: those of a Milvus server that were removed.
        files: other files that were removed.
        features: how many rows of features, of this and other texts without an article.
        is_shared: whether the store is a database server, which machines with other data folders
            may share. What those hold of the article is still there.
    """

    change: int
    published: str | None
    generations: tuple[str, ...]
    files: tuple[Path, ...]
    features: int
    collections: tuple[str, ...] = ()
    is_shared: bool = False


def erase(
    store: ArticleStore,
    catalog: Catalog,
    data: DataFolder,
    article_id: str,
    publish: Callable[[], str],
    copies: CopiesElsewhere | None = None,
) -> Erased:
    """Delete an article, and remove everything that holds a part of it.

    Of several machines that share a store, only this one's data folder is looked at.

    Args:
        store: the store.
        catalog: the generations; those that hold it, or that cannot be read, are removed.
        data: the data folder, with the files of workers and of the indexer.
        article_id: the article.
        publish: publishes a new generation of the store, and returns its name; it takes the lock of
            the catalog itself. It is called only if readers get the article now, or would get it
            after a restart.
        copies: what a Milvus server has of the generations; None without one.

    Raises:
        UnknownArticle: it was never stored.
        GateRefused: the new generation is worse than the live one. The article is deleted, and the
            rest is still there; so it is after every error below.
        Locked: a rebuild is running.
        StoreUnusable: the store cannot be used now, or others use it for too long.
        OSError: the disk refuses.
        EngineAway: the Milvus server does not answer.
        ReadAlsoError: a generation that holds the article was published meanwhile.
    """
    change = store.delete(article_id).change
    scrub(store, article_id)
    is_copied = copies is not None and copies.is_held_elsewhere(change)
    published = publish() if is_copied or _is_served(catalog, data, article_id) else None
    with catalog.lock():
        generations = _remove_generations(catalog, article_id)
        collections = copies.remove_elsewhere(change) if copies is not None else ()
        files = _find_files(store, data, article_id, catalog.generations())
        _remove(files)
        features = store.features.prune()
        overwrite_free_space(store)
    is_shared = not _is_sqlite(store)
    return Erased(change, published, generations, files, features, collections, is_shared)


def _is_sqlite(store: ArticleStore) -> bool:
    return store.engine.dialect.name == "sqlite"


def _find_files(
    store: ArticleStore, data: DataFolder, article_id: str, generations: Collection[str]
) -> tuple[Path, ...]:
    """Find the files that mention an article, and those that nothing uses any more.

    A worker whose journal is removed goes on without one until it takes up a new generation.
    """
    journal, database = Journal(data.journals), store.engine.url.database
    journals = journal.paths()
    unused = {path for generation, path in journals.items() if generation not in generations}
    candidates = [*journals.values(), journal.unfinished, data.texts_in_hand]
    found = [path for path in candidates if path in unused or _mentions(path, article_id)]
    if _is_sqlite(store) and database:
        found += find_leftovers(Path(database))
    return tuple(found)


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _is_served(catalog: Catalog, data: DataFolder, article_id: str) -> bool:
    """Whether readers get the article now, or would get it after a restart."""
    journals = Journal(data.journals).paths()
    try:
        live = catalog.live()
    except NoSnapshot:
        mentioned = any(_mentions(path, article_id) for path in journals.values())
        return mentioned or bool(catalog.generations())
    except SnapshotDamaged:
        return True
    if _may_hold(catalog, live, article_id):
        return True
    return live in journals and _mentions(journals[live], article_id)


def _remove_generations(catalog: Catalog, article_id: str) -> tuple[str, ...]:
    """Remove the generations that may hold an article; return their names."""
    doomed = tuple(name for name in catalog.generations() if _may_hold(catalog, name, article_id))
    if doomed and catalog.live() in doomed:
        raise ReadAlsoError(
            f"generation {catalog.live()} was published meanwhile and may hold {article_id!r}; "
            "stop pushing the article, and run it again"
        )
    catalog.remove(doomed)
    return doomed


def _may_hold(catalog: Catalog, generation: str, article_id: str) -> bool:
    """Whether a generation has a row of an article, was merged, or cannot be read.

    A merged one has the statistics of its full build, to which an article belonged that was
    deleted since: how many rows held each word, and means.
    """
    try:
        # Not `open_generation`: whether lists can be made from its columns does not matter here.
        snapshot = catalog.open(generation)
    except (IndexFault, OSError):
        return True
    return snapshot.row_of(article_id) is not None or FULL_NOTE in snapshot.manifest.notes


def _mentions(path: Path, article_id: str) -> bool:
    """Whether a file of JSON lines, whole or cut off, has the id of an article in quotes.

    In outlines and overrides, which are JSON within JSON, the quotes are escaped.
    """
    names = (f'"{article_id}"'.encode(), rf"\"id\":\"{article_id}\"".encode())
    try:
        with path.open("rb") as file:
            return any(name in line for line in file for name in names)
    except FileNotFoundError:
        return False
