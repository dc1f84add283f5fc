"""A story beside the list that stands under it."""

from flask import Response

from recommender.analysis.article_texts import paragraphs
from recommender.api import ListOptions
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.page import render_page
from recommender.web.state import state

__all__: list[str] = []


@console.get("/story/<article_id>")
@opened("read")
def show_story(article_id: str) -> Response:
    """The story, and its list with the reasons."""
    article = state().stored(article_id)
    with heavy_call():
        listing = state().list_for(article_id, ListOptions(explain=True), public=False)
    return render_page(
        "story.html",
        "story",
        article=article,
        paragraphs=paragraphs(article.body),
        related=listing.related,
    )
