"""Under which articles one stands, for who takes it down and purges what caches hold."""

from flask import Blueprint, Response

from recommender.api import AppearsIn
from recommender.web.caching import uncached
from recommender.web.endpoints import described
from recommender.web.keys import needs
from recommender.web.state import state

__all__ = ["appearances"]

appearances = Blueprint("appearances", __name__, url_prefix="/v1")


@appearances.get("/articles/<article_id>/appears-in")
@needs("read")
@described(
    "The articles whose default list shows this one now.",
    answers={200: AppearsIn},
    problems=(404, 410, 503),
)
def appears_in(article_id: str) -> Response:
    """Found by making lists anew: those of the nearest articles, and all that pin it."""
    found = state().appearances(article_id)
    return uncached(
        AppearsIn(
            article_id=article_id,
            appears_in=found.ids,
            checked=found.checked,
            complete=found.complete,
        )
    )
