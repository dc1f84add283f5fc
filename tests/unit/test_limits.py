"""Concurrency limits: which requests wait, how many, and for how long."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from recommender.errors import Busy
from recommender.web import limits as module
from recommender.web.limits import ConcurrencyLimit

PATIENCE_SECONDS = 30.0


class Threads(threading.Semaphore):
    """A semaphore that reports when a permit was taken."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.taken = threading.Semaphore(0)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as it is there
        got = super().acquire(blocking, timeout)
        if got:
            self.taken.release()
        return got


@pytest.fixture
def ask() -> Iterator[Callable[[ConcurrencyLimit], Future[str]]]:
    """Work under a limit in another thread; the result is `served` or why it was refused."""

    def answer(limit: ConcurrencyLimit) -> str:
        try:
            with limit.hold("the well"):
                return "served"
        except Busy as refusal:
            return str(refusal)

    with ThreadPoolExecutor(8) as pool:
        yield lambda limit: pool.submit(answer, limit)


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", PATIENCE_SECONDS)


REFUSED = "too many requests wait for the well now; try again"


@pytest.mark.usefixtures("_patient")
def test_a_request_above_the_limit_is_served_when_another_finishes(
    ask: Callable[[ConcurrencyLimit], Future[str]],
) -> None:
    threads = Threads(4)
    limit = ConcurrencyLimit(1, threads)
    with limit.hold("the well"):
        others = [ask(limit) for _ in range(3)]
        for _ in range(4):
            assert threads.taken.acquire(timeout=PATIENCE_SECONDS)
        assert not any(other.done() for other in others)
    assert [other.result() for other in others] == ["served"] * 3


@pytest.mark.usefixtures("_patient")
def test_without_a_free_thread_no_request_waits_but_free_work_is_done(
    ask: Callable[[ConcurrencyLimit], Future[str]],
) -> None:
    threads = Threads(2)
    one, two = ConcurrencyLimit(1, threads), ConcurrencyLimit(2, threads)
    with ExitStack() as held:
        held.enter_context(one.hold("the well"))
        held.enter_context(two.hold("the mill"))
        assert ask(one).result() == REFUSED
        assert ask(two).result() == "served"
    assert ask(one).result() == "served"
    assert [threads.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_a_request_is_refused_at_once_where_none_may_wait(
    ask: Callable[[ConcurrencyLimit], Future[str]],
) -> None:
    limit = ConcurrencyLimit(1)
    with limit.hold("the well"):
        assert ask(limit).result() == REFUSED
    assert ask(limit).result() == "served"


def test_after_a_wait_that_timed_out_no_request_waits_for_a_while(
    ask: Callable[[ConcurrencyLimit], Future[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(module, "REST_SECONDS", 10 * PATIENCE_SECONDS)
    limit = ConcurrencyLimit(1, Threads(4))
    with limit.hold("the well"):
        assert ask(limit).result() == REFUSED
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 10 * PATIENCE_SECONDS)
        assert ask(limit).result(timeout=PATIENCE_SECONDS) == REFUSED
    assert ask(limit).result() == "served"


def test_the_limit_releases_its_permit_after_any_error() -> None:
    threads = Threads(1)
    limit = ConcurrencyLimit(1, threads)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="a leak"), limit.hold("the well"):
            raise RuntimeError("a leak")
    with limit.hold("the well"):
        pass
    assert threads.acquire(blocking=False)
