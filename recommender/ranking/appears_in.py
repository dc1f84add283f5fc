"""Reverse look-up: the articles whose list shows this one now (takedown, cache purge)."""

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
from recommender.ranking.scoring import find_seed

__all__ = ["MOST_SECONDS", "NEAREST", "Appearances", "find_appearances"]

NEAREST: Final = 1_000
MOST_SECONDS: Final = 8.0
ANY_LANGUAGE: Final = ListOptions(language="any")


@dataclass(frozen=True, slots=True)
class Appearances:
    """The articles whose default list shows a given one.

    Attributes:
        ids: their ids, ascending.
        checked: how many lists were built to find them.
        complete: whether all lists were checked; if not, others may show it too.
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
    """Build the lists of the articles that pin an article or are nearest to it, and search them.

    At most `NEAREST` lists of near articles are built; beyond them only a fallback stage could list
    the article. The search ends after `MOST_SECONDS`.

    Args:
        view: the archive.
        article_id: the article to look for; one that the view does not have is in no list.
        policy: the active policy.
        overrides_by_article: the overrides of all articles.
        now: seconds since 1970 in UTC.
        clock: returns a time in seconds, for the limit.
    """
    if view.row_of(article_id) is None:
        return Appearances((), 0, complete=True)
    found: list[str] = []
    checked, until = 0, clock() + MOST_SECONDS
    for seed_id in _near(view, article_id, policy, overrides_by_article, now):
        if clock() > until:
            break
        seed, overrides = find_seed(view, seed_id), overrides_by_article.of(seed_id).at(now)
        listed = list_related(ListRequest(view, seed, ListOptions(), policy, now, overrides))
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
    """Ids of articles that pin an article, then of the nearest ones; each once, never its own."""
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
    # An article that shares no word with it may still list it in a fallback stage.
    rest = request.newest(every, NEAREST - len(nearest))
    yield from map(view.id_of, (*nearest.tolist(), *rest.tolist()))
