"""What editors set for a story: what is pinned to its list or taken out, where it may stand itself.

Every change is waited for, so that the list that is shown after it is the new one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from index import View
from recommender.api import Override, RecordedOverride, WindowStanding
from recommender.errors import BadParameter, ChangedMeanwhile
from recommender.ranking.filters import row_is_visible
from recommender.ranking.overrides import (
    KINDS,
    OF_ITSELF,
    AnyKind,
    StoredOverrides,
    parse_overrides,
)
from recommender.ranking.related import title_of
from recommender.store import ArticleStore
from recommender.time_zones import find_time_zone
from recommender.web.console.access import actor_of_session, console, opened, writing_as_session
from recommender.web.console.finding import StorySearch, find_stories
from recommender.web.console.history import ROWS, StoryChange, made_changes
from recommender.web.console.page import render_part, wants_part
from recommender.web.console.sent_values import (
    find_number,
    read_change,
    read_moment,
    read_reason,
)
from recommender.web.console.steps import Difference, Step
from recommender.web.state import state

__all__ = ["Outcome", "SteeredStory", "Steering", "read_steering", "take_step"]

ALL_KINDS: Final[tuple[AnyKind, ...]] = (*KINDS, *OF_ITSELF)
MOST_FOUND: Final = 8
Standing = WindowStanding | Literal["hidden", "blocked"]
Requested = tuple[Override, ...]


@dataclass(frozen=True, slots=True)
class SteeredStory:
    """A story that an editor has pinned to a list, taken out of it, or kept out of all lists.

    Attributes:
        id: the story's.
        title: its headline; empty if it has none, or is not stored any more.
        set: by whom, when, why and for which time.
        standing: `later` and `over` by its time; `hidden` if readers may not see the story now;
            `blocked` if it is pinned, but also taken out.
    """

    id: str
    title: str
    set: RecordedOverride
    standing: Standing


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What others have changed since an editor looked.

    Attributes:
        by: who, the last one first.
        at: when, the last time.
        added: headlines of what is new.
        removed: headlines of what is no longer there.
        noted: headlines of what has another note or another time.
        reordered: whether what stayed has another order.
    """

    by: tuple[str, ...]
    at: datetime
    added: tuple[str, ...]
    removed: tuple[str, ...]
    noted: tuple[str, ...]
    reordered: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a change.

    Attributes:
        result: `done`; `undone`; `unchanged`, as it was so already; `meanwhile`, as somebody else
            has changed the same.
        kind: of the overrides.
        step: what was to be done; None for what was taken back.
        title: the headline that it is about.
        undo: the change to go back to; 0 for none.
        meanwhile: what others have changed; None for nothing.
        is_shown: whether every list shows it.
        why: the reason that was given; empty for none.
    """

    result: Literal["done", "undone", "unchanged", "meanwhile"]
    kind: AnyKind
    step: Step | None = None
    title: str = ""
    undo: int = 0
    meanwhile: Meanwhile | None = None
    is_shown: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Steering:
    """What editors have set for a story, and what came of the last change.

    Attributes:
        article_id: the story's.
        stories: by kind, those that are set, in their order.
        seen: by kind, the number of the change that set them; 0 for none.
        outcome: None if nothing was changed.
        history: what was changed, the newest first.
    """

    article_id: str
    stories: Mapping[AnyKind, tuple[SteeredStory, ...]]
    seen: Mapping[AnyKind, int]
    outcome: Outcome | None = None
    history: tuple[StoryChange, ...] = ()


def read_steering(article_id: str, outcome: Outcome | None = None) -> Steering:
    """What the store holds for a story.

    Raises:
        StoreUnusable: the store is away.
        Busy: too many requests read the store now.
    """
    view, now = state().follower.current().view, time.time()
    with state().reading() as store:
        kept = {kind: store.overrides.history(article_id, kind, ROWS) for kind in ALL_KINDS}
        made = made_changes(store.audit_log, view, article_id, kept)
    rows = {kind: next(iter(history), None) for kind, history in kept.items()}
    out = frozenset(one.id for one in _recorded(rows["blocks"]) if one.window.holds(now))
    stories = {
        kind: tuple(
            _steered(view, one, now, out if kind == "pins" else frozenset())
            for one in _recorded(row)
        )
        for kind, row in rows.items()
    }
    seen = {kind: _number(row) for kind, row in rows.items()}
    return Steering(article_id, stories, seen, outcome, made)


def take_step(article_id: str, step: Step, seen: int) -> Outcome:
    """Change what is set for a story, unless somebody else has done so since an editor looked.

    The answer comes when every list shows it.

    Args:
        article_id: the story's.
        step: what to do.
        seen: the change that the editor has seen; 0 for none.

    Raises:
        UnknownArticle, DeletedArticle: there is no such story.
        InvalidOverrides: the change cannot be.
        StoreUnusable: the store is away.
        Busy: too many requests write now.
    """
    return _change(article_id, step.kind, seen, step.applied_to, step)


@console.post("/story/<article_id>/steer")
@opened("write")
def steer_story(article_id: str) -> ResponseReturnValue:
    """Pin or block a story, move it, or note something; or say it of the article itself."""
    step = Step.read(request.form.get("step", ""), _read_note())
    seen = read_change(request.form, f"seen_{step.kind}")
    return _answer(article_id, take_step(article_id, step, seen))


@console.post("/story/<article_id>/steer/undo")
@opened("write")
def undo_steering(article_id: str) -> ResponseReturnValue:
    """Set what was before a change."""
    sent, _, number = request.form.get("undo", "").partition(" ")
    kind, change = next((one for one in ALL_KINDS if one == sent), None), find_number(number)
    if kind is None or change is None:
        raise BadParameter("this is no change of a list")
    before = _before(article_id, kind, change)
    seen = read_change(request.form, f"seen_{kind}")
    outcome = _change(article_id, kind, seen, lambda _: before, None)
    return _answer(article_id, outcome)


@console.get("/story/<article_id>/steer/find")
@opened("read")
def find_to_steer(article_id: str) -> Response:
    """Stories to pin or to take out, found by words, by meaning, by id or by address."""
    text = request.args.get("q", "").strip()
    found = find_stories(StorySearch(text, limit=MOST_FOUND), time.time()).stories if text else ()
    others = [one for one in found if one.id != article_id]
    return render_part("steer_found.html", "steering", found=others, asked=bool(text))


def _answer(article_id: str, outcome: Outcome) -> ResponseReturnValue:
    """The part of the page that changes; to a browser without scripts, the page."""
    if not wants_part():
        return redirect(url_for("console.show_story", article_id=article_id), 303)
    return render_part("steer_part.html", "steering", steering=read_steering(article_id, outcome))


def _change(
    article_id: str,
    kind: AnyKind,
    seen: int,
    change: Callable[[Requested], Requested],
    step: Step | None,
) -> Outcome:
    author = actor_of_session().name
    title = title_of(state().follower.current().view, step.item) if step else ""
    with writing_as_session() as store:
        wanted = change(_requested(_newest(store, article_id, kind)))
        try:
            receipt = store.overrides.put(article_id, kind, wanted, author, seen=seen)
        except ChangedMeanwhile:
            return Outcome(
                "meanwhile",
                kind,
                step,
                title,
                meanwhile=_meanwhile(store, article_id, kind, seen),
                why=read_reason(request.form),
            )
    if receipt.result == "unchanged":
        return Outcome("unchanged", kind, step, title)
    is_shown = state().is_visible(receipt, text=False)
    return Outcome("done" if step else "undone", kind, step, title, seen, is_shown=is_shown)


def _meanwhile(store: ArticleStore, article_id: str, kind: AnyKind, seen: int) -> Meanwhile:
    """What others have set after a change."""
    history = store.overrides.history(article_id, kind)
    before = next((row for row in history if row.change <= seen), None)
    since = [row for row in history if row.change > seen]
    changed = Difference.between(_requested(before), _requested(history[0]))
    view = state().follower.current().view
    added, removed, noted = (
        tuple(title_of(view, one) for one in ids)
        for ids in (changed.added, changed.removed, changed.noted)
    )
    by = tuple(dict.fromkeys(row.by for row in since))
    return Meanwhile(by, history[0].at, added, removed, noted, changed.reordered)


def _before(article_id: str, kind: AnyKind, change: int) -> Requested:
    """What a change had set; nothing for 0.

    Raises:
        BadParameter: it is too long ago.
    """
    if change == 0:
        return ()
    with state().reading() as store:
        history = store.overrides.history(article_id, kind)
    row = next((one for one in history if one.change == change), None)
    if row is None:
        raise BadParameter("this was too long ago to be taken back")
    return _requested(row)


def _newest(store: ArticleStore, article_id: str, kind: AnyKind) -> StoredOverrides | None:
    return next(iter(store.overrides.history(article_id, kind, 1)), None)


def _recorded(row: StoredOverrides | None) -> tuple[RecordedOverride, ...]:
    return () if row is None else parse_overrides(row.document)


def _requested(row: StoredOverrides | None) -> Requested:
    return tuple(one.requested for one in _recorded(row))


def _number(row: StoredOverrides | None) -> int:
    return 0 if row is None else row.change


def _steered(view: View, one: RecordedOverride, now: float, out: frozenset[str]) -> SteeredStory:
    row = view.row_of(one.id)
    is_seen = row is not None and row_is_visible(view, row, now)
    standing = _standing(one, now, is_seen=is_seen, is_out=one.id in out)
    return SteeredStory(one.id, title_of(view, one.id), one, standing)


def _standing(one: Override, now: float, *, is_seen: bool, is_out: bool) -> Standing:
    by_time = one.window.standing(now)
    if by_time != "active":
        return by_time
    if is_out:
        return "blocked"
    return "active" if is_seen else "hidden"


def _read_note() -> dict[str, str | datetime | None]:
    """The note of a form, and the time in the time zone of the newsroom."""
    zone = find_time_zone(state().settings.time_zone)
    return {
        "why": read_reason(request.form),
        "starts_at": read_moment(request.form, "starts_at", zone),
        "ends_at": read_moment(request.form, "ends_at", zone),
    }
