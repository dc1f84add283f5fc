"""What stands over a list."""

import re
import unicodedata

import pytest

from recommender.articles import LANGUAGE_PATTERN
from recommender.web.languages import HEADINGS, Heading, direction_of, heading_in


def runs(text: str) -> str:
    """The way of the first letter that has one, as Unicode tells it."""
    ways = {"L": "ltr", "R": "rtl", "AL": "rtl"}
    return next(ways[way] for way in map(unicodedata.bidirectional, text) if way in ways)


@pytest.mark.parametrize("tag", HEADINGS)
def test_every_heading_runs_as_its_language_does(tag: str) -> None:
    assert runs(HEADINGS[tag]) == direction_of(tag)
    assert heading_in(tag) == Heading(HEADINGS[tag], tag)


@pytest.mark.parametrize("tag", HEADINGS)
def test_every_heading_is_words_alone(tag: str) -> None:
    assert all(unicodedata.category(letter)[0] in "LMZP" for letter in HEADINGS[tag])
    assert HEADINGS[tag] == unicodedata.normalize("NFC", HEADINGS[tag]).strip()


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("en-GB", "en"),
        ("EN-gb-oed", "en"),
        ("zh-Hans-CN", "zh"),
        ("zh-Hant-TW", "zh-Hant"),
        ("zh-tw", "zh-TW"),
        ("uz-Cyrl-UZ", "uz-Cyrl"),
        ("tg-Cyrl-TJ", "tg"),
        ("fa-AF", "fa"),
        ("prs-AF", "fa"),
        ("fas-Arab-IR", "fa"),
        ("apc", "ar"),
        ("arz-EG", "ar"),
        ("iw-IL", "he"),
        ("in", "id"),
        ("no-NO", "no"),
        ("nb-NO", "nb"),
        ("az-IR", "en"),
        ("arz-Latn", "en"),
        ("tg-Arab", "en"),
        ("ar-Latn", "en"),
        ("eo", "en"),
        ("und", "en"),
        ("e", "en"),
    ],
)
def test_the_longest_known_beginning_of_a_tag_names_the_heading(tag: str, found: str) -> None:
    assert heading_in(tag) == Heading(HEADINGS[found], found)


def test_headings_are_filed_under_tags_that_articles_may_have() -> None:
    assert all(re.fullmatch(LANGUAGE_PATTERN, tag) for tag in HEADINGS)
    assert {"en", "ru", "tg", "zh"} <= HEADINGS.keys()
