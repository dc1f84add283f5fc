"""The state of a story as editors name it: shown, a draft, held back, or not read, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import Rule
from recommender.articles import Article
from recommender.errors import Busy, StoreUnusable
from recommender.ranking.filters import Filter, broken_rules, hidden_because
from recommender.web.state import state

__all__ = [
    "STATES",
    "StateName",
    "StoredFacts",
    "StoryState",
    "name_reason",
    "read_stored_facts",
    "state_from_rule",
    "states_of",
]

StateName = Literal[
    "shown",
    "waiting",
    "unreadable",
    "draft",
    "withheld",
    "canceled",
    "scheduled",
    "embargoed",
    "expired",
    "never",
    "untitled",
]
STATES: Final[tuple[StateName, ...]] = get_args(StateName)
ReasonName = Literal["long", "nested", "slow", "crash", "markup", "other"]
REASONS: Final[tuple[tuple[str, ReasonName], ...]] = (
    ("longer than", "long"),
    ("nested deeper", "nested"),
    ("takes more than", "slow"),
    ("died while reading", "crash"),
    ("UnreadableMarkup", "markup"),
)
"""What a reason in the store has in it, and how it is named."""
NAME_OF: Final[Mapping[Rule, StateName]] = {
    "unread": "waiting",
    "expired": "expired",
    "never_recommend": "never",
    "untitled": "untitled",
}
ASKED: Final = frozenset[Rule | None]({"unread", "not_published"})
"""The store says more about the stories that one of these rules keeps out."""
TIMES: Final = ("from_time", "until_time", "published_at")
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StoryState:
    """The state of a story.

    Attributes:
        name: of the state.
        moment: when a state that has a time ends, or has begun.
        reason: why it could not be read.
        newer_waits: whether lists still go by an older text, since the newest was not read yet.
    """

    name: StateName
    moment: datetime | None = None
    reason: ReasonName | None = None
    newer_waits: bool = False


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What the store knows of some stories beyond the view.

    Attributes:
        outlines: the stories without their texts, by id.
        faults: why they could not be read, of those that could not.
    """

    outlines: Mapping[str, Article] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


def read_stored_facts(ids: Sequence[str]) -> StoredFacts:
    """What the store knows of some stories; nothing while it is away or others keep it busy.

    The view has what readers see, so that states are then only less exact.
    """
    if not ids:
        return StoredFacts()
    try:
        with state().reading() as store:
            return StoredFacts(store.outlines(ids), store.queue.read_faults(ids))
    except (StoreUnusable, Busy):
        return StoredFacts()


def states_of(
    view: View, rows: Rows, now: float, *, untitled: bool, hidden: frozenset[str]
) -> list[StoryState]:
    """The state of the story of each row; the store is asked only about those that are not shown.

    Args:
        view: the archive.
        rows: int64 [m].
        now: seconds since 1970 in UTC.
        untitled: whether lists may hold stories without a headline.
        hidden: the ids that editors keep out of all lists.
    """
    ids = [view.id_of(row) for row in rows.tolist()]
    broken = _broken_rules(view, rows, now, untitled=untitled)
    rules = [rule or _wish(one, hidden) for one, rule in zip(ids, broken, strict=True)]
    fresh = view.take("up_to_date", rows).tolist()
    unclear = [
        one for one, rule, is_fresh in zip(ids, rules, fresh, strict=True)
        if rule in ASKED or not is_fresh
    ]  # fmt: skip
    stored, times = read_stored_facts(unclear), _times_of(view, rows)
    return [
        state_from_rule(
            *(rules[at], times[at], stored.outlines.get(one), stored.faults.get(one), now),
            up_to_date=fresh[at],
        )
        for at, one in enumerate(ids)
    ]


def state_from_rule(
    rule: Rule | None,
    times: Mapping[str, float],
    outline: Article | None,
    fault: str | None,
    now: float,
    *,
    up_to_date: bool = True,
) -> StoryState:
    """The state of a story.

    Args:
        rule: the first rule that keeps it out of all lists.
        times: POSIX, `from_time`, `until_time` and `published_at`; infinite or NaN for none.
        outline: the story as the store has it; None if that is not known.
        fault: why its text could not be read; None if it could, or is not known.
        now: POSIX.
        up_to_date: whether its newest text was read.
    """
    if fault is not None:
        return StoryState("unreadable", reason=name_reason(fault))
    if rule == "unread" and outline is not None:
        rule = hidden_because(outline, now) or rule
    hidden = None if rule is None else _hidden_state(rule, times, outline)
    return hidden or StoryState("shown", newer_waits=not up_to_date)


def name_reason(fault: str) -> ReasonName:
    """How a reason in the store is named to editors."""
    return next((name for part, name in REASONS if part in fault), "other")


def _hidden_state(
    rule: Rule, times: Mapping[str, float], outline: Article | None
) -> StoryState | None:
    """The state of a story that a rule keeps out of all lists; None for any other rule."""
    if rule == "not_published":
        if outline is None or outline.status == "published":
            return StoryState("draft")
        return StoryState(outline.status)
    if rule == "embargoed":
        scheduled = times["published_at"] >= times["from_time"]
        return StoryState("scheduled" if scheduled else "embargoed", _moment(times["from_time"]))
    until = _moment(times["until_time"]) if rule == "expired" else None
    return StoryState(NAME_OF[rule], until) if rule in NAME_OF else None


def _times_of(view: View, rows: Rows) -> list[dict[str, float]]:
    """The times that the state of each row depends on, by the names of their columns."""
    columns = (view.take(name, rows).tolist() for name in TIMES)
    return [dict(zip(TIMES, row, strict=True)) for row in zip(*columns, strict=True)]


def _wish(article_id: str, hidden: frozenset[str]) -> Rule | None:
    """What editors have against a story in any list."""
    return "never_recommend" if article_id in hidden else None


def _broken_rules(view: View, rows: Rows, now: float, *, untitled: bool) -> list[Rule | None]:
    """The first rule that keeps each row out of all lists; None for none."""
    found: dict[int, Rule | None] = {}
    begin = 0
    for part in view.parts:
        inside = rows[(begin <= rows) & (rows < begin + len(part))]
        rules = broken_rules(part, inside - begin, now, Filter(), untitled=untitled)
        found |= zip(inside.tolist(), rules, strict=True)
        begin += len(part)
    return [found[row] for row in rows.tolist()]


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if np.isfinite(seconds) else None
