"""How good the lists of an archive are, from a sample of them: figures that editors act on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from recommender.api import RELATED, Item, RelatedList, ShortBecause

__all__ = ["AGE_BOUNDS", "ListFigures", "MuchShown", "measure_lists", "spread_over"]

DAY_SECONDS: Final = 86_400
AGE_BOUNDS: Final = (7.0, 31.0, 183.0, 366.0, 1_827.0)
"""Days: a week, a month, half a year, a year, five years; older is the last class."""
MOST_NAMED: Final = 10
LEAST_LISTS: Final = 3
"""A story in fewer lists is not shown much."""


@dataclass(frozen=True, slots=True)
class MuchShown:
    """A story that stands under many others.

    Attributes:
        id: the article's.
        title: its headline.
        lists: under how many of the sampled stories.
    """

    id: str
    title: str
    lists: int


@dataclass(frozen=True, slots=True)
class ListFigures:
    """What a sample of lists shows.

    Attributes:
        lists: how many were made.
        full: how many are as long as they should be.
        empty: how many have no item.
        short: by what cost most places, how many lists are short.
        related: how many items are related to their story.
        pinned: how many an editor put there.
        filled: how many only fill the list: the newest ones.
        ages: how many related items are how much older or newer than their story, by the classes of
            AGE_BOUNDS and one for what is farther away.
        median_days: the middle of these; None if no item and story have dates.
        shown: how many different stories the items are.
        much_shown: those in most lists.
        weakest: the scores of the last related item of each list, ascending.
    """

    lists: int
    full: int
    empty: int
    short: Mapping[ShortBecause, int]
    related: int
    pinned: int
    filled: int
    ages: tuple[int, ...]
    median_days: float | None
    shown: int
    much_shown: tuple[MuchShown, ...]
    weakest: tuple[float, ...]

    @property
    def items(self) -> int:
        """How many items there are in all lists."""
        return self.related + self.pinned + self.filled


def measure_lists(lists: Sequence[tuple[datetime | None, RelatedList]]) -> ListFigures:
    """Measure some lists.

    Args:
        lists: each with the time at which its story was published.
    """
    items = [item for _, listed in lists for item in listed.items]
    kinds = Counter(_kind_of(item.reason) for item in items)
    related = [[one for one in listed.items if one.reason in RELATED] for _, listed in lists]
    dated = ((at, item) for (at, _), few in zip(lists, related, strict=True) for item in few)
    days = [_days_between(at, one.published_at) for at, one in dated if at and one.published_at]
    return ListFigures(
        lists=len(lists),
        full=sum(listed.returned >= listed.requested for _, listed in lists),
        empty=sum(not listed.items for _, listed in lists),
        short=_count_short([listed for _, listed in lists]),
        related=kinds["related"],
        pinned=kinds["pinned"],
        filled=kinds["filled"],
        ages=_in_classes(days),
        median_days=median(days) if days else None,
        shown=len({item.id for item in items}),
        much_shown=_much_shown(items),
        weakest=tuple(sorted(few[-1].score for few in related if few)),
    )


def _count_short(lists: Sequence[RelatedList]) -> Mapping[ShortBecause, int]:
    """By what cost most places, how many lists are short; the most frequent first."""
    short = (one.short_because for one in lists if one.returned < one.requested)
    return dict(Counter(because for because in short if because is not None).most_common())


def _much_shown(items: Sequence[Item]) -> tuple[MuchShown, ...]:
    titles = {item.id: item.title for item in items}
    most = Counter(item.id for item in items).most_common(MOST_NAMED)
    return tuple(MuchShown(one, titles[one], n) for one, n in most if n >= LEAST_LISTS)


def spread_over(count: int, newest: int, others: int) -> list[int]:
    """Which of some stories to look at, the newest first: the first ones, and others evenly.

    Returns:
        Ascending places in 0..count-1, each once.
    """
    first = list(range(min(newest, count)))
    left = count - len(first)
    step = max(1.0, left / others) if others else 1.0
    spread = (len(first) + int(at * step) for at in range(min(others, left)))
    return first + [place for place in spread if place < count]


def _kind_of(reason: str) -> str:
    if reason in RELATED:
        return "related"
    return "pinned" if reason == "pinned" else "filled"


def _days_between(one: datetime, text: str) -> float:
    return abs((datetime.fromisoformat(text) - one).total_seconds()) / DAY_SECONDS


def _in_classes(days: Sequence[float]) -> tuple[int, ...]:
    counts = [0] * (len(AGE_BOUNDS) + 1)
    for one in days:
        counts[sum(one > bound for bound in AGE_BOUNDS)] += 1
    return tuple(counts)
