"""The words of the console: each page has them in every language, and none is a programmer's."""

import json
import re
from importlib.resources import files
from string import Formatter

import pytest

from recommender.web.console.words import LANGUAGES, count_in, nearest_language, words_of

FOLDER = files("recommender.web.console") / "words"
PAGES = sorted(each.name.removesuffix(".json") for each in FOLDER.iterdir())
OF_PROGRAMMERS = re.compile(
    r"\b(generation|seed|hubness|parked|few_eligible|snapshot|delta|override|tombstone|JSON|API)s?\b",
    re.IGNORECASE,
)


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_same_words_in_every_language(page: str) -> None:
    found = json.loads((FOLDER / f"{page}.json").read_text("utf-8"))
    assert list(found) == list(LANGUAGES)
    for language, words in found.items():
        assert words.keys() == found["en"].keys(), language
        for name, text in words.items():
            assert text.strip() == text != "", (language, name)
            assert fields_of(text) == fields_of(found["en"][name]), (language, name)
            assert not OF_PROGRAMMERS.search(text), (language, name, text)


@pytest.mark.parametrize("page", PAGES)
def test_russian_and_tajik_are_not_left_in_english(page: str) -> None:
    found = json.loads((FOLDER / f"{page}.json").read_text("utf-8"))
    for language in ("ru", "tg"):
        for name, text in found[language].items():
            letters = re.sub(r"{\w*}|[^\w]|\d|_", "", text)
            assert not letters or re.search(r"[а-яёӣӯҳқғҷ]", text, re.IGNORECASE), (language, name)  # noqa: RUF001


@pytest.mark.parametrize(
    ("language", "number", "expected"),
    [
        *[("en", 1, "1 story"), ("en", 0, "0 stories"), ("en", 21, "21 stories")],
        *[("ru", 1, "1 материал"), ("ru", 3, "3 материала"), ("ru", 5, "5 материалов")],
        *[("ru", 11, "11 материалов"), ("ru", 13, "13 материалов"), ("ru", 21, "21 материал")],
        *[
            ("ru", 0.5, "0,5 материала"),
            ("ru", 102, "102 материала"),
            ("ru", 112, "112 материалов"),
            ("tg", 5, "5 мавод"),
        ],
    ],
)
def test_a_number_has_its_noun_in_the_right_form(
    language: str, number: float, expected: str
) -> None:
    assert count_in(language, number, words_of("home", language)["stories"]) == expected


def test_a_word_that_is_missing_is_not_passed_over() -> None:
    with pytest.raises(RuntimeError, match="no 'keys'"):
        words_of("home", "en")["keys"]


def test_the_language_is_the_chosen_one_or_the_browsers() -> None:
    assert nearest_language("tg", "ru") == "tg"
    assert nearest_language("xx", "ru") == "ru"
    assert nearest_language(None, None) == "en"
