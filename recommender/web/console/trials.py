"""Lists made in another way than the live ones, without saving anything."""

from collections.abc import Mapping

from recommender.api import ListOptions, RelatedList
from recommender.articles import Article
from recommender.indexing.drafts import make_outside_seed
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain import list_explained
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import seed_of
from recommender.web.state import state

__all__ = ["list_by"]


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
        return list_explained(request, _read_texts) if options.explain else list_related(request)


def _read_texts(changes: Mapping[str, int]) -> Mapping[str, Article]:
    with state().reading() as store:
        return store.texts_at(changes)
