"""Lists made in another way than the live ones, without saving anything."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from recommender.api import ListOptions, RelatedList
from recommender.indexing.drafts import make_outside_seed
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain import list_explained
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related, title_of
from recommender.ranking.scoring import seed_of
from recommender.web.console.difference import ListDifference
from recommender.web.console.plain_texts import read_texts
from recommender.web.console.today import StoryLine
from recommender.web.state import state

__all__ = ["PAUSE_SECONDS", "TriedList", "list_by", "try_on"]

MOST_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 0.004
"""Between two lists, so that readers whom this worker serves do not wait for all of them."""


def list_by(policy: Policy, article_id: str, options: ListOptions, now: float) -> RelatedList:
    """The list that a stored article would have by a policy, with its pins and blocks.

    `now` is the moment that the list is for, POSIX: that of the list beside it.

    Raises:
        UnknownArticle: never stored.
        DeletedArticle: deleted.
        NotReady: there is nothing yet to answer from.
        StoreUnusable: the view does not hold the article, and the store is away.
        Busy: too many lists are tried or explained now.
    """
    live = state().follower.current()
    seed = seed_of(live.view, article_id)
    if seed is None:
        seed = make_outside_seed(live.view, state().stored(article_id))
    overrides = live.overrides.of(article_id).at(now)
    request = ListRequest(live.view, seed, options, policy, now, overrides)
    with state().limits.heavy.hold("trials"):
        return list_explained(request, read_texts) if options.explain else list_related(request)


@dataclass(frozen=True, slots=True)
class TriedList:
    """The list of a story by another policy, beside the one by the active policy.

    Attributes:
        story: the story.
        difference: of the two lists.
        titles: the headlines of what is new or gone, by id.
        places: how many items the list has.
    """

    story: StoryLine
    difference: ListDifference
    titles: Mapping[str, str]
    places: int

    @property
    def replaced(self) -> int:
        """How many items are new in it, or gone without another in their place."""
        return max(self.difference.count("new"), len(self.difference.gone))


def try_on(stories: Sequence[StoryLine], tried: Policy) -> list[TriedList]:
    """The lists of some stories by another policy, with the greatest differences first.

    It stops after some seconds: then it has fewer stories.

    Raises:
        NotReady: there is nothing yet to answer from.
        Busy: too many lists are tried now.
    """
    until = time.monotonic() + MOST_SECONDS
    begun = takewhile(lambda _: time.monotonic() < until, stories)
    return sorted((_try_one(story, tried) for story in begun), key=lambda one: -one.replaced)


def _try_one(story: StoryLine, tried: Policy) -> TriedList:
    options, view = ListOptions(), state().follower.current().view
    live = state().list_for(story.id, options, public=False)
    time.sleep(PAUSE_SECONDS)
    by_trial = list_by(tried, story.id, options, live.made_at)
    time.sleep(PAUSE_SECONDS)
    before, after = ([item.id for item in one.items] for one in (live.related, by_trial))
    titles = {one: title_of(view, one) for one in {*before} ^ {*after}}
    return TriedList(story, ListDifference.of(before, after), titles, len(after))
