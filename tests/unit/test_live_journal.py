"""The journal: what was appended comes back; what is cut off or altered never does."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.features import Features
from recommender.articles import Article
from recommender.live import Journal
from recommender.ranking.overrides import StoredOverrides
from recommender.ranking.policy import StoredPolicy
from recommender.store import LogPosition, Update
from tests.support.features import make_embedding
from tests.support.properties import examples

GENERATION = "000000000007-0123456789ab"
EPOCH = "epoch-1"
START = LogPosition(7, "20260301T120000.000001")
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)

FEATURES = Features(
    "tg",
    np.array([3, 2**20 - 1], np.int32),
    np.array([1, 2.5], np.float32),
    np.array([0, 65535, 7], np.uint16),
)
BATCHES: list[tuple[LogPosition, list[Update]]] = [
    (START, [Update("a", 5, Article(id="a", title="Ҳабар", section="city"), FEATURES, False)]),  # noqa: FBT003
    (LogPosition(9, "m9"), [Update("b", 8, None), Update("c", 9, Article(id="c", title="T"))]),
    (
        LogPosition(10, "m10"),
        [
            Update(
                *("a", 10, Article(id="a", title="T")),
                replace(FEATURES, embedding=make_embedding([0.6, -0.8], [[127, -128], [0, 1]])),
            )
        ],
    ),
]


def plain(update: Update) -> tuple[Any, ...]:
    """An update as values that compare."""
    features = None if update.features is None else update.features.to_json()
    return update.id, update.change, update.outline, update.up_to_date, features


def write(folder: Path, batches: Sequence[tuple[LogPosition, Sequence[Update]]]) -> Path:
    journal = Journal(folder)
    assert journal.acquire()
    (start, first), *more = batches
    journal.restart(GENERATION, EPOCH, start, first)
    for point, updates in more:
        journal.append(updates, point)
    journal.close()
    (path,) = folder.glob("*.changes")
    return path


def prefixes() -> list[tuple[LogPosition, list[tuple[Any, ...]]]]:
    """What a journal may hold: the first batch, the first two, all."""
    found, so_far = [], list[tuple[Any, ...]]()
    for point, updates in BATCHES:
        so_far = [*so_far, *map(plain, updates)]
        found.append((point, so_far))
    return found


def policies(*documents: str) -> tuple[StoredPolicy, ...]:
    """Versions, the newest first."""
    count = len(documents)
    return tuple(StoredPolicy(count - n, 5, text, MOMENT) for n, text in enumerate(documents))


def write_policies(folder: Path) -> Path:
    """A journal that begins with a policy, goes on, gets another one, and goes on."""
    journal = Journal(folder)
    assert journal.acquire()
    journal.restart(GENERATION, EPOCH, START, [], policies("{}"))
    journal.append([Update("b", 8, None)], LogPosition(8, "m8"), policies("{}"))
    journal.append([], LogPosition(9, "m9"), policies('{"half_lives": {"спорт": 7.0}}', "{}"))
    journal.append([Update("c", 10, None)], LogPosition(10, "m10"), policies("new", "{}"))
    journal.close()
    (path,) = folder.glob("*.changes")
    return path


POLICIES = {
    7: policies("{}"),
    8: policies("{}"),
    9: policies('{"half_lives": {"спорт": 7.0}}', "{}"),
    10: policies("new", "{}"),
}


def test_the_policies_that_held_last_come_back(tmp_path: Path) -> None:
    path = write_policies(tmp_path)
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert (content.point, content.policies) == (LogPosition(10, "m10"), POLICIES[10])
    assert [update.id for update in content.updates] == ["b", "c"]
    assert path.read_bytes().count(b"policies") == 3  # only where they are others than before


def overrides(*documents: str) -> tuple[StoredOverrides, ...]:
    """Rows of one article each, in the order in which they were set."""
    return tuple(
        StoredOverrides(change, f"a{change}", "pins", text, "editor: Дилноза", MOMENT)
        for change, text in enumerate(documents, 8)
    )


def test_what_editors_chose_comes_back_in_order_and_is_written_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.acquire()
    first, second, third = overrides("[1]", "[2]", "[3]")
    journal.restart(GENERATION, EPOCH, START, [], overrides=(first,))
    journal.append([], LogPosition(9, "m9"), overrides=(first, second))
    journal.append(
        [Update("b", 10, None)], LogPosition(10, "m10"), overrides=(first, second, third)
    )
    journal.append(
        [Update("c", 11, None)], LogPosition(11, "m11"), overrides=(first, second, third)
    )
    journal.close()
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert content.overrides == (first, second, third)
    assert [update.id for update in content.updates] == ["b", "c"]
    (path,) = tmp_path.glob("*.changes")
    assert path.read_bytes().count(b'"choices"') == 3


def test_overrides_that_were_altered_end_the_journal_before_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.acquire()
    journal.restart(GENERATION, EPOCH, START, [], overrides=overrides("[1]"))
    journal.append([], LogPosition(9, "m9"), overrides=overrides("[1]", "[2]"))
    journal.close()
    (path,) = tmp_path.glob("*.changes")
    path.write_bytes(path.read_bytes().replace(b"[2]", b"[4]"))
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert (content.point, content.overrides) == (START, overrides("[1]"))


def test_a_journal_without_policies_has_none(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert content.policies == ()


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


def test_policies_that_were_cut_off_or_altered_are_left_out(tmp_path: Path) -> None:
    path = write_policies(tmp_path)
    data, journal, seen = path.read_bytes(), Journal(tmp_path), set()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        for altered in (data[:place], bytes(flipped)):
            path.write_bytes(altered)
            content = journal.load(GENERATION)
            if content is not None and content.epoch == EPOCH:
                assert content.policies == POLICIES[content.point.number]
                seen.add(content.point.number)
    assert seen == {7, 8, 9, 10}  # without its last line break it is whole


def test_what_was_added_comes_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert (content.epoch, content.point) == (EPOCH, LogPosition(10, "m10"))
    assert list(map(plain, content.updates)) == prefixes()[-1][1]


def test_what_was_added_is_on_the_disk_before_it_counts(
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
    for point, updates in BATCHES[1:]:
        journal.append(updates, point)
        assert synced[-1:] == [(path.stat().st_ino, path.stat().st_size)]
    journal.close()


def test_a_journal_of_nothing_new_is_the_place_alone(tmp_path: Path) -> None:
    write(tmp_path, [(START, [])])
    content = Journal(tmp_path).load(GENERATION)
    assert content is not None
    assert (content.point, content.updates) == (START, ())


UPDATES = st.builds(
    Update,
    id=st.from_regex(r"[A-Za-z0-9._:~-]{1,20}x", fullmatch=True),
    change=st.integers(1, 10**12),
    outline=st.none()
    | st.builds(
        Article,
        id=st.just("a"),
        title=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")).map(
            lambda text: f"T{text}"[:2_000]
        ),
        never_recommend=st.booleans(),
    ),
    features=st.sampled_from([None, *(f for _, us in BATCHES for u in us if (f := u.features))]),
    up_to_date=st.booleans(),
)


@given(st.lists(st.lists(UPDATES, max_size=4), min_size=1, max_size=3))
@examples(40)
def test_any_updates_come_back(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Update]]
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    write(folder, [(LogPosition(at, f"m{at}"), updates) for at, updates in enumerate(batches)])
    content = Journal(folder).load(GENERATION)
    assert content is not None
    assert content.point == LogPosition(len(batches) - 1, f"m{len(batches) - 1}")
    assert list(map(plain, content.updates)) == [plain(u) for updates in batches for u in updates]


def test_a_journal_cut_off_anywhere_is_a_prefix_of_whole_batches(tmp_path: Path) -> None:
    path = write(tmp_path, BATCHES)
    data, journal, seen = path.read_bytes(), Journal(tmp_path), set()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        content = journal.load(GENERATION)
        if content is not None:
            held = (content.point, list(map(plain, content.updates)))
            assert content.epoch == EPOCH
            assert held in prefixes()
            seen.add(content.point.number)
        else:
            assert not seen  # a longer piece never holds less
    assert seen == {7, 9, 10}


def test_a_byte_that_flipped_gives_no_altered_data(tmp_path: Path) -> None:
    """But for the name of the store, which then is another and is refused for that."""
    path = write(tmp_path, BATCHES)
    data, journal = path.read_bytes(), Journal(tmp_path)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        content = journal.load(GENERATION)
        if content is not None and content.epoch == EPOCH:
            assert (content.point, list(map(plain, content.updates))) in prefixes()


@pytest.mark.parametrize("data", [b"", b"\n", b"null\n", b"[]\n", b"= {}\n", b"\xff\xfe\x00" * 50])
def test_a_file_that_is_no_journal_is_none(tmp_path: Path, data: bytes) -> None:
    write(tmp_path, BATCHES).write_bytes(data)
    assert Journal(tmp_path).load(GENERATION) is None


def test_only_one_at_a_time_writes(tmp_path: Path) -> None:
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
    write(tmp_path, BATCHES)
    journal = Journal(tmp_path)
    journal.acquire()
    journal.restart(other, EPOCH, LogPosition(8, "m8"), [])
    assert journal.load(GENERATION) is None
    assert journal.load(other) is not None
    journal.close()


@pytest.mark.parametrize("name", ["../other", "live", "", "000000000007-0123456789ab/.."])
def test_a_name_that_is_no_generations_opens_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no generation"):
        Journal(tmp_path).load(name)
