"""How candidates become a list: pure functions over plain arrays."""

from recommender.ranking.fusion import Floors, Scores, fuse
from recommender.ranking.ranked import Ranked
from recommender.ranking.recency import recency
from recommender.ranking.selection import Pool, select

__all__ = ["Floors", "Pool", "Ranked", "Scores", "fuse", "recency", "select"]
