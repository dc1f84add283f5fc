"""Turns: who may wait for one, how many, and for how long."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from recommender.errors import Busy
from recommender.web import turns as module
from recommender.web.turns import Turns

PATIENCE_SECONDS = 30.0


class Seats(threading.Semaphore):
    """Seats that tell when one was taken."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.taken = threading.Semaphore(0)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as it is there
        got = super().acquire(blocking, timeout)
        if got:
            self.taken.release()
        return got


@pytest.fixture
def ask() -> Iterator[Callable[[Turns], Future[str]]]:
    """Asks for a turn in another thread, and gives it back; tells what came of that."""

    def answer(turns: Turns) -> str:
        try:
            with turns.one_of("the well"):
                return "served"
        except Busy as refusal:
            return str(refusal)

    with ThreadPoolExecutor(8) as pool:
        yield lambda turns: pool.submit(answer, turns)


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", PATIENCE_SECONDS)


REFUSED = "too many requests wait for the well now; try again"


@pytest.mark.usefixtures("_patient")
def test_who_finds_all_turns_taken_is_served_when_one_is_given_back(
    ask: Callable[[Turns], Future[str]],
) -> None:
    seats = Seats(4)
    turns = Turns(1, seats)
    with turns.one_of("the well"):
        others = [ask(turns) for _ in range(3)]
        for _ in range(4):
            assert seats.taken.acquire(timeout=PATIENCE_SECONDS)
        assert not any(other.done() for other in others)
    assert [other.result() for other in others] == ["served"] * 3


@pytest.mark.usefixtures("_patient")
def test_without_a_seat_nobody_waits_and_a_free_turn_is_taken(
    ask: Callable[[Turns], Future[str]],
) -> None:
    seats = Seats(2)
    one, two = Turns(1, seats), Turns(2, seats)
    with ExitStack() as held:
        held.enter_context(one.one_of("the well"))
        held.enter_context(two.one_of("the mill"))
        assert ask(one).result() == REFUSED
        assert ask(two).result() == "served"
    assert ask(one).result() == "served"
    assert [seats.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_where_nobody_may_wait_all_are_refused_at_once(
    ask: Callable[[Turns], Future[str]],
) -> None:
    turns = Turns(1)
    with turns.one_of("the well"):
        assert ask(turns).result() == REFUSED
    assert ask(turns).result() == "served"


def test_after_somebody_waited_in_vain_nobody_waits_for_a_while(
    ask: Callable[[Turns], Future[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(module, "REST_SECONDS", 10 * PATIENCE_SECONDS)
    turns = Turns(1, Seats(4))
    with turns.one_of("the well"):
        assert ask(turns).result() == REFUSED
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 10 * PATIENCE_SECONDS)
        assert ask(turns).result(timeout=PATIENCE_SECONDS) == REFUSED
    assert ask(turns).result() == "served"


def test_a_turn_and_a_seat_are_given_back_whatever_happens() -> None:
    seats = Seats(1)
    turns = Turns(1, seats)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="a leak"), turns.one_of("the well"):
            raise RuntimeError("a leak")
    assert turns.take()
    assert seats.acquire(blocking=False)
