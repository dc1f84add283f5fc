"""Links to propose inside a text."""

import pytest

from recommender.api import Grounds, SharedTerm
from recommender.ranking.marked_text import shared_keys
from recommender.web.console.link_suggestions import (
    LinkTarget,
    insert_links,
    is_markup,
    suggest_links,
)

TEXT = (
    "The Arpa tunnel was flooded again on Monday.\n\n"
    "Engineers of Silk Rail said that pumps work day and night. Water came in <4 metres high, "
    "and Silk Rail calls it harmless."
)


def target(name: str, *shared: str, score: float = 0.5) -> LinkTarget:
    """A story that shares some words and names."""
    terms = tuple(SharedTerm(word=one, share=0.1) for one in shared if one.islower())
    names = tuple(one for one in shared if not one.islower())
    keys = shared_keys(Grounds(terms=terms, names=names, passages=()))
    return LinkTarget(name, name.title(), f"https://news.example/{name}?a=1&b=2", score, keys)


def test_a_phrase_leads_to_the_story_that_shares_it_alone() -> None:
    found = suggest_links(
        TEXT,
        [target("rail", "Silk Rail", "tunnel"), target("flood", "Arpa", "tunnel", "water")],
    )
    assert [(one.phrase, one.target.id) for one in found] == [
        ("Arpa tunnel", "flood"),
        ("Silk Rail", "rail"),
    ]
    assert [TEXT[one.begin : one.end] for one in found] == [one.phrase for one in found]
    assert TEXT.index("Silk Rail") == found[1].begin  # the first place of two
    assert found[1].before == "Engineers of "
    assert found[1].after.startswith(" said that pumps")


def test_a_phrase_with_a_word_of_the_headline_says_more() -> None:
    text = "Ships of Kazan waited at the flooded harbour."
    assert suggest_links(text, [target("story", "Kazan", "harbour")])[0].phrase == "Kazan"
    assert suggest_links(text, [target("harbours", "Kazan", "harbour")])[0].phrase == "harbour"


def test_each_story_and_each_phrase_has_one_link_at_most() -> None:
    stories = [target(f"s{at}", "Silk Rail", "pumps", score=0.5 - at / 10) for at in range(4)]
    found = suggest_links(TEXT * 4, stories)
    assert len({one.target.id for one in found}) == len(found)
    assert len({one.phrase.casefold() for one in found}) == len(found)
    assert found[0].target.id == "s0"


def test_a_plain_text_becomes_paragraphs_with_links() -> None:
    links = suggest_links(TEXT, [target("rail", "Silk Rail")])
    html = insert_links(TEXT, links)
    assert html == (
        "<p>The Arpa tunnel was flooded again on Monday.</p>\n"
        '<p>Engineers of <a href="https://news.example/rail?a=1&amp;b=2">Silk Rail</a> said that '
        "pumps work day and night. Water came in &lt;4 metres high, and Silk Rail calls it "
        "harmless.</p>"
    )
    assert insert_links("<i>a & b", ()) == "<i>a & b"


def test_markup_stays_as_it_is_but_for_the_links() -> None:
    source = (
        '<h2>Silk Rail</h2><p title="Silk Rail">See <a href="/x">what Silk Rail <b>says</b></a>, '
        "<!-- Silk Rail > --> or ask Silk Rail.</p><script>Silk Rail"
    )
    links = suggest_links(source, [target("rail", "Silk Rail")])
    assert [one.begin for one in links] == [source.index("ask Silk") + 4]
    linked = insert_links(source, links)
    assert (
        linked.replace('<a href="https://news.example/rail?a=1&amp;b=2">', "").replace(
            "Silk Rail</a>.", "Silk Rail."
        )
        == source
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>One</p>", True),
        ("One<br/>two", True),
        ('<A HREF="x">y</A>', True),
        ("a < b and c > d", False),
        ("<4 metres, p> q", False),
        ("<" * 50_000, False),
    ],
)
def test_markup_is_told_from_plain_text(text: str, *, expected: bool) -> None:
    assert is_markup(text) is expected


def test_unclosed_tags_cost_no_time_and_give_no_links() -> None:
    assert suggest_links("<p>" + "<!--" * 7_000, [target("rail", "Silk Rail")]) == ()
