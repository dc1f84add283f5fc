"""Who may open a page of the console: the holder of a session, whose key has the page's scope.

The cookie of a session is sent by this site alone (SameSite=Strict) and no script can read it. What
changes something needs a second token besides, which stands in the pages of this session only.
"""

import hmac
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from typing import Final, Literal, ParamSpec

from flask import Blueprint, Response, current_app, g, make_response, request
from flask.typing import ResponseReturnValue

from recommender.api_keys import ApiKey, digest_of
from recommender.errors import Busy, ConsoleAway, StoreUnusable
from recommender.logs import REQUEST_ID
from recommender.request_origin import CONSOLE_AWAY
from recommender.store import Actor, ArticleStore, ConsoleSession, OpenedSession
from recommender.web.auth import holds_at
from recommender.web.console.sent_values import check_path_ids, read_reason
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = [
    "PART_HEADER",
    "Role",
    "actor_of_session",
    "console",
    "current_session",
    "end_earlier_session",
    "forget_token",
    "give_token",
    "may",
    "opened",
    "refuse_other_sites",
    "role_of",
    "writing_as_session",
]

P = ParamSpec("P")
Role = Literal["reader", "editor", "admin"]
COOKIE: Final = "read_also_console"
SECOND_HEADER: Final = "X-Form-Token"
SECOND_FIELD: Final = "form_token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE: Final = frozenset({"same-origin", "none"})
"""What browsers say of a request that a page of this site, or the person, has begun."""
LONGEST_ACTOR: Final = 100
PART_HEADER: Final = "X-Part"
"""A script of the console sends it to get a part of a page instead of the whole page."""
MOST_KNOWN: Final = 200
"""Sessions that a worker remembers for the time that the store is away."""

console = Blueprint(
    "console",
    __name__,
    url_prefix="/console",
    template_folder="templates",
    static_folder="static",
)


@console.before_request
def refuse_while_away() -> None:
    """Answer nothing in the place of the console's process: it starts, or is gone.

    Raises:
        ConsoleAway: the web server says so.
    """
    if CONSOLE_AWAY in request.environ:
        raise ConsoleAway


def role_of(scopes: frozenset[str]) -> Role:
    """What the holder of a key is called."""
    if "admin" in scopes:
        return "admin"
    return "editor" if "write" in scopes else "reader"


def opened(
    scope: str,
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """Open a view to sessions whose key has a scope: `read`, `write` or `admin`.

    A request that may change something must send the token of the session's pages too.
    """

    def guard(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            session = _open_session()
            if request.method not in SAFE:
                refuse_other_sites()
                _check_form_token(session)
            if scope not in g.key.scopes:
                raise Refused(403, f"your key {session.key_name!r} has no scope {scope!r}")
            check_path_ids(kwargs)
            response = make_response(view(*args, **kwargs))
            _rotate_if_due(session, response)
            return response

        vars(guarded)["console_scope"] = scope
        return guarded

    return guard


def current_session() -> ConsoleSession | None:
    """The session of this request; None where nobody is signed in."""
    session: ConsoleSession | None = g.get("session")
    return session


def may(scope: str) -> bool:
    """Whether the holder of this session may do what a scope opens."""
    key: ApiKey | None = g.get("key")
    return key is not None and scope in key.scopes


def actor_of_session() -> Actor:
    """Who makes this request, for the audit log: the key, and the person who signed in with it."""
    return actor_of(g.session.key_name, g.session.person)


def actor_of(key_name: str, person: str) -> Actor:
    """Name a person who acts with a key."""
    name = f"{key_name}: {person}" if person else key_name
    return Actor(name[:LONGEST_ACTOR], request.remote_addr or "", REQUEST_ID.get())


@contextmanager
def writing_as_session() -> Iterator[ArticleStore]:
    """Write to the store in the name of who is signed in while the block runs.

    The audit log keeps why, if the form of the request says so.

    Raises:
        BadParameter: the reason is too long.
        StoreUnusable: the store is away.
        Busy: too many requests write now.
    """
    actor = replace(actor_of_session(), why=read_reason(request.form))
    with state().writing(actor) as store:
        yield store


def give_token(opened_session: OpenedSession, response: Response) -> None:
    """Send the browser the token that opens a session."""
    ends_at = opened_session.session.ends_at
    response.set_cookie(
        COOKIE,
        opened_session.token,
        expires=ends_at,
        path=console.url_prefix or "/",
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )


def forget_token(response: Response) -> None:
    """Let the browser forget its token."""
    response.delete_cookie(COOKIE, path=console.url_prefix or "/", httponly=True, samesite="Strict")


def end_earlier_session(store: ArticleStore) -> None:
    """End the session that this browser has had before somebody signs in."""
    now = datetime.fromtimestamp(time.time(), UTC)
    before = store.console_sessions.find(request.cookies.get(COOKIE, ""), now)
    if before is not None:
        store.console_sessions.end(before.id)


def refuse_other_sites() -> None:
    """Refuse what a page of another site has sent.

    Raises:
        Refused: the browser says that one has.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITE:
        raise Refused(403, "this was sent by a page of another site")


def _open_session() -> ConsoleSession:
    """Find the session of this request, and the key that opened it."""
    token, now = request.cookies.get(COOKIE, ""), datetime.fromtimestamp(time.time(), UTC)
    found = _find_session(token, now) if token else None
    key = None if found is None else _key_of(found, state().keyring.keys, now)
    if found is None or key is None:
        raise Refused(401, "sign in first")
    g.session, g.key = found, key
    state().keyring.used[key.name] = now.timestamp()
    return found


def _find_session(token: str, now: datetime) -> ConsoleSession | None:
    """The session of a token; while the store is away, as this worker has seen it last."""
    known: dict[str, ConsoleSession] = current_app.extensions.setdefault("read-also-sessions", {})
    digest = digest_of(token)
    try:
        with state().reading() as store:
            found = store.console_sessions.find(token, now)
    except StoreUnusable:
        found = known.get(digest)
        return found if found is not None and now < found.ends_at else None
    known.pop(digest, None)
    if found is not None:
        known[digest] = found
        for oldest in list(known)[:-MOST_KNOWN]:
            known.pop(oldest, None)  # another request may have done so
    return found


def _key_of(session: ConsoleSession, keys: Sequence[ApiKey], now: datetime) -> ApiKey | None:
    """The key that opened a session; None if it was revoked, or has expired, or reads no more."""
    found = (
        key for key in keys if (key.name, key.digest) == (session.key_name, session.key_digest)
    )
    return next((key for key in found if holds_at(key, now) and "read" in key.scopes), None)


def _check_form_token(session: ConsoleSession) -> None:
    sent = request.headers.get(SECOND_HEADER) or request.form.get(SECOND_FIELD, "")
    if not hmac.compare_digest(sent.encode(), session.form_token.encode()):
        raise Refused(403, "this page belongs to an earlier session; load it anew")


def _rotate_if_due(session: ConsoleSession, response: Response) -> None:
    """Replace the token when a whole page is shown; a script may drop the answer to its request.

    What the request has done stands, so a store that is busy or away only puts this off.
    """
    now, sent = datetime.fromtimestamp(time.time(), UTC), request.cookies.get(COOKIE, "")
    with suppress(StoreUnusable, Busy):
        if session.opened_by_new:
            with writing_as_session() as store:
                store.console_sessions.close_old(session, now)
        if session.is_due(now) and request.method == "GET" and PART_HEADER not in request.headers:
            with writing_as_session() as store:
                rotated = store.console_sessions.rotate(session, sent, now)
            if rotated is not None:
                give_token(rotated, response)
