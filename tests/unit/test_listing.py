"""A list as text for the terminal."""

import unicodedata

import pytest

from recommender.api import (
    Dropped,
    Grounds,
    PassagePair,
    RelatedList,
    SharedTerm,
)
from recommender.characters import printable
from recommender.cli.related_command import as_text
from tests.support.lists import BARE, GROUNDS, item, listed

DROPPED = (
    Dropped(id="x", title="Copy", score=0.812_345, rule="duplicate", because="b"),
    Dropped(id="y", title="", score=0.3, rule="threshold"),
)


def test_a_list_as_text_has_a_heading_and_a_line_an_item() -> None:
    answer = listed(
        item(), item("c", 12, 0.1, BARE, "fallback:latest"), short_because="few_eligible"
    )
    assert as_text(answer, "New bridge").splitlines() == [
        "Read also, under: New bridge",
        "",
        "  1. 0.62  Bridge opens",
        " 12. 0.10  Мост  [fallback:latest]",
        "(few_eligible)",
    ]


SCORE = [
    "  1. 0.62  Bridge opens",
    "           score 0.62 = 0.25 of vectors 0.12 + 0.25 of passages 0.25 + 0.50 of words 0.80",
]
PARTS = [
    *SCORE,
    "           place 0.63 = score 0.62 x recency 1.00 + nearness in time 0.04 - hubness 0.03",
]
BELOW: dict[str, tuple[RelatedList, list[str]]] = {
    "parts": (listed(item(dense=0.123456)), PARTS),
    "grounds": (
        listed(item(grounds=GROUNDS)),
        [
            *PARTS,
            "           words harbour 12%, Мост 5%",
            "           names Guiyang, White House",
            "           0.71  seed  Half of the world's",
            "                 item  Two <b>halves</b>",
        ],
    ),
    "no grounds": (
        listed(item(no_grounds_because="text_changed")),
        [*PARTS, "           (text_changed)"],
    ),
    "by date": (
        listed(item(ranking_value=1_789_797_600.0)),
        [*SCORE, "           place by its date"],
    ),
    "what was dropped": (
        listed(item(), dropped=DROPPED),
        [
            SCORE[0],
            "",
            "Not listed, the nearest first:",
            "",
            "     0.81  duplicate          Copy  (b)",
            "     0.30  threshold          y",
        ],
    ),
}


@pytest.mark.parametrize(("answer", "lines"), BELOW.values(), ids=BELOW)
def test_requested_explanations_are_shown_below_items_and_list(
    answer: RelatedList, lines: list[str]
) -> None:
    assert as_text(answer, "T").splitlines()[2:] == lines


@pytest.mark.parametrize("word", ["extraordinarily", "文" * 12])
def test_no_explained_line_is_wider_than_the_terminal(word: str) -> None:
    long = " ".join([word] * 20)
    grounds = Grounds(
        terms=(SharedTerm(word=word, share=0.1),) * 10,
        names=(f"{word} {word}",) * 10,
        passages=(PassagePair(seed=long, item=long, similarity=0.5),),
    )
    ids = {"id": "x" * 20, "because": "y" * 20}
    dropped = Dropped(title=long, score=0.5, rule="duplicate_of_seed", **ids)
    answer = listed(item(grounds=grounds), dropped=(dropped,))
    lines = as_text(answer, "T").splitlines()
    columns = [
        sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in line)
        for line in lines
    ]
    assert max(columns) <= 100
    assert sum(line.count(word) for line in lines if f"{word} 10%" in line) == 10


def test_no_quoted_text_steers_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == "a\ufffd[2Jb\ufffdc d"
    evil = "\x1b[2J\u202e"
    grounds = Grounds(
        terms=(SharedTerm(word=evil, share=0.1),),
        names=(evil,),
        passages=(PassagePair(seed=evil, item=evil, similarity=0.5),),
    )
    dropped = Dropped(id="x", title=evil, score=0.5, rule="limit")
    text = as_text(listed(item(grounds=grounds), dropped=(dropped,)), evil)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("", "b"),
        ("two\nlines", "two lines"),
        ("word " * 30, ("word " * 14).strip() + "…"),
    ],
)
def test_a_headline_takes_one_line(title: str, shown: str) -> None:
    assert (
        as_text(listed(item(shown=BARE | {"title": title})), "T").splitlines()[2]
        == f"  1. 0.62  {shown}"
    )
