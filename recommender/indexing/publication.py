"""Where generations are published: in the data folder and, with a Milvus server, there too."""

from index import Catalog
from recommender.setting_values import check_index_driver
from recommender.settings import Settings

__all__ = ["catalog_of"]


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
