"""The article store and its change log, on SQLAlchemy. SQLAlchemy stays inside this package."""

from recommender.store.articles import ArticleStore, open_store
from recommender.store.batches import Removal
from recommender.store.catalogs import CatalogNeeds
from recommender.store.features import FeatureCache, TextTerms
from recommender.store.late import LateStore
from recommender.store.log import ORIGIN, Change, Point, StoreState
from recommender.store.moment import Standing, Stored, StoreView
from recommender.store.overrides import OverrideStore
from recommender.store.pages import Page
from recommender.store.pending import Parked, Pending, PendingTexts, Reading, Recipes, Waiting
from recommender.store.policies import Policies, PolicyReceipt, StoredPolicy
from recommender.store.updates import Update, Updates
from recommender.store.writes import Receipt

__all__ = [
    "ORIGIN",
    "ArticleStore",
    "CatalogNeeds",
    "Change",
    "FeatureCache",
    "LateStore",
    "OverrideStore",
    "Page",
    "Parked",
    "Pending",
    "PendingTexts",
    "Point",
    "Policies",
    "PolicyReceipt",
    "Reading",
    "Receipt",
    "Recipes",
    "Removal",
    "Standing",
    "StoreState",
    "StoreView",
    "Stored",
    "StoredPolicy",
    "TextTerms",
    "Update",
    "Updates",
    "Waiting",
    "open_store",
]
