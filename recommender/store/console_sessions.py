"""The sessions of the console: who is signed in, with which key, until when."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from recommender.api_keys import ApiKey, digest_of
from recommender.store import schema
from recommender.store.audit_log import log_action

__all__ = ["ConsoleSession", "ConsoleSessions", "OpenedSession"]

LIFETIME: Final = timedelta(hours=12)
ROTATION: Final = timedelta(minutes=15)
OVERLAP: Final = timedelta(seconds=60)
"""How long the old token holds after the new one was seen: requests with it may be under way.

Until then it holds on: the answer with the new one may have been lost.
"""
MOST_OF_A_KEY: Final = 100
"""Sessions that one key may have at a time: people share keys, and have phones."""


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A session.

    Attributes:
        id: names it in lists and in the audit log; opens nothing.
        key_name: the key that opened it.
        key_digest: SHA-256 of the secret of that key.
        person: who signed in, as they call themselves; may be empty.
        form_token: what a request that changes something must send besides the cookie.
        created_at: when it was opened.
        rotated_at: since when its token holds.
        ends_at: from when on it does not hold.
        opened_by_new: whether it was opened by its newest token, and an older one still holds.
    """

    id: str
    key_name: str
    key_digest: str
    person: str
    form_token: str
    created_at: datetime
    rotated_at: datetime
    ends_at: datetime
    opened_by_new: bool = False

    def is_due(self, now: datetime) -> bool:
        """Whether its token is to be replaced."""
        return now - self.rotated_at >= ROTATION


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session with the token that opens it, which nobody can read from the store."""

    session: ConsoleSession
    token: str


@dataclass(frozen=True, slots=True)
class ConsoleSessions:
    """The sessions of a store. Of a token only its SHA-256 is stored."""

    _engine: sa.Engine
    _writer: sa.Engine

    def open(self, key: ApiKey, person: str, now: datetime) -> OpenedSession:
        """Open a session for the holder of a key; remove those that have ended.

        Where the key has too many, those whose token was replaced longest ago end.
        """
        table, token = schema.console_sessions, secrets.token_urlsafe(32)
        session = ConsoleSession(
            id=secrets.token_hex(8),
            key_name=key.name,
            key_digest=key.digest,
            person=person,
            form_token=secrets.token_urlsafe(32),
            created_at=now,
            rotated_at=now,
            ends_at=now + LIFETIME,
        )
        row = {name: getattr(session, name) for name in _FIELDS}
        with self._writer.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.ends_at <= now))
            _end(connection, _of_key(connection, key.name)[MOST_OF_A_KEY - 1 :])
            connection.execute(sa.insert(table).values(**row, token=digest_of(token)))
            log_action(connection, "session.open", session.id)
        return OpenedSession(session, token)

    def find(self, token: str, now: datetime) -> ConsoleSession | None:
        """The session that a token opens now; None if it opens none."""
        table, digest = schema.console_sessions, digest_of(token)
        holds_on = sa.or_(table.c.old_until.is_(None), table.c.old_until > now)
        is_old = sa.and_(table.c.old_token == digest, holds_on)
        unseen = sa.and_(
            table.c.token == digest, table.c.old_token.is_not(None), table.c.old_until.is_(None)
        )
        query = sa.select(*_COLUMNS, unseen.label("opened_by_new")).where(
            sa.or_(table.c.token == digest, is_old)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query.where(table.c.ends_at > now)).mappings().first()
        if row is None:
            return None
        return ConsoleSession(**{**row, "opened_by_new": bool(row["opened_by_new"])})

    def rotate(self, session: ConsoleSession, sent: str, now: datetime) -> OpenedSession | None:
        """Give a session another token; None if another request has just done so.

        Args:
            session: as it was found.
            sent: the token that opened it; it holds until the other one is seen.
            now: the present time.
        """
        table, token = schema.console_sessions, secrets.token_urlsafe(32)
        as_it_was = sa.and_(table.c.id == session.id, table.c.rotated_at == session.rotated_at)
        values = {"old_token": digest_of(sent), "old_until": None, "rotated_at": now}
        change = sa.update(table).where(as_it_was).values(**values, token=digest_of(token))
        with self._writer.begin() as connection:
            if not connection.execute(change).rowcount:
                return None
        return OpenedSession(replace(session, rotated_at=now, opened_by_new=False), token)

    def close_old(self, session: ConsoleSession, now: datetime) -> None:
        """Let the old token of a session hold for a moment only: the new one was seen."""
        table = schema.console_sessions
        change = sa.update(table).where(table.c.id == session.id, table.c.old_until.is_(None))
        with self._writer.begin() as connection:
            connection.execute(change.values(old_until=now + OVERLAP))

    def end(self, session_id: str) -> bool:
        """End a session, with its old token too; False if there is none."""
        with self._writer.begin() as connection:
            return bool(_end(connection, [session_id]))

    def end_others(self, key_name: str, but: str) -> int:
        """End all sessions of a key but one, if it is of this key; return how many."""
        with self._writer.begin() as connection:
            others = [one for one in _of_key(connection, key_name) if one != but]
            return _end(connection, others)

    def all(self, now: datetime) -> tuple[ConsoleSession, ...]:
        """The sessions that hold now, the newest first."""
        table = schema.console_sessions
        query = (
            sa.select(*_COLUMNS).where(table.c.ends_at > now).order_by(table.c.created_at.desc())
        )
        with self._engine.begin() as connection:
            return tuple(ConsoleSession(**row) for row in connection.execute(query).mappings())


def _of_key(connection: sa.Connection, key_name: str) -> list[str]:
    """The ids of the sessions of a key, the ones used last first."""
    table = schema.console_sessions
    query = sa.select(table.c.id).where(table.c.key_name == key_name)
    return list(connection.scalars(query.order_by(table.c.rotated_at.desc(), table.c.id)))


def _end(connection: sa.Connection, ids: Sequence[str]) -> int:
    """End sessions, with their old tokens too; return how many there were."""
    table, ended = schema.console_sessions, 0
    for one in ids:
        if connection.execute(sa.delete(table).where(table.c.id == one)).rowcount:
            log_action(connection, "session.end", one)
            ended += 1
    return ended


_FIELDS: Final = tuple(f for f in ConsoleSession.__dataclass_fields__ if f != "opened_by_new")
_COLUMNS: Final = tuple(schema.console_sessions.c[name] for name in _FIELDS)
