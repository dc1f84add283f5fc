"""Overrides by editors: articles pinned to the top of a list, or blocked from it.

Editors may also say of an article itself that no list shows it, or that no list stands under it.
The CMS sets flags of the article to the same effect; what an editor sets here stays when the CMS
sends the article again.
"""

import logging
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from math import inf
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from recommender.api import Override, RecordedOverride, UnsavedOverrides
from recommender.articles import faults_of
from recommender.errors import FieldFault, InvalidOverrides

__all__ = [
    "KINDS",
    "MOST_OVERRIDES",
    "NO_ACTIVE_OVERRIDES",
    "OF_ITSELF",
    "ActiveOverrides",
    "AnyKind",
    "Kind",
    "OfItself",
    "Overrides",
    "OverridesByArticle",
    "StoredOverrides",
    "check_overrides",
    "keep_authors",
    "overrides_to_json",
    "parse_overrides",
]

Kind = Literal["pins", "blocks"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
OfItself = Literal["never", "no_list"]
"""What an editor says of an article itself: no list shows it; no list stands under it."""
OF_ITSELF: Final[tuple[OfItself, ...]] = get_args(OfItself)
AnyKind = Kind | OfItself
_log = logging.getLogger(__name__)
MOST_OVERRIDES: Final = {"pins": 100, "blocks": 500, "never": 1, "no_list": 1}
"""How many an article may have of each kind."""


@dataclass(frozen=True, slots=True)
class ActiveOverrides:
    """The overrides of one article that are active at one moment.

    Attributes:
        pinned: the pinned ids, in the order to show them.
        blocked: the blocked ids.
        hidden: the ids that no list shows.
        has_list: whether a list stands under the article.
        next_change: when the next override starts or ends, seconds since 1970 in UTC; infinite if
            none does.
    """

    pinned: tuple[str, ...] = ()
    blocked: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    has_list: bool = True
    next_change: float = inf


NO_ACTIVE_OVERRIDES: Final = ActiveOverrides()


@dataclass(frozen=True, slots=True, eq=False)
class HiddenArticles:
    """The articles that no list shows. There may be thousands, so no list looks through them.

    Attributes:
        ids: those that are hidden for ever.
        timed: what is said of the others.
        moments: when one of these begins or ends to be hidden, ascending: POSIX.
    """

    ids: frozenset[str] = frozenset()
    timed: tuple[Override, ...] = ()
    moments: tuple[float, ...] = ()

    @classmethod
    def of(cls, never: Iterable[Override]) -> "HiddenArticles":
        """Of all articles, what editors have said of them."""
        timed = tuple(one for one in never if any(one.window.boundaries))
        moments = {*chain.from_iterable(one.window.boundaries for one in timed)}
        ids = frozenset(one.id for one in never) - {one.id for one in timed}
        return cls(ids, timed, tuple(sorted(moments)))

    def at(self, now: float) -> frozenset[str]:
        """Their ids at `now`, POSIX: the same set until the next of the moments."""
        return _hidden_after(self, bisect_right(self.moments, now)) if self.timed else self.ids

    def next_change(self, now: float) -> float:
        """The first of the moments after `now`, POSIX; infinite if there is none."""
        return next(iter(self.moments[bisect_right(self.moments, now) :]), inf)


@lru_cache(maxsize=2)
def _hidden_after(hidden: HiddenArticles, passed: int) -> frozenset[str]:
    """The ids of hidden articles from when so many of the moments have passed to the next one."""
    since = hidden.moments[passed - 1] if passed else -inf
    active = {one.id for one in hidden.timed if one.window.holds(since)}
    return hidden.ids | active if active else hidden.ids


NONE_HIDDEN: Final = HiddenArticles()


@dataclass(frozen=True, slots=True)
class Overrides:
    """All overrides of one article; pins in the order to show them.

    Attributes:
        pins: what is pinned to its list.
        blocks: what is blocked from its list.
        no_list: the article itself, if no list stands under it.
        never: the article itself, if no list shows it.
        hidden: all articles that no list shows.
    """

    pins: tuple[Override, ...] = ()
    blocks: tuple[Override, ...] = ()
    no_list: tuple[Override, ...] = ()
    never: tuple[Override, ...] = ()
    hidden: HiddenArticles = NONE_HIDDEN

    def instead(self, unsaved: UnsavedOverrides) -> "Overrides":
        """The same, with the kinds that were sent in place of the stored ones."""
        sent: dict[str, Any] = {
            kind: tuple(getattr(unsaved, kind)) for kind in unsaved.model_fields_set
        }
        return replace(self, **sent)

    def at(self, now: float) -> ActiveOverrides:
        """Those active at `now`, seconds since 1970 in UTC."""
        timed = (*self.pins, *self.blocks, *self.no_list)
        moments = [moment for one in timed for moment in one.window.boundaries if moment > now]
        return ActiveOverrides(
            pinned=tuple(pin.id for pin in self.pins if pin.window.holds(now)),
            blocked=frozenset(block.id for block in self.blocks if block.window.holds(now)),
            hidden=self.hidden.at(now),
            has_list=not any(one.window.holds(now) for one in self.no_list),
            next_change=min([*moments, self.hidden.next_change(now)]),
        )


NO_OVERRIDES: Final = Overrides()


@dataclass(frozen=True, slots=True)
class StoredOverrides:
    """Overrides of an article as the store keeps them: one row for each change.

    Attributes:
        change: the number of its entry in the change log.
        article_id: whose list they are for.
        kind: `pins`, `blocks`, or what is said of the article itself: see `OfItself`.
        document: JSON text; see `parse_overrides`.
        by: who set them.
        at: when, in UTC.
    """

    change: int
    article_id: str
    kind: str
    document: str
    by: str
    at: datetime


def check_overrides(overrides: tuple[Override, ...], article_id: str, kind: AnyKind) -> None:
    """Check requested overrides of one kind.

    Raises:
        InvalidOverrides: too many, an id is repeated, or an id is the article itself; of what is
            said of the article itself, an id is another one.
    """
    most, faults = MOST_OVERRIDES[kind], list[FieldFault]()
    if len(overrides) > most:
        faults.append(FieldFault(f"/{kind}", f"more than {most}"))
    seen: set[str] = set()
    for place, override in enumerate(overrides):
        pointer = f"/{kind}/{place}/id"
        if (override.id == article_id) != (kind in OF_ITSELF):
            is_or_not = "is not" if kind in OF_ITSELF else "is"
            faults.append(FieldFault(pointer, f"{is_or_not} the article itself"))
        if override.id in seen:
            faults.append(FieldFault(pointer, f"{override.id!r} is repeated"))
        seen.add(override.id)
    if faults:
        raise InvalidOverrides(f"the {kind} are not acceptable", tuple(faults))


def keep_authors(
    overrides: Iterable[Override], before: Iterable[RecordedOverride], by: str, at: datetime
) -> tuple[RecordedOverride, ...]:
    """Record requested overrides; one that was there before keeps its author and time."""
    known = {recorded.requested: recorded for recorded in before}
    made = ((override, {**override.model_dump(), "by": by, "at": at}) for override in overrides)
    return tuple(
        known.get(override) or RecordedOverride.model_validate(fields) for override, fields in made
    )


def overrides_to_json(overrides: tuple[RecordedOverride, ...]) -> str:
    """Serialise to canonical JSON; `parse_overrides` is the inverse."""
    return _OVERRIDES.dump_json(overrides, exclude_defaults=True).decode()


def parse_overrides(document: str) -> tuple[RecordedOverride, ...]:
    """Parse the JSON of `overrides_to_json`.

    Raises:
        InvalidOverrides: the document does not fit; a newer release may have written it.
    """
    try:
        return _OVERRIDES.validate_json(document)
    except ValidationError as error:
        raise InvalidOverrides("the overrides cannot be read", tuple(faults_of(error))) from None


@dataclass(frozen=True, slots=True)
class OverridesByArticle:
    """The overrides of all articles that have some. Immutable: `after` returns a new value."""

    by_article: Mapping[str, Overrides] = field(default_factory=lambda: MappingProxyType({}))
    rows: Mapping[tuple[str, str], StoredOverrides] = field(
        default_factory=lambda: MappingProxyType({})
    )
    hidden: HiddenArticles = NONE_HIDDEN

    def of_itself(self, article_id: str) -> Overrides:
        """The overrides of one article, without the articles that no list shows."""
        return self.by_article.get(article_id, NO_OVERRIDES)

    def of(self, article_id: str) -> Overrides:
        """The overrides of one article, with the articles that no list shows."""
        found = self.of_itself(article_id)
        return found if self.hidden is NONE_HIDDEN else replace(found, hidden=self.hidden)

    def pinning(self, article_id: str) -> tuple[str, ...]:
        """Ids of the articles that pin one article, now or at another time, ascending."""
        found = (
            seed
            for seed, overrides in self.by_article.items()
            if any(pin.id == article_id for pin in overrides.pins)
        )
        return tuple(sorted(found))

    @property
    def in_order(self) -> tuple[StoredOverrides, ...]:
        """The active rows, in the order in which they were set."""
        return tuple(sorted(self.rows.values(), key=lambda row: row.change))

    def after(self, rows: Iterable[StoredOverrides]) -> "OverridesByArticle":
        """Apply rows set since, in order. Rows of a newer release are logged and skipped."""
        set_since = tuple(rows)
        if not set_since:
            return self
        kept, overrides = dict(self.rows), dict(self.by_article)
        for row in set_since:
            kept[row.article_id, row.kind] = row
            overrides[row.article_id] = _with(overrides.get(row.article_id, NO_OVERRIDES), row)
        hidden = self.hidden
        if any(row.kind == "never" for row in set_since):
            never = [one for each in overrides.values() for one in each.never]
            hidden = HiddenArticles.of(never) if never else NONE_HIDDEN
        return OverridesByArticle(MappingProxyType(overrides), MappingProxyType(kept), hidden)


def _with(before: Overrides, row: StoredOverrides) -> Overrides:
    if row.kind not in MOST_OVERRIDES:
        return before
    try:
        read: dict[str, Any] = {row.kind: parse_overrides(row.document)}
        return replace(before, **read)
    except InvalidOverrides as fault:
        _log.error("%s of article %s stay as they were: %s", row.kind, row.article_id, fault)
        return before


_OVERRIDES: Final = TypeAdapter(tuple[RecordedOverride, ...])
