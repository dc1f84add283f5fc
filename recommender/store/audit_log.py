"""The audit log: who changed what, when, why and from where; written together with the change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["ACTOR", "Action", "Actor", "AuditEntry", "AuditLog", "forget_subject", "log_action"]

Action = Literal[
    "article.put",
    "article.delete",
    "article.erase",
    "overrides.set",
    "policy.set",
    "rule.set",
    "rule.remove",
    "key.add",
    "key.revoke",
    "key.rotate",
    "webhook.add",
    "webhook.remove",
    "webhook.replay",
    "session.open",
    "session.end",
    "job.ask",
    "job.stop",
    "archive.back",
]
ACTOR: Final = "read_also_actor"
"""The execution option of an engine that names who acts; without it nothing is logged."""
ENTRIES_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something.

    Attributes:
        name: of the key; or `cli:` and the user of the machine who runs a command.
        address: the network address that the request came from; empty for a command.
        request_id: the id of the request; empty for a command.
        why: the reason that they give; empty for none.
    """

    name: str
    address: str = ""
    request_id: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change.

    Attributes:
        number: ascending, in the order of the changes.
        at: when, in UTC.
        actor: the name of the actor.
        action: what was done.
        subject: the id of the article or of the session of the console, the name of the key,
            receiver or site rule, or the kind of the job; empty for the policy.
        change: the number in the change log; None for keys, receivers, sessions and jobs, which
            are not in it.
        address: see `Actor`.
        request_id: see `Actor`.
        why: see `Actor`.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    change: int | None
    address: str
    request_id: str
    why: str


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The audit log of a store."""

    _engine: sa.Engine
    _writer: sa.Engine

    def entries(
        self,
        *,
        after: int = 0,
        since: datetime | None = None,
        actor: str | None = None,
        limit: int = ENTRIES_AT_ONCE,
    ) -> tuple[AuditEntry, ...]:
        """Read entries, the oldest first.

        Args:
            after: only entries with a greater number.
            since: only entries from this time on; None for all.
            actor: only those of one actor; None for all.
            limit: how many at most.
        """
        table = schema.audit_log
        query = sa.select(table).where(table.c.number > after).order_by(table.c.number).limit(limit)
        if since is not None:
            query = query.where(table.c.at >= since)
        if actor is not None:
            query = query.where(table.c.actor == actor)
        return self._read(query)

    def about_policies(self, changes: Collection[int]) -> Mapping[int, AuditEntry]:
        """By change number, who set a policy and why; without those that the log does not have."""
        return self._about("", "policy.set", changes)

    def about_overrides(
        self, article_id: str, changes: Collection[int]
    ) -> Mapping[int, AuditEntry]:
        """The same of what was set for an article."""
        return self._about(article_id, "overrides.set", changes)

    def newest(self, *actions: Action, limit: int) -> tuple[AuditEntry, ...]:
        """Read the newest entries of some actions, the newest first."""
        table = schema.audit_log
        query = sa.select(table).where(table.c.action.in_(actions))
        return self._read(query.order_by(table.c.number.desc()).limit(limit))

    def of_subjects(self, action: Action, subjects: Collection[str]) -> Mapping[str, AuditEntry]:
        """By subject, the newest entry of an action; without those that the log does not have."""
        table = schema.audit_log
        query = sa.select(table).where(table.c.subject.in_(subjects), table.c.action == action)
        return {one.subject: one for one in self._read(query.order_by(table.c.number))}

    def note(self, action: Action, subject: str) -> None:
        """Note what was done outside of the store."""
        with self._writer.begin() as connection:
            log_action(connection, action, subject)

    def forget(self, before: datetime) -> int:
        """Remove the entries before a time; return how many."""
        table = schema.audit_log
        with self._writer.begin() as connection:
            return connection.execute(sa.delete(table).where(table.c.at < before)).rowcount

    def _about(
        self, subject: str, action: Action, changes: Collection[int]
    ) -> Mapping[int, AuditEntry]:
        table = schema.audit_log
        wanted = sa.and_(table.c.subject == subject, table.c.action == action)
        found = self._read(sa.select(table).where(wanted, table.c.change.in_(changes)))
        return {one.change: one for one in found if one.change is not None}

    def _read(self, query: sa.Select[tuple[object, ...]]) -> tuple[AuditEntry, ...]:
        with self._engine.begin() as connection:
            return tuple(AuditEntry(**row) for row in connection.execute(query).mappings())


def log_action(
    connection: sa.Connection, action: Action, subject: str, change: int | None = None
) -> None:
    """Append an entry, in the transaction of the change, if an actor is known."""
    actor: Actor | None = connection.get_execution_options().get(ACTOR)
    if actor is None:
        return
    row = sa.insert(schema.audit_log).values(
        at=datetime.now(tz=UTC),
        actor=actor.name,
        action=action,
        subject=subject,
        change=change,
        address=actor.address,
        request_id=actor.request_id,
        why=actor.why,
    )
    connection.execute(row)


def forget_subject(connection: sa.Connection, article_id: str) -> None:
    """Remove the entries about an article."""
    table = schema.audit_log
    kinds = ("key", "webhook", "rule", "session", "job", "archive")
    of_others = sa.or_(*(table.c.action.like(f"{kind}.%") for kind in kinds))
    of_article = sa.and_(table.c.subject == article_id, sa.not_(of_others))
    connection.execute(sa.delete(table).where(of_article))
