"""Random kill -9: nothing that was acknowledged may be missing afterwards.

    python -m tests.faults.harness.kills [--minutes 30] [--kills N] [--seed 1] [--tally FILE.json]

One to three writers (single and bulk writes, deletes, versions) and, in half of the rounds, a
publisher are killed at a drawn moment. A fresh process then compares the change log, the content
and the live generation with everything that was ever acknowledged in that archive. An archive is
kept for twenty-five rounds, in memory and on disk by turns. Stop it with Ctrl-C; with the same
tally it goes on.
"""

import os
import random
import re
import shutil
import signal
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click
import numpy as np
import pysqlite3
from numpy.typing import NDArray
from tqdm import tqdm

from index import Catalog, NoSnapshot, Snapshot
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.analysis.language import detect_language
from recommender.errors import DeletedArticle
from recommender.indexing.rebuild import rebuild
from recommender.progress import Advance
from recommender.store import ArticleStore, open_store
from tests.faults.harness.ledger import (
    Author,
    Deed,
    Effect,
    History,
    Ledger,
    Seen,
    Settled,
    digest_of,
    read_ledger,
)
from tests.faults.harness.tally import Tally, memory_folder

# Forked processes: groups that are killed, and a fresh one that looks.
#
# The process that forks imports the store and the index and uses neither, so that what it forks
# starts at once, has opened nothing, and does not hang: a fork after FAISS's use would.


Answer = TypeVar("Answer")
MOST_SECONDS: Final = 120


class Group:
    """Processes that are killed together."""

    def __init__(self) -> None:
        self._members: list[int] = []

    def start(self, work: Callable[[], object], on_error: Callable[[str], object]) -> None:
        """Fork a process for some work; an error of it is told before it ends."""
        leader = self._members[0] if self._members else 0
        child = os.fork()
        if child == 0:
            os.setpgid(0, leader)
            _be_child(work, on_error)
        with suppress(PermissionError, ProcessLookupError):  # the child may have been quicker
            os.setpgid(child, leader or child)
        self._members.append(child)

    def kill(self) -> int:
        """SIGKILL the group and wait for it; returns how many had ended before, of themselves."""
        if not self._members:
            return 0
        with suppress(ProcessLookupError):
            os.killpg(self._members[0], signal.SIGKILL)
        statuses = [os.waitpid(member, 0)[1] for member in self._members]
        self._members.clear()
        return sum(not os.WIFSIGNALED(status) for status in statuses)


def ask(question: Callable[[], Answer]) -> Answer:
    """Answer a question in a fresh process, within two minutes; what it raises is raised here."""
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        return pool.submit(question).result(MOST_SECONDS)


def _be_child(work: Callable[[], object], on_error: Callable[[str], object]) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that forked it
    try:
        work()
    except BaseException:  # noqa: BLE001 - a child never runs on into its parent's code
        on_error(traceback.format_exc())
    finally:
        os._exit(0)


# --- publishing, and what the live generation must then answer ---

DIM: Final = 16
ASKED: Final = 20
DEPTH: Final = 10
KEEP: Final = 2
ROUNDING: Final = 1e-3  # of float16
FAKE: Final = Model("fake", Path(), "fake-1", frozenset({"en"}))


class HashedWords:
    """A fake encoder: bags of hashed words."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), DIM], unit rows."""
        rows = np.full((len(texts), DIM), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text):
                row[zlib.crc32(word.encode()) % DIM] += 1
            advance(1)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def publish(store: ArticleStore, catalog: Catalog, ledger: Ledger) -> None:
    """Rebuild as the product does, with a fake encoder."""
    ledger.write("publishing", store.state().change)
    reader = Analyzer(FAKE, lambda _: HashedWords(), lambda markup: markup)
    # What the gate thinks of texts drawn at random is not the question here.
    rebuilt = rebuild(store, catalog, reader, keep=KEEP, force=True)
    ledger.write("published", rebuilt.change)


def check_catalog(
    folder: Path, least: int | None, through: int, state_at: dict[int, dict[str, str]]
) -> tuple[str, int]:
    """Open the live generation, verified, and compare it with what it should hold.

    Args:
        folder: the catalog's.
        least: the last acknowledged publish; None if there was none.
        through: the store's newest change.
        state_at: filled lazily by the caller: by change, the digest of each article by id.

    Returns:
        What is wrong, or an empty string; and the change that is live, -1 for none.
    """
    try:
        live = Catalog(folder).open_live()
    except NoSnapshot:
        return ("" if least is None else f"{least} was published, and nothing is live"), -1
    change = live.manifest.change
    if not (least or 0) <= change <= through:
        return f"change {change} is live, not one of {least} to {through}", change
    return _compare(live, state_at[change]), change


def _compare(live: Snapshot, digests: dict[str, str]) -> str:
    """Compare with the texts of its change; texts that nobody had read yet come later."""
    if not {live.id_of(row) for row in range(len(live))} <= digests.keys():
        return f"{live.generation} holds articles that its change does not"
    return _search(live, live.vectors.fetch(np.arange(len(live))))


def _search(live: Snapshot, vectors: NDArray[np.float32]) -> str:
    """Ask for neighbours and compare with brute force, where there is anything to ask for."""
    depth = min(DEPTH, len(live))
    everything = np.ones(len(live), bool)
    for row in range(0, len(live), max(1, len(live) // ASKED)):
        true = vectors @ vectors[row]
        hits = live.vectors.nearest(vectors[row], depth, everything)
        best = np.sort(true)[::-1][:depth]
        honest = np.allclose(hits.similarities, true[hits.rows], atol=ROUNDING)
        if not honest or not np.allclose(hits.similarities, best, atol=ROUNDING):
            return f"{live.generation} answers otherwise than brute force about row {row}"
    return ""


# --- a fresh look at a store and its snapshots after a kill ---


FETCHED: Final = 20
PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the archive of some rounds lies."""

    folder: Path

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
class Look:
    """What a look found.

    Attributes:
        settled: the store, compared with its history.
        wrong: what else is wrong.
        live: the change of the live generation; -1 where nothing was published.
    """

    settled: Settled
    wrong: tuple[str, ...]
    live: int


def look(
    place: Place, history: History, cut_short: Sequence[Deed], published: int | None, seed: str
) -> Look:
    """Open everything anew and compare it with all that was acknowledged.

    Args:
        place: what to open.
        history: all that was acknowledged.
        cut_short: what the writers that were killed had begun.
        published: the change of the last acknowledged publish.
        seed: draws which articles are fetched one by one.
    """
    with closing(place.open()) as store:
        seen = _see(store)
        settled = history.settle(cut_short, seen)
        known = History(history.entries | settled.entries)
        wrong = [*_fetch(store, known, seed), *_integrity(place.database)]
        newest = store.state().change
    if settled.wrong or not place.snapshots.exists():
        return Look(settled, tuple(wrong), -1)
    words, live = check_catalog(place.snapshots, published, newest, _States(known))
    if live < seen.first and seen.first > 1:
        wrong.append(f"the log starts at {seen.first}, after the live change {live}")
    return Look(settled, (*wrong, *filter(None, [words])), live)


class _States(dict[int, dict[str, str]]):
    """By change, the digests of the articles that were there."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def __missing__(self, change: int) -> dict[str, str]:
        state = self._history.state(change)
        return {name: digest for name, digest in state.items() if digest is not None}


def _see(store: ArticleStore) -> Seen:
    log: dict[int, tuple[str, str]] = {}
    first = last = 0
    while page := store.changes_after(last, PAGE):
        first = first or page[0].number
        # A text that was read is told in the log as well, and writes nothing.
        log |= {c.number: (c.article_id, c.kind) for c in page if c.kind in {"upsert", "delete"}}
        last = page[-1].number
    with store.scan() as view:
        return Seen(first, log, {stored.article.id: digest_of(stored.article) for stored in view})


def _fetch(store: ArticleStore, history: History, seed: str) -> Iterable[str]:
    """Articles one by one, as a request would."""
    state = history.state()
    names = sorted(state)
    draw = random.Random(seed)  # noqa: S311 - a choice, no secret
    for name in draw.sample(names, min(FETCHED, len(names))):
        try:
            found: str | None = digest_of(store.get(name))
        except DeletedArticle:
            found = None
        if found != state[name]:
            yield f"get({name}) gives {found}, not {state[name]}"


def _integrity(database: Path) -> list[str]:
    with closing(pysqlite3.connect(database)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
    return [] if answer == [("ok",)] else [f"integrity_check: {answer}"]


# --- one round: writers and a publisher are started, killed at a drawn moment, and checked ---


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
        publisher: whether somebody publishes besides.
        wait: for the first line of whose ledger the clock waits; None starts it at once.
        seconds: until the kill.
    """

    name: str
    number: int
    writers: tuple[str, ...]
    publisher: bool
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
    publisher = draw.random() < 0.5
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
            work = partial(_publish, archive.place, ledger, parent)
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


def _publish(place: Place, ledger: Ledger, parent: int) -> None:
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


ROUNDS_KEPT: Final = 25
PARKED: Final = "kept for you to look at"


class Campaign:
    """Rounds of kills, and the archive they are about."""

    def __init__(self, tally: Tally, seed: int, parent: Path | None) -> None:
        self._tally, self._seed, self._parent = tally, seed, parent
        self._archive: Archive | None = None

    def run(self) -> None:
        """Run the seed's next round and count how it ended."""
        number = self._tally.next_step(self._seed)
        planned = draw_round(self._seed, number)
        archive = self._current(number)
        try:
            ended = run_round(archive, planned)
        except Exception as error:  # noqa: BLE001 - whatever the look raises is a finding
            self._find(planned, [f"the look failed: {error!r}"])
        else:
            self._count(archive, planned, ended)
        self._tally.done(self._seed, number)
        self._tally.save()

    def close(self) -> None:
        """Throw the archive away."""
        if self._archive is not None:
            shutil.rmtree(self._archive.place.folder, ignore_errors=True)
            self._archive = None

    def _current(self, number: int) -> Archive:
        if self._archive is not None and number % ROUNDS_KEPT == 0:
            self.close()
        if self._archive is None:
            folder = tempfile.mkdtemp(prefix="kills-", dir=self._parent or _where(number))
            self._archive = Archive(Place(Path(folder)))
            self._tally.add("archives")
        return self._archive

    def _count(self, archive: Archive, planned: Round, ended: Ended) -> None:
        settled = ended.look.settled
        for name, amount in {
            "kills": 1,
            "kills while a write was under way": int(ended.cut_short > 0),
            "kills while a publish was under way": int(ended.mid_publish),
            "kills with a publisher": int(planned.publisher),
            "writes acknowledged": ended.acknowledged,
            "writes checked, each after every kill": len(archive.history.entries),
            "writes missing": settled.missing,
            "calls cut short": ended.cut_short,
            "calls cut short, found whole": settled.kept,
            "publishes acknowledged": ended.publishes,
            "live generations compared": int(ended.look.live >= 0),
        }.items():
            self._tally.add(name, amount)
        if wrong := [*ended.wrong, *ended.look.wrong, *settled.wrong]:
            self._find(planned, wrong)

    def _find(self, planned: Round, wrong: list[str]) -> None:
        """Keep the archive for whoever looks into it, and go on with a new one."""
        folder = self._archive.place.folder if self._archive else None
        for what in wrong:
            self._tally.find(f"{planned}: {what}; {folder} is {PARKED}")
        self._archive = None


def _where(number: int) -> Path | None:
    """In memory, where more happens, and on disk, where fsync takes time, by turns."""
    return memory_folder() if number // ROUNDS_KEPT % 2 == 0 else None


def _steps(minutes: float | None, kills: int | None) -> Iterator[int]:
    started = time.monotonic()
    for done in count():
        late = minutes is not None and time.monotonic() - started >= minutes * 60
        if late or (kills is not None and done >= kills):
            return
        yield done


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
    tally = Tally.load(path)
    campaign = Campaign(tally, seed, folder)
    if minutes is None and kills is None:
        minutes = 30
    with tally.reporting(), closing(campaign):
        steps = tqdm(_steps(minutes, kills), "kills", kills, unit="kill", disable=None)
        for _ in steps:
            campaign.run()
            steps.set_postfix_str(f"{tally.counts.get('findings', 0)} found")


if __name__ == "__main__":
    main()
