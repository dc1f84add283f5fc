"""The order in which stories are found."""

import numpy as np

from recommender.web.console.finding import Clues, order_of


def clues(*stories: tuple[float, float, float, float]) -> Clues:
    """Share of the words in the headline and in the text, nearness of the meaning, age in days."""
    columns = np.array(stories, np.float64).T
    return Clues(np.arange(len(stories)), *columns)


def test_a_headline_with_all_words_comes_before_the_nearest_meaning() -> None:
    found = clues((0.0, 0.0, 0.9, 1), (1.0, 1.0, 0.3, 900), (0.5, 0.0, 0.8, 1))
    assert order_of(found).tolist() == [1, 2, 0]
    assert [found.by(at) for at in range(3)] == ["meaning", "headline", "headline"]


def test_of_two_equal_stories_the_newer_comes_first_and_the_undated_last() -> None:
    assert order_of(clues((1, 1, 0, np.nan), (1, 1, 0, 400), (1, 1, 0, 2))).tolist() == [2, 1, 0]


def test_what_has_no_word_and_another_meaning_is_not_found() -> None:
    found = clues((0, 0, 0.01, 1), (0, 0, 0.05, 1), (0, 0.5, 0, 1))
    assert order_of(found).tolist() == [2, 1]
    assert found.by(2) == "text"


def test_where_no_story_has_a_word_the_meaning_must_be_nearer() -> None:
    assert order_of(clues((0, 0, 0.05, 1), (0, 0, 0.2, 1))).tolist() == [1]


def test_a_story_to_come_is_not_newer_than_one_of_now() -> None:
    assert order_of(clues((1, 1, 0, -400), (1, 1, 0, 0))).tolist() == [0, 1]
