"""Scores candidates against a seed: gathers the signals from a view, and fuses them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BackgroundSimilarity, View
from recommender.ranking.decay import fading_of
from recommender.ranking.fusion import Floors, Signals, Weights, fuse, scaled
from recommender.ranking.policy import Policy
from recommender.ranking.ranked import Ranked
from recommender.ranking.seeds import Seed

__all__ = ["Scorer"]

MEASURED: Final = 15
"""So many articles of a language in a snapshot make a hundred pairs, which tell its floor."""
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """What it takes to rank candidates for one seed at one moment.

    Attributes:
        view: where the candidates are.
        seed: what they are ranked for.
        policy: the weights.
        now: seconds since 1970 in UTC.
        context: the seed's vector in the light of its neighbours, float32 [dim], a unit vector;
            None where it has no vector.
    """

    view: View
    seed: Seed
    policy: Policy
    now: float
    context: Floats | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "context", self._context())

    def rank(self, rows: Rows) -> Ranked:
        """Score some rows, int64 [m]; their order is kept."""
        policy, view = self.policy, self.view
        vectors = view.fetch_smoothed(rows, policy.neighbour_weight)
        same = view.map_labels("language", rows, self._is_own).astype(np.bool_)
        known = view.take("embedded", rows) & self._lead(rows, same)
        weights = Weights.of(known, same, policy.dense_weight, policy.passage_weight)
        floors = self._floors(rows, same)
        scores = fuse(self._signals(rows, vectors), floors, weights)
        fading = fading_of(view, rows, policy, self.now)
        hubness = policy.hubness_weight * self._hubness(rows, floors)
        values = scores.score * fading - hubness
        return Ranked(rows, vectors, scores, weights, fading, hubness, values)

    def is_measured(self, language: str) -> bool:
        """Whether it is known what vectors of unrelated texts of a language look like.

        Those of an encoder of many languages lie so near to each other, before the mean of their
        language is taken off, that any two texts would be called related.
        """
        floor = self.view.background_of(language)
        return not self.view.snapshot.manifest.centred or floor.rows >= MEASURED

    def _lead(self, rows: Rows, same: Mask) -> Mask:
        """Whether the seed's vector has a say in what each row is worth: bool [m].

        Among texts of a language known from its kin alone, words are the better judges.
        """
        seed = self.seed
        if not (seed.embedded and self.is_measured(seed.language)):
            return np.zeros(len(rows), np.bool_)
        if same.all():
            return np.full(len(rows), seed.fluent)
        others = self.view.map_labels("language", rows, self.is_measured).astype(np.bool_)
        lead: Mask = np.where(same, seed.fluent, others)
        return lead

    def _context(self) -> Floats | None:
        seed, nearby = self.seed, self.policy.neighbour_weight
        if seed.row is not None:
            context: Floats = self.view.fetch_smoothed(np.array([seed.row]), nearby)[0]
            return context
        if seed.vector is None:
            return None
        return self.view.smooth(seed.vector, nearby, seed.language)

    def _is_own(self, language: str) -> float:
        return float(language == self.seed.language)

    def _signals(self, rows: Rows, vectors: Floats) -> Signals:
        """How alike the seed and some rows are; 0 where the seed has nothing to compare."""
        seed, none = self.seed, np.zeros(len(rows), np.float32)
        return Signals(
            dense=none if self.context is None else vectors @ self.context,
            passages=none if seed.passages is None else self.view.match(seed.passages, rows),
            lexical=none if seed.terms is None else self.view.similarities(seed.terms, rows),
        )

    def _hubness(self, rows: Rows, floors: Floors) -> NDArray[np.float64]:
        """How near the rows are to their own nearest, by the signal that leads: float64 [m]."""
        floor = np.where(self.view.take("fluent", rows), floors.dense, floors.lexical)
        return scaled(self.view.hubness(rows), floor).astype(np.float64)

    def _floors(self, rows: Rows, same: Mask) -> Floors:
        """Of each pair, midway between the floors of its two languages: [m], or [1] for all."""
        background_of = self.view.background_of
        own = _floors_of([background_of(self.seed.language)])
        if same.all():
            return own
        words = sorted(label for part in self.view.parts for label in part.labels["language"])
        others = _floors_of([background_of(word) for word in words])
        at = self.view.map_labels("language", rows, words.index).astype(np.int64)
        return others.at(at).midway(own)


def _floors_of(floors: Sequence[BackgroundSimilarity]) -> Floors:
    """The floors of some groups, [len(floors)]."""
    return Floors.of(
        np.array([floor.rows * (floor.rows - 1.0) / 2 for floor in floors]),
        Signals(
            np.array([floor.similarity for floor in floors], np.float32),
            np.array([floor.passages for floor in floors], np.float32),
            np.array([floor.lexical for floor in floors], np.float32),
        ),
    )
