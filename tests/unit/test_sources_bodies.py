"""Bodies that came packed: every member of them, counted, and nothing that only stands behind."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadSource
from recommender.sources.bodies import collect, unpack

MOST = 10**7


def unpacked(packed: bytes, width: int = 10**6) -> bytes:
    chunks = (packed[at : at + width] for at in range(0, len(packed), width))
    return collect(unpack(chunks, "gzip"), MOST)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.integers(1, 60))
def test_all_members_are_read_wherever_the_pieces_end(members: list[bytes], width: int) -> None:
    """The oracle is the standard library's own reader."""
    packed = b"".join(map(gzip.compress, members))
    assert unpacked(packed, width) == gzip.decompress(packed)


def test_members_may_be_longer_than_a_piece() -> None:
    members = [bytes([number]) * 700_000 for number in range(3)]
    assert unpacked(b"".join(map(gzip.compress, members))) == b"".join(members)


@pytest.mark.parametrize("behind", [b"\0" * 9_000, b"\n", b"\0\0junk", b"<!-- cached -->" * 900])
def test_what_stands_behind_the_members_and_is_none_is_passed_over(behind: bytes) -> None:
    assert unpacked(gzip.compress(b"a") + behind) == b"a"
    assert unpacked(gzip.compress(b"a") + b"\0" * 9_000 + gzip.compress(b"b") + behind) == b"ab"


def test_the_limit_holds_over_all_members_together() -> None:
    with pytest.raises(BadSource, match=f"larger than {MOST} bytes"):
        unpacked(gzip.compress(b"x" * (MOST // 5)) * 6)


@pytest.mark.parametrize(
    ("second", "said"),
    [(gzip.compress(b"x" * 99)[:-3], "ends too early"), (b"\x1f\x8bjunk", "cannot be unpacked")],
)
def test_a_later_member_that_is_broken_is_told(second: bytes, said: str) -> None:
    with pytest.raises(BadSource, match=said):
        unpacked(gzip.compress(b"a") + second)
