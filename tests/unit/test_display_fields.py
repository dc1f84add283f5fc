"""Cards of articles, to bytes and back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.ranking.display_fields import DisplayFields

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CARDS = st.builds(DisplayFields, TEXTS, *[st.none() | TEXTS] * 5)


@given(CARDS)
def test_a_card_reads_back_as_it_was(card: DisplayFields) -> None:
    assert DisplayFields.from_bytes(card.to_bytes()) == card


def test_a_card_is_compact_json_in_utf_8() -> None:
    card = DisplayFields("Ёж", "https://a/b", None, "ru", None, None)
    assert (
        card.to_bytes()
        == (
            '{"title":"Ёж","url":"https://a/b","section":null,"language":"ru",'
            '"published_at":null,"image_url":null}'
        ).encode()
    )


def test_a_card_shows_what_the_article_says() -> None:
    article = Article(
        id="a",
        title="  Bridge opens\n",
        body="not shown",
        url="https://news.example/a",
        section="city",
        language="zh-Hans",
        published_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        image_url="https://news.example/a.jpg",
    )
    assert DisplayFields.of(article, "en") == DisplayFields(
        title="Bridge opens",
        url="https://news.example/a",
        section="city",
        language="zh-Hans",
        published_at="2026-03-01T09:30:00Z",
        image_url="https://news.example/a.jpg",
    )


@pytest.mark.parametrize("detected", ["tg", None])
def test_a_detected_language_stands_in_for_a_missing_one(detected: str | None) -> None:
    assert DisplayFields.of(Article(id="a", title="T"), detected) == DisplayFields(
        "T", None, None, detected, None, None
    )


def test_a_card_holds_nothing_but_what_a_list_shows() -> None:
    card = DisplayFields.of(Article(id="a", title="T", body="B", tags=("x",), version=3), None)
    assert sorted(json.loads(card.to_bytes())) == [
        "image_url",
        "language",
        "published_at",
        "section",
        "title",
        "url",
    ]
