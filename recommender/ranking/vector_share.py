"""How much vectors count against words: measured in each archive, without judgments.

A title belongs to its own body. A rebuild takes some hundred articles of each language and measures
how well each signal finds the body of a title among the bodies of the others. What finds it better
gets more weight in the score: vectors in an archive of briefs, where two texts share few words;
words in a language that the encoder knows badly.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BRIEF_WORDS",
    "LEAST_PAIRS",
    "LEAST_SHARE",
    "MOST_SHARE",
    "SHARES_NOTE",
    "USUAL_SHARE",
    "MeasuredShare",
    "VectorShares",
    "choice_gain",
    "find_shares",
    "fit_choice",
    "measure_share",
    "read_shares",
]

Doubles = NDArray[np.float64]

SHARES_NOTE: Final = "vector-shares"
"""The note of a manifest that has the shares, see `VectorShares`."""
USUAL_SHARE: Final = 0.55
"""The share of vectors where nothing was measured."""
LEAST_SHARE: Final = 0.2
MOST_SHARE: Final = 0.85
BRIEF_WORDS: Final = 80
"""A text with fewer counted words is a brief; those of the title count twice."""
LEAST_PAIRS: Final = 30
"""So many titles with bodies are needed to measure."""
PAIRS_OF_PRIOR: Final = 20
"""The usual share counts as much as a measurement with so many pairs."""
LIKE_NEWS: Final = 0.53
"""The measure that stands for English news, where USUAL_SHARE is right."""
STEEPNESS: Final = 2.5
"""Titles are short, so the measure understates differences; see docs/relevance.md."""
LEAST_GAIN: Final = 0.5
"""Titles must make their own bodies so much more likely, as a mean of logarithms. Those of columns
and of picture series do not, and then the weights would be those of noise."""
LEFT_OUT: Final = 5
KINDS: Final = ("briefs", "reports")
RIDGE: Final = 1e-4
STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class MeasuredShare:
    """How much vectors count against words in texts of one language and kind, and why.

    Attributes:
        share: the share of vectors in the score; words have the rest.
        measured: the share with which titles find their own bodies best; None if they do not find
            them, or if it was not noted.
        titles: how many titles were compared; 0 if that was not noted.
    """

    share: float
    measured: float | None = None
    titles: int = 0

    def __str__(self) -> str:
        """In a sentence, for an operator."""
        counts = f"vectors count {self.share:g}, words {round(1 - self.share, 3):g}"
        if not self.titles:
            return f"{counts}; what was measured is not noted, the next rebuild notes it"
        compared = f"{self.titles} titles were compared with their bodies"
        if self.measured is None:
            return f"{compared} and did not find their own, so {counts}, as usual"
        return (
            f"{compared}; a share of {self.measured:g} for vectors finds their own best, and "
            f"{LIKE_NEWS:g} stands for English news, where {USUAL_SHARE:g} is right, so {counts}"
        )


@dataclass(frozen=True, slots=True)
class VectorShares:
    """What was measured in an archive: the note SHARES_NOTE of its snapshot, see `read_shares`.

    Attributes:
        by_kind: by language and whether the texts are briefs; only what was measured.
    """

    by_kind: Mapping[tuple[str, bool], MeasuredShare] = field(default_factory=dict)

    def supplemented(self, others: "VectorShares") -> "VectorShares":
        """These, and of the others what was not measured here."""
        return VectorShares({**others.by_kind, **self.by_kind})

    @property
    def by_language(self) -> dict[str, dict[str, MeasuredShare]]:
        """The same by language, then `briefs` and `reports`."""
        found: dict[str, dict[str, MeasuredShare]] = {}
        for (language, are_briefs), share in self.by_kind.items():
            found.setdefault(language, {})[KINDS[not are_briefs]] = share
        return found

    def to_note(self) -> str:
        """As canonical JSON; `read_shares` is the inverse."""
        return json.dumps(
            {
                language: {kind: asdict(share) for kind, share in kinds.items()}
                for language, kinds in self.by_language.items()
            },
            sort_keys=True,
        )


def read_shares(note: str) -> VectorShares:
    """Read what `VectorShares.to_note` wrote; nothing was measured if the note is empty.

    A note of before has plain numbers: the shares, without what they were made of.
    """
    return VectorShares(
        {
            (language, kind == KINDS[0]): _read_share(found)
            for language, kinds in (json.loads(note) if note else {}).items()
            for kind, found in kinds.items()
        }
    )


@lru_cache(maxsize=256)
def find_shares(note: str, language: str) -> tuple[float, float]:
    """The shares of vectors of briefs and of reports in a language, by a note.

    If only one kind was measured, its share holds for the other one too.
    """
    kinds = read_shares(note).by_language.get(language, {})
    found = next(iter(kinds.values()), MeasuredShare(USUAL_SHARE))
    briefs, reports = (kinds.get(kind, found).share for kind in KINDS)
    return briefs, reports


def _read_share(noted: dict[str, Any] | float) -> MeasuredShare:
    if not isinstance(noted, dict):
        return MeasuredShare(float(noted))
    return MeasuredShare(noted["share"], noted.get("measured"), noted.get("titles", 0))


def measure_share(dense: Doubles, lexical: Doubles, alike: Doubles) -> MeasuredShare:
    """Measure the share of vectors in the score, within LEAST_SHARE and MOST_SHARE.

    Args:
        dense: cosines of titles and bodies, [n, n]; the diagonal has each title's own body.
        lexical: their lexical similarities, [n, n].
        alike: how similar each two bodies are, [n, n]. The LEFT_OUT nearest others of a body may
            tell the same story, so a title is not asked to tell them apart.

    Returns:
        USUAL_SHARE with fewer than LEAST_PAIRS titles, or if titles do not tell their bodies.
    """
    count = len(dense)
    if count < LEAST_PAIRS:
        return MeasuredShare(USUAL_SHARE, titles=count)
    near = np.argsort(-np.where(np.eye(count, dtype=bool), -np.inf, alike), axis=1)[:, :LEFT_OUT]
    left_out = np.zeros((count, count), np.bool_)
    np.put_along_axis(left_out, near, values=True, axis=1)
    left_out |= left_out.T
    signals = np.stack([_scaled(dense), _scaled(lexical)], axis=-1)
    weights = fit_choice(signals, left_out)
    if choice_gain(weights, signals, left_out) < LEAST_GAIN:
        return MeasuredShare(USUAL_SHARE, titles=count)
    measured = float(weights[0] / weights.sum())
    distance = STEEPNESS * (_logit(measured) - _logit(LIKE_NEWS)) * count / (count + PAIRS_OF_PRIOR)
    share = np.clip(1 / (1 + np.exp(-distance - _logit(USUAL_SHARE))), LEAST_SHARE, MOST_SHARE)
    return MeasuredShare(round(float(share), 3), round(measured, 3), count)


def fit_choice(signals: Doubles, left_out: NDArray[np.bool_]) -> Doubles:
    """The weights by which signals choose best: those of the most likely conditional logit model.

    The probability that title i belongs to body j is proportional to exp(weights @ signals[i, j])
    (McFadden 1974). Newton's method finds the greatest likelihood that its own body is chosen.

    Args:
        signals: float64 [n, n, k]; the own body of a title is on the diagonal.
        left_out: bool [n, n], the bodies that are no choice for a title; never its own.

    Returns:
        float64 [k], at least 0: a signal that misleads has no weight.
    """
    kinds = signals.shape[-1]
    weights = np.zeros(kinds)
    used = np.ones(kinds, np.bool_)
    while used.any():
        weights[used] = _most_likely(signals[..., used], left_out)
        if (weights[used] >= 0).all():
            break
        used &= weights > weights.min()
        weights[~used] = 0.0
    return weights


def choice_gain(weights: Doubles, signals: Doubles, left_out: NDArray[np.bool_]) -> float:
    """By how much weights make the own bodies more likely than chance: a mean of logarithms."""
    likelihood, _, _ = _derivatives(weights, signals, left_out)
    by_chance, _, _ = _derivatives(np.zeros_like(weights), signals, left_out)
    return likelihood - by_chance


def _most_likely(signals: Doubles, left_out: NDArray[np.bool_]) -> Doubles:
    """Newton's method from 0; steps are halved while they make the likelihood smaller."""
    weights = np.zeros(signals.shape[-1])
    likelihood, slope, curvature = _derivatives(weights, signals, left_out)
    for _ in range(STEPS):
        step = np.linalg.solve(curvature, slope)
        while (tried := _derivatives(weights + step, signals, left_out))[0] < likelihood:
            step /= 2
            if np.abs(step).max() < RIDGE:
                return weights
        weights = weights + step
        likelihood, slope, curvature = tried
        if np.abs(step).max() < RIDGE:
            break
    return weights


def _derivatives(
    weights: Doubles, signals: Doubles, left_out: NDArray[np.bool_]
) -> tuple[float, Doubles, Doubles]:
    """The mean logarithm of the likelihood less a ridge, its gradient and its negative Hessian."""
    own = np.einsum("iik->ik", signals)
    values = np.where(left_out, -np.inf, signals @ weights)
    most = values.max(axis=1, keepdims=True)
    chances = np.exp(values - most)
    sums = chances.sum(axis=1, keepdims=True)
    chances /= sums
    likelihood = (own @ weights - (most + np.log(sums))[:, 0]).mean() - RIDGE * weights @ weights
    expected = np.einsum("ij,ijk->ik", chances, signals)
    slope = (own - expected).mean(axis=0) - 2 * RIDGE * weights
    squares = np.einsum("ij,ijk,ijl->kl", chances, signals, signals, optimize=True) / len(own)
    curvature = squares - expected.T @ expected / len(own) + 2 * RIDGE * np.eye(len(weights))
    return float(likelihood), slope, curvature


def _scaled(similarities: Doubles) -> Doubles:
    """0 at the median of other titles' bodies, 1 for the same text: as signals are scaled."""
    others = similarities[~np.eye(len(similarities), dtype=bool)]
    zero = max(float(np.median(others)), 0.0)
    scaled: Doubles = np.clip((similarities - zero) / max(1 - zero, 1e-6), 0, 1)
    return scaled


def _logit(share: float) -> float:
    bounded = min(max(share, 0.001), 0.999)
    return float(np.log(bounded / (1 - bounded)))
