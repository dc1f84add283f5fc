"""One list for all who ask the same at the same time, and never one that was begun before."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from math import inf
from typing import Any

import pytest

from recommender.live import ArchiveReading, LiveState
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import ActivePolicy
from recommender.web import state as states
from recommender.web.state import Listing, Makings
from tests.support.makings import watch_makings
from tests.support.waiting import PATIENCE_SECONDS

QUESTION = "the list of a story"
POLICY = ActivePolicy.of([])


def seen(change: int = 1) -> LiveState:
    """A state that was seen now; each has a view of its own."""
    view: Any = object()
    return LiveState(view, POLICY, OverridesByArticle(), change, None, seen_at=0.0)


class Failed(Exception):
    """What a making of a test raises."""


class Kitchen:
    """Makings that a test holds until it lets them go; and it knows who waits for one.

    Attributes:
        begun: a making has begun.
        waits: a request waits for a making that is not its own.
    """

    def __init__(self, waits: threading.Semaphore) -> None:
        self.makings = Makings()
        self.begun = threading.Semaphore(0)
        self.waits = waits
        self.gates = [threading.Event() for _ in range(9)]
        self.failing = set[int]()
        self.live: Any = None
        self.ends = inf
        self._numbers = count()
        self._threads = ThreadPoolExecutor(9)

    def ask(self, question: str = QUESTION) -> "Future[Listing]":
        return self._threads.submit(self.makings.share, question, self._make, self.live)

    def _make(self) -> Any:
        number = next(self._numbers)
        self.begun.release()
        assert self.gates[number].wait(PATIENCE_SECONDS)
        if number in self.failing:
            raise Failed
        times = (self.ends, 0.0)
        return Listing(f"list {number}", *(None,) * 4, *times, None, request="its request")  # type: ignore[arg-type]

    def begin(self, question: str = QUESTION) -> "Future[Listing]":
        """Ask, and see the making begin."""
        asked = self.ask(question)
        assert self.begun.acquire(timeout=PATIENCE_SECONDS)
        return asked

    def wait(self) -> "Future[Listing]":
        """Ask, and see that it waits for another one."""
        asked = self.ask()
        assert self.waits.acquire(timeout=PATIENCE_SECONDS)
        return asked

    def let_go(self, *numbers: int) -> None:
        for number in numbers:
            self.gates[number].set()

    def close(self) -> None:
        self.let_go(*range(9))
        self._threads.shutdown()
        assert not self.makings._begun | self.makings._next  # noqa: SLF001 - nothing stays


@pytest.fixture
def kitchen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    made = Kitchen(watch_makings(monkeypatch))
    yield made
    made.close()


def told(asked: "Future[Listing]") -> tuple[str, object]:
    listing = asked.result(PATIENCE_SECONDS)
    return listing.article_id, listing.request


def test_who_asks_while_a_list_is_made_shares_one_that_is_begun_after_that(
    kitchen: Kitchen,
) -> None:
    first = kitchen.begin()
    others = [kitchen.wait() for _ in range(5)]
    assert not kitchen.begun.acquire(blocking=False)
    kitchen.let_go(0)
    assert told(first) == ("list 0", "its request")
    assert kitchen.begun.acquire(timeout=PATIENCE_SECONDS)
    late = kitchen.wait()  # the second list is begun: this one gets the third
    kitchen.let_go(1, 2)
    assert [told(one) for one in others] == [
        ("list 1", "its request"),
        *[("list 1", None)] * 4,  # one of them keeps the answer
    ]
    assert told(late) == ("list 2", "its request")
    kitchen.let_go(3)
    assert told(kitchen.begin()) == ("list 3", "its request")


def test_who_asks_while_a_list_is_made_from_the_current_state_shares_that(
    kitchen: Kitchen,
) -> None:
    kitchen.live = seen()
    first = kitchen.begin()
    others = [kitchen.wait()]
    kitchen.live = replace(kitchen.live, seen_at=0.1)  # a look that found nothing new
    others += [kitchen.wait() for _ in range(2)]
    kitchen.live = seen(change=2)
    newer = kitchen.wait()
    kitchen.let_go(0)
    assert [told(one) for one in (first, *others)] == [
        ("list 0", "its request"),
        *[("list 0", None)] * 3,
    ]
    assert kitchen.begun.acquire(timeout=PATIENCE_SECONDS)
    same = kitchen.wait()
    kitchen.let_go(1)
    assert [told(newer), told(same)] == [("list 1", "its request"), ("list 1", None)]


@pytest.mark.parametrize(
    "came",
    [
        {"view": object()},
        {"overrides": OverridesByArticle()},
        {"active_policy": ActivePolicy.of([])},
        {"reading": ArchiveReading(read=1, stored=9)},
    ],
    ids=lambda came: next(iter(came)),
)
def test_who_asks_after_anything_came_gets_no_list_of_before(
    kitchen: Kitchen, came: dict[str, Any]
) -> None:
    """A blocked article, above all, is in no list that is asked for after the block."""
    kitchen.live = seen()
    first = kitchen.begin()
    kitchen.live = replace(kitchen.live, **came)
    later = kitchen.wait()
    kitchen.let_go(0, 1)
    assert [told(first), told(later)] == [("list 0", "its request"), ("list 1", "its request")]


def test_nobody_gets_a_list_in_which_something_ended_meanwhile(kitchen: Kitchen) -> None:
    kitchen.live, kitchen.ends = seen(), 0.0
    first, waiting = kitchen.begin(), kitchen.wait()
    kitchen.let_go(0, 1)
    assert told(first) == ("list 0", "its request")
    assert told(waiting) == ("list 1", "its request")


def test_where_a_making_fails_the_others_make_their_own(kitchen: Kitchen) -> None:
    kitchen.failing |= {0, 1}
    first = kitchen.begin()
    second, third = kitchen.wait(), kitchen.wait()
    kitchen.let_go(0, 1, 2)
    for one in (first, second):
        with pytest.raises(Failed):
            one.result(PATIENCE_SECONDS)
    assert told(third) == ("list 2", "its request")


def test_a_slow_making_holds_nobody_longer_than_a_while(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kitchen.begin()
    waiting = kitchen.wait()
    monkeypatch.setattr(states, "SHARED_SECONDS", 0.0)
    own = kitchen.begin()  # it joined the one that waits, and waits no longer
    kitchen.let_go(1)
    assert told(own) == ("list 1", "its request")
    monkeypatch.setattr(states, "TURN_SECONDS", 0.0)
    kitchen.let_go(0)
    assert told(first) == ("list 0", "its request")
    assert kitchen.begun.acquire(timeout=PATIENCE_SECONDS)
    after = kitchen.begin()  # it does not wait for the one that is under way
    kitchen.let_go(3)
    assert told(after) == ("list 3", "its request")
    kitchen.let_go(2)
    assert told(waiting) == ("list 2", "its request")


def test_other_questions_wait_for_nothing(kitchen: Kitchen) -> None:
    first = kitchen.begin()
    other = kitchen.begin("the list of another story")
    kitchen.let_go(1)
    assert told(other) == ("list 1", "its request")
    kitchen.let_go(0)
    assert told(first) == ("list 0", "its request")
