"""What the indexer does for a Milvus server, where the settings name one."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from recommender.settings import Settings
from recommender.store import ArticleStore

__all__ = ["feeding"]


def feeding(
    settings: Settings, store: Callable[[], ArticleStore], may_write: Callable[[], bool]
) -> AbstractContextManager[object]:
    """Bring changes to the server while the block runs; without a server, nothing.

    Args:
        settings: of the deployment.
        store: opens the store, or raises StoreUnusable.
        may_write: whether this process is the one that writes now.
    """
    if not settings.milvus:
        return nullcontext()
    from recommender.operations.collection_feed import feed_of  # noqa: PLC0415 - needs an extra

    return feed_of(settings, store, may_write)
