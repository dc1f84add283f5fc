"""Where each source was left: one row each, which only the source itself understands."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["Cursors"]


class Cursors:
    """The cursors of sources, by their names."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def get(self, source: str) -> Mapping[str, Any] | None:
        """Where a source was left; None if it was never read, or not up to any mark."""
        table = schema.cursors
        query = sa.select(table.c.document).where(table.c.source == _key(source))
        with self._engine.begin() as connection:
            document = connection.scalar(query)
        return None if document is None else dict(json.loads(document))

    def put(self, source: str, cursor: Mapping[str, Any]) -> None:
        """Remember where a source was left, in the place of what was remembered before."""
        table = schema.cursors
        values = {"document": _to_text(cursor), "at": datetime.now(tz=UTC)}
        with self._writer.begin() as connection:
            known = sa.update(table).where(table.c.source == _key(source)).values(**values)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(table).values(source=_key(source), **values))


def _key(source: str) -> str:
    """A name as a text that databases take: a file's may hold bytes that are no UTF-8."""
    return source.encode("utf-8", "backslashreplace").decode("utf-8")


def _to_text(cursor: Mapping[str, Any]) -> str:
    return json.dumps(dict(cursor), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
