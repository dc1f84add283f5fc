"""Work that somebody asks for in the console, and that a process of its own does: how far it is."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

import sqlalchemy as sa

from recommender.characters import printable
from recommender.errors import AlreadyAsked, BadParameter, TooMuchAsked
from recommender.store import schema
from recommender.store.audit_log import log_action

__all__ = ["Job", "JobKind", "JobState", "Jobs", "checked_reason"]

JobKind = Literal["rebuild", "import", "file"]
JobState = Literal["waiting", "running", "done", "failed"]
NEWEST: Final = 10
MOST_OPEN: Final = 10
MOST_BEGINNINGS: Final = 3
"""A job whose process has died so often is not begun again."""
STOPPED: Final = "somebody stopped it"
LONGEST_REASON: Final = 500
NO_NUMBERS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        number: ascending, in the order of asking.
        kind: what is done.
        place: the address to import from, or the id of a file that was sent, a space and its name;
            empty for a rebuild.
        by: who asked for it.
        reason: why, if they said so.
        asked_at: when.
        begun_at: when it was begun last; None if it waits.
        beginnings: how often it was begun.
        seen_at: when it last said how far it is.
        step: what it does now, as the program says it; what came of it in the end.
        done: how many pieces of that are done.
        total: how many there are; 0 if that is not known.
        ended_at: when it ended; None if it has not.
        fault: why it failed; None if it did not.
        notes: what was wrong with the first records of an import, a line each; what was left out.
        stopped_by: who stopped it; empty if nobody did.
        stop_reason: why, if they said so.
        counts: what came of it in numbers; see `numbers`.
    """

    number: int
    kind: JobKind
    place: str
    by: str
    reason: str
    asked_at: datetime
    begun_at: datetime | None
    beginnings: int
    seen_at: datetime | None
    step: str
    done: int
    total: int
    ended_at: datetime | None
    fault: str | None
    notes: str
    stopped_by: str
    stop_reason: str
    counts: str

    @property
    def numbers(self) -> Mapping[str, int]:
        """How many stories were `created`, `updated`, `rejected`, and so on; none if unknown."""
        found: dict[str, int] = json.loads(self.counts or "{}")
        return found

    @property
    def subject(self) -> str:
        """What is imported, as people know it: an address without its query, or a file's name."""
        if self.kind == "file":
            return self.place.partition(" ")[2]
        return self.place.partition("?")[0]

    @property
    def looks_through(self) -> bool:
        """Whether a file is looked through, before its stories are stored."""
        return self.kind == "file" and self.state == "running" and self.step != self.subject

    @property
    def state(self) -> JobState:
        """How it is."""
        if self.ended_at is not None:
            return "done" if self.fault is None else "failed"
        return "waiting" if self.begun_at is None else "running"

    @property
    def seconds_left(self) -> float | None:
        """About how long the present step takes, if it goes on as fast; None if that is unknown."""
        if self.begun_at is None or self.seen_at is None or not 0 < self.done <= self.total:
            return None
        spent = (self.seen_at - self.begun_at).total_seconds()
        return spent * (self.total - self.done) / self.done


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a store. One at a time is done, the oldest first."""

    _engine: sa.Engine
    _writer: sa.Engine

    def ask(self, kind: JobKind, place: str, by: str, reason: str = "") -> int:
        """Ask for a job; return its number.

        Raises:
            AlreadyAsked: the same is asked for already and has not ended.
            TooMuchAsked: as much else waits as may.
            BadParameter: the reason is too long.
        """
        reason = checked_reason(reason)
        table = schema.jobs
        same = sa.and_(table.c.kind == kind, table.c.place == place, table.c.ended_at.is_(None))
        row = {"kind": kind, "place": place, "by": by, "reason": reason, "asked_at": _now()}
        with self._writer.begin() as connection:
            if connection.scalar(sa.select(table.c.number).where(same)) is not None:
                raise AlreadyAsked("this is being done already")
            waiting = sa.select(sa.func.count()).where(table.c.ended_at.is_(None))
            if (connection.scalar(waiting) or 0) >= MOST_OPEN:
                raise TooMuchAsked(f"{MOST_OPEN} others wait already; stop one, or come back later")
            insert = sa.insert(table).values(**row, step="", done=0, total=0, beginnings=0)
            number: int = connection.execute(insert).inserted_primary_key[0]  # type: ignore[index]
            log_action(connection, "job.ask", kind)
        return number

    def next(self, is_meant: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """The oldest job that has not ended, of those that are meant; None if there is none."""
        found = self._read(schema.jobs.c.ended_at.is_(None), schema.jobs.c.number, MOST_OPEN)
        return next(filter(is_meant, found), None)

    def newest(self) -> tuple[Job, ...]:
        """The newest jobs, the newest first."""
        return self._read(sa.true(), schema.jobs.c.number.desc(), NEWEST)

    def waiting_files(self) -> frozenset[str]:
        """The ids of the files that were sent and are still to be read."""
        table = schema.jobs
        open_ones = sa.and_(table.c.kind == "file", table.c.ended_at.is_(None))
        found = self._read(open_ones, table.c.number, MOST_OPEN)
        return frozenset(one.place.partition(" ")[0] for one in found)

    def begin(self, job: Job) -> bool:
        """Note that a job begins, or begins again after its process has died.

        False if it has been begun so often that it is given up.
        """
        if job.beginnings >= MOST_BEGINNINGS:
            self.end(job.number, "", f"its process died {job.beginnings} times")
            return False
        now, beginnings = _now(), job.beginnings + 1
        times = {"begun_at": now, "seen_at": now, "beginnings": beginnings}
        return self._set(job.number, **times, step="", done=0, total=0)

    def put_back(self, job: Job) -> None:
        """Let a job wait again, as if it had not been begun."""
        self._set(job.number, begun_at=None, beginnings=job.beginnings)

    def note(self, number: int, step: str, done: int, total: int, *, is_new: bool) -> bool:
        """Note how far a job is; False if somebody has stopped it.

        Args:
            number: the job's.
            step: what it does.
            done: pieces of that.
            total: all of them; 0 if unknown.
            is_new: whether this is the beginning of the step.
        """
        now = _now()
        begun = {"begun_at": now} if is_new else {}
        return self._set(number, seen_at=now, step=step, done=done, total=total, **begun)

    def end(
        self,
        number: int,
        result: str,
        fault: str | None = None,
        notes: str = "",
        numbers: Mapping[str, int] = NO_NUMBERS,
    ) -> None:
        """Note what came of a job: as a text for the log, and in numbers, which a page words."""
        counts = json.dumps(dict(numbers)) if numbers else ""
        self._set(number, ended_at=_now(), step=result, fault=fault, notes=notes, counts=counts)

    def stop(self, number: int, by: str = "", reason: str = "") -> bool:
        """End a job that has not ended; its process notices within a second. False: it has.

        Raises:
            BadParameter: the reason is too long.
        """
        said = {"stopped_by": by, "stop_reason": checked_reason(reason)}
        with self._writer.begin() as connection:
            table = schema.jobs
            open_one = sa.and_(table.c.number == number, table.c.ended_at.is_(None))
            change = sa.update(table).where(open_one).values(ended_at=_now(), fault=STOPPED, **said)
            stopped = bool(connection.execute(change).rowcount)
            if stopped:
                log_action(connection, "job.stop", str(number))
        return stopped

    def _set(self, number: int, **values: Any) -> bool:  # noqa: ANN401 - columns
        """Change a job that has not ended; whether there was one."""
        table = schema.jobs
        open_one = sa.and_(table.c.number == number, table.c.ended_at.is_(None))
        with self._writer.begin() as connection:
            change = sa.update(table).where(open_one).values(**values)
            return bool(connection.execute(change).rowcount)

    def _read(self, condition: Any, order: Any, limit: int) -> tuple[Job, ...]:  # noqa: ANN401 - SQL
        query = sa.select(schema.jobs).where(condition).order_by(order).limit(limit)
        with self._engine.begin() as connection:
            return tuple(Job(**row) for row in connection.execute(query).mappings())


def checked_reason(text: str) -> str:
    """Return a reason as it is kept.

    Raises:
        BadParameter: it is too long.
    """
    reason = printable(text)
    if len(reason) > LONGEST_REASON:
        raise BadParameter(f"the reason is longer than {LONGEST_REASON} characters")
    return reason


def _now() -> datetime:
    return datetime.now(tz=UTC)
