"""A damaged file is refused as damaged, whatever is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

import faiss
import pytest

from tests.faults.harness.damage import Archive, Damage, temporary_archives, watch_faiss
from tests.faults.harness.tally import Tally

FLIPS = 2_000
PIECES = 8


@pytest.fixture(scope="module")
def archives() -> Iterator[list[Archive]]:
    with temporary_archives() as made:
        yield made


@pytest.fixture
def damage(archives: list[Archive]) -> Iterator[Damage]:
    """A run of damage that must end without a finding and with all damage undone."""
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


@pytest.mark.long
def test_no_file_of_another_length_is_served(damage: Damage) -> None:
    damage.run_lengths(PIECES)
    assert damage.tally.counts["lengths"] > 400


def test_no_link_folder_or_mixture_is_served(damage: Damage) -> None:
    damage.run_cases()
    assert damage.tally.counts["cases"] > 150


def test_a_damaged_file_handed_to_faiss_is_noticed(archives: list[Archive], tmp_path: Path) -> None:
    stray = tmp_path / "stray.faiss"
    stray.write_bytes(b"nonsense")
    with watch_faiss(archives) as handed, pytest.raises(RuntimeError):
        faiss.read_index(str(stray), 0)
    assert handed == [str(stray)]
