"""The direction of a language, and the heading over a list in it."""

import re
import unicodedata

import pytest

from recommender.api import Presentation
from recommender.articles import LANGUAGE_PATTERN
from recommender.web.page_languages import (
    HEADINGS,
    Heading,
    direction_of,
    heading_in,
    presentation_in,
)


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("fa", "rtl"),
        ("he-IL", "rtl"),
        ("UR-pk", "rtl"),
        ("yi", "rtl"),
        ("tg", "ltr"),
        ("tg-Arab", "rtl"),
        ("az-arab-IR", "rtl"),
        ("ur-Latn", "ltr"),
        ("fa-Cyrl", "ltr"),
        ("sr-Latn-RS", "ltr"),
        ("ar-1996", "rtl"),
        ("und", "ltr"),
    ],
)
def test_a_named_script_decides_and_else_the_language(tag: str, direction: str) -> None:
    assert direction_of(tag) == direction


@pytest.mark.parametrize(
    "tag",
    [
        *("acm", "aeb", "ajp", "apc", "apd", "arb", "arq", "ars", "ary", "arz", "ayl", "shu"),
        *("azb", "bal", "ckb", "dv", "glk", "ks", "lrc", "mzn", "nqo", "pnb", "prs", "ps", "rhg"),
        *("sd", "sdh", "skr", "syr", "ug"),
        *("ara", "fas", "heb", "iw", "ji", "pes", "ydd"),
    ],
)
def test_a_dialect_and_another_name_run_as_their_language(tag: str) -> None:
    assert direction_of(tag) == direction_of(f"{tag}-XX") == "rtl"


@pytest.mark.parametrize("tag", ["uz-AF", "az-IR", "pa-pk", "ku-IQ", "kk-CN", "tg-PK"])
def test_a_region_may_decide_the_script(tag: str) -> None:
    assert direction_of(tag) == "rtl"


@pytest.mark.parametrize(
    "tag",
    [
        *("acm-Latn", "uz-Latn-AF", "az-Cyrl-IR", "ku-TR", "uz-UZ", "pa-IN", "kk-KZ", "az-AZ"),
        *("acy", "pga", "mt"),  # Cyprus, Juba and Malta write theirs in Greek and Latin letters
    ],
)
def test_a_script_that_is_not_right_to_left_runs_left_to_right(tag: str) -> None:
    assert direction_of(tag) == "ltr"


def runs(text: str) -> str:
    """The direction of the first letter that has one, by Unicode."""
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


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("EN-gb", Presentation(language="EN-gb", direction="ltr", heading="Read also")),
        (
            "ckb",
            Presentation(
                language="ckb", direction="rtl", heading="Read also", heading_language="en"
            ),
        ),
    ],
)
def test_a_foreign_heading_names_its_language(tag: str, shown: Presentation) -> None:
    assert presentation_in(tag) == shown


def test_headings_are_filed_under_tags_that_articles_may_have() -> None:
    assert all(re.fullmatch(LANGUAGE_PATTERN, tag) for tag in HEADINGS)
    assert {"en", "ru", "tg", "zh"} <= HEADINGS.keys()
