"""`read-also` in small chunks, and what happens meanwhile: for tests of a rebuild on Ray.

    python -m tests.support.ray_rebuild EVENT rebuild --ray

EVENT is `nothing`, `kill` (an actor that reads, later one that embeds), `interrupt` (ctrl-C in the
middle of embedding) or `poison` (a text kills each actor that reads it; ctrl-C before embedding).
Printed are the processes of Ray, the addresses at which they listen, and whether Ray was imported.
"""

import os
import signal
import sys
from collections.abc import Mapping

import click

from recommender.analysis.features import Embedding, Features
from recommender.cli import main
from recommender.indexing import ray_crew
from recommender.store import feature_cache
from recommender.store.feature_cache import FeatureCache
from tests.support.processes import descendants, listening_addresses

CHUNK = 16
_event = sys.argv.pop(1)
_stored = {"terms": 0, "vectors": 0}


def tell(*words: object) -> None:
    """Print a line."""
    click.echo(" ".join(map(str, words)))


def happen(what: str, work: str) -> None:
    """Do what happens when some chunks are stored; called after each."""
    _stored[what] += 1
    if _stored[what] == 1:
        started = descendants(os.getpid())
        tell(what, *started)
        tell(what, *listening_addresses(started))
    if _stored[what] == 2 and _event == "kill":
        actor = next(one for one, name in descendants(os.getpid()).items() if work in name)
        os.kill(actor, signal.SIGKILL)
        tell("killed", actor)
    if _stored[what] == 2 and (_event, what) == ("interrupt", "vectors"):
        os.killpg(0, signal.SIGINT)


def watch() -> None:
    """Have `happen` called, and chunks be small."""
    vars(feature_cache)["CHUNK"] = CHUNK
    add_terms, add_embeddings = FeatureCache.add_terms, FeatureCache.add_embeddings

    def watch_terms(cache: FeatureCache, found: Mapping[str, Features], version: str) -> None:
        add_terms(cache, found, version)
        happen("terms", "ReadingWork")

    def watch_vectors(cache: FeatureCache, found: Mapping[str, Embedding], model: str) -> None:
        add_embeddings(cache, found, model)
        happen("vectors", "EncodingWork")

    for name, method in {"add_terms": watch_terms, "add_embeddings": watch_vectors}.items():
        setattr(FeatureCache, name, method)
    missing = FeatureCache.missing

    def watch_missing(cache: FeatureCache, *given: object, **named: object) -> list[list[str]]:
        if (_event, named["of"]) == ("poison", "vectors"):
            raise KeyboardInterrupt
        return missing(cache, *given, **named)  # type: ignore[arg-type]

    setattr(FeatureCache, "missing", watch_missing)  # noqa: B010 - mypy takes it for constant


def poison() -> None:
    """Have the reading of one article kill its process."""
    open_stream = ray_crew.RayCrew._open  # noqa: SLF001 - Ray is set up in it

    def open_poisoned(crew: ray_crew.RayCrew) -> object:
        stream = open_stream(crew)
        from recommender.indexing import ray_stream  # noqa: PLC0415 - after Ray is set up
        from tests.support.dying_work import DyingReadingWork  # noqa: PLC0415 - the same

        vars(ray_stream)["ReadingWork"] = DyingReadingWork
        return stream

    setattr(ray_crew.RayCrew, "_open", open_poisoned)  # noqa: B010 - mypy takes it for constant


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    watch()
    if _event == "poison":
        poison()
    try:
        main()
    finally:
        tell("imported", "ray" in sys.modules)
