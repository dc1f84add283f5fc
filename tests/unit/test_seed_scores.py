"""The formula of a list with several seeds, worked out by hand over three candidates."""

import numpy as np
import pytest

from recommender.ranking.seed_scores import AVERSION, SUPPORT, SeedScores

LIKE = np.array([[0.8, 0.1, 0.3], [0.2, 0.7, 0.3], [0.4, 0.1, 0.0]], np.float32)
UNLIKE = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.0]], np.float32)


def scores(like: object = LIKE, unlike: object = UNLIKE) -> SeedScores:
    liked, unliked = np.array(like, np.float32), np.array(unlike, np.float32).reshape(-1, 3)
    return SeedScores(
        likes=tuple("abc"[: len(liked)]),
        unlikes=tuple("xy"[: len(unliked)]),
        like=liked,
        unlike=unliked,
        best=liked.argmax(axis=0),
        rejected=np.array([False, True, False]),
    )


def test_the_other_seeds_add_a_part_of_their_mean_score() -> None:
    means = [(0.2 + 0.4) / 2, (0.1 + 0.1) / 2, (0.3 + 0.0) / 2]
    assert scores().support == pytest.approx([SUPPORT * mean for mean in means], abs=1e-6)


def test_of_the_seeds_to_be_unlike_only_the_nearest_takes_a_part() -> None:
    assert scores().aversion == pytest.approx([AVERSION * 0.5, AVERSION * 0.9, 0.0], abs=1e-6)


def test_one_seed_alone_adds_and_takes_nothing() -> None:
    alone = scores(LIKE[:1], [])
    assert alone.support.tolist() == alone.aversion.tolist() == [0.0, 0.0, 0.0]


def test_the_best_seed_gives_a_candidate_its_place() -> None:
    assert [scores().best_id(position) for position in range(3)] == ["a", "b", "a"]
    values = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert scores().of_best(values).tolist() == [1, 5, 3]


def test_an_explanation_has_the_score_under_each_seed() -> None:
    explained = scores().explain(1)
    wanted = {"a": 0.1, "b": 0.7, "c": 0.1, "x": 0.9, "y": 0.2}
    assert [one.id for one in explained["seeds"]] == [*wanted]
    assert [one.score for one in explained["seeds"]] == pytest.approx([*wanted.values()])
    assert explained["support"] == pytest.approx(SUPPORT * 0.1)
    assert explained["aversion"] == pytest.approx(AVERSION * 0.9)


def test_a_mask_keeps_whole_candidates() -> None:
    kept = scores().at(np.array([False, True, True]))
    assert kept.like.tolist() == LIKE[:, 1:].tolist()
    assert kept.unlike.tolist() == UNLIKE[:, 1:].tolist()
    assert (kept.best.tolist(), kept.rejected.tolist()) == ([1, 0], [True, False])
    assert kept.likes == ("a", "b", "c")
