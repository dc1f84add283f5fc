"""Foreign ids: the ones that WordPress's plugin makes too, and the way back."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import check_id
from recommender.sources.ids import foreign_id, parts_of

PARTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("wp", ("news.example/tj", "123"), "wp:news.example~2Ftj:123"),
        ("wp", ("127.0.0.1:8080", "1"), "wp:127.0.0.1~3A8080:1"),
        ("feed", ("A-Z.a_z",), "feed:A-Z.a_z"),
        ("feed", ("a~b c",), "feed:a~7Eb~20c"),
        ("page", ("https://a.example/ё",), "page:https~3A~2F~2Fa.example~2F~D1~91"),
        ("feed", ("",), "feed:"),
        ("feed", ("\ud800",), "feed:~3F"),
    ],
)
def test_ids_are_these(kind: str, parts: tuple[str, ...], expected: str) -> None:
    assert foreign_id(kind, *parts) == expected


@pytest.mark.parametrize("length", [195, 196])
def test_what_is_too_long_is_known_by_the_digest_of_its_last_part(length: int) -> None:
    digest = hashlib.sha256(b"a" * length).hexdigest()[:40]
    whole = f"feed:{'a' * length}"
    assert foreign_id("feed", "a" * length) == (whole if length == 195 else f"feed:~~{digest}")


def test_the_first_parts_stay_beside_a_digest() -> None:
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
def test_what_was_not_made_here_does_not_lead_back(broken: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        parts_of(broken)


def test_a_digest_comes_back_as_it_stands() -> None:
    made = foreign_id("feed", "x" * 300)
    assert parts_of(made) == ("feed", made.removeprefix("feed:"))
