"""The API describes itself: the OpenAPI document, and the page that shows it."""

from recommender.web.openapi.document import document_of
from recommender.web.openapi.routes import manual

__all__ = ["document_of", "manual"]
