"""Access to views: each needs a key with its scope, or the setting that makes reads public."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from recommender.api_keys import ApiKey
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["find_key", "is_public", "key_name", "needs", "opens_lists", "sees_stored"]

P = ParamSpec("P")
R = TypeVar("R")


def needs(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Open a view to keys with this scope only."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            _check_key(scope, _sent_secret())
            return view(*args, **kwargs)

        vars(guarded)["scope"] = scope
        return guarded

    return guard


def opens_lists(view: Callable[P, R]) -> Callable[P, R]:
    """Open a view to keys with the scope `lists`, or to everybody where reads are public."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        secret = _sent_secret()
        g.public = not secret and state().settings.public_reads
        if not is_public():
            _check_key("lists", secret)
        return view(*args, **kwargs)

    vars(guarded)["scope"] = "lists"
    return guarded


def is_public() -> bool:
    """Whether this request is answered without a key."""
    return bool(g.get("public", False))


def sees_stored() -> bool:
    """Whether this request may see everything stored; if not, it sees what the public would."""
    key: ApiKey | None = g.get("key")
    return key is not None and "read" in key.scopes


def key_name() -> str:
    """The name of the key of this request."""
    key: ApiKey = g.key
    return key.name


def _sent_secret() -> str | None:
    if "X-API-Key" in request.headers:
        return request.headers["X-API-Key"]
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def _check_key(scope: str, secret: str | None) -> None:
    keyring = state().keyring
    if scope == "write" and not keyring.accepts_writes:
        raise Refused(403, "there is no write API here: no write key is configured")
    if secret is None:
        raise Refused(401, f"a key with the scope {scope!r} is needed")
    now = time.time()
    key = find_key(keyring.keys, secret, now)
    if key is None:
        raise Refused(401, "the key is not known")
    if scope not in key.scopes:
        raise Refused(403, f"the key {key.name!r} does not have the scope {scope!r}")
    g.key = key
    keyring.used[key.name] = now


def find_key(keys: Iterable[ApiKey], secret: str, now: float) -> ApiKey | None:
    """Find the key with a secret; None if there is none, or if it has expired.

    Every key is compared in constant time, so that the time taken shows nothing about the keys.

    Args:
        keys: the keys that hold.
        secret: the secret that was sent.
        now: seconds since 1970.
    """
    sent = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    found = [key for key in keys if hmac.compare_digest(key.digest, sent)]
    moment = datetime.fromtimestamp(now, UTC)
    return next((key for key in found if key.expires_at is None or moment < key.expires_at), None)
