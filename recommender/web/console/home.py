"""The first page: what was published last with its lists, what needs attention, and the search."""

import time

from flask import Response, redirect, url_for
from flask.typing import ResponseReturnValue

from index import Catalog
from recommender.indexing.snapshots import gate_refusal
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.finding import read_headlines_soon
from recommender.web.console.page import render_page, render_part
from recommender.web.console.today import (
    TodaysStory,
    find_everywhere,
    find_unreadable,
    make_todays_lists,
    todays_stories,
)
from recommender.web.state import state

__all__: list[str] = []


@console.get("", strict_slashes=False)
@opened("read")
def show_home() -> ResponseReturnValue:
    """The headlines of today at once; their lists follow. Of an empty archive the first steps."""
    view = state().follower.current().view
    if not view.present.any():
        return redirect(url_for("console.show_start"))
    read_headlines_soon()
    stories = [TodaysStory(one) for one in todays_stories(view, time.time())]
    return render_page("home.html", "home", stories=stories, lists_follow=True)


@console.get("/today")
@opened("read")
def show_today() -> Response:
    """The stories of today with their lists, and what needs attention."""
    with heavy_call():
        stories = make_todays_lists(time.time())
    lists = [one.related for one in stories if one.related is not None]
    unreadable, count = find_unreadable()
    return render_part(
        "home_today.html",
        "home",
        stories=stories,
        lists=lists,
        faulty=[one for one in stories if one.fault],
        everywhere=find_everywhere(lists),
        unreadable=unreadable,
        unreadable_count=count,
        is_refused=gate_refusal(Catalog(state().settings.data.snapshots)).text is not None,
        lists_follow=False,
    )
