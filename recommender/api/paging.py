"""The options of calls that answer page by page, and the cursors of pages."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final

from pydantic import Field, field_validator

from recommender.api.request_options import WHOLE_IN_QUERY, InQuery, Options
from recommender.id_grammar import LONGEST_ID, check_id

__all__ = ["AuditOptions", "IdOptions", "PageOptions", "cursor_after"]

MOST_ON_A_PAGE: Final = 100
MOST_ENTRIES: Final = 1_000
MOST_IDS: Final = 1_000
LAST_PLACE: Final = 10**15 - 1
_PLACE: Final = re.compile(r"^(?:0|[1-9][0-9]{0,14})$", re.ASCII)
_CURSOR_VERSION: Final = "1:"


def _read_place(text: str) -> int:
    if not _PLACE.fullmatch(text):
        raise ValueError("must be the 'next' of another page; leave it out to begin")
    return int(text)


class AuditOptions(Options):
    """The page of the audit log that a request asks for."""

    after: Annotated[
        int,
        Field(ge=0, le=LAST_PLACE, description="`next` of the page before; 0 to begin."),
        InQuery(_read_place),
    ] = 0
    limit: Annotated[
        int, Field(ge=1, le=MOST_ENTRIES, description="How many entries at most."), WHOLE_IN_QUERY
    ] = 100


class CursorOptions(Options):
    """Where the page that a request asks for begins."""

    cursor: Annotated[
        str | None,
        Field(
            description="`next` of the page before.",
            json_schema_extra={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,280}$"},
        ),
    ] = None

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


class PageOptions(CursorOptions):
    """The page of the store that a request asks for."""

    limit: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_ON_A_PAGE,
            description="How many articles at most; a page of long ones has fewer.",
        ),
        WHOLE_IN_QUERY,
    ] = 50


class IdOptions(CursorOptions):
    """The page of ids that a request asks for."""

    prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._:~-]*$",
            max_length=LONGEST_ID,
            description="Only ids that begin so, such as `wp:news.example:` for one site.",
        ),
    ] = ""
    limit: Annotated[
        int, Field(ge=1, le=MOST_IDS, description="How many ids at most."), WHOLE_IN_QUERY
    ] = MOST_IDS


def cursor_after(article_id: str) -> str:
    """The cursor of the page that begins after an article."""
    return urlsafe_b64encode(f"{_CURSOR_VERSION}{article_id}".encode()).decode().rstrip("=")


def _id_in(cursor: str) -> str:
    """The id that a cursor stands for; empty if the cursor is not from this service."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        article_id = check_id(text.removeprefix(_CURSOR_VERSION))
    except ValueError:  # also if it is not base64 of a text
        return ""
    return article_id if cursor_after(article_id) == cursor else ""
