"""Display fields of articles, to bytes and back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article, DisplayFields

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FIELDS = st.builds(DisplayFields, TEXTS, *[st.none() | TEXTS] * 5)


@given(FIELDS)
def test_display_fields_read_back_as_they_were(fields: DisplayFields) -> None:
    assert DisplayFields.from_bytes(fields.to_bytes()) == fields


def test_display_fields_are_compact_json_in_utf_8() -> None:
    fields = DisplayFields("Ёж", "https://a/b", None, "ru", None, None)
    assert (
        fields.to_bytes()
        == (
            '{"title":"Ёж","url":"https://a/b","section":null,"language":"ru",'
            '"published_at":null,"image_url":null}'
        ).encode()
    )


def test_display_fields_are_those_of_the_article() -> None:
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
def test_the_detected_language_replaces_a_missing_one(detected: str | None) -> None:
    assert DisplayFields.of(Article(id="a", title="T"), detected) == DisplayFields(
        "T", None, None, detected, None, None
    )


def test_display_fields_hold_only_what_a_list_shows() -> None:
    fields = DisplayFields.of(Article(id="a", title="T", body="B", tags=("x",), version=3), None)
    assert sorted(json.loads(fields.to_bytes())) == [
        "image_url",
        "language",
        "published_at",
        "section",
        "title",
        "url",
    ]
