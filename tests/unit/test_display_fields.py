"""Display fields of articles, to bytes and back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import LONGEST_SHOWN_SUMMARY, Article, parse_outline
from recommender.display_fields import DisplayFields


def shown(article: Article, language: str | None) -> DisplayFields:
    return DisplayFields.from_bytes(article.to_display(language))


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
LINES = TEXTS.map(str.strip)
NAMES = st.lists(LINES.filter(bool), max_size=3).map(tuple)


@given(LINES, LINES, NAMES, NAMES, st.none() | st.just("tg"))
def test_display_fields_read_back_as_they_were(
    title: str,
    summary: str,
    authors: tuple[str, ...],
    tags: tuple[str, ...],
    language: str | None,
) -> None:
    article = Article(id="a", title=title, summary=summary, body="B", authors=authors, tags=tags)
    assert shown(article, language) == DisplayFields(
        title, None, None, language, None, None, summary, authors, tags
    )


def test_display_fields_are_compact_json_in_utf_8() -> None:
    article = Article(id="a", title="Ёж", url="https://a/b", language="ru")
    assert (
        article.to_display(None)
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
    assert shown(article, "en") == DisplayFields(
        title="Bridge opens",
        url="https://news.example/a",
        section="city",
        language="zh-Hans",
        published_at="2026-03-01T09:30:00Z",
        image_url="https://news.example/a.jpg",
    )


@pytest.mark.parametrize("detected", ["tg", None])
def test_the_detected_language_replaces_a_missing_one(detected: str | None) -> None:
    assert shown(Article(id="a", title="T"), detected) == DisplayFields(
        "T", None, None, detected, None, None
    )


def test_display_fields_hold_only_what_a_list_shows() -> None:
    article = Article(
        id="a", title="T", body="B", summary=" S ", tags=("x",), authors=("A", "B"), version=3
    )
    document = json.loads(article.to_display(None))
    usual = ["title", "url", "section", "language", "published_at", "image_url"]
    assert list(document) == [*usual, "summary", "authors", "tags"]
    assert document["summary"] == "S"
    assert (document["authors"], document["tags"]) == (["A", "B"], ["x"])


def test_an_item_has_the_usual_fields_and_those_that_are_asked_for() -> None:
    fields = DisplayFields("T", None, None, "en", None, "https://a/i.jpg", "S", ("A",), ("x",))
    usual = fields.of_item(())
    assert list(usual) == ["title", "url", "section", "language", "published_at", "image_url"]
    assert fields.of_item({"summary"}) == usual | {"summary": "S"}
    assert fields.of_item({"authors", "tags"}) == usual | {"authors": ("A",), "tags": ("x",)}
    assert fields.of_item({"image"}) == usual | {"image": {"url": "https://a/i.jpg", "srcset": ""}}
    bare = DisplayFields("T", None, None, None, None, None)
    empty = {"summary": "", "authors": (), "tags": ()}
    assert bare.of_item({"summary", "authors", "tags", "image"}) == bare.of_item(()) | empty


@pytest.mark.parametrize(
    ("summary", "cut"),
    [
        pytest.param(" short\n", "short", id="short"),
        pytest.param("x" * 500, "x" * 500, id="just fits"),
        pytest.param("word " * 101, "word " * 99 + "word…", id="after a word"),
        pytest.param("字" * 501, "字" * 499 + "…", id="no blanks"),
    ],
)
def test_a_long_summary_is_cut_and_an_outline_has_what_is_shown(summary: str, cut: str) -> None:
    article = Article(id="a", title="T", body="B", summary=summary)
    assert article.shown_summary == cut
    assert len(cut) <= LONGEST_SHOWN_SUMMARY
    outline = parse_outline(article.to_outline())
    assert (outline.summary, outline.body) == (cut, "")
    assert outline.to_outline() == article.to_outline()
    assert outline.to_display("en") == article.to_display("en")


@pytest.mark.parametrize("more", [(), ("summary",), ("authors", "image", "tags")])
def test_an_item_is_read_as_its_fields_are(more: tuple[str, ...]) -> None:
    image = "https://a/i.jpg"
    article = Article(id="a", title="T", section="S", summary="I", tags=("x",), image_url=image)
    for data in (article.to_display("en"), Article(id="b", title="U").to_display(None)):
        assert DisplayFields.read_item(data, more) == DisplayFields.from_bytes(data).of_item(more)
