"""What the views share, kept in `app.extensions`; made once per worker, never changed."""

import time
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app

from recommender.eligibility import next_turn, on_show, shows
from recommender.errors import UnknownArticle
from recommender.live import LiveSnapshot
from recommender.policy import Policy
from recommender.reading import facts_of, read_text
from recommender.recommendations import Options, Recommendations
from recommender.related import list_related
from recommender.seeds import seed_of, unread_seed
from recommender.settings import Settings
from recommender.store import ArticleStore

__all__ = ["EXTENSION", "Listing", "State", "state"]

EXTENSION: Final = "read-also"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, and what its answer depends on.

    Attributes:
        recommendations: the list.
        language: the seed's, which the heading should have.
        explained: whether explanations were asked for.
        settled: whether a rebuild has read the seed.
        seconds_left: until the clock alone may change the list.
    """

    recommendations: Recommendations
    language: str
    explained: bool
    settled: bool
    seconds_left: float


@dataclass(frozen=True, slots=True)
class State:
    """Settings, the store, the live snapshot and the policy."""

    settings: Settings
    store: ArticleStore
    live: LiveSnapshot
    policy: Policy

    def list_for(self, article_id: str, options: Options, *, public: bool) -> Listing:
        """The list under an article; one that no rebuild has read yet is served from the ladder.

        Raises:
            UnknownArticle: never stored, or not on show and asked for by the public.
            DeletedArticle: deleted.
            NoSnapshot: nothing was published yet.
        """
        snapshot, now = self.live.current(), time.time()
        seed = seed_of(snapshot, article_id)
        if seed is None or seed.row is None:
            article = self.store.get(article_id)
            shown = shows(article, now)
            seed = unread_seed(snapshot, facts_of(article, read_text(article), _knows_none))
        else:
            shown = bool(on_show(snapshot, now, slice(seed.row, seed.row + 1))[0])
        if public and not shown:
            raise UnknownArticle(article_id)
        answer = list_related(snapshot, seed, options, self.policy, now)
        left = next_turn(snapshot, now) - now
        return Listing(answer, seed.language, options.explain, seed.row is not None, left)


def _knows_none(_language: str | None) -> bool:
    """No vector was made yet, so the encoder has nothing to say."""
    return False


def state() -> State:
    """The state of the application that answers this request."""
    return cast("State", current_app.extensions[EXTENSION])
