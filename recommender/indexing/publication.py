"""Where generations are published: in the data folder and, with a Milvus server, there too."""

from typing import Protocol, runtime_checkable

from index import Catalog
from recommender.setting_values import check_index_driver
from recommender.settings import Settings

__all__ = ["CopiesElsewhere", "catalog_of", "copies_of"]


@runtime_checkable
class CopiesElsewhere(Protocol):
    """Generations that are kept outside of the data folder too."""

    def is_held_elsewhere(self, change: int) -> bool:
        """Whether the live one there may hold what a change has removed."""

    def remove_elsewhere(self, change: int) -> tuple[str, ...]:
        """Remove all others there that may hold it; return their names."""


def catalog_of(settings: Settings) -> Catalog:
    """The catalog that a build or a rollback publishes to.

    Raises:
        PartMissing: the settings name a Milvus server, and its driver is not installed.
        EngineAway: the server does not answer.
    """
    check_index_driver(settings.milvus)
    if not settings.milvus:
        return Catalog(settings.data.snapshots)
    from recommender.indexing.collection_catalog import catalog_over  # noqa: PLC0415 - an extra

    return catalog_over(settings)


def copies_of(catalog: Catalog) -> CopiesElsewhere | None:
    """What a catalog keeps outside of the data folder; None for one that keeps nothing there."""
    return catalog if isinstance(catalog, CopiesElsewhere) else None
