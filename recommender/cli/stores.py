"""Opens the store for the commands that may create it."""

from index import Catalog
from recommender.errors import BadSettings
from recommender.settings import PREFIX, Settings
from recommender.store import ArticleStore, open_store

__all__ = ["open_or_create"]


def open_or_create(settings: Settings) -> ArticleStore:
    """Open the store, or create it where none can have been.

    Raises:
        BadSettings: it would be created at the default place, beside snapshots of another one.
        StoreUnusable: it cannot be opened.
    """
    data = settings.data
    is_new = settings.database_url == data.database_url and not data.database.exists()
    if is_new and Catalog(data.snapshots).generations():
        raise BadSettings(
            f"{data.path} has snapshots of a store, but the store {data.database} is missing; move "
            f"it there, or name it in {PREFIX}DATABASE_URL; to begin anew remove {data.snapshots}"
        )
    return open_store(settings.database_url)
