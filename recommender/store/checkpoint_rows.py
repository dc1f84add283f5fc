"""How far each source was read: one row for each source, in a form that only the source knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["Checkpoints"]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of sources, by the names of the sources."""

    _engine: sa.Engine
    _writer: sa.Engine

    def get(self, source: str) -> Mapping[str, Any] | None:
        """Read the checkpoint of a source; None if it has none."""
        table = schema.checkpoints
        query = sa.select(table.c.document).where(table.c.source == _key(source))
        with self._engine.begin() as connection:
            document = connection.scalar(query)
        return None if document is None else dict(json.loads(document))

    def put(self, source: str, checkpoint: Mapping[str, Any]) -> None:
        """Store the checkpoint of a source in the place of its last one."""
        table = schema.checkpoints
        values = {"document": _to_text(checkpoint), "at": datetime.now(tz=UTC)}
        with self._writer.begin() as connection:
            known = sa.update(table).where(table.c.source == _key(source)).values(**values)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(table).values(source=_key(source), **values))


def _key(source: str) -> str:
    """Make a text that databases accept: the name of a file may have bytes that are not UTF-8."""
    return source.encode("utf-8", "backslashreplace").decode("utf-8")


def _to_text(checkpoint: Mapping[str, Any]) -> str:
    return json.dumps(dict(checkpoint), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
