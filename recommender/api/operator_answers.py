"""Answers to operators: whether the process answers, and what there is to answer from."""

from typing import Literal

from recommender.api.answer import Answer
from recommender.api.answers import ArchiveProgress

__all__ = ["FolderState", "Health", "IndexerState", "Readiness", "StoreState"]

FolderState = Literal["ok", "full", "read-only", "failing"]
"""Whether the data folder takes what is written.

`full`: no room, or a quota is used up. `read-only`: it may not be written. `failing`: the disk
refuses for another reason; the log says which.
"""
StoreState = Literal["ok", "away"]
"""Whether the article store answers."""
IndexerState = Literal["ok", "standby", "away"]
"""Whether the indexer of the machine answers.

`standby`: it answers drafts, and the indexer of another machine on the same store reads new texts.
`away`: it loads its model, which takes seconds, or does not run here. Lists go on; new texts wait.
"""


class Health(Answer):
    """The process answers.

    Attributes:
        status: always `ok`.
    """

    status: Literal["ok"]


class Readiness(Answer):
    """What there is to answer from.

    Attributes:
        status: always `ready`.
        generation: the snapshot that is served.
        articles: how many articles can be listed or asked for.
        change: the newest change that shows.
        store: whether the article store answers; lists go on without it.
        data_folder: whether the data folder of the machine takes what is written.
        indexer: whether the indexer of the machine answers; new texts wait until it does.
        unserved: why a published snapshot is not served; null if all is well.
        archive_reading: how far the archive is read, while a large part of it waits; else null.
    """

    status: Literal["ready"]
    generation: str
    articles: int
    change: int
    store: StoreState
    data_folder: FolderState
    indexer: IndexerState
    unserved: str | None
    archive_reading: ArchiveProgress | None
