"""Whether a tuned encoder is better than before, on articles that it was not tuned with.

Pairs that an archive makes by itself can be won while relatedness is lost. So winning them is not
enough: links and pins of editors must not be lost, and most neighbours must stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.embedding import Encoder, mix_vectors, texts_to_encode
from recommender.evaluation.intervals import Estimate, Resampling
from recommender.operations.training_pairs import TunableArticle
from recommender.progress import Meter, silent

__all__ = ["HeldBackRanks", "TuningComparison", "embed_articles", "judge_tuning", "own_body_loss"]

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

NEIGHBOURS: Final = 10
LEAST_KEPT: Final = 0.5
"""Share of the nearest ten that must stay on average."""
SCALE: Final = 20.0  # of cosines in the loss of tuning
CHECKED_PASSAGES: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class ArticleVectors:
    """The unit vectors of n articles by one encoder, each float32 [n, dim].

    Attributes:
        titles: of the titles.
        bodies: the mean of the passages.
        whole: the vectors that lists compare.
    """

    titles: Vectors
    bodies: Vectors
    whole: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class HeldBackRanks:
    """How one encoder ranks n held-back articles.

    Attributes:
        own_body: float64 [n], 1 / the rank of the own body among all bodies, by the title.
        related: float64 [m], for each article with links or pins the mean of 1 / the rank of their
            targets among all articles.
        neighbours: int64 [n, k], the nearest other articles.
    """

    own_body: Floats
    related: Floats
    neighbours: NDArray[np.int64]

    @classmethod
    def of(cls, vectors: ArticleVectors, related: Mapping[int, Sequence[int]]) -> Self:
        """Rank articles; `related` has places of targets by place of article."""
        similarity = vectors.whole @ vectors.whole.T
        np.fill_diagonal(similarity, -np.inf)
        means = [
            float(np.mean([_reciprocal_rank(similarity[at], one) for one in targets]))
            for at, targets in sorted(related.items())
        ]
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
        return cls(_own_ranks(vectors.titles @ vectors.bodies.T), np.array(means), nearest)


@dataclass(frozen=True, slots=True)
class TuningComparison:
    """A tuned encoder beside the one before, on the same held-back articles.

    Attributes:
        articles: how many there are.
        before: mean of 1 / the rank of the own body, by the encoder before.
        after: the same, by the tuned one.
        gain: the mean difference, with its paired interval.
        related: the mean difference on links and pins; None if there are none.
        kept: the mean share of the nearest ten that stay.
    """

    articles: int
    before: float
    after: float
    gain: Estimate
    related: Estimate | None
    kept: float

    @classmethod
    def of(cls, before: HeldBackRanks, after: HeldBackRanks) -> Self:
        """Compare two encoders."""
        both = zip(before.neighbours.tolist(), after.neighbours.tolist(), strict=True)
        shares = [len({*one} & {*other}) / max(1, len(one)) for one, other in both]
        return cls(
            len(before.own_body),
            float(before.own_body.mean()),
            float(after.own_body.mean()),
            _difference(before.own_body, after.own_body),
            _difference(before.related, after.related) if len(before.related) else None,
            float(np.mean(shares)),
        )

    def __str__(self) -> str:
        related = "no links or pins" if self.related is None else f"{self.related.format('+')}"
        return (
            f"{self.articles} held-back articles: own body {self.before:.4f} before, "
            f"{self.after:.4f} after, {self.gain.format('+')}; links and pins: {related}; "
            f"{self.kept:.0%} of the nearest {NEIGHBOURS} stay"
        )


def judge_tuning(compared: TuningComparison) -> str | None:
    """Why a tuned encoder is not kept; None if it is.

    It must find the own body better for sure (the whole 95 % interval above 0), must not lose links
    and pins for sure (the whole interval below 0), and must keep half of the neighbours.
    """
    gain, related = compared.gain, compared.related
    if gain.low is None or gain.low <= 0:
        return f"it does not find the own body of a title better for sure ({gain.format('+')})"
    if related is not None and related.high is not None and related.high < 0:
        return f"it finds what editors link to or pin less well ({related.format('+')})"
    if compared.kept < LEAST_KEPT:
        return (
            f"only {compared.kept:.0%} of the nearest {NEIGHBOURS} articles stay, fewer than "
            f"{LEAST_KEPT:.0%}: it has learned something else than relatedness"
        )
    return None


def embed_articles(
    articles: Sequence[TunableArticle], encoder: Encoder, meter: Meter, label: str
) -> ArticleVectors:
    """Embed articles; `meter` counts their texts under the label."""
    distinct = list(dict.fromkeys(t for one in articles for t in texts_to_encode(one.texts)))
    with meter(label, len(distinct), "text") as advance:
        row_of = dict(zip(distinct, encoder.encode(distinct, advance), strict=True))
    bodies = [np.sum([row_of[text] for text in one.texts.body], axis=0) for one in articles]
    return ArticleVectors(
        np.stack([row_of[one.texts.title] for one in articles]),
        _unit_rows(np.stack(bodies)),
        np.stack([mix_vectors(one.texts, row_of.__getitem__) for one in articles]),
    )


def own_body_loss(articles: Sequence[TunableArticle], encoder: Encoder) -> float:
    """The loss of tuning for titles and the beginnings of their bodies: the lower the better.

    Only the first passages are read, because this is done often.
    """
    short = [
        replace(one.texts, lead="", is_brief=False, body=one.texts.body[:CHECKED_PASSAGES])
        for one in articles
    ]
    begun = [replace(one, texts=texts) for one, texts in zip(articles, short, strict=True)]
    vectors = embed_articles(begun, encoder, silent, "")
    scores = SCALE * (vectors.titles @ vectors.bodies.T).astype(np.float64)
    most = scores.max(axis=1, keepdims=True)
    totals = most[:, 0] + np.log(np.exp(scores - most).sum(axis=1))
    return float((totals - np.diagonal(scores)).mean())


def _own_ranks(similarity: Vectors) -> Floats:
    ranks = [_reciprocal_rank(row, at) for at, row in enumerate(similarity)]
    return np.array(ranks, np.float64)


def _reciprocal_rank(similarity: Vectors, target: int) -> float:
    """1 / the rank of a target; equal ones, and NaN, are ranked above it."""
    return 1.0 / max(1, int(np.count_nonzero(~(similarity < similarity[target]))))


def _difference(before: Floats, after: Floats) -> Estimate:
    return Resampling.over(np.arange(len(before))).estimate(after - before)


def _unit_rows(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
