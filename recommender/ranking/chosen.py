"""What editors chose under which article, as it holds now."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from recommender.errors import InvalidChoices
from recommender.ranking.overrides import KINDS, Choices, parse_choices
from recommender.store import StoredChoices

__all__ = ["Chosen"]

NOTHING: Final = Choices()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choices of every article that has any; never altered, but made anew with more."""

    by_article: Mapping[str, Choices] = field(default_factory=lambda: MappingProxyType({}))
    rows: Mapping[tuple[str, str], StoredChoices] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def of(self, article_id: str) -> Choices:
        """What was chosen under an article."""
        return self.by_article.get(article_id, NOTHING)

    def pinning(self, article_id: str) -> tuple[str, ...]:
        """The articles under which one is pinned, now or at some other time."""
        found = (
            seed
            for seed, choices in self.by_article.items()
            if any(pin.id == article_id for pin in choices.pins)
        )
        return tuple(sorted(found))

    @property
    def in_order(self) -> tuple[StoredChoices, ...]:
        """What holds, as it was set, in that order."""
        return tuple(sorted(self.rows.values(), key=lambda row: row.change))

    def after(self, rows: Iterable[StoredChoices]) -> "Chosen":
        """The same with what was set since, in order; what a newer program set is passed over."""
        set_since = tuple(rows)
        if not set_since:
            return self
        kept, choices = dict(self.rows), dict(self.by_article)
        for row in set_since:
            kept[row.article_id, row.kind] = row
            choices[row.article_id] = _with(choices.get(row.article_id, NOTHING), row)
        return Chosen(MappingProxyType(choices), MappingProxyType(kept))


def _with(before: Choices, row: StoredChoices) -> Choices:
    if row.kind not in KINDS:
        return before
    try:
        return replace(before, **{row.kind: parse_choices(row.document)})
    except InvalidChoices as fault:
        _log.error("%s of article %s stay as they were: %s", row.kind, row.article_id, fault)
        return before
