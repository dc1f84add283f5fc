"""Signing in and out, the language, and the list of who is signed in."""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from recommender.characters import printable
from recommender.web.auth import check_secret
from recommender.web.console.access import (
    actor_of,
    console,
    current_session,
    end_earlier_session,
    forget_token,
    give_token,
    opened,
    refuse_other_sites,
    writing_as_session,
)
from recommender.web.console.history import session_events
from recommender.web.console.page import LANGUAGE_COOKIE, render_page
from recommender.web.console.words import LANGUAGES
from recommender.web.problems import Refused
from recommender.web.state import state

__all__: list[str] = []

LONGEST_PERSON: Final = 60
YEAR_SECONDS: Final = 365 * 86_400


@console.get("/sign-in")
def show_sign_in() -> Response:
    """The form for a key."""
    return render_page("sign_in.html", "sign_in", fault=None, onward=_onward())


@console.post("/sign-in")
def sign_in() -> Response:
    """Exchange a key for a session."""
    refuse_other_sites()
    secret, person = request.form.get("key", "").strip(), request.form.get("person", "").strip()
    try:
        key = check_secret(state(), secret, request.environ)
    except Refused as refusal:
        fault = "too_many" if refusal.retry_after else "unknown_key"
        return render_page("sign_in.html", "sign_in", refusal.status, fault=fault, onward=_onward())
    if "read" not in key.scopes:
        return render_page("sign_in.html", "sign_in", 403, fault="no_read", onward=_onward())
    person = printable(person)[:LONGEST_PERSON]
    with state().writing(actor_of(key.name, person)) as store:
        end_earlier_session(store)
        session = store.console_sessions.open(key, person, datetime.fromtimestamp(time.time(), UTC))
    response = make_response(redirect(_onward(), 303))
    give_token(session, response)
    return response


@console.post("/sign-out")
@opened("read")
def sign_out() -> ResponseReturnValue:
    """End this session."""
    session = current_session()
    with writing_as_session() as store:
        if session is not None:
            store.console_sessions.end(session.id)
    response = make_response(redirect(url_for("console.show_sign_in"), 303))
    forget_token(response)
    return response


@console.get("/sessions")
@opened("admin")
def show_sessions() -> ResponseReturnValue:
    """Who is signed in."""
    with state().reading() as store:
        found = store.console_sessions.all(datetime.fromtimestamp(time.time(), UTC))
        events = session_events(store.audit_log)
    of_keys = Counter(one.key_name for one in found)
    return render_page("sessions.html", "sessions", sessions=found, of_keys=of_keys, events=events)


@console.post("/sessions/<session_id>/end")
@opened("admin")
def end_session(session_id: str) -> ResponseReturnValue:
    """Sign somebody out."""
    with writing_as_session() as store:
        store.console_sessions.end(session_id)
    return redirect(url_for("console.show_sessions"), 303)


@console.post("/sessions/end")
@opened("admin")
def end_sessions_of_key() -> ResponseReturnValue:
    """Sign out all who are signed in with a key, but not whoever asks for it."""
    session = current_session()
    with writing_as_session() as store:
        store.console_sessions.end_others(
            request.form.get("key", ""), session.id if session else ""
        )
    return redirect(url_for("console.show_sessions"), 303)


@console.post("/language")
@opened("read")
def choose_language() -> ResponseReturnValue:
    """Show the console in another language, to this browser."""
    wanted = request.form.get("language", "")
    if wanted not in LANGUAGES:
        raise Refused(400, f"the languages are {', '.join(LANGUAGES)}")
    response = make_response(redirect(_onward(), 303))
    response.set_cookie(
        LANGUAGE_COOKIE,
        wanted,
        max_age=YEAR_SECONDS,
        path=console.url_prefix or "/",
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return response


def _onward() -> str:
    """The page of the console to go to; never one of another site."""
    wanted = request.values.get("onward", "")
    home = url_for("console.show_home")
    is_ours = wanted == home or wanted.startswith((f"{home}/", f"{home}?"))
    return wanted if is_ours and wanted.isprintable() and "\\" not in wanted else home
