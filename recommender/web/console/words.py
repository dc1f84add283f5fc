"""The words of the console in its languages; each page has a file of its own under `words/`.

Editors know no word of this program. The files say things as people in a newsroom say them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

__all__ = ["LANGUAGES", "Words", "count_in", "nearest_language", "words_of"]

LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"en": "English", "ru": "Русский", "tg": "Тоҷикӣ"}
)
"""The languages of the console, with their own names."""
COMMON: Final = "common"
BORROWS: Final[Mapping[str, str]] = {
    "desk": "story",
    "home": "story",
    "start": "health",
}
"""Pages that show pieces of another page, with its words."""
NO_VALUES: Final[Mapping[str, object]] = MappingProxyType({})
TEENS: Final = range(11, 15)
FEW: Final = range(2, 5)


class Words:
    """The words of a page by name. In a template `w.title` and `w['title']` are the same."""

    __slots__ = ("_page", "_texts")

    def __init__(self, page: str, texts: Mapping[str, str]) -> None:
        self._page = page
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        """A text.

        Raises:
            RuntimeError: there is none: no page is shown without it.
        """
        if name not in self._texts:
            raise RuntimeError(f"words/{self._page}.json and words/{COMMON}.json have no {name!r}")
        return self._texts[name]


@cache
def words_of(page: str, language: str) -> Words:
    """The words of a page in a language, with those that all pages share."""
    borrowed = _read(BORROWS[page])[language] if page in BORROWS else {}
    return Words(page, {**_read(COMMON)[language], **borrowed, **_read(page)[language]})


def nearest_language(wanted: str | None, accepted: str | None) -> str:
    """The language to show.

    Args:
        wanted: as the person chose it; None or an unknown one for no choice.
        accepted: the best of LANGUAGES that the browser asks for; None if it asks for no such.
    """
    if wanted is not None and wanted in LANGUAGES:
        return wanted
    return accepted or next(iter(LANGUAGES))


def count_in(
    language: str, number: float, forms: str, values: Mapping[str, object] = NO_VALUES
) -> str:
    """A number with its noun in the right form.

    Args:
        language: of the noun.
        number: 0 or more.
        forms: `{n} story|{n} stories`; in Russian for 1, 2 and 5: `{n} статья|{n} статьи|…`.
        values: what else stands in the text.
    """
    each = forms.split("|")
    place = min(_form_of(language, number), len(each) - 1)
    written = str(number) if language == "en" else str(number).replace(".", ",")
    return each[place].format(**{**values, "n": written})


def _form_of(language: str, number: float) -> int:
    """Which form of a noun stands after a number, as CLDR has it."""
    if language != "ru":
        return 0 if number == 1 or language == "tg" else 1
    if number != int(number):
        return 1
    if number % 10 == 1 and number % 100 not in TEENS:
        return 0
    return 1 if number % 10 in FEW and number % 100 not in TEENS else 2


@cache
def _read(page: str) -> dict[str, dict[str, str]]:
    path = files("recommender.web.console") / "words" / f"{page}.json"
    found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return found
