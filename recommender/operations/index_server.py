"""What the indexer and operators do about a Milvus server, where the settings name one."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field

from index import IndexFault, NoSnapshot, SnapshotDamaged
from recommender.settings import Settings
from recommender.store import ArticleStore

__all__ = ["ServerFacts", "feeding", "lacks_collection", "look_at_server"]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What was found of a server.

    Attributes:
        fault: why no list can be made from it; None if lists can be.
        live: the name of the live collection; None if there is none, or that is unknown.
        change: up to which change all is in it.
        in_log: whether the store's log goes on from there: it is of this store, and no restore
            lies between.
        refused: by id, why an article is not in it though it should be.
    """

    fault: str | None = None
    live: str | None = None
    change: int = 0
    in_log: bool = True
    refused: Mapping[str, str] = field(default_factory=dict)


def feeding(
    settings: Settings, store: Callable[[], ArticleStore], term: Callable[[], int]
) -> AbstractContextManager[object]:
    """Bring changes to the server while the block runs; without a server, nothing.

    Args:
        settings: of the deployment.
        store: opens the store, or raises StoreUnusable.
        term: which time it is that this process may write, 0 if it may not; see `Election`.
    """
    if not settings.milvus:
        return nullcontext()
    from recommender.operations.collection_feed import feed_of  # noqa: PLC0415 - needs an extra

    return feed_of(settings, store, term)


def look_at_server(settings: Settings, store: ArticleStore | None) -> ServerFacts | None:
    """Look at the server, and compare its live collection with a store; None without a server.

    Args:
        settings: name the server.
        store: nothing is compared without it.

    Raises:
        StoreUnusable: the store cannot be read now.
    """
    if not settings.milvus:
        return None
    from index.milvus import Milvus  # noqa: PLC0415 - needs an extra
    from recommender.indexing.collection_catalog import open_collection  # noqa: PLC0415

    live = None
    try:
        with closing(Milvus(settings.milvus)) as milvus:
            live = milvus.live()
            opened = open_collection(milvus)
            position, refused = opened.position(), opened.refused()
    except IndexFault as fault:
        return ServerFacts(str(fault), live)
    in_log = store is None or store.has_position(position, opened.origin.epoch)
    return ServerFacts(None, opened.name, position.number, in_log, refused)


def lacks_collection(settings: Settings) -> bool:
    """Whether a server has no live collection that this release can read.

    Raises:
        EngineAway: it does not answer.
    """
    if not settings.milvus:
        return False
    from index.milvus import Milvus  # noqa: PLC0415 - needs an extra
    from recommender.indexing.collection_catalog import open_collection  # noqa: PLC0415

    try:
        with closing(Milvus(settings.milvus)) as milvus:
            open_collection(milvus)
    except (NoSnapshot, SnapshotDamaged):
        return True
    return False
