"""Which articles are held back, and which pairs the others give."""

from itertools import pairwise

import pytest

from recommender.analysis.article_texts import ArticleTexts
from recommender.operations import training_pairs
from recommender.operations.training_pairs import TunableArticle, draw_batches, hold_back


def article(number: int, language: str = "en", passages: int = 3) -> TunableArticle:
    name = f"{language}-{number}"
    parts = tuple(f"passage {at} of {name}" for at in range(passages))
    return TunableArticle(name, language, ArticleTexts(f"title {name}", f"lead {name}", parts))


ARTICLES = [article(number) for number in range(100)]


def test_each_article_is_in_one_part() -> None:
    parts = hold_back(ARTICLES)
    assert [len(parts.tests), len(parts.checks), len(parts.training)] == [20, 10, 70]
    ids = [one.id for part in (parts.tests, parts.checks, parts.training) for one in part]
    assert sorted(ids) == sorted(one.id for one in ARTICLES)


def test_the_id_alone_decides_the_part() -> None:
    assert hold_back(ARTICLES[::-1]) == hold_back(ARTICLES)


def test_of_a_large_archive_no_more_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_pairs, "MOST_TESTED", 7)
    monkeypatch.setattr(training_pairs, "MOST_CHECKED", 3)
    parts = hold_back(ARTICLES)
    assert [len(parts.tests), len(parts.checks), len(parts.training)] == [7, 3, 90]


def test_the_same_batches_are_drawn_each_time_and_other_ones_in_each_pass() -> None:
    batches = draw_batches(ARTICLES, {}, 2)
    assert draw_batches(ARTICLES, {}, 2) == batches
    half = len(batches) // 2
    assert batches[:half] == draw_batches(ARTICLES, {}, 1)
    assert batches[:half] != batches[half:]


def test_a_pair_is_of_one_article_and_an_article_begins_one_pair_of_a_batch() -> None:
    batches = draw_batches(ARTICLES, {}, 1)
    pairs = [pair for batch in batches for pair in batch]
    texts = {one.id: {one.texts.title, *one.texts.body} for one in ARTICLES}
    for pair in pairs:
        assert any({pair.one, pair.other} <= own for own in texts.values())
    following = {both for one in ARTICLES for both in pairwise(one.texts.body)}
    for batch in batches:
        begun = [pair.one.split()[-1] for pair in batch]
        assert len(set(begun)) == len(begun)
        titles = [pair.one.startswith("title") for pair in batch]
        assert all(titles) or all((pair.one, pair.other) in following for pair in batch)


def test_a_batch_has_one_language_and_a_small_rest_is_left_out() -> None:
    some = [*(article(n, "en") for n in range(40)), *(article(n, "ru") for n in range(7))]
    batches = draw_batches(some, {}, 1)
    assert sorted(map(len, batches)) == [8, 8, 32, 32]
    assert not any("ru-" in pair.one for batch in batches for pair in batch)


def test_links_join_the_leads_of_articles_that_are_not_held_back() -> None:
    related = {f"en-{n}": [f"en-{n + 1}", "elsewhere"] for n in range(50)}
    batches = draw_batches(ARTICLES[:50], related, 1)
    linked = [pair for batch in batches for pair in batch if pair.one.startswith("lead")]
    pairs = {(f"lead en-{n}", f"lead en-{n + 1}") for n in range(49)}
    assert {(pair.one, pair.other) for pair in linked} == pairs


def test_an_article_with_one_passage_gives_only_its_title_and_body() -> None:
    batches = draw_batches([article(n, passages=1) for n in range(10)], {}, 1)
    assert len(batches) == 1
    assert {(p.one, p.other) for p in batches[0]} == {
        (f"title en-{n}", f"passage 0 of en-{n}") for n in range(10)
    }
