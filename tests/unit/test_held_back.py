"""What decides whether a tuned encoder is kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.article_texts import ArticleTexts
from recommender.evaluation.intervals import Estimate
from recommender.operations.held_back import (
    ArticleVectors,
    HeldBackRanks,
    TuningComparison,
    embed_articles,
    judge_tuning,
    own_body_loss,
)
from recommender.operations.training_pairs import TunableArticle
from recommender.progress import Advance, silent

BETTER = TuningComparison(100, 0.8, 0.9, Estimate(0.1, 0.05, 0.15), None, 0.9)


def test_a_certain_gain_with_most_neighbours_is_kept() -> None:
    assert judge_tuning(BETTER) is None
    assert judge_tuning(replace(BETTER, related=Estimate(-0.01, -0.05, 0.03))) is None


@pytest.mark.parametrize(
    ("gain", "related", "kept", "why"),
    [
        (Estimate(0.1, 0.0, 0.2), None, 0.9, "not find the own body of a title better for sure"),
        (Estimate(-0.1, -0.2, -0.05), None, 0.9, "own body"),
        (Estimate(0.1), None, 0.9, "own body"),
        (BETTER.gain, Estimate(-0.1, -0.2, -0.01), 0.9, "what editors link to or pin less well"),
        (BETTER.gain, None, 0.49, "only 49% of the nearest 10 articles stay"),
    ],
)
def test_it_is_refused_for_one_reason(
    gain: Estimate, related: Estimate | None, kept: float, why: str
) -> None:
    refused = judge_tuning(replace(BETTER, gain=gain, related=related, kept=kept))
    assert refused is not None
    assert why in refused


def unit(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    table = np.array(rows, np.float32)
    scaled: NDArray[np.float32] = table / np.linalg.norm(table, axis=1, keepdims=True)
    return scaled


def test_ranks_by_hand() -> None:
    """The second title is nearer to the first body than to its own, the third is like no other."""
    titles, bodies = unit([[1, 0], [3, 1], [0, 1]]), unit([[1, 0], [1, 1], [0, 1]])
    ranks = HeldBackRanks.of(ArticleVectors(titles, bodies, bodies), {0: [2], 2: [1, 0]})
    assert ranks.own_body.tolist() == [1, 0.5, 1]
    assert ranks.related.tolist() == [0.5, (1 + 0.5) / 2]
    assert ranks.neighbours[:, 0].tolist() == [1, 0, 1]


def test_vectors_that_are_no_numbers_rank_last() -> None:
    rows = np.full((3, 2), np.nan, np.float32)
    ranks = HeldBackRanks.of(ArticleVectors(rows, rows, rows), {0: [1]})
    assert ranks.own_body.tolist() == pytest.approx([1 / 3] * 3)
    assert ranks.related.tolist() == pytest.approx([1 / 3])


def test_two_encoders_are_compared_article_by_article() -> None:
    before = HeldBackRanks(np.array([1.0, 0.5]), np.array([]), np.array([[1, 2], [0, 2]]))
    after = HeldBackRanks(np.array([1.0, 1.0]), np.array([]), np.array([[2, 3], [0, 2]]))
    compared = TuningComparison.of(before, after)
    assert (compared.before, compared.after, compared.kept) == (0.75, 1.0, 0.75)
    assert compared.gain == Estimate(0.25, 0.0, 0.5)
    assert compared.related is None


class Axes:
    """A fake encoder: a text is the axis that its first letter names, a little of the next."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        rows = np.stack([np.eye(4, dtype=np.float32)["abcd".index(text[0])] for text in texts])
        advance(len(texts))
        return rows


def article(name: str, *passages: str) -> TunableArticle:
    return TunableArticle(name, "en", ArticleTexts(f"{name} title", f"{name} lead", passages))


ARTICLES = [article("a", "a one", "b two", "b three"), article("b", "b one")]


def test_a_body_is_the_mean_of_its_passages() -> None:
    vectors = embed_articles(ARTICLES, Axes(), silent, "")
    assert vectors.titles.tolist() == np.eye(4)[:2].tolist()
    assert vectors.bodies == pytest.approx(unit([[1, 2, 0, 0], [0, 1, 0, 0]]))


def test_the_loss_is_that_of_finding_the_beginning_of_the_own_body() -> None:
    """By hand, with cosines of 20 / sqrt(2) for the half-half body of the first article."""
    half = 20 / np.sqrt(2)
    losses = [np.log(np.exp(half) + 1) - half, np.log(np.exp(half) + np.exp(20)) - 20]
    assert own_body_loss(ARTICLES, Axes()) == pytest.approx(np.mean(losses), rel=1e-5)
