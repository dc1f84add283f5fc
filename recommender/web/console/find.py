"""Find: stories by words and by meaning, while one types."""

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, Final

from flask import Response, request

from index import View
from recommender.articles import UNKNOWN_LANGUAGE
from recommender.errors import BadParameter
from recommender.time_zones import find_time_zone
from recommender.web.console.access import console, opened
from recommender.web.console.finding import Found, StorySearch, find_stories, read_headlines_soon
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.sent_values import find_number
from recommender.web.console.states import STATES
from recommender.web.page_words import words_in
from recommender.web.state import state

__all__ = ["StoryFilters", "read_search"]

FIRST: Final = 20
MOST: Final = 100
DAY: Final = timedelta(days=1)


class StoryFilters:
    """What stories can be told apart by: the sections and languages of the archive."""

    def __init__(self, view: View) -> None:
        """Read them from a view."""
        labels = {name: set[str]() for name in ("section", "language")}
        for part in view.parts:
            for name, found in labels.items():
                found.update(part.labels[name])
        self.sections = sorted(labels["section"] - {""})
        self.languages = {code: _name_of(code) for code in sorted(labels["language"])}
        self.languages.pop(UNKNOWN_LANGUAGE, None)
        self.states = STATES


@console.get("/find")
@opened("read")
def show_find() -> Response:
    """The stories that a search finds; for scripts, the part of the page with them."""
    search = read_search(request.args, state().settings.time_zone)
    is_blank = bool(request.args.get("blank")) and not search.text.strip()
    found = Found() if is_blank else find_stories(search, time.time())
    values: dict[str, Any] = {"found": found, "search": search, "is_blank": is_blank}
    if wants_part():
        return render_part("find_list.html", "find", **values)
    read_headlines_soon()
    filters = StoryFilters(state().follower.current().view)
    return render_page("find.html", "find", filters=filters, given=request.args, **values)


def read_search(given: Mapping[str, str], time_zone: str) -> StorySearch:
    """What a form asks for; days are those of a time zone, both of them included.

    Raises:
        BadParameter: a field has a value that no form sends.
    """
    state_name = next((one for one in STATES if one == given.get("state")), None)
    limit = find_number(given.get("limit", ""))
    until = _midnight(given.get("until", ""), time_zone, DAY)
    return StorySearch(
        text=given.get("q", ""),
        section=given.get("section") or None,
        language=given.get("language") or None,
        since=_midnight(given.get("since", ""), time_zone),
        until=until,
        state=state_name,
        limit=FIRST if limit is None else min(limit, MOST),
    )


def _midnight(day: str, time_zone: str, later: timedelta = timedelta()) -> float | None:
    """The beginning of a day, or of one some days later, as seconds since 1970; None for none."""
    if not day:
        return None
    try:
        moment = datetime.combine(
            date.fromisoformat(day) + later, clock_time(), find_time_zone(time_zone)
        )
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise BadParameter(f"{day!r:.40} is no day; write one as in 2026-03-01") from None


def _name_of(language: str) -> str:
    words = words_in(language)
    return language if words is None else words.name
