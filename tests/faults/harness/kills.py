"""Random kill -9: nothing that was acknowledged may be missing afterwards.

    python -m tests.faults.harness.kills [--minutes 30] [--kills N] [--seed 1] [--tally FILE.json]

One to three writers (single and bulk writes, deletes) and, in half of the rounds, a publisher are
killed at a drawn moment. A fresh process then compares the change log, the content and the live
generation with everything that was ever acknowledged in that archive. An archive is kept for
twenty-five rounds, in memory and on disk by turns. Stop it with Ctrl-C; with the same tally it
goes on.

The process that forks imports the store and the index and uses neither, so that what it forks
starts at once, has opened nothing, and does not hang: a fork after FAISS's use would.
"""

import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import click
import numpy as np
from tqdm import tqdm

from index import Catalog, NoSnapshot
from recommender.analysis.language import detect_language
from recommender.indexing.rebuild import rebuild
from recommender.store import ArticleStore, open_store
from tests.faults.harness.generations import find_wrong_answers
from tests.faults.harness.ledger import (
    Author,
    Deed,
    History,
    Ledger,
    Seen,
    deeds_in,
    digest_of,
    find_corruption,
    read_ledger,
)
from tests.faults.harness.tally import Tally, memory_folder
from tests.support.archives import fake_reader
from tests.support.stores import log_of
from tests.support.waiting import until

WRITERS: Final = ("anna", "boris", "chen")
PUBLISHER: Final = "publisher"
FIRST_LINE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 120
GENERATIONS_KEPT: Final = 2
ROUNDS_KEPT: Final = 25
FORK: Final = get_context("fork")


@dataclass(slots=True)
class Archive:
    """An archive whose processes are killed repeatedly, and its history.

    Attributes:
        folder: where it lies.
        history: all that was acknowledged.
        published: the change of the last acknowledged publish; -1 before the first.
    """

    folder: Path
    history: History = field(default_factory=History)
    published: int = -1

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.folder / "read-also.db"

    @property
    def snapshots(self) -> Path:
        """The catalog's folder."""
        return self.folder / "snapshots"

    def open(self) -> ArticleStore:
        """Open the store."""
        return open_store(f"sqlite:///{self.database}")


@dataclass(frozen=True, slots=True)
class Round:
    """The processes of a round, and the time of the kill after the first line of a ledger."""

    name: str
    workers: tuple[str, ...]
    waits_for: str | None
    seconds: float

    @classmethod
    def drawn(cls, seed: int, number: int) -> "Round":
        """One to three writers, in half of the rounds a publisher; kills early and late."""
        draw = random.Random(f"{seed}-{number}")  # noqa: S311 - a choice, no secret
        workers = draw.sample(WRITERS, draw.choice([1, 1, 2, 3]))
        if draw.random() < 0.5:
            workers.append(PUBLISHER)
        # Early, before anybody began; or in a publish, if there is one; or in a write.
        waits_for = draw.choices([None, workers[-1], workers[0]], (15, 60, 25))[0]
        window = 0.6 if waits_for == PUBLISHER else 0.15
        return cls(f"{seed}-{number}", tuple(workers), waits_for, draw.uniform(0, window))


# --- what is killed ---


def _work(archive: Archive, planned: Round, name: str, path: Path, parent: int) -> None:
    """Be a process that works until it is killed; an error is reported before it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that forked it
    ledger = Ledger(path)
    try:
        store = archive.open()
        if name == PUBLISHER:
            act = partial(_publish, store, Catalog(archive.snapshots), ledger)
        else:
            present = {one for one in archive.history.state() if one.startswith(f"{name}-")}
            act = partial(
                Author.act, Author(store, ledger, name, f"{planned.name}-{name}", present)
            )
        while os.getppid() == parent:
            act()
    except BaseException:  # noqa: BLE001 - whatever it is, is a finding
        ledger.write("wrong", traceback.format_exc())


def _publish(store: ArticleStore, catalog: Catalog, ledger: Ledger) -> None:
    """Rebuild as the product does, with a fake encoder."""
    ledger.write("publishing", store.state().change)
    # What the gate thinks of texts drawn at random is not the question here.
    rebuilt = rebuild(store, catalog, fake_reader(), keep=GENERATIONS_KEPT, force=True)
    ledger.write("published", rebuilt.change)


def run_and_kill(archive: Archive, planned: Round, folder: Path) -> Iterator[str]:
    """Let all of a round work, each with a ledger in a folder, and kill them."""
    processes = [
        FORK.Process(target=_work, args=(archive, planned, name, folder / name, os.getpid()))
        for name in planned.workers
    ]
    try:
        for process in processes:
            process.start()
        if planned.waits_for is not None:
            awaited = folder / planned.waits_for
            until(lambda: read_ledger(awaited) != [], FIRST_LINE_SECONDS, every=0.001)
        time.sleep(planned.seconds)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
    ended = sum(process.exitcode != -signal.SIGKILL for process in processes)
    if ended:
        yield f"{ended} processes ended of themselves"


# --- a fresh look at a store and its snapshots after a kill ---


@dataclass(slots=True)
class Look:
    """The findings of a check.

    Attributes:
        history: all that was acknowledged, and what turned out to be whole.
        present: how many deeds that were cut short are there.
        missing: which acknowledged writes are not.
        wrong: what else contradicts the promises.
        live: the change of the live generation; -1 where nothing was published.
    """

    history: History
    present: int
    missing: list[str]
    wrong: list[str]
    live: int = -1


def look_at(archive: Archive, cut_short: Sequence[Deed]) -> Look:
    """Open everything again and compare it with all acknowledged and started deeds."""
    with closing(archive.open()) as store:
        seen = _see(store)
        look = Look(archive.history, *archive.history.reconcile(cut_short, seen))
        look.wrong += find_corruption(archive.database)
        newest = store.state().change
    if archive.snapshots.exists() and not look.missing:
        look.wrong += _check_live(archive, look, newest)
        if look.live < seen.first and seen.first > 1:
            look.wrong.append(f"the log starts at {seen.first}, after the live change {look.live}")
    return look


def _see(store: ArticleStore) -> Seen:
    entries = log_of(store)
    # The log also has an entry for each text that was read, which writes nothing.
    log = {c.number: (c.article_id, c.kind) for c in entries if c.kind in {"upsert", "delete"}}
    first = entries[0].number if entries else 0
    with store.scan() as view:
        return Seen(first, log, {stored.article.id: digest_of(stored.article) for stored in view})


def _check_live(archive: Archive, look: Look, newest: int) -> Iterator[str]:
    """Open the live generation, verified, and compare it with what it should hold."""
    try:
        live = Catalog(archive.snapshots).open_live()
    except NoSnapshot:
        if archive.published >= 0:
            yield f"{archive.published} was published, and nothing is live"
        return
    look.live = live.manifest.change
    if not max(0, archive.published) <= look.live <= newest:
        yield f"change {look.live} is live, not one of {archive.published} to {newest}"
        return
    # Texts that nobody had read yet come later.
    if not {live.id_of(row) for row in range(len(live))} <= look.history.state(look.live).keys():
        yield f"{live.generation} holds articles that its change does not"
    yield from find_wrong_answers(live, live.vectors.fetch(np.arange(len(live))))


# --- rounds: start, kill, add what was acknowledged to the history, look ---


class Campaign:
    """Rounds of kills, and the archive they are about."""

    def __init__(self, tally: Tally, seed: int, parent: Path | None) -> None:
        self._tally, self._seed, self._parent = tally, seed, parent
        self._archive: Archive | None = None

    def run(self) -> None:
        """Run the seed's next round and count how it ended."""
        number = self._tally.next_step(self._seed)
        archive, planned = self._current(number), Round.drawn(self._seed, number)
        try:
            wrong = list(self._round(archive, planned))
        except Exception as error:  # noqa: BLE001 - whatever the look raises is a finding
            wrong = [f"the look failed: {error!r}"]
        for what in wrong:
            self._tally.find(f"{planned}: {what}; {archive.folder} is kept for you to look at")
        if wrong:
            self._archive = None
        self._tally.done(self._seed, number)
        self._tally.save()

    def close(self) -> None:
        """Remove the archive."""
        if self._archive is not None:
            shutil.rmtree(self._archive.folder, ignore_errors=True)
            self._archive = None

    def _current(self, number: int) -> Archive:
        if number % ROUNDS_KEPT == 0:
            self.close()
        if self._archive is None:
            # In memory, where more happens, and on disk, where fsync takes time, by turns.
            place = memory_folder() if number // ROUNDS_KEPT % 2 == 0 else None
            made = tempfile.mkdtemp(prefix="kills-", dir=self._parent or place)
            self._archive = Archive(Path(made))
            self._tally.add("archives")
        return self._archive

    def _round(self, archive: Archive, planned: Round) -> Iterator[str]:
        folder = Path(tempfile.mkdtemp(prefix="ledgers-", dir=archive.folder))
        yield from run_and_kill(archive, planned, folder)
        ledgers = {name: read_ledger(folder / name) for name in planned.workers}
        every_line = [line for lines in ledgers.values() for line in lines]
        yield from (str(value) for kind, value in every_line if kind == "wrong")
        deeds = [deeds_in(ledgers[name]) for name in planned.workers if name != PUBLISHER]
        for made in deeds:
            yield from archive.history.add(made)
        publishes = [value for kind, value in every_line if kind == "published"]
        archive.published = max([archive.published, *publishes])
        cut_short = [made[-1] for made in deeds if made and made[-1].numbers is None]
        with ProcessPoolExecutor(1, FORK) as pool:
            look = pool.submit(look_at, archive, cut_short).result(LOOK_SECONDS)
        archive.history = look.history
        for name, amount in {
            "kills": 1,
            "kills while a write was under way": int(cut_short != []),
            "kills while a publish was under way": int(
                [kind for kind, _ in ledgers.get(PUBLISHER, [])[-1:]] == ["publishing"]
            ),
            "kills with a publisher": int(PUBLISHER in planned.workers),
            "writes acknowledged": sum(len(deed.numbers or ()) for made in deeds for deed in made),
            "writes checked, each after every kill": len(archive.history.entries),
            "writes missing": len(look.missing),
            "calls cut short": len(cut_short),
            "calls cut short, found whole": look.present,
            "publishes acknowledged": len(publishes),
            "live generations compared": int(look.live >= 0),
        }.items():
            self._tally.add(name, amount)
        yield from look.missing[:5]
        yield from look.wrong


@click.command(help=__doc__)
@click.option("--minutes", type=float, help="How long; 30 if neither this nor --kills is given.")
@click.option("--kills", type=int, help="How many.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where archives are made.")
def main(
    minutes: float | None, kills: int | None, seed: int, path: Path | None, folder: Path | None
) -> None:
    """Kill until the time is over, print the counts, and fail where anything was found."""
    tqdm.monitor_interval = 0  # its thread would be there at every fork
    detect_language("What is loaded here, no forked process has to load.")
    if minutes is None:
        minutes = 30 if kills is None else float("inf")
    end = time.monotonic() + minutes * 60
    tally = Tally.load(path)
    campaign = Campaign(tally, seed, folder)
    with tally.reporting(), closing(campaign):
        steps = range(kills) if kills is not None else count()
        for _ in tqdm(steps, "kills", unit="kill", disable=None):
            if time.monotonic() > end:
                break
            campaign.run()


if __name__ == "__main__":
    main()
