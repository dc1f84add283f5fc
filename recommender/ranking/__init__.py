"""How candidates become a list: pure functions over plain arrays."""

from recommender.ranking.clusters import tellings_of
from recommender.ranking.fusion import Floors, Scores, Signals, Weights, fuse, scaled
from recommender.ranking.pool import Pool, Rules
from recommender.ranking.ranked import Ranked
from recommender.ranking.recency import recency
from recommender.ranking.selection import Removal, Selection, choose

__all__ = [
    "Floors",
    "Pool",
    "Ranked",
    "Removal",
    "Rules",
    "Scores",
    "Selection",
    "Signals",
    "Weights",
    "choose",
    "fuse",
    "recency",
    "scaled",
    "tellings_of",
]
