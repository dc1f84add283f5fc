"""The formulas of ranking: from what was read of some articles to their scores and their order.

Three signals compare two articles: the cosine of their vectors (dense), how well passages of one
match the other (passages), and the cosine of their TF-IDF weights (lexical). Each is scaled so
that 0 is its background similarity, which two random articles have, and 1 is the same text. The
score is the mean of the scaled signals by their weights. The ranking value orders a list; it is
`score * recency + nearness - hubness`, and what site rules add.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BackgroundSimilarity
from recommender.api import Explanation
from recommender.ranking.policy import Policy
from recommender.ranking.seed_scores import SeedScores
from recommender.ranking.vector_share import USUAL_SHARE

__all__ = [
    "Backgrounds",
    "ReadRows",
    "ScoredCandidates",
    "Scores",
    "Signals",
    "Times",
    "Weights",
    "fuse",
    "least_scores",
    "nearness_of",
    "recency_of",
    "scale_similarities",
]

PAIRS_FOR_TRUST: Final = 100
NO_WEIGHT: Final = 1e-6  # below this share vectors, or words, count nothing
TRANSLATED: Final = np.float32(0.85)
"""What is 1 between two languages: even a faithful translation is less similar than the same text.
See docs/relevance.md."""
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Share = float | Floats


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """The similarities of a seed and m candidates, each float32 [m].

    Attributes:
        dense: cosines of article vectors.
        passages: how well the passages of one match those of the other, in both directions.
        lexical: cosines of TF-IDF weights.
    """

    dense: Floats
    passages: Floats
    lexical: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Backgrounds:
    """The background similarity of each signal: the zero of the scale of a score.

    Attributes: as in `Signals`, float32 [m].
    """

    dense: Floats
    passages: Floats
    lexical: Floats

    @classmethod
    def of(cls, pairs: NDArray[np.floating], medians: Signals) -> "Backgrounds":
        """Medians over random pairs of each of m groups, shrunk towards 0 if the pairs are few.

        In a group of three articles the median pair may be two duplicates. With PAIRS_FOR_TRUST
        pairs half of a median counts.

        Args:
            pairs: the number of pairs of each group, [m].
            medians: the median similarities of each group.
        """
        trust = pairs / (pairs + PAIRS_FOR_TRUST)
        return cls(
            _at_least_zero(medians.dense * trust),
            _at_least_zero(medians.passages * trust),
            _at_least_zero(medians.lexical * trust),
        )

    @classmethod
    def of_groups(cls, measured: Sequence[BackgroundSimilarity]) -> "Backgrounds":
        """From the background similarities that a snapshot has measured, one for each group."""
        return cls.of(
            np.array([one.rows * (one.rows - 1.0) / 2 for one in measured]),
            Signals(
                np.array([one.similarity for one in measured], np.float32),
                np.array([one.passages for one in measured], np.float32),
                np.array([one.lexical for one in measured], np.float32),
            ),
        )

    @classmethod
    def of_pairs(
        cls, measured: Sequence[BackgroundSimilarity], seed: int, groups: NDArray[np.integer]
    ) -> "Backgrounds":
        """For each pair the mean over its two groups: [m], or [1] if all are of the seed's group.

        Args:
            measured: the background similarities of all groups.
            seed: the group of the seed.
            groups: the group of each candidate, [m].
        """
        if (groups == seed).all():
            return cls.of_groups([measured[seed]])
        every, half = cls.of_groups(measured), np.float32(0.5)
        return cls(
            half * (every.dense[groups] + every.dense[seed]),
            half * (every.passages[groups] + every.passages[seed]),
            half * (every.lexical[groups] + every.lexical[seed]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The share of each signal in the score of a pair, each float32 [m]. They add up to 1."""

    dense: Floats
    passages: Floats
    lexical: Floats

    @classmethod
    def of(cls, known: Mask, same: Mask, dense: Share, passages: Share) -> "Weights":
        """The weights for each candidate.

        Args:
            known: whether the encoder supports the languages of both articles, [m]. If not, words
                decide alone, because vectors of an unknown language are noise.
            same: whether both are in one language, [m]. If not, vectors decide alone, because two
                languages share no words but names.
            dense: the share of article vectors if all three signals count; one number, or [m].
            passages: the share of passages then; words have the rest.
        """
        by_vectors, by_passages = np.asarray(dense), np.asarray(passages)
        if np.count_nonzero(known) + np.count_nonzero(same) < 2 * len(known):
            vectors = by_vectors + by_passages
            between = np.where(vectors > NO_WEIGHT, vectors, 1.0)
            spread = np.where(known, np.where(same, 1.0, 1 / between), 0.0)
            by_vectors, by_passages = by_vectors * spread, by_passages * spread
        by_words = 1 - by_vectors - by_passages
        by_words = np.where(by_words > NO_WEIGHT, by_words, 0)  # rounding leaves a little
        shares = (by_vectors, by_passages, by_words)
        return cls(*(np.broadcast_to(one, known.shape).astype(np.float32) for one in shares))

    def at(self, kept: Mask) -> "Weights":
        """The positions that a mask keeps, bool [m]."""
        return Weights(self.dense[kept], self.passages[kept], self.lexical[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scaled signals and score, each float32 [m] in 0..1: 0 is a random pair, 1 the same text."""

    dense: Floats
    passages: Floats
    lexical: Floats
    score: Floats

    def at(self, kept: Mask) -> "Scores":
        """The positions that a mask keeps, bool [m]."""
        return Scores(self.dense[kept], self.passages[kept], self.lexical[kept], self.score[kept])


def fuse(signals: Signals, backgrounds: Backgrounds, weights: Weights, most: Share = 1.0) -> Scores:
    """The weighted mean of the scaled signals. It is symmetric in the two articles; all [m].

    Args:
        signals: the similarities.
        backgrounds: what becomes 0.
        weights: the share of each signal.
        most: what becomes 1 of vectors and passages; one number, or [m].
    """
    dense = scale_similarities(signals.dense, backgrounds.dense, most)
    passages = scale_similarities(signals.passages, backgrounds.passages, most)
    lexical = scale_similarities(signals.lexical, backgrounds.lexical)
    score = weights.dense * dense + weights.passages * passages + weights.lexical * lexical
    return Scores(dense, passages, lexical, np.minimum(score, np.float32(1)))


def least_scores(weights: Weights, policy: Policy) -> Floats:
    """The least score of each pair that is called related: float32 [m], at least 0.

    Texts that have nothing to do with each other share few words, but their vectors are never
    quite apart: the more vectors count, the higher such a pair scores. The least score rises with
    them, on the line through `words_threshold` for words alone and `threshold` for USUAL_SHARE.
    """
    by_words = np.float32(policy.words_threshold)
    rise = np.float32((policy.threshold - policy.words_threshold) / USUAL_SHARE)
    least: Floats = by_words + rise * (weights.dense + weights.passages)
    return np.maximum(least, np.float32(0))


def recency_of(age_days: Doubles, weight: float, half_life_days: float | Doubles) -> Doubles:
    """Factor on the score: 1 for a new article, and down to `1 - weight` for an old one.

    Half of the weight is lost at the half-life, one number or [n]. An article without a date (NaN)
    loses nothing, and one with a date in the future counts as new.
    """
    lost = 1 - np.exp2(-np.maximum(age_days, 0) / half_life_days)
    return np.where(np.isnan(age_days), 1.0, 1 - weight * lost)


def nearness_of(days_apart: Doubles, half_life_days: float | Doubles) -> Doubles:
    """1 for two articles of one moment, and half as much for every half-life between them: [m].

    0 if the date of one is unknown (NaN).
    """
    nearness = np.exp2(-np.abs(days_apart) / half_life_days)
    return np.where(np.isnan(nearness), 0.0, nearness)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCandidates:
    """Candidates with their scores, position by position.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows after neighbour smoothing.
        scores: the scaled signals and the score.
        weights: the weight of each signal.
        recency: float64 [m], factors on the score.
        nearness: float64 [m], added because a row was published near the seed in time; a share of
            the score, so that a text that has little to do with the seed gains little.
        hubness: float64 [m], subtracted because a row is near to everything.
        values: float64 [m], the ranking values: `score * recency + nearness + boost - hubness`.
        seeds: the scores under each seed, if there are several; the rest is of the best one, but
            `values` are of all.
        boost: float64 [m], added by site rules; None for nothing.
    """

    rows: Rows
    vectors: Floats
    scores: Scores
    weights: Weights
    recency: Doubles
    nearness: Doubles
    hubness: Doubles
    values: Doubles
    seeds: SeedScores | None = None
    boost: Doubles | None = None

    def at(self, kept: Mask) -> "ScoredCandidates":
        """The candidates that a mask keeps, bool [m]."""
        if kept.all():
            return self
        return ScoredCandidates(
            self.rows[kept],
            self.vectors[kept],
            self.scores.at(kept),
            self.weights.at(kept),
            self.recency[kept],
            self.nearness[kept],
            self.hubness[kept],
            self.values[kept],
            None if self.seeds is None else self.seeds.at(kept),
            None if self.boost is None else self.boost[kept],
        )

    def boosted(self, shares: Doubles) -> "ScoredCandidates":
        """The same candidates with a share of its score added to the value of each, [m].

        A share and not an amount, so that a text that has little to do with the seed moves little.
        """
        boost = shares * self.scores.score
        return replace(self, boost=boost, values=self.values + boost)

    def are_related(self, policy: Policy, min_score: float | None) -> Mask:
        """Which candidates score high enough to be called related: bool [m].

        `min_score` replaces the thresholds of the policy.
        """
        least = least_scores(self.weights, policy) if min_score is None else min_score
        related: Mask = (self.scores.score > 0) & (self.scores.score >= least)
        return related

    def explain(self, position: int) -> Explanation:
        """Everything that decides the rank of one candidate."""
        scores, weights = self.scores, self.weights
        return Explanation(
            dense=float(scores.dense[position]),
            passages=float(scores.passages[position]),
            lexical=float(scores.lexical[position]),
            dense_weight=float(weights.dense[position]),
            passage_weight=float(weights.passages[position]),
            lexical_weight=float(weights.lexical[position]),
            recency=float(self.recency[position]),
            nearness=float(self.nearness[position]),
            hubness=float(self.hubness[position]),
            boost=0.0 if self.boost is None else float(self.boost[position]),
            ranking_value=float(self.values[position]),
            **({} if self.seeds is None else self.seeds.explain(position)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """When m rows were published.

    Attributes:
        age_days: float64 [m], NaN if unknown.
        half_life_days: of the loss by age; one number, or [m].
        days_apart: float64 [m], the time between each row and the seed; NaN if unknown.
        nearness_half_life_days: of nearness in time; one number, or [m].
    """

    age_days: Doubles
    half_life_days: float | Doubles
    days_apart: Doubles
    nearness_half_life_days: float | Doubles


@dataclass(frozen=True, slots=True, eq=False)
class ReadRows:
    """What decides the scores of m rows under a seed, as the archive has it.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows after neighbour smoothing.
        signals: their similarities to the seed.
        backgrounds: of each pair, [m], or [1] if all rows have the seed's language.
        hubness: float32 [m], the mean similarity of each row to its nearest ones.
        fluent: whether vectors are better than words among texts of their language, bool [m].
        known: whether the vectors of both articles mean something, bool [m].
        same: whether they are in the seed's language, bool [m].
        vector_share: float32 [m], the share of vectors and passages in the score of each pair, as
            the last rebuild measured it; words have the rest. 1 between two languages.
        passage_part: float32 [m], the part of passages in that share.
        times: when they were published.
    """

    rows: Rows
    vectors: Floats
    signals: Signals
    backgrounds: Backgrounds
    hubness: Floats
    fluent: Mask
    known: Mask
    same: Mask
    vector_share: Floats
    passage_part: Floats
    times: Times

    def score(self, policy: Policy) -> ScoredCandidates:
        """Score and value the rows, by any weights but `neighbour_weight` and any half-lives."""
        dense, passages = self._shares(policy)
        weights = Weights.of(self.known, self.same, dense, passages)
        most = np.where(self.same, np.float32(1), TRANSLATED)
        scores = fuse(self.signals, self.backgrounds, weights, most)
        times = self.times
        recency = recency_of(times.age_days, policy.age_weight, times.half_life_days)
        nearness = nearness_of(times.days_apart, times.nearness_half_life_days)
        background = np.where(self.fluent, self.backgrounds.dense, self.backgrounds.lexical)
        hubness = policy.hubness_weight * scale_similarities(self.hubness, background).astype(
            np.float64
        )
        nearness *= policy.nearness_weight * scores.score
        values = scores.score * recency + nearness - hubness
        return ScoredCandidates(
            self.rows, self.vectors, scores, weights, recency, nearness, hubness, values
        )

    def _shares(self, policy: Policy) -> tuple[Share, Share]:
        """The shares of vectors and of passages: what the policy sets, else what was measured."""
        dense, passages = policy.dense_weight, policy.passage_weight
        by_passages = self.vector_share * self.passage_part
        by_vectors = self.vector_share - by_passages
        if dense is not None:
            return dense, np.minimum(by_passages, 1 - dense) if passages is None else passages
        if passages is not None:
            return np.minimum(by_vectors, 1 - passages), passages
        return by_vectors, by_passages


def scale_similarities(similarities: Floats, backgrounds: Floats, most: Share = 1.0) -> Floats:
    """Scale similarities so that the background is 0 and `most`, the same text, is 1: [m]."""
    span = np.maximum(most - backgrounds, np.float32(1e-6))
    above: Floats = np.clip((similarities - backgrounds) / span, 0, 1).astype(np.float32)
    return above


def _at_least_zero(medians: NDArray[np.floating]) -> Floats:
    positive: Floats = np.maximum(medians, 0).astype(np.float32)
    return positive
