"""The words that two texts share, as people read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Query
from recommender.analysis.tokens import count_tokens
from recommender.api import SharedTerm
from recommender.articles import Article
from recommender.ranking.shared_text import products, shared_terms, spellings


def text(body: str, title: str = "") -> Article:
    return Article(id="a", title=title or "-", body=body)


def query(article: Article) -> Query:
    """Every term weighs the same."""
    buckets, _ = count_tokens(article)
    return Query(buckets, np.full(len(buckets), 1 / np.sqrt(len(buckets) or 1), np.float32))


def shared_words(one: Article, other: Article, most: int = 10) -> list[str]:
    added = products(query(one), query(other))
    shared = shared_terms(spellings(one), spellings(other), added, added, most)
    return [term.word for term in shared]


def test_products_are_the_weights_of_both_texts_multiplied_by_bucket() -> None:
    one = Query(np.array([2, 5, 9], np.int32), np.array([0.5, 0.25, 0.0], np.float32))
    other = Query(np.array([5, 7, 9], np.int32), np.array([0.5, 1.0, 1.0], np.float32))
    assert products(one, other) == {5: 0.125}
    assert products(one, Query(np.empty(0, np.int32), np.empty(0, np.float32))) == {}


def test_a_shared_word_has_its_share_and_the_items_most_frequent_spelling() -> None:
    one, other = text("tunnels under Khujand"), text("A tunnel. Tunnel, tunnel! KHUJAND's road")
    (tunnel,), (town,) = (
        count_tokens(text("", word))[0].tolist() for word in ("tunnel", "khujand")
    )
    added = {tunnel: 0.03, town: 0.01}
    shared = shared_terms(spellings(one), spellings(other), added, added)
    assert shared == (
        SharedTerm(word="tunnel", share=0.75),
        SharedTerm(word="KHUJAND", share=0.25),
    )


def test_only_telling_words_are_named_and_their_shares_stay_those_of_all_words() -> None:
    one, other = text("the tunnel"), text("The tunnel")
    (tunnel,), (the,) = (count_tokens(text("", word))[0].tolist() for word in ("tunnel", "the"))
    shared = shared_terms(spellings(one), spellings(other), {tunnel: 0.01, the: 0.03}, {tunnel})
    assert shared == (SharedTerm(word="tunnel", share=0.25),)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("мост через реку", "Мосту нужен «Мост»", ["Мост"]),
        ("вагоны и составы", "Вагонов не хватает", []),
        ("贵阳的大数据", "大数据在贵阳", ["大数", "数据", "贵阳"]),
        ("الكتاب الجديد", "هذا الكِتاب", ["الكِتاب"]),
        ("کتاب نو", "كتاب کهنه", ["كتاب"]),
        ("हिन्दी में", "यह हिन्दी है", ["हिन्दी"]),
        ("smart-city don't", "a Smart city", ["Smart", "city"]),
        ("x 5G y", "x 5G", ["5G"]),
        ("nothing alike", "whatever else", []),
    ],
)
def test_words_of_every_script_are_readable(one: str, other: str, words: list[str]) -> None:
    assert sorted(shared_words(text(one), text(other))) == sorted(words)


def test_the_heaviest_words_come_first_and_ten_at_most() -> None:
    every = [f"word{mark}" for mark in "abcdefghijklm"]
    both = spellings(text(" ".join(every)))
    places = [int(count_tokens(text("", word))[0][0]) for word in every]
    added = {place: 1.0 + rank for rank, place in enumerate(places)}
    shared = shared_terms(both, both, added, added)
    assert [term.word for term in shared] == every[:2:-1]
    assert shared[0].share == pytest.approx(13 / sum(added.values()))


def test_different_words_in_one_bucket_are_no_shared_word() -> None:
    one, other = text("quay"), text("crane")
    (place,) = count_tokens(text("", "crane"))[0].tolist()
    assert shared_terms(spellings(one), spellings(other), {place: 1.0}, {place}) == ()


ODD = "abЖёйßİ\u0131k\u017f贵阳ーｶﾞกำ한글\u0627بكيىةִכहिन्दी²½ﬁŉ\u0301\u200c\u0640'-\u2019. \n_5"


@given(st.text(st.sampled_from(list(ODD)) | st.characters(exclude_categories=["Cs"])))
def test_every_counted_word_has_a_spelling(body: str) -> None:
    """So that no heavy word is left out because of how it is written."""
    article = text(body.replace("\0", ""))
    spelt = spellings(article)
    assert all(all(ways) for ways in spelt.values())
    found = {int(count_tokens(text("", stem))[0][0]) for stem in spelt if stem}
    assert found == set(count_tokens(article)[0].tolist())
