"""The use case: under which articles one stands now, for who takes it down or purges caches."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from index import View
from recommender.api import ListOptions
from recommender.ranking.candidates import ListRequest
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.seed import find_seed

__all__ = ["MOST_SECONDS", "NEAREST", "Appearances", "find_appearances"]

NEAREST: Final = 1_000
MOST_SECONDS: Final = 8.0
ANY_LANGUAGE: Final = ListOptions(language="any")


@dataclass(frozen=True, slots=True)
class Appearances:
    """The articles whose default list shows one, by ascending id.

    Attributes:
        ids: theirs.
        checked: how many lists were made to find them.
        complete: whether that was every list there is; else others may show it too.
    """

    ids: tuple[str, ...]
    checked: int
    complete: bool


def find_appearances(
    view: View,
    article_id: str,
    policy: Policy,
    overrides_by_article: OverridesByArticle,
    now: float,
    clock: Callable[[], float] = time.monotonic,
) -> Appearances:
    """Make the lists of the articles nearest to one, and of all that pin it, and look for it there.

    Near are at most `NEAREST`, after which nothing but a fallback would reach; the search ends
    after `MOST_SECONDS`.

    Args:
        view: the archive.
        article_id: who is looked for; whom the view does not hold stands nowhere.
        policy: by which lists are made.
        overrides_by_article: the overrides of all articles.
        now: seconds since 1970 in UTC.
        clock: seconds that pass.
    """
    if view.row_of(article_id) is None:
        return Appearances((), 0, complete=True)
    found: list[str] = []
    checked, until = 0, clock() + MOST_SECONDS
    for seed_id in _near(view, article_id, policy, overrides_by_article, now):
        if clock() > until:
            break
        seed, overrides = find_seed(view, seed_id), overrides_by_article.of(seed_id)
        listed = list_related(view, seed, ListOptions(), policy, now, overrides)
        checked += 1
        if any(item.id == article_id for item in listed.items):
            found.append(seed_id)
    others = int(np.count_nonzero(view.present)) - 1
    return Appearances(tuple(sorted(found)), checked, complete=checked == others)


def _near(
    view: View,
    article_id: str,
    policy: Policy,
    overrides_by_article: OverridesByArticle,
    now: float,
) -> Iterator[str]:
    """Who pins an article, then who is near to it, the nearest first; each once, never itself."""
    every = view.present.copy()
    every[view.row_of(article_id)] = False
    for seed_id in overrides_by_article.pinning(article_id):
        if (row := view.row_of(seed_id)) is not None:
            every[row] = False
            yield seed_id
    request = ListRequest(view, find_seed(view, article_id), ANY_LANGUAGE, policy, now)
    ranked = request.score(request.candidates(every, NEAREST))
    nearest = ranked.rows[np.argsort(-ranked.scores.score, kind="stable")][:NEAREST]
    every[nearest] = False
    # Who shares no word with it may still list it among the latest.
    rest = request.newest(every, NEAREST - len(nearest))
    yield from map(view.id_of, (*nearest.tolist(), *rest.tolist()))
