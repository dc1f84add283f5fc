"""Whoever asks an engine waits for it no longer than it wants, and not at all while it is away."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from index.errors import EngineAway, NoSnapshot
from recommender.live.engine_guard import EngineGuard
from tests.support.waiting import until

LATER = 60.0


class Engine:
    """Answers, fails or hangs, as it is told; counts what it is asked."""

    def __init__(self) -> None:
        self.is_away = False
        self.questions = 0
        self.probes = 0
        self.probed_at_once = 0
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._probing = 0
        self.probe_fault: Exception | None = None

    def question(self) -> int:
        self.questions += 1
        self._answer()
        return self.questions

    def probe(self) -> None:
        self.probes += 1
        self._probing += 1
        self.probed_at_once = max(self.probed_at_once, self._probing)
        try:
            self._answer()
        finally:
            self._probing -= 1

    def _answer(self) -> None:
        self.goes_on.wait(LATER)
        if self.probe_fault is not None:
            raise self.probe_fault
        if self.is_away:
            raise EngineAway("it is away")


@contextmanager
def guarded(engine: Engine) -> Iterator[EngineGuard]:
    guard = EngineGuard(engine.probe)
    try:
        yield guard
    finally:
        engine.goes_on.set()
        guard.close()


def soon() -> float:
    """So late that it is not over yet when a busy machine begins to ask."""
    return time.monotonic() + 0.3


def later() -> float:
    return time.monotonic() + LATER


def test_an_answer_is_given_on() -> None:
    with guarded(engine := Engine()) as guard:
        assert guard.ask(engine.question, later()) == 1
        guard.check()
        assert engine.probes == 0


def test_after_a_failure_nothing_is_asked_until_a_probe_is_answered() -> None:
    with guarded(engine := Engine()) as guard:
        engine.is_away = True
        with pytest.raises(EngineAway, match="it is away"):
            guard.ask(engine.question, later())
        for _ in range(10):
            with pytest.raises(EngineAway, match="it is away"):
                guard.ask(engine.question, later())
        assert engine.questions == 1
        probes = engine.probes
        assert until(lambda: engine.probes > probes + 1)
        engine.is_away = False
        assert until(lambda: answers(guard, engine))
        assert engine.probed_at_once == 1


def answers(guard: EngineGuard, engine: Engine) -> bool:
    try:
        return guard.ask(engine.question, later()) > 0
    except EngineAway:
        return False


def test_nobody_waits_longer_than_it_wants_though_the_driver_does() -> None:
    with guarded(engine := Engine()) as guard:
        engine.goes_on.clear()
        with pytest.raises(EngineAway, match="in time"):
            guard.ask(engine.question, soon())
        with pytest.raises(EngineAway):
            guard.ask(engine.question, later())
        assert engine.questions == 1
        engine.goes_on.set()
        assert until(lambda: answers(guard, engine))


def test_an_engine_that_is_late_with_one_question_alone_is_asked_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever asks waits for the probe, and is not refused."""
    monkeypatch.setattr("recommender.live.engine_guard.DOUBT_SECONDS", LATER)
    with guarded(engine := Engine()) as guard:
        slow = threading.Event()
        with pytest.raises(EngineAway, match="in time"):
            guard.ask(slow.wait, soon())
        assert guard.ask(engine.question, later()) == 1
        assert engine.probes == 1
        slow.set()


def test_a_moment_that_is_over_blames_nobody() -> None:
    with guarded(engine := Engine()) as guard:
        with pytest.raises(EngineAway, match="too slow"):
            guard.ask(engine.question, time.monotonic())
        guard.check()
        assert engine.questions == engine.probes == 0


@pytest.mark.parametrize("fault", [NoSnapshot("dropped"), ValueError("of ours")])
def test_an_error_that_is_no_absence_passes_and_stops_nothing(fault: Exception) -> None:
    def question() -> None:
        raise fault

    with guarded(Engine()) as guard:
        with pytest.raises(type(fault)):
            guard.ask(question, later())
        guard.check()


@pytest.mark.parametrize("fault", [NoSnapshot("dropped"), ValueError("of ours")])
def test_an_engine_that_answers_a_probe_with_an_error_is_there(fault: Exception) -> None:
    with guarded(engine := Engine()) as guard:
        engine.is_away = True
        with pytest.raises(EngineAway):
            guard.ask(engine.question, later())
        engine.probe_fault = fault
        assert until(lambda: checks(guard))


def checks(guard: EngineGuard) -> bool:
    try:
        guard.check()
    except EngineAway:
        return False
    return True
