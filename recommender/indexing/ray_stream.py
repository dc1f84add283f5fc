"""Streams parts of texts through Ray Data to actors of a cluster, and what they find back.

The dataset has the numbers of the parts. An actor that gets a number asks for its texts, and the
driver, which alone has the store, loads them then, or a little ahead. So no more parts are under
way than there are actors and a few, and a part that is done again gets the same texts.

Ray starts an actor that dies again, and gives it the same number, for ever. So who asks for a part
too often gets nothing, and its texts are done one by one at the end. What kills its actor alone as
well is the fault of the text, unless a harmless text dies in the same way.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Any, Final, TypeAlias, TypeVar

import pyarrow as pa
import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.crew import PartDone, Parts, Texts
from recommender.analysis.embedding import PROBE, Model
from recommender.analysis.features import PROBE_KEY, Embedding, Features
from recommender.articles import Article
from recommender.encoding_settings import CUDA, PREFIX, EncodingSettings
from recommender.errors import ClusterAway, ModelRefused
from recommender.indexing.ray_work import (
    EncodingWork,
    Feed,
    PartWork,
    ReadingWork,
    Row,
    embedding_of,
    features_of,
    first_line,
)
from recommender.progress import Advance

__all__ = ["RayStream", "connect", "disconnect"]

MOST_TRIES: Final = 3  # of a part whose actor dies
MOST_STARTS: Final = 10  # of actors that die, one after the other, before they ask for anything
MOST_AHEAD: Final = 8  # parts that are loaded before an actor asks for them
MOST_UNSTORED: Final = 4  # parts that have come back and wait for the store
CPUS_OF_ENCODER: Final = 2
"""What an actor takes that embeds on the CPU. Each has the model in memory; vectors are the same,
bit by bit, with one thread or several."""
_log = logging.getLogger(__name__)
Found = TypeVar("Found", Features, Embedding)
Event: TypeAlias = int | pa.Table | BaseException | None
"""A part that an actor asks for; what one has found; a fault; or the end."""


def connect(address: str, options: Mapping[str, object]) -> None:
    """Connect to a cluster, or start one of this machine.

    Raises:
        ClusterAway: that fails.
    """
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as fault:
        raise ClusterAway(
            f"no Ray at {address!r} ({first_line(fault)}); start it on this machine: ray start "
            "--head, or ray start --address=HOST:PORT to join a cluster, each with RAY_AUTH_MODE "
            "and the token that this command has; or use this machine alone: read-also rebuild "
            "--ray"
        ) from fault
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_consecutive_actor_init_deaths = MOST_STARTS


def disconnect() -> None:
    """Leave the cluster; end it if it was started here."""
    ray.shutdown(wait_for_processes=True)


@dataclass(frozen=True, slots=True)
class Pool:
    """Actors of one kind.

    Attributes:
        make: the class of an actor's work, and what it is made with.
        size: how many.
        cpus: of each.
        gpus: of each.
    """

    make: tuple[type["PartWork"], tuple[object, ...]]
    size: int
    cpus: int = 1
    gpus: int = 0


class RayStream:
    """What a connected Ray does for a rebuild."""

    def __init__(self, data_dir: Path, encoding: EncodingSettings) -> None:
        self._data_dir = data_dir
        self._encoding = encoding

    def read(self, parts: Parts) -> Iterator[PartDone[Features]]:
        """Read texts; an actor has one core."""
        pool = Pool((ReadingWork, (ANALYZER_VERSION,)), sum(_cores()))
        return _work(parts, pool, features_of)

    def embed(self, model: Model, parts: Parts, advance: Advance) -> Iterator[PartDone[Embedding]]:
        """Embed texts; an actor has a GPU, or some cores where the cluster has no GPU.

        Raises:
            ModelRefused: the settings want a GPU, and the cluster has none.
        """
        for done in _work(parts, self._encoders(model), embedding_of):
            yield done
            advance(len(done.keys))

    def _encoders(self, model: Model) -> Pool:
        gpus = int(ray.cluster_resources().get("GPU", 0)) if model.device != "cpu" else 0
        if model.device == CUDA and not gpus:
            raise ModelRefused(
                f"{PREFIX}DEVICE={CUDA}, but Ray finds no GPU in the cluster; start Ray with "
                f"--num-gpus where there is one, or set {PREFIX}DEVICE=auto"
            )
        device = replace(self._encoding, device=CUDA if gpus else "cpu")
        own = model.name, self._data_dir, device, model.fingerprint, Path.cwd()
        make = EncodingWork, own
        if gpus:
            return Pool(make, gpus, 1, 1)
        cores = _cores()
        cpus = min(CPUS_OF_ENCODER, *cores)
        return Pool(make, sum(count // cpus for count in cores), cpus)


def _cores() -> list[int]:
    """The cores of each machine of the cluster that has some.

    Raises:
        ClusterAway: none has.
    """
    alive = (node["Resources"] for node in ray.nodes() if node["Alive"])
    cores = [count for one in alive if (count := int(one.get("CPU", 0)))]
    if not cores:
        raise ClusterAway("no machine of the Ray cluster has a CPU to give; see: ray status")
    return cores


def _work(parts: Parts, pool: Pool, decode: Callable[[Row], Found]) -> Iterator[PartDone[Found]]:
    """Have all parts done; those that come back not, once more, text by text.

    Raises:
        ClusterAway: the cluster is gone, or all texts kill their actors.
    """
    run = Run(parts, pool)
    for keys, rows in run.results():
        yield PartDone(keys, {row["key"]: decode(row) for row in rows})
    if not run.lost:
        return
    single: list[Sequence[str]] = [[key] for keys in run.lost for key in keys]
    _log.warning("%d texts killed who read them, or stood beside one that did", len(single))
    again = Run(Parts([*single, [PROBE_KEY]], _with_probe(parts.load)), pool)
    for keys, rows in again.results():
        if keys != [PROBE_KEY]:
            yield PartDone(keys, {row["key"]: decode(row) for row in rows})
    if [PROBE_KEY] in again.lost:
        raise ClusterAway(
            "each process that reads texts on the Ray cluster dies, also of a harmless text; is "
            "there enough memory? See the logs of Ray, and run it again: finished work is kept"
        )
    for keys in again.lost:
        yield PartDone(keys, {})


def _with_probe(load: Callable[[Sequence[str]], Texts]) -> Callable[[Sequence[str]], Texts]:
    probe = {PROBE_KEY: Article(id="probe", title=PROBE, body=PROBE)}
    return lambda keys: probe if [*keys] == [PROBE_KEY] else load(keys)


class Run:
    """One way of some parts through the cluster."""

    def __init__(self, parts: Parts, pool: Pool) -> None:
        self._parts = parts
        self._pool = pool
        self._undone: dict[int, Sequence[str]] = dict(enumerate(parts.keys))
        self._given: dict[int, object] = {}  # references to the texts of parts under way
        self._asked = Counter[int]()
        self._next = 0
        self._events = SimpleQueue[Event]()
        self._unstored = BoundedSemaphore(MOST_UNSTORED)

    @property
    def lost(self) -> list[Sequence[str]]:
        """After `results`: the hashes of the texts of each part that came back not."""
        return [keys for keys in self._undone.values() if keys]

    def results(self) -> Iterator[tuple[Sequence[str], list[Row]]]:
        """Have the parts done.

        Yields:
            The hashes of the texts of a part, and a row for each.

        Raises:
            ClusterAway: the cluster is gone, or an actor says what is wrong.
        """
        feed = _start_feed()
        Thread(target=self._pull, args=(feed,), daemon=True).start()
        self._listen(feed)
        while (event := self._take_event()) is not None:
            if isinstance(event, BaseException):
                raise ClusterAway(f"the Ray cluster does not work: {first_line(event)}") from event
            if isinstance(event, int):
                self._asked[event] += 1
                feed.give.remote(event, self._answer(event))
                self._listen(feed)
            else:
                yield from self._settle(event.to_pylist())
                self._unstored.release()

    def _pull(self, feed: Any) -> None:  # noqa: ANN401 - Ray's handles have no type
        """Take what comes back, in a thread of its own."""
        numbers = [{"part": number} for number in range(len(self._parts.keys))]
        kind, made_with = self._pool.make
        size = min(self._pool.size, len(numbers))
        try:
            work = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
                kind,
                fn_constructor_args=(feed, *made_with),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
                num_cpus=self._pool.cpus,
                num_gpus=self._pool.gpus,
            )
            tables = work.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
            for table in tables:
                self._unstored.acquire()
                self._events.put(table)
        except BaseException as fault:  # noqa: BLE001 - it is raised where results are taken
            self._events.put(fault)
        else:
            self._events.put(None)

    def _listen(self, feed: Any) -> None:  # noqa: ANN401 - as above
        """Have the next number that an actor asks for become an event."""

        def hear(answer: Future[int]) -> None:
            fault = answer.exception()
            self._events.put(answer.result() if fault is None else fault)

        feed.wanted.remote().future().add_done_callback(hear)

    def _take_event(self) -> Event:
        """The next event; while there is none, load what will be asked for."""
        while self._may_load_ahead():
            try:
                return self._events.get_nowait()
            except Empty:
                self._load(self._next)
        return self._events.get()

    def _may_load_ahead(self) -> bool:
        ahead = len(self._given.keys() - self._asked)
        return self._next < len(self._parts.keys) and ahead < min(self._pool.size, MOST_AHEAD)

    def _answer(self, number: int) -> list[object]:
        """What an actor gets that asks for a part: nothing, if too many have died of it."""
        return [self._load(number)] if self._asked[number] <= MOST_TRIES else []

    def _load(self, number: int) -> object:
        """The reference to the texts of a part, which are loaded once."""
        if number not in self._given:
            texts = self._parts.load(self._parts.keys[number])
            if number in self._undone:
                self._undone[number] = [*texts]
            self._given[number] = ray.put(texts)
            self._next = max(self._next, number + 1)
        return self._given[number]

    def _settle(self, rows: Sequence[Row]) -> Iterator[tuple[Sequence[str], list[Row]]]:
        """Take the rows of a part, which come together."""
        if faults := [row["fault"] for row in rows if row["fault"]]:
            raise ClusterAway(f"the Ray cluster does not work: {faults[0]}")
        for number in dict.fromkeys(row["part"] for row in rows):
            self._given.pop(number, None)
            keys = self._undone.pop(number, None)
            if keys is not None:
                yield keys, [row for row in rows if row["part"] == number]


def _start_feed() -> Any:  # noqa: ANN401 - as above
    """Start a feed on this machine."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Feed).options(num_cpus=0, scheduling_strategy=here).remote()
