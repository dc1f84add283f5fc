"""What happens to a server while readers go on reading."""

import time
from collections.abc import Callable
from typing import Final

from benchmarks.faults.reads_clock import HOUR_SECONDS
from benchmarks.faults.reads_lock import everybody_locked_out, writers_locked_out
from benchmarks.faults.reads_scene import Scene
from benchmarks.faults.serving import until
from benchmarks.faults.serving_calls import ask, listed, put, put_until_kept

__all__ = ["ON_BOTH", "ON_POSTGRESQL", "ON_SQLITE", "written_before_outage"]

Disturbance = Callable[[Scene], None]
HOURS: Final = 24
STARTING_SECONDS: Final = 180.0  # the indexer loads its model meanwhile
TURN: Final = {"expires_at": "late-expiring", "embargoed_until": "late-embargoed"}


def nothing(scene: Scene) -> None:
    """Only reads."""
    scene.rest(20)


def rebuild(scene: Scene) -> None:
    """A few writes, and `read-also rebuild`."""
    for _ in range(5):
        put(scene.server.port, scene.next_article())
    scene.server.place.run("rebuild")
    scene.rest(5)


def rebuild_full(scene: Scene) -> None:
    """Everything is embedded and built again."""
    scene.server.place.run("rebuild", "--full")
    scene.rest(5)


def writes(scene: Scene) -> None:
    """So many single writes that the indexer publishes generations by itself."""
    for _ in range(round(120 * max(scene.pace, 0.4))):
        put(scene.server.port, scene.next_article())
        time.sleep(0.2)
    scene.rest(15)


def rollback(scene: Scene) -> None:
    """Back to the generation before, then on again."""
    scene.server.place.run("snapshots", "rollback")
    scene.rest(10)
    put(scene.server.port, scene.next_article())
    scene.server.place.run("rebuild")
    scene.rest(5)


def indexer_killed(scene: Scene) -> None:
    """The indexer is killed three times; a write is visible in the end."""
    for _ in range(3):
        put(scene.server.port, scene.next_article())
        scene.kill_indexer()
        scene.rest(6)
    _must_be_kept(scene)


def worker_killed(scene: Scene) -> None:
    """One web worker after the other is killed."""
    for _ in range(3):
        scene.kill_worker()
        scene.rest(4)


def writers_away(scene: Scene) -> None:
    """Another process holds BEGIN EXCLUSIVE."""
    with writers_locked_out(scene.server.place.store):
        _must_be_refused(scene)
        scene.rest(15)
    _must_be_kept(scene)


def store_locked(scene: Scene) -> None:
    """Nobody can read or write the store's file for 60 s; a worker starts meanwhile."""
    begun = time.monotonic()
    with everybody_locked_out(scene.server.place.store):
        scene.rest(10)
        _must_be_refused(scene)
        scene.kill_worker()
        scene.rest(60 - (time.monotonic() - begun) / scene.pace)
    _must_be_kept(scene)


def database_killed(scene: Scene) -> None:
    """PostgreSQL is killed and comes back after 30 s; a worker starts meanwhile."""
    if scene.database is None:
        raise ValueError("there is no PostgreSQL")
    scene.database.kill()
    begun = time.monotonic()
    _must_be_refused(scene)
    scene.kill_worker()
    scene.rest(30 - (time.monotonic() - begun) / scene.pace)
    scene.database.start()
    _must_be_kept(scene)


def day_without_database(scene: Scene) -> None:
    """PostgreSQL is away while the clock goes on by 24 hours; workers start on the way."""
    if scene.database is None:
        raise ValueError("there is no PostgreSQL")
    before = _shown(scene)
    scene.database.kill()
    for hour in range(HOURS):
        scene.clock.move(HOUR_SECONDS)
        scene.rest(2.5)
        if hour in {HOURS // 2, HOURS - 1}:
            scene.kill_worker()
    after = _shown(scene)
    scene.note(f"after {scene.clock.hours:.0f} h the turned articles shown: {before} -> {after}")
    if scene.clock.hours == HOURS:
        scene.check(before == {"late-expiring"}, f"before the outage was shown {before}")
    scene.check(after == {"late-embargoed"}, f"after the outage was shown {after}")
    scene.database.start()
    _must_be_kept(scene)


def written_before_outage(scene: Scene) -> None:
    """One article that expires, and one whose embargo ends, 12 hours from now."""
    turn = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOURS / 2 * HOUR_SECONDS))
    for name, article_id in TURN.items():
        given = {"id": article_id, "tags": ["turn"], name: turn}
        kept = put_until_kept(scene.server.port, scene.next_article(**given), STARTING_SECONDS)
        scene.check(kept, f"{article_id} is not visible")


def _shown(scene: Scene) -> set[str]:
    """Which of the two stand in the lists of a seed, whoever answers."""
    path = "/v1/articles/seed-1/related?tag=turn"
    return {i for _ in range(8) for i in listed(ask(scene.server.port, "GET", path)[1])}


def _must_be_refused(scene: Scene) -> None:
    begun = time.monotonic()
    status = put(scene.server.port, scene.next_article())
    took = time.monotonic() - begun
    scene.note(f"a write was answered {status} after {took:.1f} s")
    scene.check(status == 503, f"a write was answered {status} while it could not be kept")


def _must_be_kept(scene: Scene) -> None:
    begun = time.monotonic()
    kept = put_until_kept(scene.server.port, scene.next_article())
    scene.check(kept, "a write afterwards was not visible within a minute")
    whole = until(scene.server.is_whole, 60)
    scene.check(whole, "the server is not whole afterwards")
    scene.note(f"a write afterwards was visible after {time.monotonic() - begun:.1f} s")


ON_BOTH: Final[dict[str, Disturbance]] = {
    "nothing": nothing,
    "rebuild": rebuild,
    "full rebuild": rebuild_full,
    "writes, generations swapped": writes,
    "rollback and rebuild": rollback,
    "indexer killed": indexer_killed,
    "web worker killed": worker_killed,
}
ON_SQLITE: Final[dict[str, Disturbance]] = {
    "writers locked out": writers_away,
    "store locked for 60 s": store_locked,
}
ON_POSTGRESQL: Final[dict[str, Disturbance]] = {
    "PostgreSQL killed, back after 30 s": database_killed,
    "24 hours without PostgreSQL": day_without_database,
}
