"""The whole store, page by page, for whoever compares it with a CMS or takes it elsewhere."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState
from pydantic import Field, field_validator

from recommender.api import ArticlePage, InQuery, Options, read_whole_number
from recommender.articles import check_id
from recommender.web.caching import uncached
from recommender.web.endpoints import described
from recommender.web.keys import needs
from recommender.web.state import state
from recommender.web.turns import Turns

__all__ = ["archive"]

archive = Blueprint("archive", __name__, url_prefix="/v1")
LIMITS: Final = range(1, 101)
MOST_LETTERS: Final = 4 * 2**20  # of all documents of a page together
READERS: Final = 2
TURNS: Final = "read-also-archive"
_MADE_HERE: Final = "1:"


class PageOptions(Options):
    """Which page of the store is asked for."""

    cursor: Annotated[
        str | None,
        Field(
            description="`next` of the page before.",
            json_schema_extra={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,280}$"},
        ),
    ] = None
    limit: Annotated[
        int,
        Field(
            ge=LIMITS[0],
            le=LIMITS[-1],
            description="How many articles at most; a page of long ones has fewer.",
        ),
        InQuery(read_whole_number),
    ] = 50

    @field_validator("cursor")
    @classmethod
    def _check_cursor(cls, cursor: str) -> str:
        if not _id_in(cursor):
            raise ValueError("must be the 'next' of another page; leave it out to begin")
        return cursor

    @property
    def after(self) -> str:
        """The id after which the page begins; empty for the first page."""
        return _id_in(self.cursor) if self.cursor else ""


def _id_in(cursor: str) -> str:
    """The id that a cursor stands for; empty where this service made no such cursor."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        article_id = check_id(text.removeprefix(_MADE_HERE))
    except ValueError:  # also what is no base64, or no text inside
        return ""
    return article_id if _cursor(article_id) == cursor else ""


def _cursor(article_id: str) -> str:
    return urlsafe_b64encode(f"{_MADE_HERE}{article_id}".encode()).decode().rstrip("=")


@archive.record
def _make_turns(setup: BlueprintSetupState) -> None:
    setup.app.extensions[TURNS] = Turns(READERS)


@archive.get("/articles")
@needs("read")
@described(
    "The articles that are stored, by ascending id.",
    answers={200: ArticlePage},
    query=PageOptions,
)
def page(options: PageOptions) -> Response:
    """A page of articles as they were given."""
    turns: Turns = current_app.extensions[TURNS]
    with turns.one_of("pages of articles"):
        found = state().store().page(options.after, options.limit, MOST_LETTERS)
    following = _cursor(found.articles[-1].id) if found.more else None
    return uncached(ArticlePage(articles=found.articles, next=following))
