"""The fields of the collections of a Milvus server, and how they are indexed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymilvus import DataType, MilvusClient

from index.milvus_language import LONGEST_ID, MOST_KEYWORDS, PIECES

if TYPE_CHECKING:
    from index.milvus_language import SearchedColumns
    from index.stored_rows import RowLayout

__all__ = ["indexes_of_notes", "indexes_of_rows", "schema_of", "schema_of_notes"]

GRAPH: Final = {"M": 16, "efConstruction": 200}
LONGEST_TEXT: Final = 65_535


def schema_of(layout: RowLayout, searched: SearchedColumns) -> Any:  # noqa: ANN401 - of pymilvus
    """The fields of rows."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST_ID)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=max(layout.dim, 2))
    schema.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)
    for field, kind in _scalars(layout, searched).items():
        schema.add_field(field, kind)
    keywords: dict[str, Any] = {"element_type": DataType.INT64, "max_capacity": MOST_KEYWORDS}
    schema.add_field("keywords", DataType.ARRAY, **keywords)
    schema.add_field("numbers", DataType.JSON)
    for field in PIECES:
        schema.add_field(field, DataType.VARCHAR, max_length=LONGEST_TEXT)
    for field in ("tenure", "since"):
        schema.add_field(field, DataType.INT64)
    return schema


def indexes_of_rows() -> Any:  # noqa: ANN401 - of pymilvus
    """How rows are indexed."""
    indexes = MilvusClient.prepare_index_params()
    indexes.add_index("vector", index_type="HNSW", metric_type="IP", params=GRAPH)
    indexes.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    indexes.add_index("place", index_type="FLAT", metric_type="IP")
    return indexes


def schema_of_notes() -> Any:  # noqa: ANN401 - of pymilvus
    """The fields of notes; a server wants a vector."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=100)
    schema.add_field("text", DataType.VARCHAR, max_length=LONGEST_TEXT)
    schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)
    return schema


def indexes_of_notes() -> Any:  # noqa: ANN401 - of pymilvus
    """How notes are indexed."""
    indexes = MilvusClient.prepare_index_params()
    indexes.add_index("place", index_type="FLAT", metric_type="IP")
    return indexes


def _scalars(layout: RowLayout, searched: SearchedColumns) -> dict[str, DataType]:
    """The fields that conditions name, and their types."""
    kinds = {"b": DataType.BOOL, "i": DataType.INT64, "u": DataType.INT64, "f": DataType.DOUBLE}
    columns = {name: kinds[layout.columns[name].kind] for name in sorted(searched.names)}
    fields = {f"column_{name}": kind for name, kind in columns.items()}
    return fields | {f"column_{name}": DataType.INT64 for name in layout.labels}
