"""Rate limits: how many requests a minute a worker takes from each caller."""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from typing import Final, Self

from recommender.request_origin import read_address
from recommender.settings import Settings

__all__ = ["RateLimit", "Rates", "caller_of"]

MINUTE_SECONDS: Final = 60.0
MOST_CALLERS: Final = 10_000
"""So many callers are counted; beyond it, the one that asked longest ago is forgotten."""
IPV6_SITE: Final = 64
"""One site has at least so long a prefix of addresses for itself, so the prefix is the caller."""


@dataclass(slots=True)
class _Bucket:
    """The requests that a caller may still make, as of a moment of the clock."""

    left: float
    at: float


class RateLimit:
    """A token bucket for each caller: full at first, filled again evenly over a minute.

    The clock is the monotonic one, so that no jump of the wall clock locks a caller out.

    Attributes:
        callers: those who asked lately, with what they have left. It is empty as long as nobody
            asked, so that a guard can pass by without a call.
    """

    def __init__(self, a_minute: float) -> None:
        """Start with nobody; at least one request of a caller is always allowed at once."""
        self.callers: OrderedDict[str, _Bucket] = OrderedDict()
        self._a_second = a_minute / MINUTE_SECONDS
        self._most = max(1.0, a_minute)
        self._lock = threading.Lock()

    def take(self, caller: str) -> int:
        """Count a request of a caller; 0 if it is within the limit, else the seconds to wait."""
        with self._lock:
            bucket = self._filled(caller)
            if bucket.left < 1:
                return self._seconds_until_one(bucket)
            bucket.left -= 1
            self.callers[caller] = bucket
            self.callers.move_to_end(caller)
            if len(self.callers) > MOST_CALLERS:
                self.callers.popitem(last=False)
            return 0

    def seconds_left(self, caller: str) -> int:
        """The seconds until a caller may make a request; 0 for now. Nothing is counted."""
        with self._lock:
            bucket = self._filled(caller)
            return 0 if bucket.left >= 1 else self._seconds_until_one(bucket)

    def _filled(self, caller: str) -> _Bucket:
        now = time.monotonic()
        bucket = self.callers.get(caller) or _Bucket(self._most, now)
        bucket.left = min(self._most, bucket.left + (now - bucket.at) * self._a_second)
        bucket.at = now
        return bucket

    def _seconds_until_one(self, bucket: _Bucket) -> int:
        return max(1, math.ceil((1 - bucket.left) / self._a_second))


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate limits of one worker; None: there is no such limit.

    Attributes:
        per_key: requests with one key, by its name.
        per_address: requests without a key, by `caller_of` the address.
        unknown_keys: requests with an unknown key, by `caller_of` the address.
    """

    per_key: RateLimit | None
    per_address: RateLimit | None
    unknown_keys: RateLimit | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits of one of the workers of a machine: each has an equal part."""
        limits = (settings.rate_per_key, settings.rate_per_address, settings.rate_of_unknown_keys)
        return cls(*(None if a is None else RateLimit(a / settings.workers) for a in limits))


def caller_of(address: str | None) -> str:
    """The caller behind a network address: an IPv4 address, or the /64 prefix of an IPv6 one."""
    parsed = read_address(address or "")
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, IPV6_SITE), strict=False))
    return (address or "") if parsed is None else str(parsed)
