"""The own copy of changes: what was added comes back; what is cut off or altered never does."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.analysis.features import Features
from recommender.articles import Article
from recommender.live import ChangesCopy
from recommender.ranking.overrides import StoredOverrides
from recommender.store import LogPosition, StoredPolicy, Update
from tests.support.features import make_embedding

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
    return update.id, update.change, update.outline, update.settled, features


def write(folder: Path, batches: Sequence[tuple[LogPosition, Sequence[Update]]]) -> Path:
    copy = ChangesCopy(folder)
    assert copy.take_over()
    (start, first), *more = batches
    copy.restart(GENERATION, EPOCH, start, first)
    for point, updates in more:
        copy.add(updates, point)
    copy.close()
    (path,) = folder.glob("*.changes")
    return path


def prefixes() -> list[tuple[LogPosition, list[tuple[Any, ...]]]]:
    """What a copy may hold: the first batch, the first two, all."""
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
    """A copy that begins with a policy, goes on, gets another one, and goes on."""
    copy = ChangesCopy(folder)
    assert copy.take_over()
    copy.restart(GENERATION, EPOCH, START, [], policies("{}"))
    copy.add([Update("b", 8, None)], LogPosition(8, "m8"), policies("{}"))
    copy.add([], LogPosition(9, "m9"), policies('{"half_lives": {"спорт": 7.0}}', "{}"))
    copy.add([Update("c", 10, None)], LogPosition(10, "m10"), policies("new", "{}"))
    copy.close()
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
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert (copied.point, copied.policies) == (LogPosition(10, "m10"), POLICIES[10])
    assert [update.id for update in copied.updates] == ["b", "c"]
    assert path.read_bytes().count(b"policies") == 3  # only where they are others than before


def overrides(*documents: str) -> tuple[StoredOverrides, ...]:
    """Rows of one article each, in the order in which they were set."""
    return tuple(
        StoredOverrides(change, f"a{change}", "pins", text, "editor: Дилноза", MOMENT)
        for change, text in enumerate(documents, 8)
    )


def test_what_editors_chose_comes_back_in_order_and_is_written_once(tmp_path: Path) -> None:
    copy = ChangesCopy(tmp_path)
    assert copy.take_over()
    first, second, third = overrides("[1]", "[2]", "[3]")
    copy.restart(GENERATION, EPOCH, START, [], overrides=(first,))
    copy.add([], LogPosition(9, "m9"), overrides=(first, second))
    copy.add([Update("b", 10, None)], LogPosition(10, "m10"), overrides=(first, second, third))
    copy.add([Update("c", 11, None)], LogPosition(11, "m11"), overrides=(first, second, third))
    copy.close()
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert copied.overrides == (first, second, third)
    assert [update.id for update in copied.updates] == ["b", "c"]
    (path,) = tmp_path.glob("*.changes")
    assert path.read_bytes().count(b'"choices"') == 3


def test_overrides_that_were_altered_end_the_copy_before_them(tmp_path: Path) -> None:
    copy = ChangesCopy(tmp_path)
    assert copy.take_over()
    copy.restart(GENERATION, EPOCH, START, [], overrides=overrides("[1]"))
    copy.add([], LogPosition(9, "m9"), overrides=overrides("[1]", "[2]"))
    copy.close()
    (path,) = tmp_path.glob("*.changes")
    path.write_bytes(path.read_bytes().replace(b"[2]", b"[4]"))
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert (copied.point, copied.overrides) == (START, overrides("[1]"))


def test_a_copy_without_policies_has_none(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert copied.policies == ()


def test_a_copy_that_an_earlier_program_wrote_is_read(tmp_path: Path) -> None:
    """Byte for byte what it wrote: no policies, and a checksum over number and mark alone."""
    body = b'{"id":"b","change":8,"settled":true}\n'
    digest = hashlib.sha256(body + b"8 m8").hexdigest()
    head = f'{{"generation":"{GENERATION}","epoch":"{EPOCH}"}}\n'
    end = f'= {{"number":8,"mark":"m8","sha256":"{digest}"}}\n'
    (tmp_path / f"{GENERATION}.changes").write_bytes(head.encode() + body + end.encode())
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert (copied.point, copied.policies) == (LogPosition(8, "m8"), ())
    assert [(update.id, update.change) for update in copied.updates] == [("b", 8)]


def test_policies_that_were_cut_off_or_altered_are_left_out(tmp_path: Path) -> None:
    path = write_policies(tmp_path)
    data, copy, seen = path.read_bytes(), ChangesCopy(tmp_path), set()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        for altered in (data[:place], bytes(flipped)):
            path.write_bytes(altered)
            copied = copy.load(GENERATION)
            if copied is not None and copied.epoch == EPOCH:
                assert copied.policies == POLICIES[copied.point.number]
                seen.add(copied.point.number)
    assert seen == {7, 8, 9, 10}  # without its last line break it is whole


def test_what_was_added_comes_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert (copied.epoch, copied.point) == (EPOCH, LogPosition(10, "m10"))
    assert list(map(plain, copied.updates)) == prefixes()[-1][1]


def test_a_copy_of_nothing_new_is_the_place_alone(tmp_path: Path) -> None:
    write(tmp_path, [(START, [])])
    copied = ChangesCopy(tmp_path).load(GENERATION)
    assert copied is not None
    assert (copied.point, copied.updates) == (START, ())


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
    settled=st.booleans(),
)


@given(st.lists(st.lists(UPDATES, max_size=4), min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
def test_any_updates_come_back(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Update]]
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    write(folder, [(LogPosition(at, f"m{at}"), updates) for at, updates in enumerate(batches)])
    copied = ChangesCopy(folder).load(GENERATION)
    assert copied is not None
    assert copied.point == LogPosition(len(batches) - 1, f"m{len(batches) - 1}")
    assert list(map(plain, copied.updates)) == [plain(u) for updates in batches for u in updates]


def test_a_copy_cut_off_anywhere_is_a_prefix_of_whole_batches(tmp_path: Path) -> None:
    path = write(tmp_path, BATCHES)
    data, copy, seen = path.read_bytes(), ChangesCopy(tmp_path), set()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        copied = copy.load(GENERATION)
        if copied is not None:
            held = (copied.point, list(map(plain, copied.updates)))
            assert copied.epoch == EPOCH
            assert held in prefixes()
            seen.add(copied.point.number)
        else:
            assert not seen  # a longer piece never holds less
    assert seen == {7, 9, 10}


def test_a_byte_that_flipped_gives_no_altered_data(tmp_path: Path) -> None:
    """But for the name of the store, which then is another and is refused for that."""
    path = write(tmp_path, BATCHES)
    data, copy = path.read_bytes(), ChangesCopy(tmp_path)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        copied = copy.load(GENERATION)
        if copied is not None and copied.epoch == EPOCH:
            assert (copied.point, list(map(plain, copied.updates))) in prefixes()


@pytest.mark.parametrize("data", [b"", b"\n", b"null\n", b"[]\n", b"= {}\n", b"\xff\xfe\x00" * 50])
def test_a_file_that_is_no_copy_is_none(tmp_path: Path, data: bytes) -> None:
    write(tmp_path, BATCHES).write_bytes(data)
    assert ChangesCopy(tmp_path).load(GENERATION) is None


def test_only_one_at_a_time_writes(tmp_path: Path) -> None:
    one, two = ChangesCopy(tmp_path), ChangesCopy(tmp_path)
    assert one.take_over()
    assert one.take_over()
    assert not two.take_over()
    one.close()
    assert two.take_over()
    two.close()


def test_a_copy_is_added_to_only_where_it_stands(tmp_path: Path) -> None:
    copy = ChangesCopy(tmp_path)
    with pytest.raises(ValueError, match="started"):
        copy.add([], START)
    copy.take_over()
    copy.restart(GENERATION, EPOCH, START, [])
    assert copy.stands_at(GENERATION, START)
    assert not copy.stands_at(GENERATION, LogPosition(7, "another history"))
    assert not copy.stands_at("000000000008-0123456789ab", START)
    copy.add([], LogPosition(8, "m8"))
    assert copy.stands_at(GENERATION, LogPosition(8, "m8"))
    copy.close()
    assert not copy.stands_at(GENERATION, LogPosition(8, "m8"))


def test_a_new_generation_takes_the_place_of_the_older_copies(tmp_path: Path) -> None:
    other = "000000000008-0123456789ab"
    write(tmp_path, BATCHES)
    copy = ChangesCopy(tmp_path)
    copy.take_over()
    copy.restart(other, EPOCH, LogPosition(8, "m8"), [])
    assert copy.load(GENERATION) is None
    assert copy.load(other) is not None
    copy.close()


@pytest.mark.parametrize("name", ["../other", "live", "", "000000000007-0123456789ab/.."])
def test_a_name_that_is_no_generations_opens_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no generation"):
        ChangesCopy(tmp_path).load(name)
