"""Which model was chosen for the texts of a store: one of its facts, beside the epoch."""

import json
from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["ModelChoice", "ModelChoices"]

_FACT: Final = "model"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model that `READ_ALSO_MODEL=auto` stands for in one store.

    Attributes:
        model: its name, as READ_ALSO_MODEL would give it.
        why: the reason, for operators.
        final: whether it stays; if not, the first rebuild chooses.
    """

    model: str
    why: str
    final: bool

    def __str__(self) -> str:
        return f"{self.model} ({self.why})"


@dataclass(frozen=True, slots=True)
class ModelChoices:
    """Keeps the choice, so that every process and every machine of a store uses one model."""

    _engine: sa.Engine
    _writer: sa.Engine

    def get(self) -> ModelChoice | None:
        """Read the choice; None if nothing was chosen yet."""
        with self._engine.begin() as connection:
            return _read(connection)

    def keep(self, choice: ModelChoice, *, anew: bool = False) -> ModelChoice:
        """Keep a choice, and return the one that is kept now.

        Of several processes that choose at the same time the first one decides.

        Args:
            choice: what to keep.
            anew: replace even a final choice.
        """
        facts = schema.store_facts
        with self._writer.begin() as connection:
            kept = _read(connection)
            if kept is not None and kept.final and not anew:
                return kept
            connection.execute(sa.delete(facts).where(facts.c.name == _FACT))
            value = json.dumps(asdict(choice))
            connection.execute(sa.insert(facts).values(name=_FACT, value=value))
        return choice


def _read(connection: sa.Connection) -> ModelChoice | None:
    facts = schema.store_facts
    value = connection.scalar(sa.select(facts.c.value).where(facts.c.name == _FACT))
    return None if value is None else ModelChoice(**json.loads(value))
