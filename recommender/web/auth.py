"""Access to views: each needs a key with its scope, or the setting that makes reads public."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from flask import g, request

from recommender.api_keys import ApiKey
from recommender.errors import Busy
from recommender.store import Actor
from recommender.web.problems import Refused
from recommender.web.rates import RateLimit, caller_of
from recommender.web.state import state

__all__ = [
    "actor_of_request",
    "check_secret",
    "find_key",
    "heavy_call",
    "holds_at",
    "is_public",
    "key_name",
    "needs",
    "opens_lists",
    "sees_stored",
]

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)
UNGUESSABLE: Final = 32
"""A secret of so many characters is not found by trying; those made by us have more."""


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
        if is_public():
            _count(state().rates.per_address, "requests without a key")
        else:
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


def actor_of_request() -> Actor:
    """Who makes this request, for the audit log."""
    return Actor(key_name(), request.remote_addr or "", g.get("request_id", ""))


def _sent_secret() -> str | None:
    if "X-API-Key" in request.headers:
        return request.headers["X-API-Key"]
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def _check_key(scope: str, secret: str | None) -> None:
    if scope == "write" and not state().keyring.accepts_writes:
        raise Refused(403, "there is no write API here: no write key is configured")
    if secret is None:
        raise Refused(401, f"a key with the scope {scope!r} is needed")
    key, rates = check_secret(secret), state().rates
    if scope not in key.scopes:
        raise Refused(403, f"the key {key.name!r} does not have the scope {scope!r}")
    _count(rates.per_key, "requests with this key", key.name)
    g.key = key
    state().keyring.used[key.name] = time.time()


def check_secret(secret: str) -> ApiKey:
    """The key with a secret.

    Raises:
        Refused: there is none, or this address has sent too many unknown ones.
    """
    keyring, rates = state().keyring, state().rates
    _refuse_guesses(rates.unknown_keys, secret)
    key = find_key(keyring.keys, secret, time.time())
    if key is None:
        if rates.unknown_keys is not None and (seconds := rates.unknown_keys.take(_address())):
            raise _too_many_unknown_keys(seconds)
        raise Refused(401, "the key is not known")
    return key


def _refuse_guesses(unknown_keys: RateLimit | None, secret: str) -> None:
    """Refuse a short secret, right or wrong, from an address that sent many unknown ones.

    A long one cannot be guessed, so it goes on: where many clients have one address, such as that
    of a proxy, one of them with a wrong key must not shut out the others.
    """
    if unknown_keys is None or not unknown_keys.callers or len(secret) >= UNGUESSABLE:
        return
    if seconds := unknown_keys.seconds_left(_address()):
        raise _too_many_unknown_keys(seconds)


def _count(limit: RateLimit | None, what: str, caller: str | None = None) -> None:
    """Count this request for a caller, by default for its address; refuse it above the limit."""
    if limit is None:
        return
    if seconds := limit.take(_address() if caller is None else caller):
        raise _too_many(what, seconds)


def _address() -> str:
    """The address of this request, as rates count it."""
    return caller_of(request.remote_addr)


def _too_many_unknown_keys(seconds: int) -> Refused:
    """Who guesses keys, and who still sends an old one, is worth a line."""
    _log.warning("too many unknown keys from %s", _address())
    return _too_many("unknown keys from this address", seconds)


def _too_many(what: str, seconds: int) -> Refused:
    return Refused(429, f"too many {what}; ask again in {seconds} s", seconds)


@contextmanager
def heavy_call() -> Iterator[None]:
    """Count this request among the heavy calls of its key while the block runs.

    Raises:
        Refused: the key makes as many as one key may at the same time.
    """
    with ExitStack() as held:
        try:
            held.enter_context(state().limits.heavy_calls[key_name()].hold("heavy calls"))
        except Busy:
            raise _too_many("drafts, explanations, bulk loads and the like at once", 1) from None
        yield


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
    return next((key for key in found if holds_at(key, moment)), None)


def holds_at(key: ApiKey, moment: datetime) -> bool:
    """Whether a key has not expired at a moment."""
    return key.expires_at is None or moment < key.expires_at
