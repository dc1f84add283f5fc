"""The receivers of webhooks: how far each one is in the change log, and the entries it lacks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from recommender.errors import BadParameter
from recommender.store import schema
from recommender.store.audit_log import Action, log_action
from recommender.store.change_log import epoch_of, newest_number
from recommender.store.text_queue import ATTEMPTS

__all__ = ["LogBatch", "LoggedChange", "Receiver", "ReceiverLag", "WebhookReceivers"]

ENTRIES_AT_ONCE: Final = 100
"""Of the log in one batch. A message names each article of a batch, and ids have 200 letters."""
MOST_RECEIVERS: Final = 20
_WELL: Final[dict[str, Any]] = {"failures": 0, **dict.fromkeys(("failing_since", "retry_at"))}


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver, and how far it is.

    Attributes:
        name: its name.
        url: where messages are posted; may have a secret in its path or query.
        events: the types of messages that it gets.
        secret: signs the messages, in the form of Standard Webhooks: `whsec_` and Base64.
        created_at: when it was added.
        position: it has accepted everything up to this change.
        batch_end: the last change of the batch that is being sent; None if none is.
        replays: how often its position was set by hand.
        accepted_at: when it accepted a message last; None if it never did.
        failures: attempts that failed since then.
        failing_since: when the first of them failed; None if there is none.
        retry_at: when the next attempt is due; None for at once.
        fault: why the last attempt failed; stays when a later one succeeds.
    """

    name: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    secret: str = field(repr=False)
    created_at: datetime
    position: int
    batch_end: int | None = None
    replays: int = 0
    accepted_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    fault: str | None = None

    def is_due(self, newest: int, now: datetime) -> bool:
        """Whether something up to a change is to be sent now."""
        return self.position < newest and (self.retry_at is None or self.retry_at <= now)


@dataclass(frozen=True, slots=True)
class ReceiverLag:
    """How far a receiver is behind.

    Attributes:
        name: the receiver's.
        waiting: how many changes it has not got yet.
        failing_seconds: since the first failure after the last success; 0 if there is none.
        fault: why the last attempt failed; None if it did not.
    """

    name: str
    waiting: int
    failing_seconds: float = 0.0
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """An entry of the change log, with what is true of its subject now.

    Attributes:
        number: the change number.
        kind: see `schema.changes`.
        at: when it was logged.
        article_id: empty if it is about no article.
        indexed: whether the article's text is analyzed since this entry.
        fault: why the text could not be analyzed; None unless it is a dead letter now.
        generation: the name of the published one.
        articles: how many articles that has.
        reason: why a snapshot was refused.
    """

    number: int
    kind: str
    at: datetime
    article_id: str = ""
    indexed: bool = False
    fault: str | None = None
    generation: str | None = None
    articles: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LogBatch:
    """A part of the change log.

    Attributes:
        epoch: the store's.
        after: it begins after this change.
        end: the last change in it.
        entries: its entries, in order.
        missed: whether entries before them were removed before the receiver accepted them.
    """

    epoch: str
    after: int
    end: int
    entries: tuple[LoggedChange, ...]
    missed: bool = False


@dataclass(frozen=True, slots=True)
class WebhookReceivers:
    """The receivers of a store."""

    _engine: sa.Engine
    _writer: sa.Engine

    def all(self) -> tuple[Receiver, ...]:
        """Read all receivers, by name."""
        table = schema.webhooks
        others = {"sender", "sender_until"}
        columns = (column for column in table.c if column.name not in others)
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(*columns).order_by(table.c.name)).mappings()
            return tuple(Receiver(**{**row, "events": _split(row["events"])}) for row in rows)

    def get(self, name: str) -> Receiver:
        """Read one receiver.

        Raises:
            BadParameter: there is none of that name.
        """
        found = next((one for one in self.all() if one.name == name), None)
        return found or _refuse_unknown(name)

    def lags(self) -> tuple[ReceiverLag, ...]:
        """Read how far each receiver is behind, by name."""
        receivers = self.all()
        with self._engine.begin() as connection:
            newest = newest_number(connection)
        return tuple(_lag(one, newest) for one in receivers)

    def add(self, name: str, url: str, events: Sequence[str], secret: str) -> Receiver:
        """Store a receiver; it gets what happens from now on.

        Raises:
            BadParameter: there is one of that name, or there are too many.
        """
        known = [one.name for one in self.all()]
        if name in known:
            raise BadParameter(f"there is a receiver {name!r} already; remove it first")
        if len(known) >= MOST_RECEIVERS:
            raise BadParameter(f"there are {len(known)} receivers already; remove one first")
        row = {"name": name, "url": url, "events": ",".join(events), "secret": secret}
        with self._writer.begin() as connection:
            position = newest_number(connection)
            values = {"position": position, "created_at": _now(), "failures": 0, "replays": 0}
            connection.execute(sa.insert(schema.webhooks).values(**row, **values))
            log_action(connection, "webhook.add", name)
        return self.get(name)

    def remove(self, name: str) -> None:
        """Forget a receiver, with its secret.

        Raises:
            BadParameter: there is none of that name.
        """
        self._change(name, sa.delete(schema.webhooks), "webhook.remove")

    def replay(self, name: str, since: int) -> None:
        """Send a receiver everything from a change on, again or for the first time.

        Raises:
            BadParameter: there is none of that name, or the log does not reach back so far, or
                has no such change yet.
        """
        table = schema.changes
        with self._engine.begin() as connection:
            oldest = connection.scalar(sa.select(sa.func.min(table.c.number))) or 1
            newest = newest_number(connection)
        if not oldest <= since <= newest + 1:
            raise BadParameter(
                f"the change log has the changes {oldest} to {newest}, and not {since}"
            )
        again = {"position": since - 1, "batch_end": None, "replays": schema.webhooks.c.replays + 1}
        values = sa.update(schema.webhooks).values(**again, **_WELL)
        self._change(name, values, "webhook.replay")

    def next_batch(self, receiver: Receiver, newest: int) -> LogBatch:
        """Read what to send next: the batch that was begun, or a new one.

        Args:
            receiver: is not up to date.
            newest: the last change that may be sent.
        """
        begun, number = receiver.batch_end, schema.changes.c.number
        with self._engine.begin() as connection:
            oldest = connection.scalar(sa.select(sa.func.min(number))) or 0
            end = newest if begun is None or begun < oldest else begun
            entries = _read_entries(connection, receiver.position, end)
            epoch = epoch_of(connection)
        if len(entries) == ENTRIES_AT_ONCE:
            end = entries[-1].number
        missed = oldest > receiver.position + 1
        return LogBatch(epoch, receiver.position, end, entries, missed)

    def begin(self, receiver: Receiver, end: int, sender: str, until: datetime) -> bool:
        """Begin to send a batch; False if another machine sends to this receiver, or it was moved.

        Args:
            receiver: as it was read.
            end: the last change of the batch. After a crash the same batch is sent again.
            sender: the name of this machine.
            until: from then on another machine may send to it, if this one has died.
        """
        table = schema.webhooks
        is_free = sa.or_(
            table.c.sender.is_(None), table.c.sender == sender, table.c.sender_until < _now()
        )
        values = {"batch_end": end, "sender": sender, "sender_until": until}
        return self._update(receiver, is_free, values)

    def accept(self, receiver: Receiver, end: int, *, was_sent: bool) -> bool:
        """Note that a batch is done; False if the receiver was moved meanwhile.

        Args:
            receiver: as it was read.
            end: the last change of the batch.
            was_sent: whether there was a message in it for this receiver.
        """
        values: dict[str, Any] = {"position": end, "batch_end": None}
        if was_sent:
            values |= {"accepted_at": _now(), **_WELL}
        return self._update(receiver, sa.true(), values)

    def fail(self, receiver: Receiver, fault: str, retry_at: datetime) -> bool:
        """Note a failed attempt, and when the next is due; False if the receiver was moved."""
        table = schema.webhooks
        values = {
            "failures": table.c.failures + 1,
            "failing_since": sa.func.coalesce(table.c.failing_since, _now()),
            "retry_at": retry_at,
            "fault": fault,
        }
        return self._update(receiver, sa.true(), values)

    def _update(
        self, receiver: Receiver, condition: sa.ColumnElement[bool], values: dict[str, Any]
    ) -> bool:
        """Update a receiver that is where it was when it was read."""
        table = schema.webhooks
        unmoved = (table.c.position == receiver.position, table.c.replays == receiver.replays)
        mine = sa.and_(table.c.name == receiver.name, *unmoved, condition)
        with self._writer.begin() as connection:
            return connection.execute(sa.update(table).where(mine).values(**values)).rowcount > 0

    def _change(self, name: str, change: sa.Update | sa.Delete, action: Action) -> None:
        with self._writer.begin() as connection:
            done = connection.execute(change.where(schema.webhooks.c.name == name))
            if not done.rowcount:
                _refuse_unknown(name)
            log_action(connection, action, name)


def _read_entries(connection: sa.Connection, after: int, end: int) -> tuple[LoggedChange, ...]:
    log, told = schema.changes, schema.publications
    articles, queue = schema.articles, schema.queue
    is_dead = sa.and_(queue.c.article_id == log.c.article_id, queue.c.attempts >= ATTEMPTS)
    is_stored = sa.and_(articles.c.id == log.c.article_id, articles.c.deleted.is_(False))
    # A write that leaves the text as it was has no entry of its being read.
    needs_no_reading = sa.and_(
        log.c.kind == "upsert",
        articles.c.touched == log.c.number,
        articles.c.text_hash == articles.c.read_hash,
    )
    is_read = sa.or_(log.c.kind == "read", needs_no_reading)
    indexed = sa.and_(articles.c.id.is_not(None), is_read)
    query = (
        sa.select(log.c.number, log.c.kind, log.c.at, log.c.article_id, indexed, queue.c.fault)
        .add_columns(told.c.generation, told.c.articles, told.c.reason)
        .select_from(log)
        .join(articles, is_stored, isouter=True)
        .join(queue, is_dead, isouter=True)
        .join(told, told.c.change == log.c.number, isouter=True)
        .where(log.c.number > after, log.c.number <= end)
        .order_by(log.c.number)
        .limit(ENTRIES_AT_ONCE)
    )
    return tuple(
        LoggedChange(number, kind, at, article_id, bool(is_indexed), *more)
        for number, kind, at, article_id, is_indexed, *more in connection.execute(query)
    )


def _lag(receiver: Receiver, newest: int) -> ReceiverLag:
    waiting = max(0, newest - receiver.position)
    if receiver.failing_since is None:
        return ReceiverLag(receiver.name, waiting)
    seconds = max(0.0, (_now() - receiver.failing_since).total_seconds())
    return ReceiverLag(receiver.name, waiting, seconds, receiver.fault)


def _split(events: str) -> tuple[str, ...]:
    return tuple(events.split(","))


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _refuse_unknown(name: str) -> Receiver:
    """Raise BadParameter for a name."""
    raise BadParameter(
        f"no receiver {name!r} is stored; `read-also webhooks list` names those that are"
    )
