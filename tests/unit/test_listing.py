"""A list as the contract's document, and as text."""

import unicodedata
from dataclasses import replace
from typing import Any

import pytest

from recommender.ranking.cards import Card
from recommender.ranking.listing import as_document, as_text, printable
from recommender.ranking.results import (
    Dropped,
    Explanation,
    Grounds,
    Mode,
    PassagePair,
    Recommendation,
    Recommendations,
    SharedTerm,
)

CARD = Card("Bridge opens", "https://a/b", "city", "en", "2026-03-01T09:30:00Z", "https://a/b.jpg")
BARE = Card("Мост", None, None, None, None, None)
PARTS = Explanation(0.123456, 0.25, 0.8, 0.25, 0.25, 0.5, 0.99999, 0.03, 0.593_45)
GROUNDS = Grounds(
    (SharedTerm("harbour", 0.123_456), SharedTerm("Мост", 0.05)),
    ("Guiyang", "White House"),
    (PassagePair("Half of the world's", "Two <b>halves</b>", 0.712_345),),
)


def item(
    article_id: str = "b",
    rank: int = 1,
    score: float = 0.623_456,
    card: Card = CARD,
    reason: str = "semantic",
    explanation: Explanation | None = None,
) -> Recommendation:
    return Recommendation(article_id, rank, score, card, reason, explanation)


def listed(
    *items: Recommendation, mode: Mode = "mixed", short: str | None = None
) -> Recommendations:
    return Recommendations("a", items, 12, mode, "20260301-0001", short)


def test_a_list_is_the_contracts_document() -> None:
    answer = listed(
        item(),
        item("c", 2, 0.1, BARE, "fallback:latest"),
        mode="latest",
        short="few_eligible",
    )
    assert as_document(answer) == {
        "article_id": "a",
        "items": [
            {
                "id": "b",
                "rank": 1,
                "score": 0.6235,
                "title": "Bridge opens",
                "url": "https://a/b",
                "section": "city",
                "language": "en",
                "published_at": "2026-03-01T09:30:00Z",
                "image_url": "https://a/b.jpg",
                "reason": "semantic",
            },
            {
                "id": "c",
                "rank": 2,
                "score": 0.1,
                "title": "Мост",
                "url": None,
                "section": None,
                "language": None,
                "published_at": None,
                "image_url": None,
                "reason": "fallback:latest",
            },
        ],
        "requested": 12,
        "returned": 2,
        "short_because": "few_eligible",
        "mode": "latest",
        "generation": "20260301-0001",
    }


def test_an_empty_list_is_a_document_too() -> None:
    assert as_document(listed(short="no_related")) == {
        "article_id": "a",
        "items": [],
        "requested": 12,
        "returned": 0,
        "short_because": "no_related",
        "mode": "mixed",
        "generation": "20260301-0001",
    }


def test_a_full_list_is_not_short_for_any_reason() -> None:
    assert "short_because" not in as_document(listed(item()))


def test_fields_of_an_item_stand_in_the_contracts_order() -> None:
    (document,) = as_document(listed(item(explanation=PARTS)))["items"]
    assert ",".join(document) == (
        "id,rank,score,title,url,section,language,published_at,image_url,reason,explanation"
    )


NUMBERS = {
    "dense": 0.1235,
    "passages": 0.25,
    "lexical": 0.8,
    "dense_weight": 0.25,
    "passage_weight": 0.25,
    "lexical_weight": 0.5,
    "recency": 1.0,
    "hubness": 0.03,
    "ranking_value": 0.5935,
}


def test_an_explanation_holds_its_parts_to_four_digits() -> None:
    (document,) = as_document(listed(item(explanation=PARTS)))["items"]
    assert document["explanation"] == NUMBERS
    assert list(document["explanation"]) == list(NUMBERS)


def test_an_explanation_holds_its_grounds_or_why_it_has_none() -> None:
    answer = listed(
        item(explanation=replace(PARTS, grounds=GROUNDS)),
        item("c", explanation=replace(PARTS, no_grounds_because="store_away")),
        item("d", explanation=replace(PARTS, grounds=Grounds())),
    )
    with_grounds, without, empty = (one["explanation"] for one in as_document(answer)["items"])
    assert with_grounds == NUMBERS | {
        "grounds": {
            "terms": [{"word": "harbour", "share": 0.1235}, {"word": "Мост", "share": 0.05}],
            "names": ["Guiyang", "White House"],
            "passages": [
                {
                    "seed": "Half of the world's",
                    "item": "Two <b>halves</b>",
                    "similarity": 0.7123,
                }
            ],
        }
    }
    assert without == NUMBERS | {"no_grounds_because": "store_away"}
    assert empty == NUMBERS | {"grounds": {"terms": [], "names": [], "passages": []}}


DROPPED = (
    Dropped("x", "Copy", 0.812_345, "duplicate", "b"),
    Dropped("y", "", 0.3, "threshold"),
)


def test_what_was_dropped_stands_at_the_end_where_it_was_asked_for() -> None:
    document = as_document(replace(listed(), dropped=DROPPED))
    assert list(document)[-1] == "dropped"
    assert document["dropped"] == [
        {"id": "x", "title": "Copy", "score": 0.8123, "rule": "duplicate", "because": "b"},
        {"id": "y", "title": "", "score": 0.3, "rule": "threshold"},
    ]
    assert as_document(replace(listed(), dropped=()))["dropped"] == []
    assert "dropped" not in as_document(listed())


def test_what_was_dropped_is_printed_with_its_rule() -> None:
    lines = as_text(replace(listed(item()), dropped=DROPPED), "T").splitlines()
    assert lines[2:] == [
        "  1. 0.62  Bridge opens",
        "",
        "Not listed, the nearest first:",
        "",
        "     0.81  duplicate          Copy  (b)",
        "     0.30  threshold          y",
    ]


def test_a_list_as_text_has_a_heading_and_a_line_an_item() -> None:
    answer = listed(item(), item("c", 12, 0.1, BARE, "fallback:latest"), short="few_eligible")
    assert as_text(answer, "New bridge").splitlines() == [
        "Read also, under: New bridge",
        "",
        "  1. 0.62  Bridge opens",
        " 12. 0.10  Мост  [fallback:latest]",
        "(few_eligible)",
    ]


EXPLAINED = [
    "  1. 0.62  Bridge opens",
    "           score 0.62 = 0.25 of vectors 0.12 + 0.25 of passages 0.25 + 0.50 of words 0.80",
    "           place 0.59 = score 0.62 x recency 1.00 - hubness 0.03",
]


def test_an_explained_line_has_its_parts_below() -> None:
    lines = as_text(listed(item(explanation=PARTS)), "T").splitlines()
    assert lines[2:] == EXPLAINED


def test_below_the_parts_stand_the_grounds() -> None:
    lines = as_text(listed(item(explanation=replace(PARTS, grounds=GROUNDS))), "T").splitlines()
    assert lines[2:] == [
        *EXPLAINED,
        "           words harbour 12%, Мост 5%",
        "           names Guiyang, White House",
        "           0.71  seed  Half of the world's",
        "                 item  Two <b>halves</b>",
    ]


def test_or_why_there_are_none() -> None:
    parts = replace(PARTS, no_grounds_because="text_changed")
    lines = as_text(listed(item(explanation=parts)), "T").splitlines()
    assert lines[2:] == [*EXPLAINED, "           (text_changed)"]


def test_what_is_ordered_by_date_says_so() -> None:
    parts = replace(PARTS, ranking_value=1_789_797_600.0)
    lines = as_text(listed(item(explanation=parts)), "T").splitlines()
    assert lines[2:] == [*EXPLAINED[:2], "           place by its date"]


@pytest.mark.parametrize("word", ["extraordinarily", "文" * 12])
def test_no_explained_line_is_wider_than_the_terminal(word: str) -> None:
    term, long = SharedTerm(word, 0.1), " ".join([word] * 20)
    grounds = Grounds((term,) * 10, (f"{word} {word}",) * 10, (PassagePair(long, long, 0.5),))
    dropped = (Dropped("x" * 20, long, 0.5, "duplicate_of_seed", "y" * 20),)
    answer = replace(listed(item(explanation=replace(PARTS, grounds=grounds))), dropped=dropped)
    lines = as_text(answer, "T").splitlines()
    columns = [
        sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in line)
        for line in lines
    ]
    assert max(columns) <= 100
    assert sum(line.count(word) for line in lines if f"{word} 10%" in line) == 10


def test_no_quoted_text_steers_the_terminal() -> None:
    evil = "\x1b[2J\u202e"
    grounds = Grounds((SharedTerm(evil, 0.1),), (evil,), (PassagePair(evil, evil, 0.5),))
    answer = listed(item(explanation=replace(PARTS, grounds=grounds)))
    text = as_text(replace(answer, dropped=(Dropped("x", evil, 0.5, "limit"),)), evil)
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
    card: Any = Card(title, None, None, None, None, None)
    assert as_text(listed(item(card=card)), "T").splitlines()[2] == f"  1. 0.62  {shown}"


def test_nothing_printed_steers_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == "a\ufffd[2Jb\ufffdc d"
