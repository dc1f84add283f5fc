"""Why a list is as it is: what two texts share, and which rule dropped what is not listed."""

from recommender.ranking.explain.explanation import list_explained
from recommender.ranking.explain.texts import ReadTexts, read_texts

__all__ = ["ReadTexts", "list_explained", "read_texts"]
