"""Site rules: what a newsroom wants in all lists. A rule shows what it does before it is saved."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final, Literal

import numpy as np
from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from numpy.typing import NDArray

from index import View
from recommender.api import WindowStanding, read_choice
from recommender.errors import BadParameter, ChangedMeanwhile, InvalidPolicy
from recommender.ranking.filters import matching, newest_first, visible
from recommender.ranking.policy import ActivePolicy, Policy, parse_policy
from recommender.ranking.related import title_of
from recommender.ranking.site_rules import Condition, SiteRule, rules_to_document
from recommender.store import ArticleStore, Receipt
from recommender.time_zones import find_time_zone
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened, writing_as_session
from recommender.web.console.difference import PlaceChange
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.sent_values import read_change, read_moment
from recommender.web.console.today import StoryLine
from recommender.web.console.trials import TriedList, try_on
from recommender.web.state import state

__all__ = ["Clause", "RulePreview", "clauses_of", "rule_from"]

TRIED_ON: Final = 12
NEWEST: Final = 4
MOST_MADE: Final = 20
TEXTS: Final = ("section", "tag", "author", "language")
AGES: Final = ("max_age_days", "min_age_days")
AMOUNTS: Final = {"boost": ("by",), "bury": ("by",), "share": ("at_least", "at_most"), "never": ()}
PERCENT: Final = 100
Rules = tuple[SiteRule, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a condition, as words say it.

    Attributes:
        name: of the field; of an attribute, the name that the newsroom gave it.
        any_of: the article has one of these.
        none_of: it has none of these.
        days: for ages.
        is_attribute: whether the name is one of the newsroom's own.
    """

    name: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    days: float | None = None
    is_attribute: bool = False


def clauses_of(condition: Condition) -> tuple[Clause, ...]:
    """The parts of a condition; none if every article meets it."""
    texts = {name: getattr(condition, name) for name in TEXTS}
    found = [_clause(name, text) for name, text in texts.items() if text is not None]
    found += [_clause(name, text, is_attribute=True) for name, text in condition.attr.items()]
    days = {name: getattr(condition, name) for name in AGES}
    return (*found, *(Clause(name, days=one) for name, one in days.items() if one is not None))


def _clause(name: str, text: str, *, is_attribute: bool = False) -> Clause:
    choice = read_choice(text)
    any_of, none_of = (tuple(sorted(some or ())) for some in (choice.any_of, choice.none_of))
    return Clause(name, any_of, none_of, is_attribute=is_attribute)


def rule_from(form: Mapping[str, str], before: SiteRule | None, zone: tzinfo) -> SiteRule:
    """Read a rule from a form.

    Args:
        form: the fields of the form; blank ones count as left out.
        before: the rule that it changes: what the form does not show stays.
        zone: the time zone of its times.

    Raises:
        InvalidPolicy: it is no rule; each fault is named.
        BadParameter: a number or a time cannot be read.
    """
    known: dict[str, Any] = {} if before is None else rules_to_document((before,))[0]
    action = form.get("does", "")
    document: dict[str, Any] = {"name": form.get("name", "").strip(), "action": action}
    for part in ("under", "items"):
        shown = TEXTS + AGES if part == "items" else TEXTS
        kept = {one: told for one, told in known.get(part, {}).items() if one not in shown}
        document[part] = kept | _condition(form, part)
    amounts = {one: _number(form, one) for one in AMOUNTS.get(action, ())}
    if (percent := amounts.get("by")) is not None:
        amounts["by"] = percent / PERCENT
    moments = {one: read_moment(form, one, zone) for one in ("starts_at", "ends_at")}
    document |= {one: told for one, told in amounts.items() if told is not None}
    document |= {one: told.isoformat() for one, told in moments.items() if told is not None}
    for name in ("at_least", "at_most"):
        if name in document:
            document[name] = int(document[name])
    return parse_policy(json.dumps({"rules": [document]})).rules[0]


def _condition(form: Mapping[str, str], part: str) -> dict[str, Any]:
    texts = {name: form.get(f"{part}_{name}", "").split(",") for name in TEXTS}
    found: dict[str, Any] = {
        name: ",".join(one.strip() for one in values if one.strip())
        for name, values in texts.items()
        if any(one.strip() for one in values)
    }
    ages = {name: _number(form, f"{part}_{name}") for name in AGES}
    return found | {name: days for name, days in ages.items() if days is not None}


def _number(form: Mapping[str, str], name: str) -> float | None:
    text = form.get(name, "").strip()
    try:
        number = float(text) if text else None
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise BadParameter(f"{name}: {text!r:.60} is no number")
    return number


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What a rule touches now.

    Attributes:
        under: how many stories have a list that it holds for.
        items: how many stories it is about.
        newest_under: the newest of those.
        newest_items: the newest of these.
        tried: the lists of the newest stories under which it holds, with it and without it; those
            that change most come first.
        example: the first of them that changes; None if none does.
    """

    under: int
    items: int
    newest_under: tuple[StoryLine, ...]
    newest_items: tuple[StoryLine, ...]
    tried: tuple[TriedList, ...]
    example: "RuleExample | None"


@dataclass(frozen=True, slots=True)
class RuleExample:
    """The list of a story without the rule and with it.

    Attributes:
        story: the story.
        before: each headline, and whether it goes.
        after: each headline, and what happened to its place.
    """

    story: StoryLine
    before: tuple[tuple[str, bool], ...]
    after: tuple[tuple[str, PlaceChange], ...]

    @classmethod
    def of(cls, view: View, tried: TriedList) -> "RuleExample":
        """From a list that was tried."""
        places, gone = tried.difference.places, tried.difference.gone
        stays = {one.before: each for each, one in places.items() if one.before is not None}
        before = sorted({**stays, **gone}.items())
        return cls(
            tried.story,
            tuple((title_of(view, each), at in gone) for at, each in before),
            tuple((title_of(view, each), one) for each, one in places.items()),
        )


def preview_of(rule: SiteRule, tried: Policy, now: float) -> RulePreview:
    """What a rule touches, and the lists of some stories by a policy that has it.

    Raises:
        NotReady: there is nothing yet to answer from.
        Busy: too many lists are tried now.
    """
    view = state().follower.current().view
    under, items = (_meeting(view, one, now) for one in (rule.under, rule.items))
    stories = _newest(view, under, TRIED_ON)
    lists = try_on(stories, tried)
    changed = next((one for one in lists if not one.difference.is_none), None)
    return RulePreview(
        under=int(np.count_nonzero(under)),
        items=int(np.count_nonzero(items)),
        newest_under=tuple(stories[:NEWEST]),
        newest_items=tuple(_newest(view, items, NEWEST)),
        tried=tuple(lists),
        example=None if changed is None else RuleExample.of(view, changed),
    )


def _meeting(view: View, condition: Condition, now: float) -> NDArray[np.bool_]:
    """Which stories that readers may see meet a condition: bool [n]."""
    wanted = condition.filter_at(now)
    return view.where(lambda part: matching(part, wanted) & visible(part, now))


def _newest(view: View, rows: NDArray[np.bool_], limit: int) -> list[StoryLine]:
    newest = newest_first(view, np.flatnonzero(rows))[:limit]
    return [StoryLine.of(view, row) for row in newest.tolist()]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule as the page lists it."""

    rule: SiteRule
    under: tuple[Clause, ...]
    items: tuple[Clause, ...]
    standing: WindowStanding

    @classmethod
    def of(cls, rule: SiteRule, now: float) -> "RuleLine":
        """The line of a rule; `now` is POSIX."""
        standing = rule.window.standing(now)
        return cls(rule, clauses_of(rule.under), clauses_of(rule.items), standing)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What came of a change: a word for it, the rule's name, and the version to go back to."""

    result: Literal["saved", "removed", "undone", "unchanged", "meanwhile"]
    name: str = ""
    back: int | None = None
    is_shown: bool = True


@console.get("/rules")
@opened("read")
def show_rules() -> Response:
    """The rules in plain words; with `edit`, one of them in the form."""
    active = _active()
    edited = next(
        (one for one in active.policy.rules if one.name == request.args.get("edit")), None
    )
    return render_page("rules.html", "rules", edited=edited, **_listed(active), **_known_names())


@console.get("/rules/preview")
@opened("write")
def preview_rule() -> Response:
    """What the rule of the form touches, and what it changes in lists; nothing is saved."""
    active = _active()
    try:
        rule, rules = _changed_rules(active.policy, request.args)
    except (InvalidPolicy, BadParameter) as refusal:
        return render_part("rules_preview.html", "rules", faults=refusal.faults, refusal=refusal)
    with heavy_call():
        now = time.time()
        preview = preview_of(rule, replace(active.policy, rules=rules), now)
    line = RuleLine.of(rule, now)
    return render_part("rules_preview.html", "rules", preview=preview, line=line, refusal=None)


@console.post("/rules")
@opened("write")
def save_rule() -> ResponseReturnValue:
    """Add the rule of the form, or put it in the place of the one that it changes."""
    name = request.form.get("name", "").strip()
    return _change("saved", name, lambda policy: _changed_rules(policy, request.form)[1])


@console.post("/rules/remove")
@opened("write")
def remove_rule() -> ResponseReturnValue:
    """Remove a rule."""
    name = request.form.get("name", "")

    def keep_others(policy: Policy) -> Rules:
        return tuple(one for one in policy.rules if one.name != name)

    return _change("removed", name, keep_others)


@console.post("/rules/undo")
@opened("write")
def undo_rules() -> ResponseReturnValue:
    """Set the rules of a version before."""
    wanted = read_change(request.form, "back")
    with state().reading() as store:
        history = store.policies.history()
    before = next((one for one in history if one.version == wanted), None)
    if before is None and wanted:
        raise BadParameter("this was too long ago to be taken back")
    rules = () if before is None else parse_policy(before.document).rules
    return _change("undone", "", lambda _: rules)


def _change(
    result: Literal["saved", "removed", "undone"], name: str, wanted: Callable[[Policy], Rules]
) -> ResponseReturnValue:
    """Save other rules over the version that the editor has seen, and wait until lists follow."""
    seen = read_change(request.form, "seen")
    with writing_as_session() as store:
        outcome = _save(store, seen, result, name, wanted)
    if not wants_part():
        return redirect(url_for("console.show_rules"), 303)
    return render_part("rules_list.html", "rules", outcome=outcome, **_listed(_active()))


def _save(
    store: ArticleStore,
    seen: int,
    result: Literal["saved", "removed", "undone"],
    name: str,
    wanted: Callable[[Policy], Rules],
) -> RuleOutcome:
    active = store.policies.active()
    if active.fault is not None:
        raise BadParameter("a newer program has set how lists are made; change the rules there")
    rules = wanted(active.policy)
    document = replace(active.policy, rules=rules).to_json()
    parse_policy(document)  # two rules of one name, or too many
    try:
        done = store.policies.put(document, seen=seen)
    except ChangedMeanwhile:
        return RuleOutcome("meanwhile", name)
    if done.result == "unchanged":
        return RuleOutcome("unchanged", name)
    is_shown = state().is_visible(Receipt("", "updated", done.change), text=False)
    return RuleOutcome(result, name, seen, is_shown)


def _changed_rules(policy: Policy, form: Mapping[str, str]) -> tuple[SiteRule, Rules]:
    """The rule of a form, and all rules with it: in the place of the one it changes, or last."""
    before = next((one for one in policy.rules if one.name == form.get("edit")), None)
    rule = rule_from(form, before, find_time_zone(state().settings.time_zone))
    if before is None:
        return rule, (*policy.rules, rule)
    return rule, tuple(rule if one is before else one for one in policy.rules)


def _active() -> ActivePolicy:
    """As the store has it: a worker follows within a second."""
    with state().reading() as store:
        return store.policies.active()


def _listed(active: ActivePolicy) -> dict[str, Any]:
    now = time.time()
    lines = [RuleLine.of(rule, now) for rule in active.policy.rules]
    with state().reading() as store:
        last = store.audit_log.about_policies([active.newest]).get(active.newest)
        made = store.audit_log.newest("rule.set", "rule.remove", limit=MOST_MADE)
    stored = active.history[0] if active.history else None
    version = stored.version if stored else 0
    return {"lines": lines, "version": version, "stored": stored, "last": last, "made": made}


def _known_names() -> dict[str, Any]:
    """The sections and languages of the archive, for who types them."""
    view = state().follower.current().view
    labels = {
        name: sorted({one for part in view.parts for one in part.labels[name] if one})
        for name in ("section", "language")
    }
    return {"known_sections": labels["section"], "known_languages": labels["language"]}
