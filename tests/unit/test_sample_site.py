"""The sample's newspaper: its drawings, its words, and reasons in plain words."""

import re
from xml.etree import ElementTree as ET

import pytest

from recommender.api import Explanation, Grounds, Item, PassagePair, SharedTerm
from recommender.web.sample_site.pictures import HEIGHT, WIDTH, draw_picture
from recommender.web.sample_site.reasons import explain_plainly
from recommender.web.sample_site.words import edition_words, editions

SECTIONS = list(edition_words("en").sections)
PAIR = PassagePair(seed="A tram left.", item="The tram came.", similarity=0.5)
NOTHING = {
    name: 0.0
    for name, field in Explanation.model_fields.items()
    if field.is_required()  # the figures, of which a reader hears nothing
}


def item(reason: str, score: float = 0.25, grounds: Grounds | None = None) -> Item:
    return Item.model_validate(
        {
            "id": "a",
            "rank": 1,
            "score": score,
            "title": "Trams",
            "url": None,
            "section": None,
            "language": "en",
            "published_at": None,
            "image_url": None,
            "reason": reason,
            "explanation": NOTHING | {"grounds": grounds},
        }
    )


@pytest.mark.parametrize("section", [*SECTIONS, "a section of one's own"])
def test_a_drawing_is_a_small_picture_that_is_always_the_same(section: str) -> None:
    drawings = {draw_picture(section, f"story-{number}") for number in range(20)}
    assert len(drawings) == 20
    for drawing in drawings:
        root = ET.fromstring(drawing)  # noqa: S314 - our own
        assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
        assert {one.tag.rpartition("}")[2] for one in root.iter()}.isdisjoint({"script", "a"})
        assert len(drawing) < 20_000
    assert draw_picture(section, "story-7") in drawings


def test_a_drawing_shows_nothing_of_the_names_that_choose_it() -> None:
    hostile = '"><script>alert(1)</script>'
    assert "alert" not in draw_picture(hostile, hostile)


def test_every_edition_has_all_words_and_names_all_sections() -> None:
    for language, words in editions().items():
        assert list(words.sections) == SECTIONS
        assert len(words.degrees) == 4
        assert all(getattr(words, name) for name in words.__slots__)
        assert words.names.count("{}") == words.terms.count("{}") == 1
        assert edition_words(language) is words
    assert edition_words("fa") is editions()["en"]
    assert edition_words("en").name_of("opinion") == "opinion"


@pytest.mark.parametrize(
    ("reason", "score", "said"),
    [
        ("pinned", 0.9, "An editor put it first."),
        ("fallback:section", 0.9, edition_words("en").of_section),
        ("fallback:latest", 0.9, edition_words("en").of_all),
        ("semantic", 0.3, "It is about the same thing."),
        ("semantic", 0.2, "It is about something close."),
        ("semantic", 0.1, "It touches on the same subject."),
        ("words", 0.0999, "It has only a little in common with this."),
    ],
)
def test_a_reason_is_a_sentence(reason: str, score: float, said: str) -> None:
    assert explain_plainly(item(reason, score), edition_words("en")).sentences[0] == said


def test_names_and_words_of_both_texts_are_told_without_figures() -> None:
    terms = tuple(SharedTerm(word=word, share=0.2) for word in ("tram", "Osh", "rails"))
    grounds = Grounds(terms=terms, names=("Osh",), passages=(PAIR,))
    told = explain_plainly(item("words", 0.25, grounds), edition_words("en"))
    assert told.sentences == (
        "It is about something close.",
        "The two were compared by their words.",
        "Both name Osh.",
        "Both use the words tram, rails.",
    )
    assert told.quotes == PAIR
    assert not re.search(r"\d", " ".join(told.sentences))
