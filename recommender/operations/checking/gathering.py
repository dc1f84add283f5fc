"""Reads the store, the generations and a source through, for what a check has to know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from index import Catalog, IndexFault, NoSnapshot, Snapshot, SnapshotDamaged
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.indexing.snapshots import Origin, check_columns
from recommender.operations.checking.judgement import Facts, Generation
from recommender.operations.checking.scanning import Compared, Tally, read_source, scan
from recommender.sources import Pulled
from recommender.store import ArticleStore

__all__ = ["Backlog", "count_backlog", "gather"]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is yet to be done, cheap enough to be asked at every scrape.

    Attributes:
        pending: texts that wait to be read.
        parked: articles that could not be read.
        drift: articles that were touched after the live generation was built; all that ever were
            where there is none, or it is of another store.
    """

    pending: int
    parked: int
    drift: int


def count_backlog(store: ArticleStore, origin: Origin | None) -> Backlog:
    """Count what is yet to be done, by indexes alone.

    Args:
        store: where it waits.
        origin: where the live generation came from; None where there is none.
    """
    waiting = store.queue.length()
    own = origin is not None and store.has_position(origin.point, origin.epoch)
    built_at = origin.point.number if origin is not None and own else 0
    return Backlog(waiting.single + waiting.bulk, waiting.dead, store.touched_since(built_at))


def gather(
    store: ArticleStore, catalog: Catalog, now: datetime, source: Iterable[Pulled] | None = None
) -> Facts:
    """Read the store and every generation through, and a source if one is given.

    Opening the store has already looked at its schema.

    Raises:
        StoreUnusable: the store cannot be asked now.
        BadSource: the source cannot be read.
    """
    live, fault = _live(catalog)
    opened = dict(_opened(catalog))
    damage = store.find_damage()
    if damage:
        unread = tuple(_unread(name, one) for name, one in opened.items())
        return Facts(damage, live=live, pointer_fault=fault, generations=unread)
    looked_at = [_look_at(name, one, store) for name, one in opened.items()]
    # Of one that was pruned meanwhile the log may be trimmed too.
    there = catalog.generations()
    looked_at = [one for one in looked_at if one.name in there]
    compared = _comparable(opened, looked_at, live)
    read = None if source is None else read_source(source)
    tally = Tally()
    articles, unclaimed = scan(store, compared, read, tally, now)
    return Facts(
        articles=articles,
        live=live,
        pointer_fault=fault,
        generations=tuple(looked_at),
        compared=compared is not None,
        flaws=tally.flaws,
        reasons={one.id: one.fault for one in store.queue.dead_letters()},
        unclaimed=unclaimed,
        bad_lines=None if read is None else read.bad,
    )


def _live(catalog: Catalog) -> tuple[str | None, str | None]:
    """The name in the pointer, or why there is none that can be followed."""
    try:
        return catalog.live(), None
    except NoSnapshot:
        return None, None
    except SnapshotDamaged as fault:
        return None, str(fault)


def _opened(catalog: Catalog) -> Iterator[tuple[str, Snapshot | str]]:
    """By name, each generation, or what is wrong with it; one that goes meanwhile is left out."""
    for name in catalog.generations():
        try:
            snapshot = catalog.verify(name)
            check_columns(snapshot, catalog.folder / name)
        except (IndexFault, OSError) as fault:
            if name in catalog.generations():
                yield name, str(fault)
            continue
        right = snapshot.generation == name
        yield name, snapshot if right else f"{name} holds {snapshot.generation}"


def _unread(name: str, opened: Snapshot | str) -> Generation:
    """A generation beside a store that cannot be asked."""
    return Generation(name, opened if isinstance(opened, str) else None)


def _look_at(name: str, opened: Snapshot | str, store: ArticleStore) -> Generation:
    if isinstance(opened, str):
        return Generation(name, opened)
    origin = Origin.of(opened.manifest)
    return Generation(
        name,
        related=origin.epoch == store.state().epoch,
        followed=store.has_position(origin.point, origin.epoch),
        current=opened.manifest.analyzer == ANALYZER_VERSION,
    )


def _comparable(
    opened: Mapping[str, Snapshot | str], looked_at: Sequence[Generation], live: str | None
) -> Compared | None:
    """The live generation, where comparing its articles with the store's means anything."""
    snapshot = opened.get(live or "")
    follows = {one.name for one in looked_at if one.followed and one.current}
    if not isinstance(snapshot, Snapshot) or live not in follows:
        return None
    return Compared.of(snapshot)
