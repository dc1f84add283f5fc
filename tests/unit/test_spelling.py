"""Hints for misspelt names."""

import pytest

from recommender.articles import Article
from recommender.spelling import explain_unknown, nearest_name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("titel", "title"),
        ("publishedAt", "published_at"),
        ("Body", "body"),
        ("bodyHtml", "body_html"),
        ("author", "authors"),
        ("lang", "language"),
        ("embargo_until", "embargoed_until"),
        ("colour", None),
        ("title" * 20, None),
        ("", None),
    ],
)
def test_a_name_is_taken_for_the_field_that_it_is_like(name: str, meant: str | None) -> None:
    assert nearest_name(name, Article.model_fields) == meant
    hint = f"unknown; did you mean {meant!r}?"
    assert explain_unknown(name, Article.model_fields) == (hint if meant else "unknown")


def test_a_higher_likeness_admits_fewer_names() -> None:
    assert nearest_name("lang", ["language"], 0.66) == "language"
    assert nearest_name("lang", ["language"], 0.7) is None
