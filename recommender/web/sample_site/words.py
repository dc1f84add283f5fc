"""The words of the sample's pages, in its four languages; they are kept in a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

__all__ = ["FIRST_EDITION", "SiteWords", "edition_words", "editions"]

FIRST_EDITION: Final = "en"


@dataclass(frozen=True, slots=True)
class SiteWords:
    """The words of a page in one language.

    Attributes:
        language: BCP-47, of the words.
        motto: stands under the name of the newspaper.
        front: the link to the front page.
        latest: over the newest headlines.
        elsewhere: over headlines in other languages.
        translations: before the same story in other languages.
        why: the line that leads to the explanation of a list.
        why_under: over the explanation: under which story the list stands.
        back: from the explanation to the story.
        pinned: why an article is listed that an editor has put there.
        of_section: why one is listed that is only new in its section.
        of_all: why one is listed that is only new.
        degrees: how near two stories are, the nearest first.
        by_words: what is added where no model reads the language.
        names: what both name; `{}` is the names.
        terms: which words both use; `{}` is the words.
        this_says: before a passage of the story itself.
        that_says: before a passage of the listed story.
        about: at the foot of each page.
        api: the link to the page of the API.
        as_json: the link to the list for programs.
        sections: the names of the sections in this language.
    """

    language: str
    motto: str
    front: str
    latest: str
    elsewhere: str
    translations: str
    why: str
    why_under: str
    back: str
    pinned: str
    of_section: str
    of_all: str
    degrees: tuple[str, ...]
    by_words: str
    names: str
    terms: str
    this_says: str
    that_says: str
    about: str
    api: str
    as_json: str
    sections: Mapping[str, str]

    def name_of(self, section: str) -> str:
        """The name of a section; one that is not known has its own."""
        return self.sections.get(section, section)


@cache
def editions() -> Mapping[str, SiteWords]:
    """The words by primary BCP-47 subtag, in the order in which pages name the languages."""
    text = (files("recommender.web.sample_site") / "words.json").read_text("utf-8")
    document: dict[str, dict[str, Any]] = json.loads(text)
    return {
        language: SiteWords(language, **fields | {"degrees": tuple(fields["degrees"])})
        for language, fields in document.items()
    }


def edition_words(language: str) -> SiteWords:
    """The words for a page in a language; English ones if it has no edition."""
    known = editions()
    return known.get(language, known[FIRST_EDITION])
