"""A damaged file is refused as damaged, whatever is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

import faiss
import pytest

from tests.faults.harness.damage import (
    Archive,
    Case,
    Damage,
    Flip,
    Length,
    lengths_of,
    temporary_archives,
    unruly_cases,
    watch_faiss,
)
from tests.faults.harness.tally import Tally

FLIPS = 2_000
PIECES = 8


@pytest.fixture(scope="module")
def archives() -> Iterator[list[Archive]]:
    with temporary_archives() as made:
        yield made


@pytest.fixture
def damage(archives: list[Archive]) -> Iterator[Damage]:
    """Damages, and at the end finds nothing: no mistake, nothing handed to FAISS, all undone."""
    made = Damage(archives, Tally())
    with watch_faiss(archives) as handed:
        yield made
    made.check_whole()
    assert made.tally.findings == []
    assert handed == []


@pytest.mark.long
def test_no_flipped_bit_is_served(damage: Damage) -> None:
    damage.run_flips(20261124, FLIPS)
    assert damage.tally.counts == {"flips": FLIPS}


def test_no_flipped_bit_of_the_pointer_is_served(damage: Damage) -> None:
    damage.run_pointer()
    assert damage.tally.counts == {"pointer flips": 26 * 8}


def test_no_file_of_another_length_is_served(damage: Damage) -> None:
    damage.run_lengths(PIECES)
    assert damage.tally.counts["lengths"] > 400


def test_no_hostile_pointer_file_or_mixture_is_served(damage: Damage) -> None:
    damage.run_cases()
    assert damage.tally.counts["cases"] > 250


@pytest.mark.parametrize("case", unruly_cases(), ids=lambda case: case.name)
def test_what_is_no_file_is_refused_as_damaged(archives: list[Archive], case: Case) -> None:
    with archives[0].copied() as copy:
        case.damage(copy)
        assert copy.mistake() is None


# --- the instruments ---


def test_a_whole_archive_is_served(archives: list[Archive]) -> None:
    assert [archive.mistake() for archive in archives] == ["served", "served"]


def test_a_flip_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with Flip(path, 8 + 5).done():
        assert path.read_bytes() == b"aBc"
    assert path.read_bytes() == b"abc"


def test_lengths_are_those_promised_and_are_undone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    lengths = [length.bytes for length in lengths_of(path, pieces=3)]
    assert lengths == [0, 1, 3, 5, 6, 9, 11]
    for length, content in ((4, b"0123"), (11, b"0123456789\n")):
        with Length(path, length).done():
            assert path.read_bytes() == content
        assert path.read_bytes() == b"0123456789"


def test_a_damaged_file_handed_to_faiss_is_noticed(archives: list[Archive], tmp_path: Path) -> None:
    stray = tmp_path / "stray.faiss"
    stray.write_bytes(b"nonsense")
    with watch_faiss(archives) as handed, pytest.raises(RuntimeError):
        faiss.read_index(str(stray), 0)
    assert handed == [str(stray)]


def test_a_tally_goes_on_where_it_stopped(archives: list[Archive], tmp_path: Path) -> None:
    path = tmp_path / "tally.json"
    for wanted in (5, 9):
        tally = Tally.load(path)
        Damage(archives, tally).run_flips(3, wanted)
        tally.save()
    kept = Tally.load(path)
    assert (kept.counts, kept.seeds) == ({"flips": 9}, {"3": 9})
