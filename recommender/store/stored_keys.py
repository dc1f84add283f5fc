"""The keys that were made at run time. Of a secret only its SHA-256 is stored."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from recommender.api_keys import ApiKey, include_scopes
from recommender.errors import BadParameter
from recommender.store import schema
from recommender.store.audit_log import Action, log_action

__all__ = ["KeyRecord", "KeysNow", "StoredKeys"]

_FACT: Final = "keys"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as an operator sees it.

    Attributes:
        name: its name.
        scopes: as they were given, joined by `+`.
        note: what it is for.
        created_at: when its present secret was made.
        expires_at: from when on it does not hold; None if it does not expire.
        old_until: how long the secret before the last rotation holds too; None if it does not.
        last_used_at: when it was last used, to the hour; None if it never was.
    """

    name: str
    scopes: str
    note: str
    created_at: datetime
    expires_at: datetime | None
    old_until: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeysNow:
    """The keys of a moment, and the version of the set: it differs after each change."""

    version: str | None
    keys: tuple[ApiKey, ...]


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The keys of a store."""

    _engine: sa.Engine
    _writer: sa.Engine

    def version(self) -> str | None:
        """Read the version of the set; None if it never had a key. It costs one small query."""
        with self._engine.begin() as connection:
            return _version(connection)

    def now(self) -> KeysNow:
        """Read the keys, with the old secrets that still hold, as they are at one moment."""
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(schema.api_keys)).mappings().all()
            return KeysNow(_version(connection), tuple(key for row in rows for key in _keys(row)))

    def records(self) -> tuple[KeyRecord, ...]:
        """Read what an operator sees of all keys, by name."""
        names = ("name", "scopes", "note", "created_at", "expires_at", "old_until", "last_used_at")
        table = schema.api_keys
        query = sa.select(*(table.c[name] for name in names)).order_by(table.c.name)
        with self._engine.begin() as connection:
            return tuple(KeyRecord(**row) for row in connection.execute(query).mappings())

    def add(self, key: ApiKey, scopes: str, note: str = "") -> None:
        """Store a key.

        Args:
            key: its name, digest and expiry.
            scopes: as they were given, joined by `+`.
            note: what it is for.

        Raises:
            BadParameter: there is a key of that name.
        """
        table, now = schema.api_keys, datetime.now(tz=UTC)
        row = {"name": key.name, "scopes": scopes, "digest": key.digest, "note": note}
        times = {"created_at": now, "expires_at": key.expires_at}
        with self._writer.begin() as connection:
            if _exists(connection, key.name):
                raise BadParameter(f"there is a key {key.name!r} already; rotate it, or revoke it")
            connection.execute(sa.insert(table).values(**row, **times))
            _change(connection, "key.add", key.name)

    def revoke(self, name: str) -> None:
        """Remove a key, with its old secret.

        Raises:
            BadParameter: there is none of that name.
        """
        table = schema.api_keys
        with self._writer.begin() as connection:
            _refuse_unknown(connection, name)
            connection.execute(sa.delete(table).where(table.c.name == name))
            _change(connection, "key.revoke", name)

    def rotate(self, name: str, digest: str, old_until: datetime) -> None:
        """Give a key another secret; the present one holds beside it until a moment.

        An older secret, of a rotation before, does not hold any more.

        Raises:
            BadParameter: there is none of that name.
        """
        table = schema.api_keys
        values: dict[str, Any] = {"old_digest": table.c.digest, "digest": digest}
        values |= {"old_until": old_until, "created_at": datetime.now(tz=UTC)}
        with self._writer.begin() as connection:
            _refuse_unknown(connection, name)
            connection.execute(sa.update(table).where(table.c.name == name).values(**values))
            _change(connection, "key.rotate", name)

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """Store when keys were last used, by name; an earlier time than the stored is ignored."""
        table = schema.api_keys
        with self._writer.begin() as connection:
            for name, at in used.items():
                is_older = sa.or_(table.c.last_used_at.is_(None), table.c.last_used_at < at)
                mine = sa.and_(table.c.name == name, is_older)
                connection.execute(sa.update(table).where(mine).values(last_used_at=at))


def _keys(row: sa.RowMapping) -> list[ApiKey]:
    """The key of a row, and the same with its old secret."""
    name, scopes, ends = row["name"], include_scopes(row["scopes"].split("+")), row["expires_at"]
    keys = [ApiKey(name, scopes, row["digest"], ends)]
    if row["old_digest"] is not None:
        until = row["old_until"] if ends is None else min(ends, row["old_until"])
        keys.append(ApiKey(name, scopes, row["old_digest"], until))
    return keys


def _version(connection: sa.Connection) -> str | None:
    facts = schema.store_facts
    version: str | None = connection.scalar(sa.select(facts.c.value).where(facts.c.name == _FACT))
    return version


def _change(connection: sa.Connection, action: Action, name: str) -> None:
    """Note a change of the set: give it another version, and log who did it.

    The version is random, so that a restored store never has the one that a worker knows.
    """
    facts = schema.store_facts
    connection.execute(sa.delete(facts).where(facts.c.name == _FACT))
    connection.execute(sa.insert(facts).values(name=_FACT, value=secrets.token_hex(8)))
    log_action(connection, action, name)


def _exists(connection: sa.Connection, name: str) -> bool:
    table = schema.api_keys
    return connection.scalar(sa.select(table.c.name).where(table.c.name == name)) is not None


def _refuse_unknown(connection: sa.Connection, name: str) -> None:
    if not _exists(connection, name):
        raise BadParameter(f"no key {name!r} is stored; `read-also keys list` names those that are")
