"""Texts to quote: plain, and only of articles that have not changed since they were ranked."""

import pytest

from recommender.analysis.html import MARKUP_VERSION
from recommender.ranking.shared_text import MOST_LETTERS, ComparedText, beginning_of
from recommender.store import ArticleStore
from tests.support.stores import make_article


def test_only_articles_at_the_requested_change_are_read(store: ArticleStore) -> None:
    articles = [make_article(name, body=f"Text of {name}.") for name in ("a", "b", "c")]
    changes = {one.id: store.put(one).change for one in articles}
    store.put(make_article("b", body="Another text."))
    store.delete("c")
    assert store.texts_at(changes | {"nobody": 1}) == {"a": articles[0]}
    assert store.texts_at({}) == {}


def test_markup_is_read_as_its_stored_plain_text(store: ArticleStore) -> None:
    plain, kept, unkept = (
        make_article("a", body="Plain."),
        make_article("b", body_html="<p>Kept.</p>"),
        make_article("c", body_html="<p>Not kept.</p>"),
    )
    changes = {one.id: store.put(one).change for one in (plain, kept, unkept)}
    store.features.add_texts({kept.text_hash: "Kept."}, MARKUP_VERSION)
    store.features.add_texts({unkept.text_hash: "Old."}, "another analyzer")
    assert store.texts_at(changes) == {"a": plain, "b": kept.with_text("Kept.")}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("short", 5),
        ("x" * MOST_LETTERS, MOST_LETTERS),
        ("x" * (MOST_LETTERS + 1), MOST_LETTERS),
        ("贵" * 2 * MOST_LETTERS, MOST_LETTERS),
        ("We saw Isfara. " * 10_000, MOST_LETTERS - 4),
        ("four\n" * MOST_LETTERS, MOST_LETTERS - 1),
        (" " + "x" * 2 * MOST_LETTERS, MOST_LETTERS),
    ],
)
def test_a_long_text_is_cut_at_a_blank(body: str, kept: int) -> None:
    whole = make_article("a", body=body, summary="S")
    assert beginning_of(whole) == whole.with_text(body[:kept])


def test_text_beyond_the_limit_is_not_compared() -> None:
    body = "In Khujand it rained. " * (MOST_LETTERS // 22) + "\n" * 50 + "We saw Isfara."
    side = ComparedText.of(make_article("a", body=body), None, None)
    assert [name.spelt for name in side.names.values()] == ["Khujand"]
    assert "isfara" not in side.spelt
    assert "khujan" in side.spelt
