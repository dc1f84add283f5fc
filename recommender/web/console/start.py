"""The first steps: connect a source, see it read, see a first list."""

import time
from typing import Any, Final

from flask import Response

from recommender.errors import NotReady
from recommender.web.console.access import console, opened
from recommender.web.console.health import left_of
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.today import first_lists
from recommender.web.console.uploading import begun_uploads
from recommender.web.state import archive_progress, state

__all__: list[str] = []

FIRST: Final = 5


@console.get("/start")
@opened("read")
def show_start() -> Response:
    """The page; a script asks for what goes on again every few seconds."""
    firsts, reading = [], None
    try:
        live = state().follower.current()
    except NotReady:
        pass
    else:
        firsts, reading = first_lists(live.view, time.time(), FIRST), archive_progress(live)
    with state().reading() as store:
        jobs = store.jobs.newest()
    values: dict[str, Any] = {"jobs": jobs, "left": left_of, "firsts": firsts, "reading": reading}
    if wants_part():
        return render_part("start_now.html", "start", **values)
    return render_page("start.html", "start", begun=begun_uploads(), **values)
