"""A page of the console: its words, its frame, and what browsers may do with it."""

import secrets
import time
from datetime import datetime
from typing import Any, Final

from flask import Response, g, make_response, render_template, request

from recommender.time_zones import find_time_zone
from recommender.web.console.access import PART_HEADER, current_session, may, role_of
from recommender.web.console.words import LANGUAGES, count_in, nearest_language, words_of
from recommender.web.page_languages import direction_of
from recommender.web.page_words import words_in, write_date
from recommender.web.state import state

__all__ = ["LANGUAGE_COOKIE", "render_page", "render_part", "shown_language", "wants_part"]

LANGUAGE_COOKIE: Final = "read_also_language"
MENU: Final = ("home", "find", "desk", "making", "rules", "map", "quality", "health")
"""The pages that every page leads to, in this order: endpoints, and names of words."""


def shown_language() -> str:
    """The language of this request: chosen before, or that of the browser."""
    accepted = request.accept_languages.best_match(list(LANGUAGES))
    return nearest_language(request.cookies.get(LANGUAGE_COOKIE), accepted)


def wants_part() -> bool:
    """Whether a script asks, and puts the answer into a page that stands."""
    return request.headers.get(PART_HEADER) == "1"


def render_page(
    template: str,
    page: str,
    status: int = 200,
    **values: Any,  # noqa: ANN401 - Jinja's
) -> Response:
    """A whole page.

    Args:
        template: under `console/`, an extension of `console/frame.html`.
        page: names the file of its words, and its entry in the menu.
        status: HTTP.
        values: what the template shows.
    """
    g.nonce = secrets.token_urlsafe(16)
    response = _rendered(template, page, values, status)
    response.headers["Content-Security-Policy"] = _policy(g.nonce, g.get("framing_site"))
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


def render_part(template: str, page: str, **values: Any) -> Response:  # noqa: ANN401 - Jinja's
    """A part of a page, for a script that puts it in place; opened by itself it does nothing."""
    response = _rendered(template, page, values, 200)
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return response


def _rendered(template: str, page: str, values: dict[str, Any], status: int) -> Response:
    language, session = shown_language(), current_session()
    words, dates = words_of(page, language), words_in(language)
    now = datetime.fromtimestamp(time.time(), find_time_zone(state().settings.time_zone))
    text = render_template(
        f"console/{template}",
        w=words,
        words=lambda name: words_of(name, language),
        page=page,
        language=language,
        languages=LANGUAGES,
        menu=MENU if session else (),
        session=session,
        role=role_of(g.key.scopes) if session else None,
        may=may,
        nonce=g.get("nonce", ""),
        direction_of=direction_of,
        count=lambda number, forms: count_in(language, number, forms),
        count_with=lambda forms, values: count_in(language, values.get("n", 0), forms, values),
        day=lambda moment: write_date(_moment(moment), "relative", dates, now),
        clock=lambda moment: _local(moment, now).strftime("%H:%M"),
        local=lambda moment: _local(moment, now).strftime("%Y-%m-%dT%H:%M"),
        **values,
    )
    response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _local(moment: str | datetime, now: datetime) -> datetime:
    """A moment in the time zone of `now`; on the first or last day that Python knows, as it is."""
    try:
        return _moment(moment).astimezone(now.tzinfo)
    except OverflowError:
        return _moment(moment)


def _moment(moment: str | datetime) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment


def _policy(nonce: str, framing_site: str | None) -> str:
    """Nothing comes from another host, and no script runs that this page does not name.

    Only a page of a signed address may stand in a frame, of the site that the address names; it
    has no script.
    """
    scripts = f"script-src 'nonce-{nonce}'; " if framing_site is None else ""
    framed_by = "'none'" if framing_site is None else framing_site
    return (
        f"default-src 'none'; {scripts}style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
    )
