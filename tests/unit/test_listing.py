"""A list as the contract's document, and as text."""

from typing import Any

import pytest

from recommender.cards import Card
from recommender.listing import as_document, as_text, printable
from recommender.recommendations import Explanation, Mode, Recommendation, Recommendations

CARD = Card("Bridge opens", "https://a/b", "city", "en", "2026-03-01T09:30:00Z", "https://a/b.jpg")
BARE = Card("Мост", None, None, None, None, None)
PARTS = Explanation(0.123456, 0.5, 0.5, 0.99999, 0.31171)


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


def test_an_explanation_holds_its_parts_to_four_digits() -> None:
    (document,) = as_document(listed(item(explanation=PARTS)))["items"]
    assert document["explanation"] == {
        "dense": 0.1235,
        "lexical": 0.5,
        "dense_weight": 0.5,
        "recency": 1.0,
        "ranking_value": 0.3117,
    }


def test_a_list_as_text_has_a_heading_and_a_line_an_item() -> None:
    answer = listed(item(), item("c", 12, 0.1, BARE, "fallback:latest"), short="few_eligible")
    assert as_text(answer, "New bridge").splitlines() == [
        "Read also, under: New bridge",
        "",
        "  1. 0.62  Bridge opens",
        " 12. 0.10  Мост  [fallback:latest]",
        "(few_eligible)",
    ]


def test_an_explained_line_has_its_parts_below() -> None:
    lines = as_text(listed(item(explanation=PARTS)), "T").splitlines()
    assert lines[2:] == [
        "  1. 0.62  Bridge opens",
        "           dense 0.12  lexical 0.50  dense_weight 0.50  recency 1.00  ranking_value 0.31",
    ]


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
