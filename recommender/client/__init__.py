"""A typed client of the HTTP API, for scripts and for a CMS that is written in Python."""

from recommender.api import Deletion, ListOptions, Target
from recommender.client.calls import Client
from recommender.errors import ApiError

__all__ = ["ApiError", "Client", "Deletion", "ListOptions", "Target"]
