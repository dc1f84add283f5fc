"""What was changed, by whom, when and why, as the pages show it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final, Literal

from index import View
from recommender.api import RecordedOverride
from recommender.ranking.overrides import AnyKind, StoredOverrides, parse_overrides
from recommender.ranking.related import title_of
from recommender.store import AuditEntry, AuditLog
from recommender.web.console.steps import Difference

__all__ = ["ROWS", "ChangedStory", "SessionEvent", "StoryChange", "made_changes", "session_events"]

NEWEST: Final = 20
ROWS: Final = NEWEST + 1
"""So many rows of a kind show what each of the newest has changed."""
Recorded = tuple[RecordedOverride, ...]


@dataclass(frozen=True, slots=True)
class ChangedStory:
    """What a change did to a story: `add`, `remove`, `note`; or `place`, the order of all."""

    action: Literal["add", "remove", "note", "place"]
    title: str = ""


@dataclass(frozen=True, slots=True)
class StoryChange:
    """One change of what editors set for a story.

    Attributes:
        kind: of the overrides.
        by: who made it.
        at: when.
        why: the reason; empty for none.
        stories: what it did.
    """

    kind: AnyKind
    by: str
    at: datetime
    why: str
    stories: tuple[ChangedStory, ...]


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Somebody signed in, or was signed out.

    Attributes:
        by: who did it.
        at: when.
        why: the reason; empty for none.
        ended: whose session was ended, empty if that is not known any more; None for one that was
            opened.
    """

    by: str
    at: datetime
    why: str
    ended: str | None


def made_changes(
    log: AuditLog,
    view: View,
    article_id: str,
    rows: Mapping[AnyKind, Sequence[StoredOverrides]],
) -> tuple[StoryChange, ...]:
    """The newest changes of what is set for a story, the newest first.

    Args:
        log: knows the reasons.
        view: knows the headlines.
        article_id: the story's.
        rows: by kind what was set for it, the newest first; `ROWS` of them, or all.
    """
    changes = (_changes(view, kind, history) for kind, history in rows.items())
    newest = sorted(chain.from_iterable(changes), key=lambda one: one[0], reverse=True)[:NEWEST]
    logged = log.about_overrides(article_id, [number for number, _ in newest])
    reasons = {number: entry.why for number, entry in logged.items() if entry.why}
    return tuple(replace(one, why=reasons.get(number, one.why)) for number, one in newest)


def session_events(log: AuditLog) -> tuple[SessionEvent, ...]:
    """Who signed in lately, and who was signed out, the newest first."""
    newest = log.newest("session.open", "session.end", limit=NEWEST)
    opened = log.of_subjects("session.open", [one.subject for one in newest])
    return tuple(
        SessionEvent(one.actor, one.at, one.why, ended)
        for one in newest
        for ended in [_opened_by(opened, one.subject) if one.action == "session.end" else None]
    )


def _opened_by(opened: Mapping[str, AuditEntry], session_id: str) -> str:
    return opened[session_id].actor if session_id in opened else ""


def _changes(
    view: View, kind: AnyKind, history: Sequence[StoredOverrides]
) -> Iterator[tuple[int, StoryChange]]:
    """Each change of a kind by its number; where older rows are cut off, not of the oldest one."""
    sets = [parse_overrides(row.document) for row in history]
    known = history[:NEWEST] if len(history) > NEWEST else history
    for row, after, before in zip(known, sets, [*sets[1:], ()], strict=False):
        stories = _changed_stories(view, before, after)
        if stories:
            why = "; ".join(
                dict.fromkeys(one.why for one in after if one.why and one not in before)
            )
            yield row.change, StoryChange(kind, row.by, row.at, why, stories)


def _changed_stories(view: View, before: Recorded, after: Recorded) -> tuple[ChangedStory, ...]:
    changed = Difference.between(
        tuple(one.requested for one in before), tuple(one.requested for one in after)
    )
    moved = (ChangedStory("place"),) if changed.reordered else ()
    return (
        *(ChangedStory("add", title_of(view, one)) for one in changed.added),
        *(ChangedStory("remove", title_of(view, one)) for one in changed.removed),
        *(ChangedStory("note", title_of(view, one)) for one in changed.noted),
        *moved,
    )
