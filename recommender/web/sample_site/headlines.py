"""Which stories a page of the sample names: the newest of an edition, translations of a story."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from index import View
from recommender.api.conditions import Choice
from recommender.articles import UNKNOWN_LANGUAGE, primary_language
from recommender.display_fields import DisplayFields
from recommender.ranking.filters import Filter, matching, newest_first, visible

__all__ = ["Headline", "fits_address", "newest", "translations_of"]

_CHANGED: Final = frozenset({"", ".", ".."})
MOST: Final = 500
"""Of one edition. The sample has fewer."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A story as a page names it."""

    id: str
    fields: DisplayFields

    @classmethod
    def of(cls, view: View, row: int) -> "Headline":
        """The headline of a row."""
        return cls(view.id_of(row), DisplayFields.from_bytes(view.display_of(row)))

    @property
    def language(self) -> str:
        """Its primary BCP-47 subtag, or `und`."""
        return primary_language(self.fields.language) or UNKNOWN_LANGUAGE

    @property
    def section(self) -> str:
        """Its section; "" for none, or for one that has no page."""
        name = self.fields.section or ""
        return name if fits_address(name) else ""


def fits_address(section: str) -> bool:
    """Whether a section can stand in an address: `..` and `/lead` lead elsewhere."""
    return "\n" not in section and _CHANGED.isdisjoint(section.split("/"))


def newest(view: View, language: str, now: float) -> list[Headline]:
    """The stories of a language that readers may see, the newest first; those without date last."""
    wanted = Filter(languages=Choice(frozenset({language})))
    shown = view.where(
        lambda part: visible(part, now) & part.columns["titled"] & matching(part, wanted)
    )
    latest = newest_first(view, np.flatnonzero(shown))[:MOST]
    return [Headline.of(view, row) for row in latest.tolist()]


def translations_of(view: View, article_id: str, now: float) -> list[Headline]:
    """The same story in other languages, as far as readers may see it."""
    row = view.row_of(article_id)
    if row is None:
        return []
    group = view.take("translates", np.array([row]))[0]
    rows = np.flatnonzero(
        view.where(lambda part: visible(part, now) & (part.columns["translates"] == group))
    )
    found = [Headline.of(view, one) for one in rows.tolist() if one != row]
    own = Headline.of(view, row).language
    return [one for one in found if one.language != own]
