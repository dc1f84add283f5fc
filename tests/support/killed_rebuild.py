"""A rebuild that kills itself amid a stage: `python -m tests.support.killed_rebuild FOLDER STAGE`.

The archive in FOLDER is small, and is built as a large one is. Amid a stage is where it syncs its
first file; one that writes none is killed when it is done and was not noted yet. After the rebuild,
the name of the generation is printed. STAGE may be `none`.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from index import Catalog, KeptStages
from index import build as index_build
from recommender.indexing import rebuild as rebuilding
from recommender.store import open_store
from tests.support.archives import archive_settings, fake_reader


def build_as_large() -> None:
    """Have stages be kept, and inverted lists be made, however few articles there are."""
    vars(rebuilding)["KEPT_ABOVE"] = 0
    vars(index_build)["IVF_ABOVE"] = 0


def kill_amid(wanted: str) -> None:
    """Have this process be killed amid a stage."""
    do = KeptStages.do

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_or_die(kept: KeptStages, stage: str, work: Callable[[], Any]) -> Any:
        def work_and_die() -> Any:
            vars(os)["fsync"] = die
            work()
            die()

        return do(kept, stage, work_and_die if stage == wanted else work)

    setattr(KeptStages, "do", do_or_die)  # noqa: B010 - mypy takes it for constant


def main(folder: str, stage: str) -> None:
    """Rebuild, or be killed."""
    logging.basicConfig(format="%(message)s")
    build_as_large()
    kill_amid(stage)
    settings = archive_settings(Path(folder))
    with closing(open_store(settings.database_url)) as store:
        done = rebuilding.rebuild(store, Catalog(settings.data.snapshots), fake_reader())
    click.echo(done.generation)


if __name__ == "__main__":
    main(*sys.argv[1:])
