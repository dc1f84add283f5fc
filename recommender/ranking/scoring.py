"""How related a candidate is to the seed: signals, their fusion into one score, hubness and age.

Three signals compare two articles: the cosine of their vectors (dense), how well passages of one
match the other (passages), and the cosine of their TF-IDF weights (lexical). Each is scaled so
that 0 is its background similarity, which two random articles have, and 1 is the same text. The
score is the mean of the scaled signals by their weights. The ranking value orders a list; it is
`score * recency - hubness`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BackgroundSimilarity, View
from recommender.api import Explanation
from recommender.ranking.filters import DAY_SECONDS
from recommender.ranking.policy import Policy
from recommender.ranking.seed import Seed

__all__ = [
    "LEAST_MEASURED",
    "Backgrounds",
    "ReadRows",
    "ScoredCandidates",
    "Scorer",
    "Scores",
    "Signals",
    "Weights",
    "decay_by_age",
    "fuse",
    "recency_of",
]

LEAST_MEASURED: Final = 15
"""With so many articles a language has a hundred pairs, enough for its background similarity."""
PAIRS_FOR_TRUST: Final = 100
NO_WEIGHT: Final = 1e-6  # below this share vectors count nothing, and words count alone
HOUR_SECONDS: Final = 3_600.0
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


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

    def at(self, groups: NDArray[np.integer]) -> "Backgrounds":
        """The background similarities of some articles, given the group of each."""
        return Backgrounds(self.dense[groups], self.passages[groups], self.lexical[groups])

    def midway(self, other: "Backgrounds") -> "Backgrounds":
        """The mean of two: the background similarity of articles in two different groups."""
        half = np.float32(0.5)
        return Backgrounds(
            half * (self.dense + other.dense),
            half * (self.passages + other.passages),
            half * (self.lexical + other.lexical),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The share of each signal in the score of a pair, each float32 [m]. They add up to 1."""

    dense: Floats
    passages: Floats
    lexical: Floats

    @classmethod
    def of(cls, known: Mask, same: Mask, dense: float, passages: float) -> "Weights":
        """The weights for each candidate.

        Args:
            known: whether the encoder supports the languages of both articles, [m]. If not, words
                decide alone, because vectors of an unknown language are noise.
            same: whether both are in one language, [m]. If not, vectors decide alone, because two
                languages share no words but names.
            dense: the share of article vectors if all three signals count.
            passages: the share of passages then; words have the rest.
        """
        if np.count_nonzero(known) == np.count_nonzero(same) == len(known):
            whole = (dense, passages, max(1 - dense - passages, 0.0))
            return cls(*(np.full(len(known), share, np.float32) for share in whole))
        vectors = dense + passages
        between = vectors if vectors > NO_WEIGHT else 1.0
        spread = np.where(known, np.where(same, 1.0, 1 / between), 0.0)
        by_vectors, by_passages = dense * spread, passages * spread
        by_words = np.maximum(1 - by_vectors - by_passages, 0)  # rounding may go below 0
        parts = (part.astype(np.float32) for part in (by_vectors, by_passages, by_words))
        return cls(*parts)

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


def fuse(signals: Signals, backgrounds: Backgrounds, weights: Weights) -> Scores:
    """The weighted mean of the scaled signals. It is symmetric in the two articles; all [m]."""
    dense = _scale(signals.dense, backgrounds.dense)
    passages = _scale(signals.passages, backgrounds.passages)
    lexical = _scale(signals.lexical, backgrounds.lexical)
    score = weights.dense * dense + weights.passages * passages + weights.lexical * lexical
    return Scores(dense, passages, lexical, np.minimum(score, np.float32(1)))


def recency_of(age_days: Doubles, weight: float, half_life_days: float | Doubles) -> Doubles:
    """Factor on the score: 1 for a new article, and down to `1 - weight` for an old one.

    Half of the weight is lost at the half-life, one number or [n]. An article without a date (NaN)
    loses nothing, and one with a date in the future counts as new.
    """
    lost = 1 - np.exp2(-np.maximum(age_days, 0) / half_life_days)
    return np.where(np.isnan(age_days), 1.0, 1 - weight * lost)


def decay_by_age(view: View, rows: Rows, policy: Policy, now: float) -> Doubles:
    """The recency factor of some rows at `now` (seconds since 1970 UTC): float64 [m].

    Ages count to the start of the present hour, so that the clock changes a list once an hour.
    """
    hour = now // HOUR_SECONDS * HOUR_SECONDS
    age_days = (hour - view.take("published_at", rows)) / DAY_SECONDS
    half_life_days = policy.half_life_days
    if not policy.half_lives:
        return recency_of(age_days, policy.age_weight, half_life_days)
    by_section = view.map_labels(
        "section", rows, lambda section: policy.half_lives.get(section, half_life_days)
    )
    return recency_of(age_days, policy.age_weight, by_section)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCandidates:
    """Candidates with their scores, position by position.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows after neighbour smoothing.
        scores: the scaled signals and the score.
        weights: the weight of each signal.
        recency: float64 [m], factors on the score.
        hubness: float64 [m], subtracted because a row is near to everything.
        values: float64 [m], the ranking values: `score * recency - hubness`.
    """

    rows: Rows
    vectors: Floats
    scores: Scores
    weights: Weights
    recency: Doubles
    hubness: Doubles
    values: Doubles

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
            self.hubness[kept],
            self.values[kept],
        )

    @property
    def by_words_alone(self) -> Mask:
        """Which candidates were compared by words alone: bool [m]."""
        words_alone: Mask = self.weights.lexical >= 1
        return words_alone

    def are_related(self, policy: Policy, min_score: float | None) -> Mask:
        """Which candidates score high enough to be called related: bool [m].

        `min_score` replaces the thresholds of the policy.
        """
        least: Floats | float
        if min_score is None:
            bounds = np.where(self.by_words_alone, policy.words_threshold, policy.threshold)
            least = bounds.astype(np.float32)
        else:
            least = min_score
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
            hubness=float(self.hubness[position]),
            ranking_value=float(self.values[position]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReadRows:
    """What the archive holds of some rows, position by position.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows after neighbour smoothing.
        signals: their similarities to the seed.
        hubness: float32 [m], as the archive has it.
        same: whether they are in the seed's language, bool [m].
        embedded: whether the encoder supports their language, bool [m].
        fluent: whether vectors are better than words among texts of their language, bool [m].
    """

    rows: Rows
    vectors: Floats
    signals: Signals
    hubness: Floats
    same: Mask
    embedded: Mask
    fluent: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Scores candidates for one seed at one moment.

    Attributes:
        view: the archive.
        seed: the article to relate to.
        policy: the weights.
        now: seconds since 1970 in UTC.
        backgrounds: the background similarity of each language of the archive and of the seed's.
        measured: the languages whose background similarity is known well enough to use vectors.
            Without their mean removed, vectors of a multilingual encoder lie so close to each
            other that any two texts of a language would look related.
        query: the seed's vector after neighbour smoothing, float32 [dim], a unit vector; None if
            the seed has no vector.
    """

    view: View
    seed: Seed
    policy: Policy
    now: float
    backgrounds: Mapping[str, BackgroundSimilarity]
    measured: frozenset[str]
    query: Floats | None

    @classmethod
    def of(cls, view: View, seed: Seed, policy: Policy, now: float) -> "Scorer":
        """A scorer for a seed, whose vector is smoothed here."""
        labels = (label for part in view.parts for label in part.labels["language"])
        backgrounds = {label: view.background_of(label) for label in (seed.language, *labels)}
        least = LEAST_MEASURED if view.snapshot.manifest.centred else 0
        measured = frozenset(label for label, one in backgrounds.items() if one.rows >= least)
        weight = policy.neighbour_weight
        query: Floats | None = None
        if seed.row is not None:
            query = view.fetch_smoothed(np.array([seed.row]), weight)[0]
        elif seed.vector is not None:
            query = view.smooth(seed.vector, weight, seed.language)
        return cls(view, seed, policy, now, backgrounds, measured, query)

    def score(self, rows: Rows) -> ScoredCandidates:
        """Score some rows, int64 [m]; their order is kept."""
        return self.score_read(self.read(rows))

    def read(self, rows: Rows) -> ReadRows:
        """Read from the archive what decides the scores of some rows."""
        view, seed, none = self.view, self.seed, np.zeros(len(rows), np.float32)
        vectors = view.fetch_smoothed(rows, self.policy.neighbour_weight)
        same = view.map_labels("language", rows, lambda label: label == seed.language).astype(bool)
        hubness = view.hubness(rows)
        signals = Signals(  # 0 if the seed has nothing to compare
            dense=none if self.query is None else vectors @ self.query,
            lexical=none if seed.terms is None else view.similarities(seed.terms, rows),
            passages=none if seed.passages is None else view.match(seed.passages, rows),
        )
        embedded, fluent = view.take("embedded", rows), view.take("fluent", rows)
        return ReadRows(rows, vectors, signals, hubness, same, embedded, fluent)

    def score_read(self, read: ReadRows) -> ScoredCandidates:
        """Fuse the signals that `read` has read, by any weights but `neighbour_weight`."""
        policy, rows, same = self.policy, read.rows, read.same
        known = read.embedded & self._vectors_count(rows, same)
        weights = Weights.of(known, same, policy.dense_weight, policy.passage_weight)
        backgrounds = self._backgrounds(rows, same)
        scores = fuse(read.signals, backgrounds, weights)
        recency = decay_by_age(self.view, rows, policy, self.now)
        background = np.where(read.fluent, backgrounds.dense, backgrounds.lexical)
        hubness = policy.hubness_weight * _scale(read.hubness, background).astype(np.float64)
        values = scores.score * recency - hubness
        return ScoredCandidates(rows, read.vectors, scores, weights, recency, hubness, values)

    def _vectors_count(self, rows: Rows, same: Mask) -> Mask:
        """Whether the seed's vector counts in the score of each row: bool [m].

        In a language that the encoder knows only through related ones, words decide alone.
        """
        seed = self.seed
        if not (seed.embedded and seed.language in self.measured):
            return np.zeros(len(rows), np.bool_)
        if same.all():
            return np.full(len(rows), seed.fluent)
        is_measured = self.measured.__contains__
        others = self.view.map_labels("language", rows, is_measured).astype(np.bool_)
        count: Mask = np.where(same, seed.fluent, others)
        return count

    def _backgrounds(self, rows: Rows, same: Mask) -> Backgrounds:
        """For each pair the mean over its two languages: [m], or [1] if all have one language."""
        of_seed = Backgrounds.of_groups([self.backgrounds[self.seed.language]])
        if same.all():
            return of_seed
        labels = list(self.backgrounds)
        of_labels = Backgrounds.of_groups(list(self.backgrounds.values()))
        at = self.view.map_labels("language", rows, labels.index).astype(np.int64)
        return of_labels.at(at).midway(of_seed)


def _scale(similarities: Floats, backgrounds: Floats) -> Floats:
    """Scale similarities so that the background is 0 and the same text is 1: float32 [m]."""
    span = np.maximum(1 - backgrounds, np.float32(1e-6))
    above = (similarities - backgrounds) / span
    return np.minimum(np.maximum(above, 0, out=above), 1, out=above).astype(np.float32, copy=False)


def _at_least_zero(medians: NDArray[np.floating]) -> Floats:
    positive: Floats = np.maximum(medians, 0).astype(np.float32)
    return positive
