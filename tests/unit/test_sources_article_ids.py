"""Foreign ids: the ones that WordPress's plugin makes too, and the way back."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.id_grammar import check_id
from recommender.sources.article_ids import feed_entry_id, foreign_id, parts_of

PARTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("wp", ("127.0.0.1:8080/tj", "123"), "wp:127.0.0.1~3A8080~2Ftj:123"),
        ("feed", ("A-Z.a_z",), "feed:A-Z.a_z"),
        ("feed", ("a~b c",), "feed:a~7Eb~20c"),
        ("page", ("https://a.example/ё",), "page:https~3A~2F~2Fa.example~2F~D1~91"),
        ("feed", ("",), "feed:"),
        ("feed", ("\ud800",), "feed:~3F"),
    ],
)
def test_foreign_ids_are_the_pinned_ones(kind: str, parts: tuple[str, ...], expected: str) -> None:
    assert foreign_id(kind, *parts) == expected


@pytest.mark.parametrize("length", [195, 196])
def test_an_id_that_is_too_long_ends_with_a_digest_of_its_last_part(length: int) -> None:
    digest = hashlib.sha256(b"a" * length).hexdigest()[:40]
    whole = f"feed:{'a' * length}"
    assert foreign_id("feed", "a" * length) == (whole if length == 195 else f"feed:~~{digest}")


def test_the_first_parts_stay_before_a_digest() -> None:
    digest = hashlib.sha256("é".encode() * 100).hexdigest()[:40]
    assert foreign_id("wp", "a.example", "é" * 100) == f"wp:a.example:~~{digest}"


@given(PARTS, PARTS.map(lambda text: text[:9]))
def test_ids_lead_back_and_are_of_the_grammar(last: str, first: str) -> None:
    parts = (first, last * 3)
    made = foreign_id("kind", *parts)
    assert check_id(made) == made
    if "~~" not in made:
        assert parts_of(made) == ("kind", *parts)


@given(st.lists(PARTS, min_size=1, max_size=3), st.lists(PARTS, min_size=1, max_size=3))
def test_different_parts_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (foreign_id("k", *one) == foreign_id("k", *other)) == (one == other)


@pytest.mark.parametrize("broken", ["feed:a~2", "feed:~2f", "feed:a~", "feed:~ZZ"])
def test_a_malformed_id_does_not_lead_back(broken: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        parts_of(broken)


def test_a_digest_comes_back_as_it_stands() -> None:
    made = foreign_id("feed", "x" * 300)
    assert parts_of(made) == ("feed", made.removeprefix("feed:"))


@pytest.mark.parametrize(
    ("feed", "entry", "expected"),
    [
        ("https://A.example/news", "1", "feed:a.example~2Fnews:1"),
        ("http://a.example/news/", "1", "feed:a.example~2Fnews:1"),
        ("https://a.example/feed?id=2", "1", "feed:a.example~2Ffeed~3Fid~3D2:1"),
        ("news.xml", "/2026/fog", "feed:news.xml:~2F2026~2Ffog"),
        ("https://a.example/news", "urn:7", "feed:a.example~2Fnews:urn~3A7"),
        ("https://a.example/news", "tag:1", "feed:a.example~2Fnews:tag~3A1"),
        ("news.xml", "https://a.example/?p=7", "feed:https~3A~2F~2Fa.example~2F~3Fp~3D7"),
        ("news.xml", "urn:uuid:1-2", "feed:urn~3Auuid~3A1-2"),
        ("news.xml", "tag:a.example,2026-03-01:1", "feed:tag~3Aa.example~2C2026-03-01~3A1"),
    ],
)  # fmt: skip
def test_an_entry_is_known_by_its_feed_unless_its_own_id_is_unique_in_the_world(
    feed: str, entry: str, expected: str
) -> None:
    assert feed_entry_id(feed, entry) == expected


def test_the_link_replaces_the_feed_in_the_id_of_an_entry_without_a_unique_id() -> None:
    link = "https://a.example/7"
    assert feed_entry_id("news.xml", "7", link) == "feed:https~3A~2F~2Fa.example~2F7"
    assert feed_entry_id("news.xml", "urn:uuid:1-2", link) == "feed:urn~3Auuid~3A1-2"


@given(PARTS, PARTS, PARTS, st.sampled_from([1, 20]))
def test_entries_of_two_feeds_never_share_an_id(
    one: str, other: str, entry: str, times: int
) -> None:
    feeds = [f"https://a.example/{name * times}".rstrip("/") for name in (one, other)]
    ids = [check_id(feed_entry_id(feed, entry * times)) for feed in feeds]
    assert (ids[0] == ids[1]) == (feeds[0] == feeds[1])
