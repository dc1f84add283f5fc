"""Files that are sent in pieces: they go on after a break, are bounded, and go if given up."""

import os
import resource
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadParameter, ChangedMeanwhile, StoreFull
from recommender.sources.format_detection import HEAD
from recommender.sources.uploads import MOST_BYTES, MOST_OPEN, PIECE, Upload, Uploads

STORY = b'{"id": "a", "title": "The harbour opens"}\n'
LONG = STORY * 1_700
"""Longer than the head by which the kind of a file is found."""
ANNA, BORIS = "chief: Anna", "chief: Boris"
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil has it


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


def begin(uploads: Uploads, content: bytes = LONG, name: str = "a.jsonl") -> Upload:
    return uploads.begin(ANNA, name, len(content), "1")


def send(uploads: Uploads, upload: Upload, content: bytes, step: int = PIECE) -> Upload:
    while not upload.is_whole:
        at = upload.received
        upload = uploads.add(upload, at, content[at : at + step])
    return upload


def test_a_file_is_what_its_pieces_are(uploads: Uploads) -> None:
    content = STORY * 60_000
    sent = send(uploads, begin(uploads, content), content)
    assert uploads.path_of(sent.id).read_bytes() == content
    assert uploads.find(sent.id, ANNA) == sent
    assert len(content) > 2 * PIECE


def test_a_file_goes_on_where_it_was(uploads: Uploads) -> None:
    begun = uploads.add(begin(uploads), 0, LONG[:HEAD])
    again = begin(uploads)
    assert (again.id, again.received) == (begun.id, HEAD)
    send(uploads, again, LONG)
    assert uploads.path_of(begun.id).read_bytes() == LONG


def test_a_piece_that_came_twice_counts_once(uploads: Uploads) -> None:
    """The answer to the first was lost on its way."""
    upload = begin(uploads)
    uploads.add(upload, 0, LONG[:HEAD])
    with pytest.raises(ChangedMeanwhile, match=f"goes on at byte {HEAD}"):
        uploads.add(upload, 0, LONG[:HEAD])
    with pytest.raises(ChangedMeanwhile, match=f"goes on at byte {HEAD}"):
        uploads.add(upload, HEAD + 2, LONG[HEAD + 2 :])
    assert uploads.path_of(upload.id).read_bytes() == LONG[:HEAD]


def test_a_head_of_another_kind_removes_no_file_that_has_begun(uploads: Uploads) -> None:
    upload = begin(uploads)
    uploads.add(upload, 0, LONG[:HEAD])
    with pytest.raises(ChangedMeanwhile):
        uploads.add(upload, 0, b"PK\x03\x04".ljust(HEAD))
    assert uploads.path_of(upload.id).read_bytes() == LONG[:HEAD]


def test_the_first_piece_shows_of_which_kind_a_file_is(uploads: Uploads) -> None:
    """One byte of a packed file does not."""
    for step in (1, HEAD - 1):
        with pytest.raises(BadParameter, match="first piece"):
            uploads.add(begin(uploads), 0, (b"PK\x03\x04" + LONG)[:step])
    (upload,) = uploads.all()
    assert upload.received == 0


def test_a_file_that_was_removed_takes_no_piece(uploads: Uploads) -> None:
    upload = uploads.add(begin(uploads), 0, LONG[:HEAD])
    uploads.drop(upload.id)
    with pytest.raises(FileNotFoundError):
        uploads.add(upload, HEAD, LONG[HEAD:])
    assert uploads.all() == []


def test_two_tabs_that_send_the_same_file_at_once_spoil_nothing(uploads: Uploads) -> None:
    content = bytes(range(32, 96)) * 4_000
    upload = uploads.add(begin(uploads, content), 0, content[:HEAD])
    together = threading.Barrier(2)

    def tab() -> None:
        mine = upload
        together.wait()
        while not mine.is_whole:
            try:
                mine = uploads.add(mine, mine.received, content[mine.received :][:1_000])
            except ChangedMeanwhile:
                mine = begin(uploads, content)

    tabs = [threading.Thread(target=tab) for _ in range(2)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join()
    assert uploads.path_of(upload.id).read_bytes() == content


def test_two_files_at_once_stay_apart(uploads: Uploads) -> None:
    first, second = begin(uploads), begin(uploads, LONG * 2, "b.jsonl")
    for at in range(0, len(LONG), HEAD):
        first = uploads.add(first, at, LONG[at : at + HEAD])
        second = uploads.add(second, at, LONG[at : at + HEAD])
    assert first.is_whole
    assert uploads.path_of(first.id).read_bytes() == LONG
    send(uploads, second, LONG * 2)
    assert uploads.path_of(second.id).read_bytes() == LONG * 2


def test_somebody_else_neither_finds_a_file_nor_goes_on_with_it(uploads: Uploads) -> None:
    upload = begin(uploads)
    assert uploads.find(upload.id, BORIS) is None
    assert uploads.begin(BORIS, upload.name, upload.size, "1").id != upload.id


@given(
    name=st.text(max_size=300) | st.sampled_from(["../../etc/passwd", "/", "..", "a/b\x00c", ""])
)
def test_a_name_is_shown_and_never_a_path(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    uploads = Uploads(tmp_path_factory.mktemp("hostile") / "uploads")
    upload = begin(uploads, name=name)
    assert [path.name for path in uploads.folder.iterdir()] == [upload.id]
    assert sorted(path.name for path in uploads.folder.parent.iterdir()) == ["uploads"]
    assert upload.name
    assert upload.name.isprintable()
    assert len(upload.name) <= 200


@pytest.mark.parametrize("upload_id", ["", ".", "..", "../uploads", "x", "A" * 32, "a" * 33])
def test_nothing_but_our_own_names_is_looked_up(uploads: Uploads, upload_id: str) -> None:
    begin(uploads)
    assert uploads.find(upload_id, ANNA) is None
    uploads.drop(upload_id)
    assert len(uploads.all()) == 1


@pytest.mark.parametrize(
    ("size", "fault"), [(0, "empty"), (-1, "empty"), (MOST_BYTES + 1, "more than 4 GB")]
)
def test_a_size_is_bounded(uploads: Uploads, size: int, fault: str) -> None:
    with pytest.raises(BadParameter, match=fault):
        uploads.begin(ANNA, "a", size, "1")
    assert uploads.all() == []


def test_a_piece_is_bounded(uploads: Uploads) -> None:
    upload = begin(uploads, b" " * (PIECE + 2))
    for piece in (b"", b" " * (PIECE + 1)):
        with pytest.raises(BadParameter, match="the piece"):
            uploads.add(upload, 0, piece)
    beyond = uploads.add(upload, 0, b" " * PIECE)
    with pytest.raises(BadParameter, match="beyond the end"):
        uploads.add(beyond, PIECE, b"abc")


def test_only_some_files_are_sent_at_once(uploads: Uploads) -> None:
    for number in range(MOST_OPEN):
        begin(uploads, name=str(number))
    with pytest.raises(BadParameter, match="other files"):
        begin(uploads, name="one more")
    assert begin(uploads, name="0").name == "0"  # one that was begun goes on


def test_a_file_that_has_no_room_is_refused(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others still bring needs room too."""
    gigabyte = 2**30
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 6 * gigabyte))
    uploads.begin(ANNA, "first", 2 * gigabyte, "1")
    with pytest.raises(BadParameter, match="too little room"):
        uploads.begin(ANNA, "second", 2 * gigabyte, "1")
    uploads.begin(ANNA, "small", gigabyte, "1")


def test_a_full_disk_leaves_no_half_piece(uploads: Uploads) -> None:
    upload = uploads.add(begin(uploads), 0, LONG[:HEAD])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEAD + 5, limits[1]))
    try:
        with pytest.raises(StoreFull):
            uploads.add(upload, HEAD, LONG[HEAD:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert uploads.path_of(upload.id).read_bytes() == LONG[:HEAD]
    send(uploads, upload, LONG)
    assert uploads.path_of(upload.id).read_bytes() == LONG


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"\x1f\x8b\x08 packed", "unpack it first"),
        (b"PK\x03\x04 a workbook", "save the sheet of a workbook as CSV"),
        (b"<?xml version='1.0'?><invoice/>", "XML of an unknown kind"),
        (b"<urlset></urlset>", "give its address"),
    ],
)
def test_a_file_that_is_never_read_is_refused_at_its_first_piece(
    uploads: Uploads, head: bytes, why: str
) -> None:
    with pytest.raises(BadParameter, match=f"a.jsonl: .*{why}"):
        uploads.add(begin(uploads, head), 0, head)
    assert uploads.all() == []


def test_what_nobody_goes_on_with_is_removed(uploads: Uploads) -> None:
    kept = begin(uploads, name="waits to be read")
    given_up, whole, fresh = (begin(uploads, name=name) for name in ("begun", "whole", "fresh"))
    send(uploads, whole, LONG)
    send(uploads, kept, LONG)
    for one, seconds in ((kept, 10**7), (given_up, 86_500), (whole, 3_700), (fresh, 3_700)):
        path = uploads.path_of(one.id)
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))
    uploads.sweep({kept.id})
    assert {one.name for one in uploads.all()} == {"waits to be read", "fresh"}


def test_what_no_owner_can_go_on_with_is_removed(uploads: Uploads) -> None:
    waiting, left = (uploads.begin("gone: Anna", name, 9, "1") for name in ("waiting", "left"))
    kept = begin(uploads)
    uploads.drop_of_others({waiting.id}, lambda owner: owner == ANNA)
    assert {one.id for one in uploads.all()} == {waiting.id, kept.id}
    assert uploads.find(left.id, "gone: Anna") is None


def test_what_a_process_left_that_died_is_removed(uploads: Uploads) -> None:
    """It died while it made the folder of a file, or while it removed one."""
    left, fresh, foreign = (
        uploads.folder / name for name in ("a" * 32, "b" * 32, "of somebody else")
    )
    for folder in (left, fresh, foreign):
        folder.mkdir(parents=True)
        (folder / "content").write_bytes(STORY)
    for folder in (left, foreign):
        moment = folder.stat().st_mtime - 3_700
        os.utime(folder, (moment, moment))
    uploads.sweep(())
    assert sorted(uploads.folder.iterdir()) == [fresh, foreign]
