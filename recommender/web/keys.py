"""Who may call what. Closed unless a key, or the public-reads setting, opens it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from recommender.settings import ApiKey, Settings
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["caller", "is_public", "needs", "opens_reads"]

P = ParamSpec("P")
R = TypeVar("R")


def needs(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A view that only a key with this scope may call."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            _admit(state().settings, scope)
            return view(*args, **kwargs)

        vars(guarded)["scope"] = scope
        return guarded

    return guard


def opens_reads(view: Callable[P, R]) -> Callable[P, R]:
    """A view that a read key may call, or anybody where reads are public."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        settings = state().settings
        g.public = settings.public_reads and not _given_secret()
        if not g.public:
            _admit(settings, "read")
        return view(*args, **kwargs)

    vars(guarded)["scope"] = "read"
    return guarded


def is_public() -> bool:
    """Whether this request is answered without a key."""
    return bool(g.get("public", False))


def caller() -> str:
    """The name of the key by which this request was admitted."""
    return str(g.caller)


def _admit(settings: Settings, scope: str) -> None:
    if scope == "write" and not settings.accepts_writes:
        raise Refused(403, "there is no write API here: no write key is configured")
    secret = _given_secret()
    if secret is None:
        raise Refused(401, f"a key with the scope {scope!r} is needed")
    key = _find(settings, secret)
    if key is None:
        raise Refused(401, "the key is not known")
    if scope not in key.scopes:
        raise Refused(403, f"the key {key.name!r} has not the scope {scope!r}")
    g.caller = key.name


def _find(settings: Settings, secret: str) -> ApiKey | None:
    """Every key is compared, so that time tells nothing of which came close."""
    found = [key for key in settings.api_keys if key.opens(secret)]
    return found[0] if found else None


def _given_secret() -> str | None:
    if "X-API-Key" in request.headers:
        return request.headers["X-API-Key"]
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None
