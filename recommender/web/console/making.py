"""How lists are made: what holds now, trying something else on recent stories, and going back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from recommender.errors import BadParameter, ChangedMeanwhile, InvalidPolicy
from recommender.ranking.policy import ActivePolicy, Policy, StoredPolicy, parse_policy
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened, writing_as_session
from recommender.web.console.page import render_page
from recommender.web.console.sent_values import read_change
from recommender.web.console.settings_in_words import SettingChange, changes_between, settings_of
from recommender.web.console.sliders import Shares, Sliders
from recommender.web.console.today import newest_stories
from recommender.web.console.trials import try_on
from recommender.web.state import state

__all__ = ["MakingVersion"]

TRIED_ON: Final = 30
EXAMPLES: Final = 5
CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class MakingVersion:
    """A way to make lists that was saved.

    Attributes:
        stored: as the store has it; None for the defaults.
        by: who saved it; empty where that is not known.
        why: the reason; empty for none.
        changes: what it changed; None where this program cannot read it, or the one before.
        is_readable: whether this program can read it, so that one can go back to it.
    """

    stored: StoredPolicy | None
    by: str
    why: str
    changes: tuple[SettingChange, ...] | None
    is_readable: bool = True

    @property
    def version(self) -> int:
        """Counted from 1; 0 for the defaults."""
        return 0 if self.stored is None else self.stored.version


@console.get("/making")
@opened("read")
def show_making() -> Response:
    """What was saved, by whom, and what it changed; one click goes back."""
    return _show_versions(saved=request.args.get("saved", ""))


@console.get("/making/try")
@opened("write")
def try_making() -> Response:
    """What other sliders would change in the lists of recent stories."""
    return _show_trial(request.args)


@console.post("/making")
@opened("write")
def save_making() -> ResponseReturnValue:
    """Save where sliders stand as how lists are made, if nobody has saved anything meanwhile."""
    seen = read_change(request.form, "seen")
    active = _active()
    sliders = Sliders.of(active.policy, Shares())
    tried = sliders.moved(request.form).policy_from(active.policy, sliders)
    if active.fault is not None or not _put(tried.to_json(), seen):
        return _show_trial(request.form, seen)
    return redirect(url_for("console.show_making", saved=_versions()[0].version), 303)


@console.post("/making/back")
@opened("write")
def take_making_back() -> ResponseReturnValue:
    """Make lists as they were made by a version before."""
    wanted, seen = (read_change(request.form, name) for name in ("version", "seen"))
    version = next((one for one in _versions() if one.version == wanted), None)
    if version is None:
        raise BadParameter("version: is none of the newest ones")
    if not version.is_readable:
        raise BadParameter("version: a newer program has saved it, and this one cannot read it")
    stored = version.stored
    if not _put(Policy().to_json() if stored is None else stored.document, seen):
        return _show_versions(CONFLICT)
    return redirect(url_for("console.show_making", saved=_versions()[0].version), 303)


def _show_versions(status: int = 200, saved: str = "") -> Response:
    """What was saved; with a notice if the newest version has just been saved, or came between."""
    versions = _versions()
    return render_page(
        "making.html",
        "making",
        status,
        versions=versions,
        settings=settings_of(_active().policy),
        saved=saved == str(versions[0].version),
        late=status == CONFLICT,
    )


def _show_trial(sent: Any, seen: int | None = None) -> Response:  # noqa: ANN401 - a form of Flask
    """The trial of what sliders say; `seen` is the version that is no longer the newest."""
    versions, active = _versions(), _active()
    now = Sliders.of(active.policy, Shares())
    moved = now.moved(sent)
    tried = moved.policy_from(active.policy, now)
    with heavy_call():
        view = state().follower.current().view
        stories = newest_stories(view, time.time(), TRIED_ON)
        lists = try_on(stories, tried)
    return render_page(
        "making_try.html",
        "making",
        200 if seen is None else CONFLICT,
        changes=changes_between(active.policy, tried),
        mode=moved.mode,
        query=moved.to_query(now),
        lists=lists,
        examples=[one for one in lists if one.replaced][:EXAMPLES],
        newest=versions[0],
        late=seen is not None,
        fault=active.fault,
    )


def _put(document: str, seen: int) -> bool:
    """Save a policy over the version that was seen; whether that was the newest one."""
    try:
        with writing_as_session() as store:
            store.policies.put(document, seen=seen)
    except ChangedMeanwhile:
        return False
    return True


def _active() -> ActivePolicy:
    """As the store has it: a worker follows within a second."""
    with state().reading() as store:
        return store.policies.active()


def _versions() -> list[MakingVersion]:
    """The newest versions, the newest first; the last are the defaults if no older is kept back."""
    with state().reading() as store:
        history = store.policies.history()
        logged = store.audit_log.about_policies([one.change for one in history])
    policies = [_read(one) for one in history]
    if not history or history[-1].version == 1:
        policies.append(Policy())
    versions = [
        MakingVersion(
            one,
            made.actor if (made := logged.get(one.change)) else "",
            made.why if made else "",
            _changed(policies, place),
            policies[place] is not None,
        )
        for place, one in enumerate(history)
    ]
    defaults = [] if len(policies) == len(history) else [MakingVersion(None, "", "", ())]
    return versions + defaults


def _changed(policies: Sequence[Policy | None], place: int) -> tuple[SettingChange, ...] | None:
    """What a version changed in the one before; None if one of both cannot be read."""
    pair = policies[place : place + 2]
    match pair:
        case [Policy() as after, Policy() as before]:
            return changes_between(before, after)
        case _:
            return None


def _read(stored: StoredPolicy) -> Policy | None:
    try:
        return parse_policy(stored.document)
    except InvalidPolicy:  # a newer program has set it
        return None
