"""One round: writers and a publisher are started, killed at a drawn moment, and checked."""

import os
import random
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.kills_deeds import Author, Deed, Effect, Ledger, read_ledger
from benchmarks.faults.kills_history import History
from benchmarks.faults.kills_look import Look, Place, look
from benchmarks.faults.kills_processes import Group, ask
from benchmarks.faults.kills_publish import publish_plain, publish_rebuilt
from index import Catalog

__all__ = ["Archive", "Ended", "Round", "draw_round", "run_round"]

WRITERS: Final = ("anna", "boris", "chen")
FIRST_LINE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.001
VERSIONS: Final = 1_000_000


@dataclass(slots=True)
class Archive:
    """An archive that is killed again and again, and what is known of it.

    Attributes:
        place: where it lies.
        history: all that was acknowledged.
        published: the change of the last acknowledged publish.
    """

    place: Place
    history: History = field(default_factory=History)
    published: int | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """What a round does, drawn from its seed.

    Attributes:
        name: seed and number.
        number: of the round.
        writers: who writes.
        publisher: how it publishes besides; None for no publisher.
        wait: for the first line of whose ledger the clock waits; None starts it at once.
        seconds: until the kill.
    """

    name: str
    number: int
    writers: tuple[str, ...]
    publisher: str | None
    wait: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a round ended.

    Attributes:
        acknowledged: how many writes of articles were acknowledged in it.
        publishes: how many publishes were.
        cut_short: how many writes had begun and were not acknowledged.
        mid_publish: whether a publish was under way.
        look: what the look after it found.
        wrong: what went wrong beside that.
    """

    acknowledged: int
    publishes: int
    cut_short: int
    mid_publish: bool
    look: Look
    wrong: tuple[str, ...]


def draw_round(seed: int, number: int) -> Round:
    """One to three writers, in half of the rounds a publisher; kills early and late."""
    draw = random.Random(f"{seed}-{number}")  # noqa: S311 - a choice, no secret
    writers = tuple(draw.sample(WRITERS, draw.choice([1, 1, 2, 3])))
    publisher = draw.choice([None, None, "plain", "rebuilt"])
    early = draw.random() < 0.15
    wait = None if early else "publisher" if publisher and draw.random() < 0.7 else writers[0]
    window = 0.1 if early else 0.15 if wait != "publisher" else 0.6
    return Round(f"{seed}-{number}", number, writers, publisher, wait, draw.uniform(0, window))


def run_round(archive: Archive, planned: Round) -> Ended:
    """Start, kill, add what was acknowledged to the history, look, and settle the rest."""
    folder = archive.place.folder / f"round-{planned.number}"
    folder.mkdir()
    wrong = _run_and_kill(archive, planned, folder)
    ledgers = {path.name: list(read_ledger(path)) for path in sorted(folder.iterdir())}
    wrong += [str(value) for lines in ledgers.values() for kind, value in lines if kind == "wrong"]
    deeds = {name: _deeds(ledgers.get(name, [])) for name in planned.writers}
    for made in deeds.values():
        wrong += archive.history.add(made)
    publishes = [v for kind, v in ledgers.get("publisher", []) if kind == "published"]
    archive.published = max([*filter(None, [archive.published]), *publishes], default=None)
    cut_short = [made[-1] for made in deeds.values() if made and made[-1].numbers is None]
    question = partial(
        look, archive.place, archive.history, cut_short, archive.published, planned.name
    )
    found = ask(question)
    archive.history.entries |= found.settled.entries
    return Ended(
        acknowledged=sum(len(deed.numbers or ()) for made in deeds.values() for deed in made),
        publishes=len(publishes),
        cut_short=len(cut_short),
        mid_publish=bool(ledgers.get("publisher")) and ledgers["publisher"][-1][0] == "publishing",
        look=found,
        wrong=tuple(wrong),
    )


def _run_and_kill(archive: Archive, planned: Round, folder: Path) -> list[str]:
    state = archive.history.state()
    group, parent = Group(), os.getpid()
    try:
        for name in planned.writers:
            ledger = Ledger(folder / name)
            present = {i for i, digest in state.items() if digest and i.startswith(f"{name}-")}
            work = partial(_write, archive.place, ledger, name, present, planned, parent)
            group.start(work, partial(ledger.write, "wrong"))
            ledger.close()
        if planned.publisher:
            ledger = Ledger(folder / "publisher")
            work = partial(_publish, archive.place, ledger, planned.publisher, parent)
            group.start(work, partial(ledger.write, "wrong"))
            ledger.close()
        if planned.wait:
            _await_line(folder / planned.wait)
        time.sleep(planned.seconds)
    finally:
        ended = group.kill()
    return [f"{ended} processes ended of themselves"] if ended else []


def _write(
    place: Place, ledger: Ledger, name: str, present: set[str], planned: Round, parent: int
) -> None:
    with closing(place.open()) as store:
        draw = random.Random(f"{planned.name}-{name}")  # noqa: S311 - texts, no secrets
        version = VERSIONS * (planned.number + 1)
        author = Author(store, ledger, name, present=present, draw=draw, version=version)
        while os.getppid() == parent:
            author.act()


def _publish(place: Place, ledger: Ledger, how: str, parent: int) -> None:
    publish = {"plain": publish_plain, "rebuilt": publish_rebuilt}[how]
    with closing(place.open()) as store:
        catalog = Catalog(place.snapshots)
        while os.getppid() == parent:
            publish(store, catalog, ledger)


def _await_line(path: Path) -> None:
    until = time.monotonic() + FIRST_LINE_SECONDS
    while path.stat().st_size == 0 and time.monotonic() < until:
        time.sleep(POLL_SECONDS)


def _deeds(lines: Iterable[tuple[str, Any]]) -> list[Deed]:
    """What a writer's ledger tells, in order; only the last deed may lack its numbers."""
    deeds: list[Deed] = []
    for kind, value in lines:
        if kind == "try":
            deeds.append(Deed(tuple(Effect(*effect) for effect in value), None))
        elif kind == "done":
            deeds[-1] = Deed(deeds[-1].effects, tuple(value))
    return deeds
