"""Which machine does a job, where several share a store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recommender.operations.console_jobs import is_ours
from recommender.settings import Settings
from recommender.sources.uploads import Uploads
from recommender.store import Job

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATELY, LONG_AGO = NOW - timedelta(seconds=30), NOW - timedelta(seconds=90)
WAITING = Job(
    number=1,
    kind="rebuild",
    place="",
    by="chief",
    reason="",
    asked_at=LATELY,
    begun_at=None,
    beginnings=0,
    seen_at=None,
    step="",
    done=0,
    total=0,
    ended_at=None,
    fault=None,
    notes="",
    stopped_by="",
    stop_reason="",
    counts="",
)
FILE = replace(WAITING, kind="file", place=f"{'a' * 32} stories.jsonl")
RUNNING = replace(WAITING, begun_at=LONG_AGO, beginnings=1, asked_at=LONG_AGO, seen_at=LATELY)
SHARED = "postgresql://editor@/archive"


@pytest.mark.parametrize(
    ("job", "alone", "elected", "standby"),
    [
        (WAITING, True, True, False),
        (replace(WAITING, kind="import", place="https://news.example/feed"), True, True, False),
        (RUNNING, True, False, False),  # an indexer that was elected before may be at it
        (replace(RUNNING, seen_at=LONG_AGO), True, True, False),
        (FILE, True, False, False),  # another machine has the file
        (replace(FILE, asked_at=LONG_AGO), True, True, False),  # none has: it fails
        (replace(RUNNING, kind="file", place=FILE.place), True, False, False),
    ],
)
def test_who_does_a_job(
    bare: Settings,
    job: Job,
    alone: bool,  # noqa: FBT001 - a column of the table
    elected: bool,  # noqa: FBT001
    standby: bool,  # noqa: FBT001
) -> None:
    shared = replace(bare, database_url=SHARED)
    assert (is_ours(bare, job, NOW), is_ours(shared, job, NOW)) == (alone, elected)
    bare.data_dir.mkdir(exist_ok=True)
    bare.data.indexer_standby.touch()
    assert is_ours(shared, job, NOW) is standby


def test_a_file_is_read_by_the_machine_that_has_it(bare: Settings) -> None:
    shared = replace(bare, database_url=SHARED)
    sent = Uploads(bare.data.uploads).begin("chief", "stories.jsonl", 9, "1")
    job = replace(FILE, place=f"{sent.id} stories.jsonl")
    assert is_ours(shared, job, NOW)
    bare.data_dir.mkdir(exist_ok=True)
    bare.data.indexer_standby.touch()
    assert is_ours(shared, job, NOW)
