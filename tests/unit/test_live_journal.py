"""The journal: appended entries are read back; truncated or altered ones never are."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from recommender.analysis.features import Features
from recommender.articles import Article
from recommender.live import Journal
from recommender.ranking.overrides import StoredOverrides
from recommender.ranking.policy import StoredPolicy
from recommender.store import LogPosition, Update
from tests.support.features import make_embedding

GENERATION = "000000000007-0123456789ab"
EPOCH = "epoch-1"
START = LogPosition(7, "20260301T120000.000001")
FEATURES = Features(
    "tg",
    np.array([3, 2**20 - 1], np.int32),
    np.array([1, 2.5], np.float32),
    np.array([0, 65535, 7], np.uint16),
)
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)


def policies(*documents: str) -> tuple[StoredPolicy, ...]:
    """Versions, the newest first."""
    count = len(documents)
    return tuple(StoredPolicy(count - n, 5, text, MOMENT) for n, text in enumerate(documents))


def overrides(*documents: str) -> tuple[StoredOverrides, ...]:
    """Rows of one article each, in the order in which they were set."""
    return tuple(
        StoredOverrides(change, f"a{change}", "pins", text, "editor: Дилноза", MOMENT)
        for change, text in enumerate(documents, 8)
    )


class Batch(NamedTuple):
    """One append: the next updates, and all policies and overrides so far."""

    point: LogPosition
    updates: Sequence[Update] = ()
    policies: tuple[StoredPolicy, ...] = ()
    overrides: tuple[StoredOverrides, ...] = ()


BATCHES = [
    Batch(
        START,
        [
            Update(
                "a", 5, Article(id="a", title="Ҳабар", section="city"), FEATURES, up_to_date=False
            )
        ],
        policies("{}"),
        overrides("[1]"),
    ),
    Batch(
        LogPosition(9, "m9"),
        [Update("b", 8, None), Update("c", 9, Article(id="c", title="T"))],
        policies("{}"),
        overrides("[1]", "[2]"),
    ),
    Batch(
        LogPosition(10, "m10"),
        [],
        policies('{"half_lives": {"спорт": 7.0}}', "{}"),
        overrides("[1]", "[2]"),
    ),
    Batch(
        LogPosition(11, "m11"),
        [
            Update(
                *("a", 11, Article(id="a", title="T")),
                replace(FEATURES, embedding=make_embedding([0.6, -0.8], [[127, -128], [0, 1]])),
            )
        ],
        policies("new", "{}"),
        overrides("[1]", "[2]", "[3]"),
    ),
]


def plain(update: Update) -> tuple[Any, ...]:
    """An update as values that compare."""
    features = None if update.features is None else update.features.to_json()
    return update.id, update.change, update.outline, update.up_to_date, features


Held = tuple[LogPosition, list[tuple[Any, ...]], tuple[Any, ...], tuple[Any, ...]]


def read(folder: Path) -> Held | None:
    """The content of the journal; None if it is empty or of another store."""
    content = Journal(folder).load(GENERATION)
    if content is None or content.epoch != EPOCH:
        return None
    return content.point, [*map(plain, content.updates)], content.policies, content.overrides


def content_after(count: int) -> Held:
    """The content of a journal after so many of the batches."""
    last = BATCHES[count - 1]
    updates = [plain(update) for batch in BATCHES[:count] for update in batch.updates]
    return last.point, updates, last.policies, last.overrides


PREFIXES = [content_after(count) for count in range(1, len(BATCHES) + 1)]


def write(folder: Path, batches: Sequence[Batch] = BATCHES) -> Path:
    journal = Journal(folder)
    assert journal.acquire()
    first, *more = batches
    journal.restart(GENERATION, EPOCH, *first)
    for batch in more:
        journal.append(batch.updates, batch.point, batch.policies, batch.overrides)
    journal.close()
    (path,) = folder.glob("*.changes")
    return path


def test_appended_entries_are_read_back_and_written_once(tmp_path: Path) -> None:
    data = write(tmp_path).read_bytes()
    assert read(tmp_path) == PREFIXES[-1]
    assert data.count(b'"policies"') == 3  # where they are others than before
    assert data.count(b'"choices"') == 3


def test_a_journal_without_entries_holds_only_the_log_position(tmp_path: Path) -> None:
    write(tmp_path, [Batch(START)])
    assert read(tmp_path) == (START, [], (), ())


@pytest.mark.long
def test_a_journal_cut_off_anywhere_is_a_prefix_of_whole_batches(tmp_path: Path) -> None:
    path = write(tmp_path)
    data, found = path.read_bytes(), []
    for length in range(len(data)):
        path.write_bytes(data[:length])
        found.append(read(tmp_path))
    assert [held for held, _ in groupby(found)] == [
        None,
        *PREFIXES,
    ]  # a longer one never holds less


@pytest.mark.long
def test_a_byte_that_flipped_gives_no_altered_data(tmp_path: Path) -> None:
    """Only a changed store name is read, and then refused as another store."""
    path = write(tmp_path)
    data = path.read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert read(tmp_path) in [None, *PREFIXES]


def test_a_journal_that_an_earlier_program_wrote_is_read(tmp_path: Path) -> None:
    """Byte for byte what it wrote: no policies, and a checksum over number and mark alone."""
    body = b'{"id":"b","change":8,"settled":true}\n'
    digest = hashlib.sha256(body + b"8 m8").hexdigest()
    head = f'{{"generation":"{GENERATION}","epoch":"{EPOCH}"}}\n'
    end = f'= {{"number":8,"mark":"m8","sha256":"{digest}"}}\n'
    (tmp_path / f"{GENERATION}.changes").write_bytes(head.encode() + body + end.encode())
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert (content.point, content.policies) == (LogPosition(8, "m8"), ())
    assert [(update.id, update.change) for update in content.updates] == [("b", 8)]


def test_appended_entries_are_on_the_disk_before_they_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, sync, synced = Journal(tmp_path), os.fsync, []
    assert journal.acquire()
    journal.restart(GENERATION, EPOCH, START, [])
    (path,) = tmp_path.glob("*.changes")

    def fsync(handle: int) -> None:
        sync(handle)
        synced.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    for batch in BATCHES[1:]:
        journal.append(batch.updates, batch.point)
        assert synced[-1:] == [(path.stat().st_ino, path.stat().st_size)]
    journal.close()


@pytest.mark.parametrize("data", [b"", b"\n", b"null\n", b"[]\n", b"= {}\n", b"\xff\xfe\x00" * 50])
def test_a_file_that_is_no_journal_is_ignored(tmp_path: Path, data: bytes) -> None:
    write(tmp_path).write_bytes(data)
    assert Journal(tmp_path).load(GENERATION) is None


def test_only_one_process_at_a_time_writes(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    assert one.acquire()
    assert one.acquire()
    assert not two.acquire()
    one.close()
    assert two.acquire()
    two.close()


def test_a_journal_is_appended_to_only_at_its_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(ValueError, match="start the journal"):
        journal.append([], START)
    journal.acquire()
    journal.restart(GENERATION, EPOCH, START, [])
    assert journal.ends_at(GENERATION, START)
    assert not journal.ends_at(GENERATION, LogPosition(7, "another history"))
    assert not journal.ends_at("000000000008-0123456789ab", START)
    journal.append([], LogPosition(8, "m8"))
    assert journal.ends_at(GENERATION, LogPosition(8, "m8"))
    journal.close()
    assert not journal.ends_at(GENERATION, LogPosition(8, "m8"))


def test_a_new_generation_takes_the_place_of_the_older_journals(tmp_path: Path) -> None:
    other = "000000000008-0123456789ab"
    write(tmp_path)
    journal = Journal(tmp_path)
    journal.acquire()
    journal.restart(other, EPOCH, LogPosition(8, "m8"), [])
    assert journal.load(GENERATION) is None
    assert journal.load(other) is not None
    journal.close()


@pytest.mark.parametrize("name", ["../other", "live", "", "000000000007-0123456789ab/.."])
def test_a_name_that_is_no_generation_opens_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no generation"):
        Journal(tmp_path).load(name)
