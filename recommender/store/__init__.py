"""The article store and its change log, on SQLAlchemy. SQLAlchemy stays inside this package."""

from recommender.store.articles import ArticleStore, Change, Receipt, Stored, StoreState, open_store
from recommender.store.features import FeatureCache, TextTerms

__all__ = [
    "ArticleStore",
    "Change",
    "FeatureCache",
    "Receipt",
    "StoreState",
    "Stored",
    "TextTerms",
    "open_store",
]
