"""Access to views: each needs a key with its scope, or the setting that makes reads public."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from flask import g, request

from recommender.api_keys import ApiKey
from recommender.errors import Busy
from recommender.logs import REQUEST_ID
from recommender.store import Actor
from recommender.web.problems import Refused
from recommender.web.rates import RateLimit, caller_of
from recommender.web.state import State, state
from recommender.web.watch import WATCH, Watch

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "ListCaller",
    "actor_of_request",
    "check_secret",
    "find_key",
    "heavy_call",
    "holds_at",
    "is_public",
    "key_name",
    "list_caller",
    "needs",
    "opens_lists",
    "sees_stored",
]

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)
UNGUESSABLE: Final = 32
"""A secret of so many characters is not found by trying; those made by us have more."""
_LIST_CALLER: Final = "read_also.list_caller"
"""The key of the environment of a request for a list with who asks, or why that is refused."""
_PUBLIC: Final = "read_also.public"
"""The key that is there if nobody in particular asks, also where that is refused."""


@dataclass(frozen=True, slots=True)
class ListCaller:
    """Who asks for a list: whoever has a key, or the public."""

    key: ApiKey | None

    @property
    def public(self) -> bool:
        """Whether it is asked for without a key."""
        return self.key is None

    @property
    def sees_stored(self) -> bool:
        """Whether they may see everything stored; if not, they see what the public would."""
        return self.key is not None and "read" in self.key.scopes


def needs(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Open a view to keys with this scope only."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.key = _check_key(state(), scope, request.environ)
            return view(*args, **kwargs)

        vars(guarded)["scope"] = scope
        return guarded

    return guard


def opens_lists(view: Callable[P, R]) -> Callable[P, R]:
    """Open a view to keys with the scope `lists`, or to everybody where reads are public."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        g.list_caller = caller = list_caller(request.environ)
        if caller.key is not None:
            g.key = caller.key
        return view(*args, **kwargs)

    vars(guarded)["scope"] = "lists"
    return guarded


def list_caller(environ: "WSGIEnvironment") -> ListCaller:
    """Who asks for a list. This is made out, and counted, once in a request.

    Raises:
        Refused: they may not.
    """
    found = environ.get(_LIST_CALLER)
    if found is None:
        try:
            watch: Watch = environ[WATCH]
            found = _admit(watch.shared, environ)
        except Refused as refusal:
            found = refusal
        environ[_LIST_CALLER] = found
    if isinstance(found, Refused):
        raise found
    caller: ListCaller = found
    return caller


def _admit(shared: State, environ: "WSGIEnvironment") -> ListCaller:
    if _sent_secret(environ) or not shared.settings.public_reads:
        return ListCaller(_check_key(shared, "lists", environ))
    environ[_PUBLIC] = True
    _count(shared.rates.per_address, "requests without a key", _address(environ))
    return ListCaller(None)


def is_public() -> bool:
    """Whether this request for a list is answered, or refused, without a key."""
    return _PUBLIC in request.environ


def sees_stored() -> bool:
    """Whether this request for a list may see everything stored."""
    caller: ListCaller | None = g.get("list_caller")
    return caller is not None and caller.sees_stored


def key_name() -> str:
    """The name of the key of this request."""
    key: ApiKey = g.key
    return key.name


def actor_of_request() -> Actor:
    """Who makes this request, for the audit log."""
    return Actor(key_name(), request.remote_addr or "", REQUEST_ID.get())


def _sent_secret(environ: "WSGIEnvironment") -> str | None:
    if "HTTP_X_API_KEY" in environ:
        return str(environ["HTTP_X_API_KEY"])
    kind, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def _check_key(shared: State, scope: str, environ: "WSGIEnvironment") -> ApiKey:
    """The key of a request, which opens a scope; the request is counted for it."""
    secret = _sent_secret(environ)
    if scope == "write" and not shared.keyring.accepts_writes:
        raise Refused(403, "there is no write API here: no write key is configured")
    if secret is None:
        raise Refused(401, f"a key with the scope {scope!r} is needed")
    key = check_secret(shared, secret, environ)
    if scope not in key.scopes:
        raise Refused(403, f"the key {key.name!r} does not have the scope {scope!r}")
    _count(shared.rates.per_key, "requests with this key", key.name)
    shared.keyring.used[key.name] = time.time()
    return key


def check_secret(shared: State, secret: str, environ: "WSGIEnvironment") -> ApiKey:
    """The key with a secret.

    Args:
        shared: has the keys.
        secret: what was sent.
        environ: of the request that it came with.

    Raises:
        Refused: there is none, or this address has sent too many unknown ones.
    """
    keyring, unknown_keys = shared.keyring, shared.rates.unknown_keys
    _refuse_guesses(unknown_keys, secret, environ)
    key = find_key(keyring.keys, secret, time.time())
    if key is None:
        if unknown_keys is not None and (seconds := unknown_keys.take(_address(environ))):
            raise _too_many_unknown_keys(environ, seconds)
        raise Refused(401, "the key is not known")
    return key


def _refuse_guesses(
    unknown_keys: RateLimit | None, secret: str, environ: "WSGIEnvironment"
) -> None:
    """Refuse a short secret, right or wrong, from an address that sent many unknown ones.

    A long one cannot be guessed, so it goes on: where many clients have one address, such as that
    of a proxy, one of them with a wrong key must not shut out the others.
    """
    if unknown_keys is None or not unknown_keys.callers or len(secret) >= UNGUESSABLE:
        return
    if seconds := unknown_keys.seconds_left(_address(environ)):
        raise _too_many_unknown_keys(environ, seconds)


def _count(limit: RateLimit | None, what: str, caller: str) -> None:
    """Count this request for a caller; refuse it above the limit."""
    if limit is not None and (seconds := limit.take(caller)):
        raise _too_many(what, seconds)


def _address(environ: "WSGIEnvironment") -> str:
    """The address of a request, as rates count it."""
    return caller_of(environ.get("REMOTE_ADDR"))


def _too_many_unknown_keys(environ: "WSGIEnvironment", seconds: int) -> Refused:
    """Who guesses keys, and who still sends an old one, is worth a line."""
    _log.warning("too many unknown keys from %s", _address(environ))
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
