"""Rate limits: a token bucket for each caller, by a clock of the test's own."""

from types import SimpleNamespace

import pytest

from recommender.web import rates
from recommender.web.rates import RateLimit, caller_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(rates, "time", clock)
    return clock


def test_a_minutes_requests_may_be_made_at_once_and_then_evenly(clock: SimpleNamespace) -> None:
    limit = RateLimit(30)
    assert [limit.take("a") for _ in range(31)] == [0] * 30 + [2]
    assert limit.seconds_left("a") == 2
    assert limit.take("b") == 0
    clock.now += 1.9
    assert limit.take("a") == 1
    clock.now += 0.2
    assert (limit.take("a"), limit.take("a")) == (0, 2)
    clock.now += 3_600
    assert [limit.take("a") for _ in range(31)] == [0] * 30 + [2]


@pytest.mark.usefixtures("clock")
def test_looking_counts_nothing() -> None:
    limit = RateLimit(1)
    assert [limit.seconds_left("a") for _ in range(5)] == [0] * 5
    assert not limit.callers
    assert (limit.take("a"), limit.seconds_left("a")) == (0, 60)


@pytest.mark.usefixtures("clock")
def test_a_part_of_a_request_a_minute_still_allows_one() -> None:
    limit = RateLimit(0.5)
    assert (limit.take("a"), limit.take("a")) == (0, 120)


@pytest.mark.usefixtures("clock")
def test_only_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_CALLERS", 3)
    limit = RateLimit(1)
    for caller in ("a", "b", "c", "d"):
        limit.take(caller)
    assert list(limit.callers) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
        (None, ""),
        ("unix:", "unix:"),
    ],
)
def test_a_site_of_ipv6_is_one_caller(address: str | None, caller: str) -> None:
    assert caller_of(address) == caller
