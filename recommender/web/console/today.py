"""What was published last, with its lists, and what of it needs somebody's attention."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import PINNED, RELATED, ListOptions, RelatedList
from recommender.display_fields import DisplayFields
from recommender.errors import DeletedArticle, UnknownArticle
from recommender.ranking.filters import newest_first, visible
from recommender.web.console.states import ReasonName, name_reason
from recommender.web.state import state

__all__ = [
    "Everywhere",
    "StoryLine",
    "TodaysStory",
    "Unreadable",
    "fault_of_list",
    "find_everywhere",
    "find_unreadable",
    "first_lists",
    "make_todays_lists",
    "newest_stories",
    "todays_stories",
]

HOURS: Final = 48
NEWEST: Final = 20
MOST_LISTS: Final = 40
MOST_SECONDS: Final = 1.5
"""After so long the rest of the stories is shown without lists."""
PAUSE_SECONDS: Final = 0.002
"""Between two lists: readers whom this worker serves must not wait for all of them."""
FEW_RELATED: Final = 3
EVERYWHERE: Final = 0.5
"""A story in so many of the lists stands everywhere."""
LEAST_LISTS: Final = 5
"""A story in fewer lists stands nowhere near everywhere."""
MOST_UNREADABLE: Final = 10
ListFault = Literal["short", "weak"]


@dataclass(frozen=True, slots=True)
class StoryLine:
    """A story in a list of stories.

    Attributes:
        id: the article's.
        fields: what readers see of it.
    """

    id: str
    fields: DisplayFields

    @classmethod
    def of(cls, view: View, row: int) -> "StoryLine":
        """The story of a row."""
        return cls(view.id_of(row), DisplayFields.from_bytes(view.display_of(row)))


@dataclass(frozen=True, slots=True)
class TodaysStory:
    """A story, and the list under it.

    Attributes:
        story: the story.
        related: its list; None if it was not made.
    """

    story: StoryLine
    related: RelatedList | None = None

    @property
    def fault(self) -> ListFault | None:
        """What is wrong with its list."""
        return None if self.related is None else fault_of_list(self.related)

    @property
    def related_items(self) -> int:
        """How many items are about the story, or were put there by an editor."""
        items = () if self.related is None else self.related.items
        return sum(item.reason in RELATED or item.reason == PINNED for item in items)


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A story that stands in many of some lists.

    Attributes:
        id: the article's.
        title: its headline.
        language: of the headline; None if unknown.
        lists: how many of them.
    """

    id: str
    title: str
    language: str | None
    lists: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A story whose text could not be read.

    Attributes:
        id: the article's.
        title: its headline; empty if it has none.
        reason: why.
    """

    id: str
    title: str
    reason: ReasonName


def fault_of_list(related: RelatedList) -> ListFault | None:
    """What is wrong with a list: it is too short, or hardly anything in it is about the story."""
    if related.short_because == "no_related":
        return None  # somebody wants it so
    if related.returned < related.requested:
        return "short"
    about = sum(item.reason in RELATED or item.reason == PINNED for item in related.items)
    return "weak" if about < min(FEW_RELATED, related.requested) else None


def find_everywhere(lists: Sequence[RelatedList]) -> tuple[Everywhere, ...]:
    """The stories that stand in many of some lists, the most frequent first; pins do not count."""
    items = [item for one in lists for item in one.items if item.reason != PINNED]
    counted, by_id = Counter(item.id for item in items), {item.id: item for item in items}
    least = max(LEAST_LISTS, EVERYWHERE * len(lists))
    return tuple(
        Everywhere(one, by_id[one].title, by_id[one].language, times)
        for one, times in counted.most_common()
        if times >= least
    )


def newest_stories(view: View, now: float, limit: int) -> list[StoryLine]:
    """The stories that readers may see, the newest first; those without a date are left out."""
    return [StoryLine.of(view, row) for row in _newest_first(view, now)[0][:limit].tolist()]


def first_lists(view: View, now: float, limit: int) -> list[TodaysStory]:
    """The newest stories under which a list of related ones stands, each with its list.

    While an archive is being read, most of the newest stories wait: nothing is related to them yet.
    If all are read and nothing is related to anything, the newest stories, with what fills their
    lists; those without a date come last.
    """
    rows = newest_first(view, np.flatnonzero(view.where(lambda part: visible(part, now))))
    read = view.take("read", rows)
    found: list[TodaysStory] = []
    for row in rows[read][:MOST_LISTS].tolist():
        story = StoryLine.of(view, row)
        made = TodaysStory(story, _list_of(story.id))
        found += [made] if made.related_items else []
        if len(found) == limit:
            break
    if found or not read.all():
        return found
    stories = (StoryLine.of(view, row) for row in rows[:limit].tolist())
    return [TodaysStory(story, _list_of(story.id)) for story in stories]


def todays_stories(view: View, now: float) -> list[StoryLine]:
    """The stories that readers see and that were published in the last HOURS, the newest first.

    If there are none, the NEWEST ones.
    """
    rows, published = _newest_first(view, now)
    today = int(np.count_nonzero(published > now - HOURS * 3_600))
    return [StoryLine.of(view, row) for row in rows[: min(today, MOST_LISTS) or NEWEST].tolist()]


def make_todays_lists(now: float) -> list[TodaysStory]:
    """The stories of `todays_stories` with their lists, as far as MOST_SECONDS allow."""
    view = state().follower.current().view
    until = time.monotonic() + MOST_SECONDS
    stories = []
    for story in todays_stories(view, now):
        related = _list_of(story.id) if time.monotonic() < until else None
        stories.append(TodaysStory(story, related))
    return stories


def find_unreadable() -> tuple[tuple[Unreadable, ...], int]:
    """Some of the stories whose text could not be read, and how many there are.

    Raises:
        StoreUnusable: the store is away.
        Busy: too many requests read the store now.
    """
    with state().reading() as store:
        count = store.queue.length().dead
        letters = store.queue.dead_letters(MOST_UNREADABLE) if count else []
        outlines = store.outlines([one.id for one in letters])
    titles = {key: outline.title for key, outline in outlines.items()}
    found = (Unreadable(one.id, titles.get(one.id, ""), name_reason(one.fault)) for one in letters)
    return tuple(found), count


def _newest_first(view: View, now: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows that readers may see and that have a date, and their dates, the newest first."""
    rows = newest_first(view, np.flatnonzero(view.where(lambda part: visible(part, now))))
    published = view.take("published_at", rows)
    dated = ~np.isnan(published)
    return rows[dated], published[dated]


def _list_of(article_id: str) -> RelatedList | None:
    """The list under a story as readers get it; None if it was withdrawn meanwhile."""
    time.sleep(PAUSE_SECONDS)
    try:
        return state().list_for(article_id, ListOptions(), public=False).related
    except (UnknownArticle, DeletedArticle):
        return None
