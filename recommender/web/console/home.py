"""The first page: what was published last, with the state of its lists."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from index import View
from recommender.display_fields import DisplayFields
from recommender.ranking.filters import visible
from recommender.web.console.access import console, opened
from recommender.web.console.page import render_page
from recommender.web.state import state

__all__ = ["StoryLine", "newest_stories"]

MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class StoryLine:
    """A story in a list of stories.

    Attributes:
        id: the article's.
        fields: what readers see of it.
    """

    id: str
    fields: DisplayFields

    @classmethod
    def of(cls, view: View, row: int) -> "StoryLine":
        """The story of a row."""
        return cls(view.id_of(row), DisplayFields.from_bytes(view.display_of(row)))


def newest_stories(view: View, now: float, limit: int) -> list[StoryLine]:
    """The stories that readers may see, the newest first; those without a date are left out."""
    rows = np.flatnonzero(view.where(lambda part: visible(part, now)))
    published = view.take("published_at", rows)
    dated = rows[~np.isnan(published)]
    order = np.argsort(-published[~np.isnan(published)], kind="stable")[:limit]
    return [StoryLine.of(view, row) for row in dated[order].tolist()]


@console.get("", strict_slashes=False)
@opened("read")
def show_home() -> ResponseReturnValue:
    """What was published last; of an empty archive the first steps."""
    live = state().follower.current()
    if not live.view.present.any():
        return redirect(url_for("console.show_start"))
    stories = newest_stories(live.view, time.time(), MOST_SHOWN)
    return render_page("home.html", "home", stories=stories)
