"""Texts to quote: plain, and only of what still stands as it was ranked."""

import json

import pytest

from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article, parse_article
from recommender.ranking.explain import read_texts
from recommender.ranking.explain.grounds import Side
from recommender.ranking.explain.texts import MOST_MARKS, beginning_of
from recommender.store import ArticleStore


def article(article_id: str, **fields: str) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


def test_only_what_stands_at_the_change_asked_for_is_read(store: ArticleStore) -> None:
    articles = [article(name, body=f"Text of {name}.") for name in ("a", "b", "c")]
    changes = {one.id: store.put(one).change for one in articles}
    store.put(article("b", body="Another text."))
    store.delete("c")
    assert read_texts(store, changes | {"nobody": 1}) == {"a": articles[0]}
    assert read_texts(store, {}) == {}


def test_markup_is_read_as_the_plain_text_that_is_kept_of_it(store: ArticleStore) -> None:
    plain, kept, unkept = (
        article("a", body="Plain."),
        article("b", body_html="<p>Kept.</p>"),
        article("c", body_html="<p>Not kept.</p>"),
    )
    changes = {one.id: store.put(one).change for one in (plain, kept, unkept)}
    store.features.add_texts({kept.text_hash: "Kept."}, MARKUP_VERSION)
    store.features.add_texts({unkept.text_hash: "Old."}, "another recipe")
    assert read_texts(store, changes) == {"a": plain, "b": kept.with_text("Kept.")}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("short", 5),
        ("x" * MOST_MARKS, MOST_MARKS),
        ("x" * (MOST_MARKS + 1), MOST_MARKS),
        ("贵" * 2 * MOST_MARKS, MOST_MARKS),
        ("We saw Isfara. " * 10_000, MOST_MARKS - 4),
        ("four\n" * MOST_MARKS, MOST_MARKS - 1),
        (" " + "x" * 2 * MOST_MARKS, MOST_MARKS),
    ],
)
def test_of_a_long_text_the_beginning_is_read_up_to_a_blank(body: str, kept: int) -> None:
    whole = article("a", body=body, summary="S")
    assert beginning_of(whole) == whole.with_text(body[:kept])


def test_nothing_beyond_is_compared() -> None:
    body = "In Khujand it rained. " * (MOST_MARKS // 22) + "\n" * 50 + "We saw Isfara."
    side = Side.of(article("a", body=body), None, None)
    assert [name.spelt for name in side.names.values()] == ["Khujand"]
    assert "isfara" not in side.spelt
    assert "khujan" in side.spelt
