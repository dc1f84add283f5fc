"""Single queries and pairs to look at: where the lists do worst, and what scores are worth."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from index import View
from recommender.api import RelatedList
from recommender.evaluation.runs import Bench
from recommender.evaluation.scoreboard import SERVED, Scoreboard
from recommender.ranking.candidates import ListRequest
from recommender.ranking.cards import Card
from recommender.ranking.policy import RELEVANCE_ONLY
from recommender.ranking.seeds import find_seed

__all__ = ["Contrast", "Example", "Shown", "contrast", "title_of", "worst"]

MOST: Final = 20
DEPTH: Final = 5  # of the main measure
MOST_JUDGED: Final = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """An article as a reader knows it, with the gain people gave it, and why it is listed."""

    title: str
    gain: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One query: its value by the main measure, what was listed first, what was judged best."""

    title: str
    value: float
    listed: tuple[Shown, ...]
    judged: tuple[Shown, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """Scores of pairs that people judged related, and of as many random ones."""

    related: tuple[float, ...]
    random: tuple[float, ...]


def worst(bench: Bench, board: Scoreboard) -> list[Example]:
    """The queries with the worst lists as served, the worst first."""
    each = board.row(SERVED).each
    order = np.argsort(each, kind="stable")[:MOST].tolist()
    queries = bench.dataset.queries
    return [
        _example(bench, queries[at], float(each[at]), board.served[queries[at]]) for at in order
    ]


def _example(bench: Bench, query: str, value: float, listed: RelatedList) -> Example:
    view, judged = bench.view, bench.dataset.judged(query)
    good = sorted((one for one in judged if judged[one] > 0), key=lambda one: (-judged[one], one))
    return Example(
        title=title_of(view, query),
        value=value,
        listed=tuple(
            Shown(item.title or item.id, judged.get(item.id, 0), item.reason)
            for item in listed.items[:DEPTH]
        ),
        judged=tuple(Shown(title_of(view, one), judged[one]) for one in good[:MOST_JUDGED]),
        more=max(0, len(good) - MOST_JUDGED),
    )


def title_of(view: View, article_id: str) -> str:
    """The title of an article; its id where it has none, or is not there."""
    row = view.row_of(article_id)
    return (Card.from_bytes(view.display_of(row)).title if row is not None else "") or article_id


def contrast(bench: Bench) -> Contrast:
    """Score what was judged related under each query, and as many others drawn at random."""
    draw = np.random.default_rng(0)
    view, options = bench.view, bench.options()
    related: list[float] = []
    random: list[float] = []
    for query in bench.dataset.queries:
        list_request = ListRequest(view, find_seed(view, query), options, RELEVANCE_ONLY, bench.now)
        judged = bench.dataset.judged(query)
        rows = {one: row for one in judged if (row := view.row_of(one)) is not None}
        good = [row for one, row in rows.items() if judged[one] > 0]
        others = list_request.allowed()
        others[list(rows.values())] = False
        drawn = draw.permutation(np.flatnonzero(others))[: len(good)].tolist()
        scores = list_request.rank(np.array([*good, *drawn], np.int64)).scores.score.tolist()
        related += scores[: len(good)]
        random += scores[len(good) :]
    return Contrast(tuple(related), tuple(random))
